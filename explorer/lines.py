"""The line of a command that makes a picture, and the text that the command writes into it.

line = person(face, "cartoon.pt", "ffhq.pt")       # python -m scripts.generate --ckpt cartoon.pt --source ffhq.pt ...
"""

import argparse
import shlex

import cli
import flags
import shipped
from editing import defaults
from editing.defaults import SPACE, WPLUS_REG
from explorer.face import Face, Strength


def flags_of(face: Face, ckpt: str, source: str = "") -> dict[str, object]:
    """{flag: value} as `scripts.generate` reads them; source: where there is one, and it is not `ckpt` itself"""
    who = {"latents": [face.latents]} if face.latents else {"seeds": str(face.seed)}
    given = {"ckpt": [ckpt], "source": source or None, **who, "truncation": face.psi}
    given["cutoff"] = face.cutoff if face.psi != 1 else None
    given["edit"] = [edit(one) for one in face.strengths] or None
    given |= {"mix": face.giver, "mix_layers": face.given} if face.giver and face.given else {}
    given["no_noise"] = True if not face.noise else None
    swapped = source and face.swap
    return given | {"swap": face.swap, "width": face.width or None} if swapped else given


def edit(one: Strength) -> str:
    """
    >>> edit(Strength("factor.pt", 0, 3, -1.0, "4-7"))
    'factor.pt:3=-1:4-7'
    """
    return f"{one.path}:{one.index}={one.degree:g}" + (f":{one.layers}" if one.layers else "")


def words(given: dict[str, object]) -> list[str]:
    """The flags as they are written; what is off is left out."""
    written = []
    for name, value in given.items():
        if value is not None:
            values = [] if value is True else value if isinstance(value, list) else [value]
            one = f"--{name}={values[0]}" if values and str(values[0]).startswith("-") else f"--{name}"
            written += [one, *(map(str, values) if "=" not in one else ())]
    return written


def person(face: Face, ckpt: str, source: str = "") -> str:
    """What draws the face, as one picture of its own."""
    return line("scripts.generate", words(flags_of(face, ckpt, source)))


def text(face: Face, ckpt: str, source: str = "") -> dict[str, object]:
    """What `scripts.generate` writes into that picture."""
    given = dict.fromkeys(flags.PERSON) | flags_of(face, ckpt, source)
    who = {"seed": str(face.seed)} if not face.latents else {}
    return who | cli.told(argparse.Namespace(**given), flags.PERSON)


def swing(face: Face, moving: Strength, far: float, ending: str, paths: dict[str, str]) -> str:
    """What lets one direction swing while the rest of the face stays."""
    *_, ckpt = paths.values()
    given = flags_of(face, ckpt, paths.get("source", ""))
    given |= {"ckpt": ckpt, "index": str(moving.index), "degree": f"{far:g}", "layers": moving.layers or None, "loop": ending}
    return line("apply_factor.py", [*words(given), "--factor", moving.path])


def photo(name: str, eyes: str, steps: int, paths: dict[str, str], encoder: str = "") -> str:
    """What makes the cartoon of a photo; eyes: where they are, "" for whoever is found; encoder: its file"""
    none = shipped.NONE if shipped.encoder_of(paths["source"]) else None
    given = {"source": paths["source"], "target": paths["cartoon"], "encoder": encoder or none, "eyes": eyes or None}
    given |= {"step": steps} | ({"tune": 0, "truncation": 1} if steps else {})  # the page draws with networks as they are
    return line("scripts.cartoonize", [name, *words(given)])


def photo_text(steps: int, paths: dict[str, str], name: str, encoder: str = "") -> dict[str, object]:
    """What `scripts.cartoonize` writes into the pictures of a photo."""
    given = {"source": paths["source"], "target": paths["cartoon"], "space": SPACE, "wplus_reg": WPLUS_REG, "truncation": 1.0}
    given |= {"precision": "fp32", "step": steps, "seed": 0, "encoder": encoder or None}
    given |= {"reach": defaults.reach(steps), "tune": 0, "carry": defaults.CARRY}
    given = dict.fromkeys(flags.CARTOON) | given
    return {"photo": name} | cli.told(argparse.Namespace(**given), flags.CARTOON)


def line(command: str, given: list[str]) -> str:
    """As it can be pasted into a shell; a command of the root is named by its file."""
    return f"python {command if command.endswith('.py') else f'-m {command}'} {shlex.join(given)}"

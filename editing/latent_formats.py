"""Latents as other programs keep them, in the terms of `latents.Latents`.

    understood(files.load("psp.npy"), "psp", generator)     # {"latent": [1, 18, 512], "space": "w+", "source": ["psp"], ...}

| program | holds |
|---|---|
| stylegan2-pytorch's projector.py, and a known fork | {path: {img, latent, noise}} |
| stylegan2-ada's projector.py | projected_w.npz: w [1, n_latent, style_dim] |
| pSp, e4e, ReStyle | [people, n_latent, style_dim], one [n_latent, style_dim], or a dict of them by the name of the photo |
| InterFaceGAN | z.npy, w.npy [people, style_dim], wp.npy [people, n_latent, style_dim] |

Two dimensions may be people or the layers of one person. The network decides: as many as it has layers are one person.
"""

import re

import torch
from torch import Tensor

from checkpoint.tensors import Unread
from drawer import Drawer
from editing import files
from errors import InputError

KEYS = (  # names of latents in w or w+, the likelier ones first
    *("latent", "latents", "w", "ws", "w+", "wp", "w_plus", "wplus", "w_pivot", "projected_w"),
    *("dlatent", "dlatents", "latent_code", "latent_codes", "codes", "code"),
)
Z_KEYS = ("z", "zs")
NAMES = ("source", "names", "paths", "files", "image_names")  # lists of what each person is called
ENCODED = {2 * power - 2: 2**power for power in (7, 8, 9, 10)}  # layers -> px of the networks that encoders are made for


def understood(contents: dict, stem: str, network: Drawer | None = None) -> dict:
    """The fields of `Latents` by their names in our files, and `note`: what had to be decided. Raises InputError.

    stem:    the file's name without its ending, for people without a name
    network: that will draw them, or anything with its size, n_latent and style_dim; None: layers of one person stay unseen
    """
    contents = {str(name): value if name in (*NAMES, "noise") else files.numbers(value) for name, value in contents.items()}
    if any(re.fullmatch(r"s|.*style_?space.*", name.lower()) for name in contents) and not _key(contents):
        raise InputError("styles of the layers (StyleSpace); save w or w+")
    entries = {
        name: entry for name, entry in contents.items() if isinstance(entry, dict) and ("latent" in entry or _key(entry))
    }
    if entries and not _key(contents):
        if all("latent" in entry for entry in entries.values()):
            return _joined(entries)
        contents = {name: entry[_key(entry)] for name, entry in entries.items()}
    key = _key(contents)
    if key and isinstance(contents[key], dict):
        return understood(contents[key], stem, network)
    lists, space = [contents[name] for name in NAMES if isinstance(contents.get(name), list)], _space(contents)
    names = list(map(str, lists[0])) if lists else []
    space = "z" if key in Z_KEYS and space is None else space
    if key or "" in contents:
        key = key or ""
        space = space_of(stem) if space is None and not key else space
        rows = len(contents[key]) if isinstance(contents[key], Tensor) and contents[key].ndim == 2 else 0
        latent, space, note = _shaped(contents[key], "w" if space is None and rows and len(names) == rows else space, network)
        names = names if len(names) == len(latent) or "space" in contents else files.numbered(stem, len(latent))
        left_out = [name for name in contents if name != key and name in (*KEYS, *Z_KEYS)] if key else []
    else:
        people = _people(contents, network)
        latent, space, note, names = _by_name(people, stem, network, space)
        key = ", ".join(people)
        left_out = [name for name in contents if isinstance(contents[name], Tensor) and name not in people]
    note = "; ".join([*[note] * bool(note), *[f"from {key!r}, not {', '.join(left_out)}"] * bool(left_out)])
    known = contents if key == "latent" else {}
    return known | {"latent": latent, "space": space, "source": names, "note": note}


def of_layers(layers: int) -> str:
    """So many, and what a generator that has them draws.

    >>> of_layers(18), of_layers(7)
    ('18 layers, which are for 1024 px', '7 layers')
    """
    return f"{layers} layers" + ("" if layers < 2 or layers % 2 else f", which are for {2 ** (layers // 2 + 1)} px")


def are_layers(rows: Tensor, network: Drawer, one: str, many: str) -> bool:
    """Whether [N, style_dim] are the layers of one person or direction. Raises InputError where another network has N."""
    count, size = rows.shape
    if count in ENCODED and count != network.n_latent:
        raise InputError(
            f"[{count}, {size}] looks like one {one} of a network of {ENCODED[count]} px, which has {count} layers; "
            f"this one has {network.n_latent} ({network.size} px). {count} {many} are read from [{count}, 1, {size}]"
        )
    return count == network.n_latent


def _key(contents: dict) -> str | None:
    """The name under which latents lie here: w before the z it was mapped from."""
    return next((key for key in (*KEYS, *Z_KEYS) if isinstance(contents.get(key), (Tensor, dict))), None)


def _space(contents: dict) -> str | None:
    """
    >>> _space({"space": "W+"}), _space({"latent_space": "z"}), _space({})
    ('w+', 'z', None)
    """
    given = next((contents[name] for name in ("space", "latent_space") if contents.get(name) is not None), None)
    return None if given is None else re.sub(r"[\s_-]*(plus|p)$", "+", str(given).strip().lower())


def space_of(stem: str) -> str | None:
    """
    >>> space_of("z"), space_of("faces_z"), space_of("age_w_of_z"), space_of("zoe")
    ('z', 'z', None, None)
    """
    words = set(re.split(r"[^a-z0-9]+", stem.lower()))
    return "z" if "z" in words and not words & {"w", "wp"} else None


def _people(contents: dict, network: Drawer | None) -> dict[str, Tensor]:
    """{name: latent} of a dict by the names of photos, or of a list, in which other tensors may lie between."""
    tensors = {name: value for name, value in contents.items() if isinstance(value, Tensor)}
    fitting = {name: value for name, value in tensors.items() if _may_be_latents(value, network)}
    shapes = files.shapes(tensors)
    if not tensors or files.described(contents) in files.KNOWN or len({value.shape[-1:] for value in tensors.values()}) > 3:
        raise InputError(f"not a latent file ({files.described(contents)}); projector.py writes one")
    others = [value for name, value in tensors.items() if name not in fitting]
    if fitting and sum(value.ndim in (1, 2) and value.is_floating_point() for value in others) > 1:
        raise InputError(f"tensors of several lengths, as styles of the layers (StyleSpace) have; save w or w+: {shapes}")
    if all(name.isdecimal() for name in contents) and fitting:
        return fitting
    if network is not None and len(fitting) == 1 and not any(value.shape[-1:] == (network.style_dim,) for value in others):
        return fitting
    if len(tensors) > 1 and len(fitting) < len(tensors):
        raise InputError(f"several arrays, none of them named as latents are (latents, w, z): {shapes}")
    return tensors


def _may_be_latents(tensor: Tensor, network: Drawer | None) -> bool:
    if not tensor.is_floating_point() or not tensor.ndim:
        return False
    if network is None:
        return tensor.ndim < 4
    return tensor.shape[-1] == network.style_dim and (tensor.ndim < 3 or tensor.shape[-2] in (1, network.n_latent))


def _by_name(
    people: dict[str, Tensor], stem: str, network: Drawer | None, space: str | None = None
) -> tuple[Tensor, str, str, list[str]]:
    """Each entry is one person, or several."""
    shaped = {name: _shaped(latent, space, network, alone=True) for name, latent in people.items()}
    latents, spaces = [latent for latent, *_ in shaped.values()], {space for _, space, _ in shaped.values()}
    if len({latent.shape[1:] for latent in latents}) > 1 or len(spaces) > 1:
        raise InputError(f"damaged (latents of different shapes: {', '.join(str(list(w.shape)) for w in people.values())})")
    stems = {name: f"{stem} {name}" if name.isdecimal() and len(people) > 1 else name for name in people}
    stems = {name: stem if name.isdecimal() and len(people) == 1 else text for name, text in stems.items()}
    names = [text for name, latent in zip(people, latents) for text in files.numbered(stems[name], len(latent))]
    return torch.cat(latents), spaces.pop(), next(iter(shaped.values()))[2], names


def _shaped(latent: object, space: object, network: Drawer | None, alone: bool = False) -> tuple[Tensor, str, str]:
    """[people, style_dim] in z or w, or [people, n_latent, style_dim] in w+; the space; and what had to be decided.

    alone: a file with an entry for each person, so that two dimensions are its layers
    """
    if isinstance(latent, Unread):
        raise InputError(f"{latent}; save an ordinary one")
    if not isinstance(latent, Tensor) or not latent.ndim or not latent.numel():
        raise InputError("not a latent file (no numbers in it); projector.py writes one")
    note = ""
    if latent.ndim == 1:
        latent = latent[None]
    if latent.ndim == 2 and space == "w+" and len(latent) > 1:
        latent = latent[None]
    elif latent.ndim == 2 and space is None and len(latent) > 1:
        count, size = latent.shape
        if alone if network is None else are_layers(latent, network, "person", "people in w"):
            latent, note = latent[None], f"[{count}, {size}] is one person, a w for each of the {count} layers"
    if latent.ndim > 3:
        latent = latent.flatten(0, -3)
    if latent.ndim == 3 and latent.shape[1] == 1 and space != "w+":
        latent = latent[:, 0]
    return latent, ("w" if latent.ndim == 2 else "w+") if space is None else space, note


def _joined(entries: dict[str, dict]) -> dict:
    """stylegan2-pytorch writes {path: {img, latent [style_dim] or [n_latent, style_dim], noise of this picture}}.

    A known fork writes {name: {r_img, ..., latent [1, style_dim] or [1, n_latent, style_dim], noise of all pictures}}.
    """
    count = len(entries)
    latents = [entry["latent"] for entry in entries.values()]
    if not all(isinstance(latent, Tensor) for latent in latents):
        raise InputError("damaged (latents that are not tensors)")
    latents = [latent.squeeze(0) for latent in latents]
    noises = [entry.get("noise") for entry in entries.values()]
    if len({latent.shape for latent in latents}) > 1:
        raise InputError(f"damaged (latents of different shapes: {', '.join(str(list(w.shape)) for w in latents)})")
    contents = {"latent": torch.stack(latents), "source": list(entries), "space": "w" if latents[0].ndim == 1 else "w+"}
    if all(isinstance(noise, list) and noise and all(is_noise(layer, count) for layer in noise) for noise in noises):
        own = [[layer[i % len(layer)] for layer in noise] for i, noise in enumerate(noises)]
        contents["noise"] = [torch.stack(layers) for layers in zip(*own, strict=True)]
    return contents


def is_noise(layer: object, count: int) -> bool:
    """[1 or count, 1, res, res]"""
    return isinstance(layer, Tensor) and layer.ndim == 4 and layer.shape[0] in (1, count) and layer.shape[1] == 1

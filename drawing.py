"""What the drawing commands do before and after they draw: read networks and people, and save what came of them.

    networks = drawing.generators(args)                  # {"source": ..., "cartoon": ...}
    who = drawing.people(args, networks)
    sheet = sheets.truncation_sheet(networks, who, args.psi)
    return drawing.save(args, sheet, "sheet.png", "psi", "ckpt", "source")

The flags are those of `flags`; the pictures come from `editing`, which knows no flag.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from PIL.Image import Image

import animation
import checkpoint
import cli
import utils
from checkpoint import Checkpoint
from editing import directions, layer_swap, looks
from editing import layers as choice
from editing import people as persons
from editing.looks import AS_THEY_ARE, Look
from editing.people import Brush, People
from errors import InputError, named
from model import Generator


def read(args: argparse.Namespace) -> dict[str, Checkpoint]:
    """{row name: file}, the source above. Raises InputError for networks that draw pictures of different sizes."""
    given = [_named(text) for text in (args.ckpt if isinstance(args.ckpt, list) else [args.ckpt])]
    alone = "cartoon" if args.source else ""
    rows = [("source", args.source, "--source")] * bool(args.source)
    rows += [(name or (alone if len(given) == 1 else _run_name(path)), path, "--ckpt") for name, path in given]
    files: dict[str, Checkpoint] = {}
    for name, path, flag in rows:
        if name in files:
            raise InputError(f"{flag} {path}: a second row with the name {name!r}; write NAME={path}")
        files[name] = cli.read(flag, path, checkpoint.read_aloud)
    size = files[rows[bool(args.source)][0]].architecture.size
    for name, path, flag in rows:
        if files[name].architecture.size != size:
            raise InputError(f"{flag} {path}: draws pictures of another size than {given[0][1]}")
    return files


def generators(args: argparse.Namespace, files: dict[str, Checkpoint] | None = None) -> dict[str, Generator]:
    """`files`, or those of `read`, ready to draw. Networks that were not fine-tuned from --source are pointed out."""
    device = cli.read("--device", args.device, utils.choose_device)
    files = files or read(args)
    networks = {name: file.generator().to(device) for name, file in files.items()}
    for name in [name for name in networks if args.source and name != "source"]:
        layer_swap.warn_of_strangers(args.source, str(files[name].path), networks["source"], networks[name])
    return networks


def people(args: argparse.Namespace, networks: dict[str, Generator]) -> People:
    """Those of --latents, else of --seeds, for the last network."""
    with cli.named_by(args, "latents", "seeds"):
        return persons.chosen(args.seeds, args.latents, [*networks.values()][-1])


def layers(args: argparse.Namespace, generator: Generator) -> list[int] | None:
    """Those of --layers or of --res; None where neither is given."""
    with cli.named_by(args, "res", "layers"):
        return choice.chosen(args.layers, args.res, generator)


def check_loop(args: argparse.Namespace, size: tuple[int, int]) -> None:
    """Raises InputError, before anything is drawn, for a --loop whose frames of this size could not be written."""
    fewer = "fewer people" if args.latents else "fewer people (--seeds)"
    cli.read("--loop", args.loop, animation.check, size, [fewer, "--columns N for several rows"], args.frames)


def brush(args: argparse.Namespace, drawn: Callable[[int], object], look: Look = AS_THEY_ARE) -> Brush:
    """As --truncation, where the command has it, and --batch say; drawn(n) is called when n more pictures are done."""
    return Brush(vars(args).get("truncation", 1.0), args.batch, drawn, look)


def look(args: argparse.Namespace, generator: Generator) -> Look:
    """As the flags of `flags.add_look` say. Raises InputError."""
    given = []
    if args.mix:
        with cli.named_by(args, "mix"):
            giver = persons.told(persons.by_seed_or_file(args.mix, generator))
            if len(giver) != 1:
                raise InputError(f"{len(giver)} people; name one seed, or a file of one")
        given = cli.read("--mix_layers", args.mix_layers or "coarse", choice.parse_layers, generator.n_latent)
    if args.cutoff is not None and args.cutoff > generator.n_latent:
        with cli.named_by(args, "cutoff"):
            raise InputError(f"this network has {generator.n_latent} layers")
    read = lru_cache(directions.read_directions)
    moves = [cli.read("--edit", text, looks.parse_move, generator, read) for text in args.edit or ()]
    return Look(args.cutoff, giver if args.mix else None, given, moves, not args.no_noise)


def swapped(args: argparse.Namespace, networks: dict[str, Generator]) -> dict[str, Generator]:
    """The networks; with --swap, those of cartoons have the low resolutions of the source."""
    if args.swap is None:
        return networks
    source = networks["source"]
    with named(f"--swap {args.swap}"):
        return {
            name: source if name == "source" else layer_swap.blend(source, generator, args.swap, args.width)
            for name, generator in networks.items()
        }


def save(args: argparse.Namespace, picture: Image, name: str | Path, names: Sequence[str], **more: object) -> Path:
    """Write a PNG of this name in --outdir, whose text tells the flags `names` and more, and command.txt beside it."""
    cli.save_command(args, args.outdir)
    return utils.save_png(picture, args.outdir / name, **more, **cli.told(args, names))


def saver(args: argparse.Namespace, names: Sequence[str], folder: str = "") -> Callable[..., Path]:
    """For `alone` of `sheets`: each picture becomes a file, in a folder of --outdir."""
    return lambda name, picture, **what: save(args, picture, Path(folder, f"{name}.png"), names, **what)


def _named(text: str) -> tuple[str, str]:
    """ "NAME=FILE" -> (NAME, FILE); "FILE" -> ("", FILE), and so it is where neither exists, so that it is named as given."""
    name, equals, path = text.partition("=")
    return (name, path) if equals and not Path(text).exists() and Path(path).is_file() else ("", text)


def _run_name(path: str) -> str:
    """expr/checkpoints/002000.pt -> "expr 002000"."""
    file = Path(path)
    return f"{file.parent.parent.name} {file.stem}" if file.parent.name == "checkpoints" else file.stem

"""A film that walks from person to person.

    python -m scripts.interpolate --ckpt cartoon.pt --seeds 0-5 --loop
    python -m scripts.interpolate --ckpt cartoon.pt --source ffhq256.pt --seeds 3,7,12 --loop --format mp4
    python -m scripts.interpolate --ckpt cartoon.pt --latents me_and_you.pt --interp lerp
    python -m scripts.interpolate --ckpt cartoon.pt --seeds 0-5 --space z

In w it walks along straight lines or a spline, in z along arcs of the sphere. It passes exactly through every person;
keyframes.png shows them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from errors import InputError, named
from scripts import pair

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from editing.people import People
    from model import Generator

USUAL = {"w": "spline", "z": "slerp"}
COLUMNS = 8
HOLD = 1.0  # seconds for the last picture of a film that does not loop


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.interpolate [flags] --ckpt FILE")
    count = cli.number(int, least=1)
    pair.add_networks(parser)
    group = parser.add_argument_group("people")
    pair.add_people(group, seeds="0-5")
    pair.add_truncation(group)
    add = parser.add_argument_group("walk").add_argument
    add("--space", choices=("w", "z"), default="w", help="where it walks (default: w)")
    add(
        "--interp",
        choices=("lerp", "spline", "slerp"),
        help="straight, smooth, or along the sphere of z (default: spline; slerp)",
    )
    add("--loop", action="store_true", help="back to the first person at the end, so that the film can go on for ever")
    add("--frames", type=count, default=24, metavar="N", help="from one person to the next (default: 24)")
    add("--fps", type=cli.number(above=0, most=100), default=24.0, metavar="X", help="frames a second (default: 24)")
    group = pair.add_output(parser, "walk", "walk.webp and keyframes.png")
    group.add_argument(
        "--format", choices=("webp", "gif", "mp4"), default="webp", help="mp4 needs the extra `video` (default: webp)"
    )
    return parser


def main(args: argparse.Namespace) -> Path:
    import animation
    import utils
    from editing import people

    args.interp = args.interp or USUAL[args.space]
    if args.space == "w" and args.interp == "slerp":
        raise InputError("--interp slerp: is for the sphere of --space z; w takes lerp or spline")
    device = cli.read("--device", args.device, utils.choose_device)
    networks = pair.generators(args, device)
    with cli.named_by(args, "latents", "seeds"):
        who = people.chosen(args.seeds, args.latents, list(networks.values())[-1])
    if len(who) < 2:
        raise InputError(f"{'--latents' if args.latents else '--seeds'}: a walk needs two people or more")
    check_film(args, networks, who)
    with cli.named_by(args, "latents", "seeds"):
        paths = {name: walked(args, generator, who) for name, generator in networks.items()}
    met = {name: people.pictures(networks[name], path[:: args.frames], args.batch) for name, path in paths.items()}
    cli.save_command(args, args.outdir)
    keyframes = utils.paired_sheet(met, COLUMNS, captions=who.captions)
    print(utils.save_png(keyframes, args.outdir / "keyframes.png", **made_by(args)))
    hold = 1 / args.fps if args.loop else HOLD
    with progress.Bar(sum(map(len, paths.values())), "frames") as bar:
        frames = side_by_side(film(args, networks, paths, bar.update))
        return animation.save(frames, args.outdir / f"walk.{args.format}", args.fps, hold)


def check_film(args: argparse.Namespace, networks: dict[str, Generator], who: People) -> None:
    """Raises InputError for a film that could not be written, before it is drawn."""
    import animation
    import utils

    size = max(network.size for network in networks.values())
    frame = (size, size) if len(networks) == 1 else utils.sheet_size((size, size), len(networks), len(networks), list(networks))
    cli.read("--format", args.format, animation.check, frame, ["one network without --source"] * (len(networks) > 1))
    with named(f"--fps {args.fps:g}"):
        animation.check_pace(args.format, args.fps)
    with cli.named_by(args, "latents", "seeds"):
        utils.check_sheet(utils.paired_sheet_size((size, size), [*networks], len(who), COLUMNS), "take fewer people")


def film(
    args: argparse.Namespace, networks: dict[str, Generator], paths: dict[str, Tensor], drawn: Callable[[int], object]
) -> dict[str, Iterator[Image]]:
    """The frames of each network, drawn as they are asked for; every args.frames-th is a person."""
    from editing import people

    return {name: people.each_picture(networks[name], path, args.batch, drawn=drawn) for name, path in paths.items()}


def walked(args: argparse.Namespace, generator: Generator, who: People) -> Tensor:
    """[frames, n_latent, style_dim]."""
    from editing import interpolation
    from editing.latents import Latents
    from editing.people import People

    if args.space == "w":
        return interpolation.walk(who.w_plus(generator, args.truncation), args.frames, args.interp, args.loop)
    z = interpolation.walk(who.z(generator), args.frames, args.interp, args.loop)
    steps = [""] * len(z)
    return People(steps, found=Latents(z, "z", steps)).w_plus(generator, args.truncation)


def side_by_side(rows: dict[str, Iterator[Image]]) -> Iterator[Image]:
    """Of two networks; the pictures of one are the frames already."""
    import utils

    for frame in zip(*rows.values()):
        yield frame[0] if len(rows) == 1 else utils.sheet(frame, len(rows), list(rows))


def made_by(args: argparse.Namespace) -> dict[str, object]:
    names = ("latents" if args.latents else "seeds", "space", "interp", "loop", "truncation", "ckpt", "source")
    return {name: vars(args)[name] for name in names if vars(args)[name] is not None}


if __name__ == "__main__":
    cli.run(main, parser())

"""A page in your browser on which faces are moved, mixed and found in photos.

    python -m scripts.explore                                                     # with the networks that come along
    python -m scripts.explore --ckpt cartoon.pt --source ffhq256.pt
    python -m scripts.explore --ckpt cartoon.pt --source ffhq256.pt --factors factor.pt ganspace.pt --runs expr

It serves this machine alone and sends nothing anywhere; from another one: ssh -L 7860:localhost:7860 THIS_MACHINE, and open
http://localhost:7860 there. What the page writes goes to --outdir. Needs the extra `ui`.
"""

import argparse
import tempfile
from pathlib import Path

import cli
import flags
import shipped
from editing.defaults import SPACE
from errors import InputError, named

FIRST = 1  # a face that invites to go on


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.explore [flags]")
    add = parser.add_argument_group("networks and directions").add_argument
    add("--ckpt", metavar="FILE", help=f"checkpoint of cartoons (default: {shipped.CARTOON.name} and {shipped.PHOTO.name})")
    add("--source", metavar="FILE", help="the network it was fine-tuned from: draws the same people beside, and finds photos")
    several = {"nargs": "+", "action": "extend", "metavar": "FILE"}
    add("--factors", **several, help="direction files (default: SeFa of the source, computed at once)")
    add("--runs", **several | {"metavar": "FOLDER"}, help="training runs to look at, as they go on")
    usual = f"default: {shipped.ENCODERS_IN_WORDS}, else none"
    add("--encoder", metavar="FILE", help=f"answers for a photo at once, and the search goes on from there ({usual})")
    group = parser.add_argument_group("page")
    add = group.add_argument
    first = f"who is shown first (default: 0; {FIRST} of the networks that come along)"
    add("--seed", type=cli.number(int, least=0, most=2**32 - 1), metavar="N", help=first)
    add("--port", type=cli.number(int, least=1, most=65535), metavar="N", help="(default: 7860, or the next free one)")
    add("--open", action="store_true", help="open it in the browser of this machine")
    add("--outdir", type=Path, default=Path("explored"), metavar="DIR", help="for directions and latents (default: explored)")
    flags.add_device(group)
    return parser


def main(args: argparse.Namespace) -> None:
    choose_networks(args)
    uploads = tempfile.TemporaryDirectory(prefix="explorer-")
    from explorer import alone

    alone.keep(uploads.name)
    try:
        from explorer import page
    except ImportError as error:
        raise InputError(f"the page needs the extra `ui`: pip install -e .[ui] ({error})") from None
    import drawing
    from editing.directions import check_fits, read_directions
    from explorer import opening
    from explorer.studio import Studio
    from inversion.files import opened
    from inversion.searching import starter
    from scripts._page import live
    from vision import perceptual

    files = drawing.read(args)
    networks = drawing.generators(args, files)
    paths = {row: args.source if row == "source" else args.ckpt for row in networks}
    first, last = next(iter(networks.values())), [*networks.values()][-1]
    found = {path: cli.read("--factors", path, read_directions, last) for path in args.factors or ()}
    for path, one in found.items():
        with named(f"--factors {path}"):
            check_fits(one, last)
    studio = Studio(networks, paths, found or opening.computed("sefa", first, args.outdir))
    distance = perceptual.choose(None, files["source"])[0] if "source" in networks else None
    looks = cli.read("--encoder", args.encoder, opened, first) if args.encoder else None
    encoder = (args.encoder, starter(looks, first, SPACE)) if looks else None
    runs = [*map(Path, args.runs or ())]
    blocks = page.build(page.Explorer(studio, args.outdir, runs, live, distance, examples(), encoder, args.seed or 0))
    with uploads, cli.sigterm_interrupts(), named(f"--port {args.port or page.PORT}"):
        address = page.open_to_this_machine(blocks, args.port, args.open)
        print(f"{address} (Ctrl-C ends it)", flush=True)
        blocks.block_thread()


def examples() -> list[Path]:
    """Photos of people that come along."""
    return sorted((shipped.FOLDER / "people").glob("*.jpg"))


def choose_networks(args: argparse.Namespace) -> None:
    """Those that come along where none is named. Raises InputError."""
    if args.ckpt is None:
        if args.source:
            raise InputError("--source: says what --ckpt was fine-tuned from; name both, or neither")
        args.ckpt, args.source = str(shipped.CARTOON), str(shipped.PHOTO)
        args.seed = FIRST if args.seed is None else args.seed
    if args.encoder not in (None, shipped.NONE) and not args.source:
        raise InputError("--encoder: looks at photos for the --source of --ckpt; name it as well")
    args.encoder = shipped.encoder_of(args.source or "", args.encoder)


if __name__ == "__main__":
    cli.run(main, parser())

"""A StyleGAN2's people as a U-GAT-IT translates them: side by side while one moves through W.

    python -m scripts.chain --generator ffhq256.pt --translator NAME_params_0100000.pt --seeds 0-7 --out chain.png
    python -m scripts.chain --generator ffhq256.pt --translator t.pt --seeds 3,7,12 --frames 24 --out walk.mp4
    python -m scripts.chain --generator ffhq256.pt --translator t.pt --w me.pt --factor factor.pt --index 3 --out smile.gif

A picture holds everybody, or with --factor everybody at some degrees; a film walks from person to person, or with --factor
moves them along the direction and back. FFHQ's pictures show hair and shoulders; where the translator learned from narrower
faces, --crop 0.7 gives it the middle.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
import progress
from errors import InputError, named

if TYPE_CHECKING:
    from PIL.Image import Image

    from editing.people import People
    from model import Generator

ENDINGS = (".png", ".webp", ".gif", ".mp4")
STEPS, FRAMES, FPS, DEGREE = 5, 24, 24, 5.0
COLUMNS = 8
ROWS = {"both": ("photo", "cartoon"), "cartoon": ("cartoon",), "heatmap": ("photo", "heat", "cartoon")}
TOLD = ("generator", "translator", "seeds", "latents", "factor", "index", "degree", "truncation", "crop")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.chain [flags] --generator FILE --translator FILE")
    add = parser.add_argument_group("networks").add_argument
    add("--generator", "--ckpt", required=True, metavar="FILE", help="StyleGAN2 checkpoint of any format, of photo faces")
    add("--translator", required=True, type=Path, metavar="FILE", help="of scripts.train_ugatit, or of the published program")
    add("--direction", choices=("A2B", "B2A"), default="A2B", help="which way it translates (default: A2B)")
    add("--size", type=cli.number(int, least=1), metavar="PX", help="side at which it translates (default: that of training)")
    add("--crop", type=cli.number(above=0, most=1), default=1.0, metavar="X", help="of each side that it gets (default: 1)")
    group = parser.add_argument_group("people")
    either = group.add_mutually_exclusive_group()
    either.add_argument("--seeds", default="0-7", metavar="LIST", help="one person a seed: 0-35,100 (default: 0-7)")
    either.add_argument("--latents", "--w", nargs="+", action="extend", metavar="FILE", help=flags.LATENTS)
    psi = "1: all the variety, 0: the average face (default: 1)"
    group.add_argument("--truncation", "--trunc", type=cli.number(), default=1.0, metavar="PSI", help=psi)
    add = parser.add_argument_group("motion").add_argument
    add("--factor", metavar="FILE", help="directions of closed_form_factorization.py or scripts.ganspace")
    add("--index", default="0", metavar="I", help="which one: a number, or a name in the file (default: 0)")
    add("--degree", type=cli.number(), metavar="D", help=f"how far, both ways (default: {DEGREE:g})")
    frames = f"from one person to the next, or of the way there and back; degrees on a picture (default: {FRAMES}; {STEPS})"
    add("--frames", type=cli.number(int, least=2, most=flags.MOST_FRAMES), metavar="N", help=frames)
    parser.needs("--index --degree", "--factor")
    group = parser.add_argument_group("output")
    add = group.add_argument
    add(
        "--out", type=cli.new_file, default=Path("chain.png"), metavar="FILE", help="png, webp, gif or mp4 (default: chain.png)"
    )
    add("--show", choices=ROWS, default="both", help="photo and cartoon, the cartoon, or all with the heat map (default: both)")
    add("--batch", type=cli.number(int, least=1), default=8, metavar="N", help="drawn at a time (default: 8)")
    flags.add_device(group)
    return parser


def main(args: argparse.Namespace) -> Path:
    import animation
    import checkpoint
    import utils
    from editing import people
    from translation import files, translating

    ending = args.out.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"--out {args.out}: expected a name that ends in {', '.join(ENDINGS)}")
    device = cli.read("--device", args.device, utils.choose_device)
    generator = cli.read("--generator", args.generator, checkpoint.read_aloud).generator().to(device)
    found = cli.read("--translator", args.translator, files.read)
    with named("--translator"):
        translator = found.generator(args.direction).to(device)
    with named(f"--size {args.size}" if args.size else f"--translator {args.translator}"):
        args.size = translating.size_for(translator, args.size)
    with cli.named_by(args, "latents", "seeds"):
        who = people.chosen(args.seeds, args.latents, generator)
    film = ending != ".png"
    count, columns, drawn = moving(args, generator, who, film)
    if film:
        across = (args.size, args.size)
        size = utils.paired_sheet_size(across, ROWS[args.show] if len(ROWS[args.show]) > 1 else [""], columns, columns)
        cli.read("--out", args.out, lambda _: animation.check(ending[1:], size, frames=count // columns))
    else:
        utils.check_sheet((args.size * columns, args.size * count // columns * len(ROWS[args.show])), "take fewer people")
    with progress.Bar(count, "pictures") as bar:
        results = (
            kept(args, result, bar)
            for result in translating.translated(translator, cropped(args, drawn), args.size, args.batch)
        )
        if film:
            return animation.save(frames(args, results, columns), args.out, FPS, hold=1 / FPS)
        captions = degrees_of(args, columns) if args.factor else who.captions
        sheet = stacked(args, [*results], columns, captions)
    return utils.save_png(sheet, args.out, **cli.told(args, TOLD))


def moving(args: argparse.Namespace, generator: Generator, who: People, film: bool) -> tuple[int, int, Iterator[Image]]:
    """(how many pictures, how many in a row, the pictures). Raises InputError for directions that do not fit."""
    from editing import directions, films, people, sweeps

    brush = people.Brush(args.truncation, args.batch)
    if args.factor:
        found = cli.read("--factor", args.factor, directions.read_directions, generator)
        with named(f"--factor {args.factor}"):
            directions.check_fits(found, generator)
        edit = chosen_edit(args, found)
        scene = sweeps.Scene(generator, who, args.truncation, batch=args.batch)
        if film:
            degrees = sweeps.swinging_degrees(edit, args.frames or FRAMES)
            pictures = (picture for degree in degrees for picture in scene.pictures(found, edit, degree))
            return len(degrees) * len(who), len(who), pictures
        degrees = sweeps.even_degrees(edit, args.frames or STEPS)
        pictures = (scene.pictures(found, edit, degree, person)[0] for person in range(len(who)) for degree in degrees)
        return len(degrees) * len(who), len(degrees), pictures
    if not film:
        if args.frames:
            raise InputError("--frames: has no effect on a picture without --factor; leave it out, or name a film by --out")
        return len(who), min(len(who), COLUMNS), people.everybody(generator, who, brush)
    if len(who) < 2:
        raise InputError(f"{'--latents' if args.latents else '--seeds'}: a walk needs two people or more, or --factor")
    path = films.walks({"": generator}, who, args.frames or FRAMES, loop=True, psi=args.truncation)[""]
    return len(path), 1, people.pictures(generator, path, brush)


def chosen_edit(args: argparse.Namespace, found):
    """The one direction of --index, as far as --degree says, else the file."""
    from editing import directions

    edits = cli.read("--index", args.index, directions.parse_edits, found)
    if len(edits) > 1:
        raise InputError(f"--index {args.index}: one direction at a time")
    ((name, edit),) = edits.items()
    if args.degree is not None or name not in found.edits:
        args.degree = DEGREE if args.degree is None else args.degree
        edit.low, edit.high = -args.degree, args.degree
    edit.layers = edit.layers or found.layers
    return edit


def degrees_of(args: argparse.Namespace, columns: int) -> list[str]:
    """Captions of the columns where the file does not say how far: low to high."""
    return [f"{-args.degree + 2 * args.degree * i / (columns - 1):+.3g}" for i in range(columns)] if args.degree else []


def cropped(args: argparse.Namespace, pictures: Iterator[Image]) -> Iterator[Image]:
    """The middle of each, as much of a side as --crop says."""
    for picture in pictures:
        side = max(1, round(picture.width * args.crop))
        edge = (picture.width - side) // 2
        yield picture.crop((edge, edge, edge + side, edge + side))


def kept(args: argparse.Namespace, result, bar: progress.Bar) -> dict[str, Image]:
    """{"photo": ..., "heat": ..., "cartoon": ...} of one size, those that --show names."""
    bar.update()
    size = (args.size, args.size)
    pictures = {"photo": result.given.resize(size), "heat": result.heat, "cartoon": result.image}
    return {row: pictures[row] for row in ROWS[args.show]}


def frames(args: argparse.Namespace, results: Iterator[dict[str, Image]], columns: int) -> Iterator[Image]:
    """So many people in a frame."""
    import itertools

    while chunk := [*itertools.islice(results, columns)]:
        yield stacked(args, chunk, columns)


def stacked(args: argparse.Namespace, results: list[dict[str, Image]], columns: int, captions=()) -> Image:
    import utils

    rows = ROWS[args.show]
    named_rows = {row if len(rows) > 1 else "": [result[row] for result in results] for row in rows}
    captions = [*captions] * (len(results) // max(1, len(captions))) if captions else ()
    return utils.paired_sheet(named_rows, columns, captions)


if __name__ == "__main__":
    cli.run(main, parser())

"""Photos to cartoons, or back, with a network of scripts.train_ugatit, or of the published U-GAT-IT.

    python -m scripts.translate --ckpt results/NAME/model/NAME_params_0100000.pt me.jpg friends/ photos.zip
    python -m scripts.translate --ckpt NAME_params_0100000.pt --direction B2A cartoons/
    python -m scripts.translate --ckpt NAME_params_0100000.pt --face_only party.jpg          # faces alone, put back in place
    python -m scripts.translate --ckpt NAME_params_0100000.pt --original_size film.mp4       # film.mp4 with its sound

A picture is stretched to a square, as in training. sheet.png shows what came in, what the network looked at, and what came
out; a film becomes a film, every frame of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
import progress
from errors import InputError, named

if TYPE_CHECKING:
    from PIL.Image import Image

    from translation.translating import Result

COLUMNS, MOST_ON_SHEET = 8, 64
TOLD = ("ckpt", "direction", "size")
Work = Callable[[Iterable["Image"]], Iterator["Result"]]


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.translate [flags] --ckpt FILE PICTURES...")
    add = parser.add_argument_group("pictures and network").add_argument
    add("pictures", nargs="+", type=Path, metavar="PICTURES", help="pictures, folders, zips; films, which become films")
    add("--ckpt", required=True, type=Path, metavar="FILE", help="of scripts.train_ugatit, or of the published program")
    add("--direction", choices=("A2B", "B2A"), default="A2B", help="A2B: photos to cartoons (default: A2B)")
    add("--size", type=cli.number(int, least=1), metavar="PX", help="side at which it translates (default: that of training)")
    add = parser.add_argument_group("pictures that come out").add_argument
    add("--face_only", action="store_true", help="find faces, translate each, and put it back; the rest stays")
    add("--original_size", action="store_true", help="as large as they came in, not squares")
    looked = "what the network looked at: NAME-heat.png and on the sheet; of a film, in its place"
    add("--heatmap", action="store_true", help=looked)
    flags.add_output(parser, "translated", "NAME.png ..., sheet.png, NAME.mp4 of films")
    parser.idle_with("--original_size", "--face_only")
    return parser


def main(args: argparse.Namespace) -> Path:
    """Ctrl-C and SIGTERM end it in one line; what was written by then stays."""
    with cli.sigterm_interrupts():
        return translate(args)


def translate(args: argparse.Namespace) -> Path:
    import utils
    from data import playing
    from translation import files, translating

    device = cli.read("--device", args.device, utils.choose_device)
    found = cli.read("--ckpt", args.ckpt, files.read)
    with named("--ckpt"):
        generator = found.generator(args.direction).to(device)
    with named(f"--size {args.size}" if args.size else f"--ckpt {args.ckpt}"):
        args.size = translating.size_for(generator, args.size)
    print(f"{args.ckpt}: {found.described()}; translates at {args.size} px")

    def work(pictures: Iterable[Image]) -> Iterator[Result]:
        if args.face_only:
            return translating.faces_translated(generator, pictures, args.size, squares)
        return translating.translated(generator, pictures, args.size, args.batch)

    squares = finder() if args.face_only else None
    films = [path for path in args.pictures if playing.is_film(path)]
    others = [path for path in args.pictures if path not in films]
    written = [film(args, path, work) for path in films]
    return pictures(args, others, work) if others else written[-1]


def finder() -> Callable[[Image], list]:
    """picture -> the squares of its faces, none where there is none."""
    from faces.align import NoFace
    from faces.locate import Locator

    where = Locator()

    def squares(picture: Image) -> list:
        try:
            return where.squares("", picture)
        except NoFace:
            return []

    return squares


def pictures(args: argparse.Namespace, paths: list[Path], work: Work) -> Path:
    """Each becomes NAME.png; the sheet shows the first of them. Who cannot be read is named."""
    import filenames
    import utils
    from faces.photos import Album

    album, names, taken = Album(paths), [], set()

    def photos() -> Iterator[Image]:
        for name, photo in album:
            names.append(filenames.free(filenames.stem(name), taken))
            yield photo.picture

    rows = {"given": [], "heat": [], "translated": []}
    with progress.Bar(len(album), "pictures") as bar:
        for number, result in enumerate(work(photos())):
            image = at_home(args, result)
            utils.save_png(image, args.outdir / f"{names[number]}.png", **cli.told(args, TOLD))
            if args.heatmap:
                utils.save_png(result.heat, args.outdir / f"{names[number]}-heat.png", **cli.told(args, TOLD))
            if number < MOST_ON_SHEET:
                for row, picture in zip(rows, (result.given, result.heat, image), strict=True):
                    rows[row].append(picture.resize((args.size, args.size)))
            bar.update()
    if not names:
        raise album.unusable("nothing to translate in")
    if not args.heatmap:
        del rows["heat"]
    album.report(len(names), args.outdir)
    cli.save_command(args, args.outdir)
    sheet = utils.paired_sheet(rows, COLUMNS, captions=names[:MOST_ON_SHEET])
    return utils.save_png(sheet, args.outdir / "sheet.png", **cli.told(args, TOLD))


def film(args: argparse.Namespace, path: Path, work: Work) -> Path:
    """NAME.mp4, at the pace of the film, with its sound."""
    import animation
    import filenames
    from data import playing

    with named(str(path)):
        animation.check("mp4", (args.size, args.size))
    fps, count, frames = playing.play(path)
    ticks: list[int] = []

    def photos() -> Iterator[Image]:
        for picture, stays in frames:
            ticks.append(stays)
            yield picture

    out = args.outdir / f"{filenames.safe(path.stem)}.mp4"
    if out.exists() and out.samefile(path):
        raise InputError(f"--outdir {args.outdir}: {path} lies there, and would be replaced; name another folder")
    with progress.Bar(count, "frames", path.name) as bar:

        def drawn() -> Iterator[Image]:
            for number, result in enumerate(work(photos())):
                image = result.heat if args.heatmap else at_home(args, result)
                yield from [image] * ticks[number]
                bar.update()

        animation.save(drawn(), out, fps, hold=1 / fps)
    sound = animation.add_sound(out, path)
    cli.save_command(args, args.outdir)
    print(f"{out}: {fps:g} frames a second, {'with' if sound else 'no'} sound")
    return out


def at_home(args: argparse.Namespace, result: Result) -> Image:
    """The translation as large as it is to be."""
    from PIL import Image

    return result.image.resize(result.given.size, Image.Resampling.LANCZOS) if args.original_size else result.image


if __name__ == "__main__":
    cli.run(main, parser())

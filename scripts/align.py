"""Cut faces out of photos as networks want them: eyes level, at their place in FFHQ.

    python -m scripts.align me.jpg friends/ --out aligned                       # folders, zips and films too
    python -m scripts.align me.jpg --eyes 205,102,247,104 --out aligned         # by hand, where no face is found

Drawings need boxes, by hand or from a cascade for drawings; the crop is upright, --expand times the box:
    python -m scripts.align comics.zip --boxes boxes.csv --out toons            # lines: file,x,y,width,height
    python -m scripts.align comics.zip --cascade lbpcascade_animeface.xml --out toons

Look at contact.png before training: it shows every picture with what was cut out of it; red squares were too small.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from errors import InputError
from scripts import _faces
from writing import write_text

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from faces.align import Upscaler
    from faces.locate import Locator
    from faces.photos import Album

SHOWN = 10  # left-out pictures named on the screen; align.json names all
THUMBNAIL, PER_SHEET, COLUMNS = 192, 96, 8
MUCH = 3  # times; larger enlargements are pointed at
TAKEN, LEFT_OUT, LINE = (40, 170, 70), (220, 50, 50), 3


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.align [flags] --out DIR PATH...")
    add = parser.add_argument_group("input and output").add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="pictures, or folders, zips and films of them")
    add("--out", type=cli.out_folder, required=True, metavar="DIR", help="for crops/, contact.png and align.json")
    add("--size", type=cli.number(int, least=8, most=4096), default=256, metavar="PX", help="of the crops (default: 256)")
    group = _faces.add_place(parser, "where the face is (default: found by its eyes)", drawings=True)
    add = group.add_argument
    add("--all", action="store_true", help="every face of a photo (default: the largest)")
    add("--expand", type=cli.number(above=0), default=1.5, metavar="X", help="crop by box, in its longer side (default: 1.5)")
    group = parser.add_argument_group("small faces")
    add = group.add_argument
    add("--min_side", type=cli.number(least=0), default=64, metavar="PX", help="smaller crops are left out (default: 64)")
    add("--upscaler", metavar="MODULE:FUNCTION", help="enlarges: function(picture, factor) -> picture (default: Lanczos)")
    parser.needs("--expand", "--boxes", "--cascade")
    parser.idle_with("--all", "--eyes", "--boxes", "--cascade", "--no_align")
    return parser


def main(args: argparse.Namespace) -> Path:
    import filenames
    import utils
    from faces import align, photos

    for path in args.paths:  # what is written there would be read by the next call
        if path.is_dir() and args.out.resolve().is_relative_to(path.resolve()):
            raise InputError(f"--out {args.out}: lies inside {path}, which it is made from; choose a place outside")
    upscaler = load_upscaler(args.upscaler) if args.upscaler else align.lanczos
    album = photos.Album(args.paths, crops=True)
    where = _faces.locator(args, len(album))
    taken, thumbnails, names = [], [], set()
    for name, (picture, notes) in progress.through(album, "pictures", len(album)):
        squares = places(where, album, name, picture, args)
        thumbnails.append((name, thumbnail(picture, squares, args.min_side)))
        for square in squares:
            try:
                if (side := align.side(square)) < args.min_side:
                    raise align.NoFace(f"a crop of {side:.0f} px, below --min_side {args.min_side:g}")
                crop = align.cut(picture, square, args.size, upscaler)
            except align.NoFace as reason:
                album.left_out.append((name, str(reason)))
                continue
            path = args.out / "crops" / f"{filenames.free(filenames.stem(name), names)}.png"
            in_file = square * picture.info.get("shrunk", 1)
            entry = {"source": name, "square": in_file.round(2).tolist(), "scale": round(args.size / align.side(in_file), 4)}
            utils.save_png(crop, path, **entry)
            taken.append({"crop": path.name, **entry, "notes": notes})

    if not taken:
        raise album.unusable("no crop of")
    tell(args, album, taken, thumbnails)
    return args.out / "crops"


def places(where: Locator | None, album: Album, name: str, picture: Image, args: argparse.Namespace) -> list[np.ndarray]:
    """The squares to cut out of a picture; [] where there is no face, and the album keeps the reason."""
    from faces import align

    try:
        squares = _faces.squares(where, name, picture, "its box (--boxes)" if args.cascade else _faces.EYES)
    except align.NoFace as reason:
        album.left_out.append((name, str(reason)))
        return []
    return squares if args.all or args.boxes or args.cascade else squares[:1]


def tell(args: argparse.Namespace, album: Album, taken: list[dict], thumbnails: list[tuple[str, Image]]) -> None:
    """What was cut and left out: on the screen, in align.json, and to look at on contact sheets."""
    import lettering

    for name, reason in album.left_out[:SHOWN]:
        print(f"left out {name}: {reason}")
    print(summary(taken, album, args))
    cli.save_command(args, args.out)
    record = {"crops": taken, "left out": dict(album.left_out), "passed over": album.passed_over}
    write_text(args.out / "align.json", json.dumps(record, indent=1, ensure_ascii=False))
    if legend := lettering.legend([Path(name).name for name, _ in thumbnails]):
        print(legend)
    for path in contact_sheets(thumbnails, args.out):
        print(f"contact sheet: {path}")


def load_upscaler(text: str) -> Upscaler:
    from PIL import Image

    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise InputError(f"--upscaler {text}: expected module:function")
    sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"--upscaler {text}: {error}") from None

    def upscaler(picture: Image.Image, factor: float) -> Image.Image:
        try:
            larger = function(picture, factor)
        except Exception as error:  # a stranger's function may fail in any way
            raise InputError(f"--upscaler {text}: {type(error).__name__}: {error}") from None
        if not isinstance(larger, Image.Image):
            raise InputError(f"--upscaler {text}: returned {type(larger).__name__}, expected a Pillow image")
        return larger.convert("RGB")

    return upscaler


def summary(taken: list[dict], album: Album, args: argparse.Namespace) -> str:
    import numpy as np

    from data.sources import counted, hidden, tally
    from faces import align

    enlarged = sorted(entry["scale"] for entry in taken if entry["scale"] > 1)
    left_out = album.no_use()
    line = f"{tally(len(album) - len(album.unreadable))}: {len(taken)} crop{'s' * (len(taken) != 1)}, {len(left_out)} left out"
    line += f"; {len(enlarged)} enlarged to {args.size} px"
    if enlarged:
        several = f" to {enlarged[-1]:.2f}, half of them by {statistics.median(enlarged):.2f} or less"
        line += f", by {enlarged[0]:.2f}{several if len(enlarged) > 1 else ''}"
    if turned := [entry["crop"] for entry in taken if align.lies(np.array(entry["square"]))]:
        line += f"; {len(turned)} lay on the side or stood on the head, {turned[0]} for instance"
    if far := [entry["crop"] for entry in taken if entry["scale"] > MUCH]:
        line += f"; {len(far)} enlarged by more than {MUCH}, {far[0]} for instance: look at them, or raise --min_side"
    if left_out:
        line += f"; left out: {counted(reason for _, reason in left_out)}"
    if album.unreadable:
        line += f"; {len(album.unreadable)} passed over ({counted(reason for _, reason in album.unreadable)})"
    line += "; " * bool(album.own) + album.remark()
    return line + (f"; {hidden(album.passed_over)}" if album.passed_over else "")


def thumbnail(picture: Image, squares: list[np.ndarray], min_side: float) -> Image:
    """The whole picture, small, with its squares."""
    from PIL import Image, ImageDraw

    import utils
    from faces import align

    scale = THUMBNAIL / max(picture.size)
    small = picture.resize([max(1, round(length * scale)) for length in picture.size], Image.Resampling.BOX)
    canvas = Image.new("RGB", (THUMBNAIL, THUMBNAIL), utils.PAPER)
    left, top = ((THUMBNAIL - length) // 2 for length in small.size)
    canvas.paste(small, (left, top))
    draw = ImageDraw.Draw(canvas)
    for square in squares:
        corners = [(left + x * scale, top + y * scale) for x, y in square.tolist()]
        draw.line([*corners, corners[0]], LEFT_OUT if align.side(square) < min_side else TAKEN, LINE)
    return canvas


def contact_sheets(thumbnails: list[tuple[str, Image]], folder: Path) -> Iterator[Path]:
    """contact.png, and contact-2.png, ... where there are many."""
    import lettering
    import utils

    captions = lettering.readable([Path(name).name for name, _ in thumbnails])
    for number, first in enumerate(range(0, len(thumbnails), PER_SHEET), 1):
        pictures = [small for _, small in thumbnails[first : first + PER_SHEET]]
        sheet = utils.sheet(pictures, min(COLUMNS, len(pictures)), captions[first : first + PER_SHEET])
        name = "contact.png" if number == 1 else f"contact-{number}.png"
        yield utils.save_png(sheet, folder / name, **{"contact sheet": number})


if __name__ == "__main__":
    cli.run(main, parser())

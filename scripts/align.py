"""Cut faces out of photos as networks want them: eyes level, at their place in FFHQ.

    python -m scripts.align me.jpg friends/ --out aligned                       # folders, zips and films too
    python -m scripts.align me.jpg --eyes 205,102,247,104 --out aligned         # by hand, where no face is found

Drawings need boxes, by hand or from a cascade for drawings; the crop is upright, --expand times the box:
    python -m scripts.align comics.zip --boxes boxes.csv --out toons            # lines: file,x,y,width,height
    python -m scripts.align comics.zip --cascade lbpcascade_animeface.xml --out toons

Look at contact.png before training: it shows every picture with what was cut out of it; red squares were too small.
"""

import argparse
import importlib
import json
import os
import statistics
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from errors import InputError
from writing import write_text

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from faces.align import Upscaler
    from faces.photos import Album

SHOWN = 10  # left-out pictures named on the screen; align.json names all
THUMBNAIL, PER_SHEET, COLUMNS = 192, 96, 8
MUCH = 3  # times; larger enlargements are pointed at
TAKEN, LEFT_OUT, LINE = (40, 170, 70), (220, 50, 50), 3


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.align [flags] --out DIR PATH...")
    add = parser.add_argument_group("input and output").add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="pictures, or folders, zips and films of them")
    add("--out", type=Path, required=True, metavar="DIR", help="for crops/, contact.png and align.json")
    add("--size", type=cli.number(int, least=8, most=4096), default=256, metavar="PX", help="of the crops (default: 256)")
    group = parser.add_argument_group("where the face is (default: found by its eyes)")
    add = group.add_mutually_exclusive_group().add_argument
    add("--eyes", metavar="X,Y,X,Y", help="both eyes of the one picture, in pixels, first the left one")
    add("--landmarks", type=cli.existing_file, metavar="FILE", help="CSV file,x,y,x,y,... or JSON: 2, 3, 5 or 68 points a face")
    add("--boxes", type=cli.existing_file, metavar="CSV", help="file,x,y,width,height; several lines for several faces")
    add("--cascade", type=cli.existing_file, metavar="XML", help="cascade of OpenCV, say for drawings: all that it finds")
    add("--no_align", action="store_true", help="pictures are cut already: the centre square of each")
    add = group.add_argument
    add("--all", action="store_true", help="every face of a photo (default: the largest)")
    add("--expand", type=cli.number(above=0), default=1.5, metavar="X", help="crop by box, in its longer side (default: 1.5)")
    group = parser.add_argument_group("small faces")
    add = group.add_argument
    add("--min_side", type=cli.number(least=0), default=64, metavar="PX", help="smaller crops are left out (default: 64)")
    add("--upscaler", metavar="MODULE:FUNCTION", help="enlarges: function(picture, factor) -> picture (default: Lanczos)")
    return parser


def main(args: argparse.Namespace) -> Path:

    import filenames
    import lettering
    import utils
    from faces import align, photos

    for path in args.paths:  # what is written there would be read by the next call
        if path.is_dir() and args.out.resolve().is_relative_to(path.resolve()):
            raise InputError(f"--out {args.out}: lies inside {path}, which it is made from; choose a place outside")
    upscaler = load_upscaler(args.upscaler) if args.upscaler else align.lanczos
    album = photos.Album(args.paths)
    where = Where(args, len(album))
    taken, thumbnails, names = [], [], set()
    for name, (picture, notes) in progress.through(album, "pictures", len(album)):
        try:
            squares = where.squares(name, picture)
        except align.NoFace as reason:
            album.left_out.append((name, str(reason)))
            squares = []
        thumbnails.append((name, thumbnail(picture, squares, args.min_side)))
        for square in squares:
            side = align.side(square)
            if side < args.min_side:
                album.left_out.append((name, f"a crop of {side:.0f} px, below --min_side {args.min_side:g}"))
                continue
            try:
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
        name, reason = album.left_out[0]
        raise InputError(f"no crop of {len(album)} pictures; " * (len(album) > 1) + f"{name}: {reason}")
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
    return args.out / "crops"


class Where:
    """Where the faces of a picture are, by whichever flag was given."""

    def __init__(self, args: argparse.Namespace, count: int):
        from faces import align

        self.args = args
        if args.eyes and count != 1:
            raise InputError(f"--eyes: is for one picture, not {count}; --landmarks FILE is for many")
        self.eyes = align.parse_eyes(args.eyes) if args.eyes else None
        if self.eyes and (remark := align.remark_on(self.eyes)):
            print(remark)
        self.faces = align.read_faces(args.landmarks) if args.landmarks else {}
        self.boxes = align.read_boxes(args.boxes) if args.boxes else {}
        if not (args.eyes or args.landmarks or args.boxes or args.no_align):
            self.finder  # noqa: B018  what is missing should be said before anything is read

    @cached_property
    def finder(self):
        from faces import align

        return align.Finder(self.args.cascade, "--cascade")

    def squares(self, name: str, picture: "Image") -> "list[np.ndarray]":
        """Raises NoFace."""
        from faces import align

        args = self.args
        if args.no_align:
            return [align.centre_square(picture)]
        if args.boxes or args.cascade:
            boxes = align.of(self.boxes, name) if args.boxes else self.finder.boxes(picture)
            if not boxes:
                raise align.NoFace(f"not in --boxes {args.boxes}")
            squares = [align.box_square(box, args.expand) for box in boxes]
            return [align.as_decoded(square, picture) for square in squares] if args.boxes else squares
        if args.eyes or args.landmarks:
            face = self.eyes or align.of(self.faces, name)
            if face is None:
                raise align.NoFace(f"not in --landmarks {args.landmarks}")
            return [align.as_decoded(align.ffhq_square(face), picture)]
        faces = self.finder.faces(picture)
        return [align.ffhq_square(face) for face in (faces if args.all else faces[:1])]


def load_upscaler(text: str) -> "Upscaler":
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


def summary(taken: list[dict], album: "Album", args: argparse.Namespace) -> str:
    import numpy as np

    from data.sources import counted, hidden, tally
    from faces import align

    enlarged = sorted(entry["scale"] for entry in taken if entry["scale"] > 1)
    line = f"{tally(len(album))}: {len(taken)} crop{'s' * (len(taken) != 1)}, {len(album.left_out)} left out"
    line += f"; {len(enlarged)} enlarged to {args.size} px"
    if enlarged:
        several = f" to {enlarged[-1]:.2f}, half of them by {statistics.median(enlarged):.2f} or less"
        line += f", by {enlarged[0]:.2f}{several if len(enlarged) > 1 else ''}"
    if turned := [entry["crop"] for entry in taken if align.lies(np.array(entry["square"]))]:
        line += f"; {len(turned)} lay on the side or stood on the head, {turned[0]} for instance"
    if far := [entry["crop"] for entry in taken if entry["scale"] > MUCH]:
        line += f"; {len(far)} enlarged by more than {MUCH}, {far[0]} for instance: look at them, or raise --min_side"
    if album.left_out:
        line += f"; left out: {counted(reason for _, reason in album.left_out)}"
    return line + (f"; {hidden(album.passed_over)}" if album.passed_over else "")


def thumbnail(picture: "Image", squares: "list[np.ndarray]", min_side: float) -> "Image":
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


def contact_sheets(thumbnails: "list[tuple[str, Image]]", folder: Path) -> Iterator[Path]:
    """contact.png, and contact-2.png, ... where there are many."""
    import lettering
    import utils

    captions = lettering.readable([Path(name).name for name, _ in thumbnails])
    for number, first in enumerate(range(0, len(thumbnails), PER_SHEET), 1):
        some = [small for _, small in thumbnails[first : first + PER_SHEET]]
        sheet = utils.sheet(some, min(COLUMNS, len(some)), captions[first : first + PER_SHEET])
        yield utils.save_png(sheet, folder / ("contact.png" if number == 1 else f"contact-{number}.png"))


if __name__ == "__main__":
    cli.run(main, parser())

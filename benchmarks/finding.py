"""How many faces the finders find, turned and small, how exact their eyes are, and how long it takes.

    python -m benchmarks.finding photos.zip --cut --n 100        # photos that are cut as FFHQ's
    python -m benchmarks.finding portraits/

Every photo is brought to --size, turned about its centre on grey; made small, in the middle of 1024 grey pixels; and given
glasses, which are drawn over it where the true eyes are. A face is found if both eyes are within 40 % of their distance from
where they are: with --cut that is their place in FFHQ's photos, else where the network sees them upright. Per finder:
the share found; how far its eyes are from its own in the upright photo, turned along, and from the true ones, in photos where
both find them, the worse eye of each, in % of their distance, median and 90th percentile; and the processor's seconds for a
photo, median.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cli

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

NEAR = 0.4  # of the distance of the eyes
CANVAS, GREY = 1024, (128, 128, 128)
CUT = (0.375, 0.475), (0.625, 0.475)  # eyes in the photos of FFHQ
BLACK = 20, 20, 20, 255
GLASSES = {"glasses": (0, 0, 0, 0), "sunglasses": BLACK}
LENS, FRAME = 0.4, 0.06  # radius and breadth, of the distance of the eyes
HEAD = ("photo", "finder", "found", "off its own, median", "90 %", "off the true, median", "90 %", "s")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.finding [flags] PATH...")
    add = parser.add_argument_group("measurement").add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="photos of one face each, or folders and zips of them")
    add("--cut", action="store_true", help="they are cut as FFHQ's were")
    count = cli.number(int, least=1)
    add("--n", type=count, default=100, metavar="N", help="photos, evenly from all (default: 100)")
    add("--size", type=count, default=512, metavar="PX", help="of the longer side, before it is turned (default: 512)")
    turns, sizes = cli.numbers(), cli.numbers(int, least=0)
    add("--turns", type=turns, default="0,15,30,45,90,135,180", metavar="LIST", help="degrees (default: 0,15,30,45,90,135,180)")
    add("--small", type=sizes, default="128,64", metavar="LIST", help="pixels of small photos; 0: none (default: 128,64)")
    return parser


class Look(NamedTuple):
    eyes: "np.ndarray | None"  # [2, 2], in pixels of the upright photo at --size
    seconds: float


def main(args: argparse.Namespace) -> None:
    import numpy as np

    from benchmarks import tables
    from faces import haar, mtcnn
    from faces.photos import Album

    finders = {"network": mtcnn.Finder(), "cascade": haar.Finder()}
    album = Album(args.paths)
    every = max(1, len(album) // args.n)
    photos = [brought(photo, args.size) for number, _, (photo, _) in album.numbered() if number % every == 0][: args.n]
    if not photos:
        raise album.unusable("no photo in")
    looks = {}
    for kind, scale, degrees in conditions(args):
        looks[kind] = {name: [look(finder, photo, scale, degrees) for photo in photos] for name, finder in finders.items()}
    upright = next(iter(looks.values()))
    truth = [np.array(CUT) * photo.size if args.cut else one.eyes for photo, one in zip(photos, upright["network"])]
    for kind, shade in GLASSES.items():
        worn = [glasses(photo, eyes, shade) for photo, eyes in zip(photos, truth)]
        looks[kind] = {name: [look(finder, photo) for photo in worn] for name, finder in finders.items()}
    rows = []
    for kind in looks:
        errors = {name: np.array([away(one.eyes, true) for one, true in zip(looks[kind][name], truth)]) for name in finders}
        both = np.all([error < NEAR for error in errors.values()], 0)
        for name, found in looks[kind].items():
            own = np.array([away(one.eyes, other.eyes) for one, other in zip(found, upright[name])])
            rows.append([kind, name, *figures(found, errors[name], own[both], errors[name][both])])
    print(f"{len(photos)} photos\n\n{tables.table(HEAD, rows)}")


def conditions(args: argparse.Namespace) -> Iterator[tuple[str, float, float]]:
    """(name, scale, degrees), the first is the upright photo."""
    yield f"{args.size} px", 1.0, 0.0
    yield from ((f"turned {degrees:g}", 1.0, degrees) for degrees in dict.fromkeys(args.turns) if degrees)
    yield from ((f"{size} px of {CANVAS}", size / args.size, 0.0) for size in args.small if size)


def brought(photo: "Image", size: int) -> "Image":
    from PIL import Image

    scale = size / max(photo.size)
    return photo.resize([max(1, round(length * scale)) for length in photo.size], Image.Resampling.LANCZOS)


def glasses(photo: "Image", eyes: "np.ndarray | None", shade: tuple[int, ...]) -> "Image":
    """The photo with round glasses whose lenses have that shade, RGBA; as it is where nobody knows its eyes."""
    from PIL import Image, ImageDraw

    if eyes is None:
        return photo
    (left, right), width = eyes, max(1, round(FRAME * distance(eyes)))
    along = (right - left) * LENS
    drawn = Image.new("RGBA", photo.size)
    draw = ImageDraw.Draw(drawn)
    for eye in eyes:
        draw.circle(tuple(eye), LENS * distance(eyes), shade, BLACK, width)
    for one, other in ((left + along, right - along), (left - along, left - 1.7 * along), (right + along, right + 1.7 * along)):
        draw.line([*one, *other], BLACK, width)
    return Image.alpha_composite(photo.convert("RGBA"), drawn).convert("RGB")


def look(finder, photo: "Image", scale: float = 1, degrees: float = 0) -> Look:
    """What a finder says of a photo that was made small and turned, brought back to the photo."""
    import numpy as np
    from PIL import Image

    from faces import align

    shown = photo
    if scale < 1:
        small = brought(photo, round(scale * max(photo.size)))
        shown = Image.new("RGB", (CANVAS, CANVAS), GREY)
        shown.paste(small, [(CANVAS - length) // 2 for length in small.size])
    shown = shown.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=GREY)
    start = time.process_time()
    try:
        eyes = np.array(finder.faces(shown)[0][:2])
    except align.NotFound:
        return Look(None, time.process_time() - start)
    seconds = time.process_time() - start
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Look((eyes - np.array(shown.size) / 2) @ turn.T / scale + np.array(photo.size) / 2, seconds)


def figures(looks: "list[Look]", errors: "np.ndarray", own: "np.ndarray", true: "np.ndarray") -> list[str]:
    """What stands in a line of the table."""
    import numpy as np

    percentiles = []
    for column in (own, true):
        known = column[np.isfinite(column)]
        percentiles += [f"{100 * value:.1f}" for value in np.percentile(known, (50, 90))] if known.size else ["-", "-"]
    return [f"{(errors < NEAR).mean():.0%}", *percentiles, f"{np.median([one.seconds for one in looks]):.2f}"]


def away(eyes: "np.ndarray | None", others: "np.ndarray | None") -> float:
    """The worse eye's distance from where it is, in the distance of the eyes; infinite where there is none."""
    import numpy as np

    if eyes is None or others is None:
        return np.inf
    return float(np.hypot(*(eyes - others).T).max() / distance(others))


def distance(eyes: "np.ndarray") -> float:
    return float(((eyes[1] - eyes[0]) ** 2).sum() ** 0.5)


if __name__ == "__main__":
    cli.run(main, parser())

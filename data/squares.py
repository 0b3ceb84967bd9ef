"""From a picture of any shape to a square, and what is lost on the way.

tile = square(picture, 256)                   # short side to 256, then the centre
tile = square(picture, 256, crop="top")       # of a tall picture its top: where the head of a standing person is
remarks([cut(picture.size, 256)])             # ["1 keeps less than two thirds of the picture"]
"""

from collections.abc import Iterable
from typing import NamedTuple

from PIL import Image

CROPS = ("centre", "top", "pad")
RESAMPLE = {"lanczos": Image.Resampling.LANCZOS, "bilinear": Image.Resampling.BILINEAR}
LONGEST = 8  # times the short side; what lies farther out would be cut off anyway
LITTLE, MUCH = 2 / 3, 4  # share of the picture that remains; times it is enlarged: beyond these it is pointed at


class Cut(NamedTuple):
    kept: float  # share of the picture that is inside of the square
    enlarged: float  # times; below 1 it is made smaller


def square(
    picture: Image.Image, size: int, resample: str = "lanczos", crop: str = "centre", background: str = "white"
) -> Image.Image:
    """Short side to `size`, then the centre `size` x `size`, with the reference's rounding of both.

    crop: "top" takes the top of a tall picture, "pad" the whole, long side to `size`, on `background`
    """
    if crop == "pad":
        return _padded(picture, size, resample, background)
    short, long = sorted(picture.size)
    if long > LONGEST * short:  # resized whole, a strip of 2 x 60000 pixels would fill the memory
        picture = _cropped(picture, min(picture.width, LONGEST * short), min(picture.height, LONGEST * short), crop)
    scaled = [int(size * side / min(picture.size)) for side in picture.size]
    return _cropped(picture.resize(scaled, RESAMPLE[resample]), size, size, crop)


def cut(sides: tuple[int, int], size: int, crop: str = "centre") -> Cut:
    """What `square` does to a picture of these sides.

    >>> cut((400, 1000), 256), cut((400, 1000), 2000, "pad")
    (Cut(kept=0.4, enlarged=0.64), Cut(kept=1.0, enlarged=2.0))
    """
    short, long = sorted(sides)
    return Cut(1.0, size / long) if crop == "pad" else Cut(short / long, size / short)


def remarks(cuts: Iterable[Cut]) -> list[str]:
    """What should be looked at before training on it."""
    cuts = list(cuts)
    lost, blurred = sum(cut.kept < LITTLE for cut in cuts), sum(cut.enlarged > MUCH for cut in cuts)
    said = [f"{lost} keep{'s' * (lost == 1)} less than two thirds of the picture"] if lost else []
    return said + ([f"{blurred} enlarged more than {MUCH} times"] if blurred else [])


def remedy(remarks: Iterable[str]) -> str:
    """What helps against these.

    >>> remedy(["2 enlarged more than 4 times"])
    'larger pictures, or a smaller size, are better'
    """
    kinds = ["enlarged" in remark for remark in remarks]
    helps = [] if all(kinds) else ["prepare_data.py keeps more with the crop top or pad, python -m scripts.align finds faces"]
    return "; ".join(helps + ["larger pictures, or a smaller size, are better"] * any(kinds))


def _cropped(picture: Image.Image, width: int, height: int, crop: str) -> Image.Image:
    left = round((picture.width - width) / 2)
    top = 0 if crop == "top" else round((picture.height - height) / 2)
    return picture.crop((left, top, left + width, top + height))


def _padded(picture: Image.Image, size: int, resample: str, background: str) -> Image.Image:
    scaled = [max(1, round(size * side / max(picture.size))) for side in picture.size]
    canvas = Image.new("RGB", (size, size), background)
    canvas.paste(picture.resize(scaled, RESAMPLE[resample]), tuple((size - side) // 2 for side in scaled))
    return canvas

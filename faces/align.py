"""Cut faces out as FFHQ's were: eyes level, at 47 % of the height, a quarter of the width apart.

    face = mtcnn.Finder().faces(picture)[0]                 # or haar.Finder(), or points by hand
    aligned = cut(picture, ffhq_square(face), 256)

For drawings, which no detector of photo faces finds, there are boxes: `cut(picture, box_square(box), 256)`.

Points and squares are in pixels of the picture; the corner of the first pixel is (0, 0), its centre (0.5, 0.5). A square is
an array [4, 2]: the corners that become top left, bottom left, bottom right and top right.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

Point = tuple[float, float]
Upscaler = Callable[[Image.Image, float], Image.Image]  # (picture, factor) -> the picture, about that much larger

OVERSAMPLING = 4  # a turned picture is drawn this much larger, then averaged down
BLUR = 0.02  # of the side, for what is mirrored at an edge
BLURRED, PLAIN = 0.1, 0.3  # of the side beyond the edge: from there wholly blurred, and from there one colour
MARGIN, FAR = 1 / 32, 8  # of the side, around what is cut out; of the picture, for a square that must be a mistake


class NoFace(ValueError):
    """No face there. The message says why."""


class NotFound(NoFace):
    """A finder sees none, where a person may."""


class Face(NamedTuple):
    """Centres of the eyes and the mouth; left is where the viewer's left is. No mouth: guessed from the eyes."""

    left_eye: Point
    right_eye: Point
    mouth: Point | None = None


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


def ffhq_square(face: Face) -> np.ndarray:
    """The square of FFHQ (Karras et al. 2019, App. A): its side is 4 times the distance of the eyes, or 3.6 of eyes and mouth.

    Without a mouth, it is taken to lie as far below the eyes as they are apart, which leaves the eyes exactly level.
    """
    left, right = np.array(face.left_eye, float), np.array(face.right_eye, float)
    across, centre = right - left, (left + right) / 2
    if not np.hypot(*across):
        raise NoFace("both eyes are at one point; give two")
    down = np.array([-across[1], across[0]]) if face.mouth is None else np.array(face.mouth, float) - centre
    if across @ np.array([down[1], -down[0]]) < 0:  # the eyes were given from right to left
        across = -across
    # The direction across is the mean of what the eyes say and what the line down to the mouth says, turned by 90 degrees.
    x = across + np.array([down[1], -down[0]])
    x *= max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down)) / np.hypot(*x)
    y = np.array([-x[1], x[0]])
    centre = centre + 0.1 * down
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def box_square(box: Box, expand: float = 1.5) -> np.ndarray:
    """Upright, about the centre of a box, `expand` times its longer side."""
    half = max(box.width, box.height) * expand / 2
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return np.array([(x - half, y - half), (x - half, y + half), (x + half, y + half), (x + half, y - half)])


def centre_square(picture: Image.Image) -> np.ndarray:
    """The largest square in the middle."""
    side = min(picture.size)
    return box_square(Box((picture.width - side) / 2, (picture.height - side) / 2, side, side), expand=1)


def as_decoded(square: np.ndarray, picture: Image.Image) -> np.ndarray:
    """A square given in pixels of the file, in those of the picture: a very large one is decoded at half its size."""
    return square / picture.info.get("shrunk", 1)


def side(square: np.ndarray) -> float:
    """
    >>> side(box_square(Box(10, 10, 30, 20), expand=2))
    60.0
    """
    return float(np.hypot(*(square[3] - square[0])))


def lies(square: np.ndarray) -> bool:
    """Whether it was turned by more than 60 degrees.

    >>> lies(box_square(Box(10, 10, 30, 20)))
    False
    """
    across = square[3] - square[0]
    return bool(across[0] < 0.5 * np.hypot(*across))


def lanczos(picture: Image.Image, factor: float) -> Image.Image:
    """The upscaler where no better one is given."""
    return picture.resize(tuple(math.ceil(length * factor) for length in picture.size), Image.Resampling.LANCZOS)


def cut(picture: Image.Image, square: np.ndarray, size: int, upscaler: Upscaler = lanczos) -> Image.Image:
    """The square of a picture, turned upright, size x size; `upscaler` enlarges a smaller one. Raises NoFace."""
    part, square = _needed(picture, square)
    factor = size / side(square)
    if factor > 1:
        part, square = _scaled(square, part, upscaler(part, factor))
    scale = OVERSAMPLING * size / side(square)
    if scale < 1:  # drawing at OVERSAMPLING times the size would skip pixels
        smaller = tuple(math.ceil(length * scale) for length in part.size)
        part, square = _scaled(square, part, part.resize(smaller, Image.Resampling.LANCZOS))
    part, square = _surrounded(part, square)
    drawn = (OVERSAMPLING * size,) * 2  # a list is too much for Pillow 12
    large = part.transform(drawn, Image.Transform.QUAD, square.flatten().tolist(), Image.Resampling.BILINEAR)
    return large.resize((size, size), Image.Resampling.BOX)


def turned(pixels: np.ndarray, degrees: float) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Pixels [height, width, ...], turned about their centre, counter-clockwise, and the map of points back to the original."""
    if not degrees:
        return pixels, lambda point: point
    result = Image.fromarray(pixels).rotate(degrees, Image.Resampling.BILINEAR, expand=True)
    angle = math.radians(degrees)
    # y points down: counter-clockwise to the eye is this matrix's inverse in pixels.
    back = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre, new_centre = np.array(pixels.shape[1::-1]) / 2, np.array(result.size) / 2
    return np.asarray(result), lambda point: centre + back @ (point - new_centre)


def _needed(picture: Image.Image, square: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    """The part of the picture that a square covers, with a margin, and the square in it. Raises NoFace for none."""
    length = side(square)
    if length > FAR * max(picture.size):
        raise NoFace("the square of the face is far larger than the picture; check its points or box")
    low, high = square.min(0) - MARGIN * length - 2, square.max(0) + MARGIN * length + 2
    low, high = np.floor(np.clip(low, 0, picture.size)), np.ceil(np.clip(high, 0, picture.size))
    if (low >= high).any():
        raise NoFace("the face lies outside the picture; check its points or box")
    return picture.crop((*map(int, low), *map(int, high))), square - low


def _scaled(square: np.ndarray, before: Image.Image, after: Image.Image) -> tuple[Image.Image, np.ndarray]:
    return after, square * (np.array(after.size) / before.size)


def _surrounded(part: Image.Image, square: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    """Room for the whole square. Beyond the edges the picture is mirrored, then blurred, then of one colour."""
    length = side(square)
    low, high = np.floor(square.min(0)).astype(int) - 1, np.ceil(square.max(0)).astype(int) + 1
    before, after = np.maximum(-low, 0), np.maximum(high - part.size, 0)
    if not (before.any() or after.any()):
        return part, square
    widths = [(before[1], after[1]), (before[0], after[0]), (0, 0)]
    mirrored = Image.fromarray(np.pad(np.asarray(part), widths, mode="symmetric"))
    across, down = (
        np.maximum(np.maximum(first - np.arange(total), np.arange(total) - (total - last - 1)), 0)
        for first, last, total in zip(before, after, mirrored.size)
    )
    outside = np.maximum(across[None, :], down[:, None]) / length
    colour = tuple(np.median(np.asarray(part), (0, 1)).astype(int).tolist())
    for other, distance in (
        (mirrored.filter(ImageFilter.GaussianBlur(BLUR * length)), BLURRED),
        (Image.new("RGB", mirrored.size, colour), PLAIN),
    ):
        mirrored.paste(other, mask=Image.fromarray((255 * np.clip(outside / distance, 0, 1)).astype(np.uint8)))
    return mirrored, square + before

"""Find faces, and cut them out as FFHQ's were: eyes level, at 47 % of the height, a quarter of the width apart.

    face = Finder().faces(picture)[0]                       # or NoFace
    aligned = cut(picture, ffhq_square(face), 256)

For drawings, which no detector of photo faces finds, there are boxes: `cut(picture, box_square(box), 256)`.

Points and squares are in pixels of the picture; the corner of the first pixel is (0, 0), its centre (0.5, 0.5). A square is
an array [4, 2]: the corners that become top left, bottom left, bottom right and top right.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from errors import InputError

Point = tuple[float, float]
Upscaler = Callable[[Image.Image, float], Image.Image]  # (picture, factor) -> the picture, about that much larger

OVERSAMPLING = 4  # a turned picture is drawn this much larger, then averaged down
BLUR = 0.02  # of the side, for what is mirrored at an edge
BLURRED, PLAIN = 0.1, 0.3  # of the side beyond the edge: from there wholly blurred, and from there one colour
MARGIN, FAR = 1 / 32, 8  # of the side, around what is cut out; of the picture, for a square that must be a mistake
TILTS = (0, -20, 20, -40, 40)  # degrees that a picture is turned by until a face is found; cascades know upright ones
QUARTERS = (90, -90, 180)
LONGEST, QUICK = 1024, 512  # pixels of the picture that faces are looked for in, and for a first look
CERTAIN, SURE_TURNED = 20, 15  # finds of the cascade at one place: a face has 20 to 100, what is none 5 to 12
FACE_SIDE = 200  # pixels that a face is brought to before its eyes are looked for
FACE, EYES = "haarcascade_frontalface_default.xml", ("haarcascade_eye.xml", "haarcascade_eye_tree_eyeglasses.xml")


class NoFace(ValueError):
    """No face there. The message says why."""


class NotFound(NoFace):
    """`Finder` sees none, where a person may."""


class Face(NamedTuple):
    """Centres of the eyes and the mouth; left is where the viewer's left is. No mouth: guessed from the eyes."""

    left_eye: Point
    right_eye: Point
    mouth: Point | None = None


class Found(NamedTuple):
    pairs: list[tuple[np.ndarray, np.ndarray]]  # eyes
    sure: int  # finds of the cascade at the face that has most, 0 for none


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
    return picture.resize([math.ceil(length * factor) for length in picture.size], Image.Resampling.LANCZOS)


def cut(picture: Image.Image, square: np.ndarray, size: int, upscaler: Upscaler = lanczos) -> Image.Image:
    """The square of a picture, turned upright, size x size; `upscaler` enlarges a smaller one. Raises NoFace."""
    part, square = _needed(picture, square)
    factor = size / side(square)
    if factor > 1:
        part, square = _scaled(square, part, upscaler(part, factor))
    scale = OVERSAMPLING * size / side(square)
    if scale < 1:  # drawing at OVERSAMPLING times the size would skip pixels
        smaller = [math.ceil(length * scale) for length in part.size]
        part, square = _scaled(square, part, part.resize(smaller, Image.Resampling.LANCZOS))
    part, square = _surrounded(part, square)
    drawn = [OVERSAMPLING * size] * 2
    large = part.transform(drawn, Image.Transform.QUAD, square.flatten().tolist(), Image.Resampling.BILINEAR)
    return large.resize((size, size), Image.Resampling.BOX)


class Finder:
    """Faces and eyes by the Haar cascades of OpenCV (Viola and Jones 2001), which come with its package.

    cascade: the XML file of another face cascade, say for drawings; then `boxes` finds them, without eyes
    Raises InputError where the package is missing, or the file is no cascade.
    """

    def __init__(self, cascade: Path | None = None):
        self.cv2 = _opencv()
        shipped = Path(self.cv2.data.haarcascades)
        self.face = self._cascade(cascade or shipped / FACE)
        self.eyes = [self._cascade(shipped / name) for name in EYES]

    def boxes(self, picture: Image.Image) -> list[Box]:
        """Of all faces, the largest first. Raises NotFound."""
        scale = min(1.0, LONGEST / max(picture.size))
        grey = self.cv2.equalizeHist(_grey(picture, scale))
        boxes = self.face.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(24, 24))
        if not len(boxes):
            raise NotFound("no face found")
        return sorted((Box(*(float(value) / scale for value in box)) for box in boxes), key=lambda box: -box.width)

    def faces(self, picture: Image.Image) -> list[Face]:
        """With their eyes, the largest first: also in the picture turned, by quarters where none is sure. Raises NotFound."""
        scale = min(1.0, LONGEST / max(picture.size))
        grey = _grey(picture, scale)
        found = self._search(grey, TILTS)
        if found.sure < CERTAIN and (quarter := self._quarter(picture, max(SURE_TURNED, 2 * found.sure))):
            turned = self._search(grey, [quarter + tilt for tilt in TILTS])
            found = turned if turned.pairs else found
        if not found.pairs:
            raise NotFound("no face with two visible eyes found")
        return [Face(*(tuple((point / scale).tolist()) for point in pair)) for pair in found.pairs]

    def _search(self, grey: np.ndarray, turns: Sequence[float], sure: int = 10) -> Found:
        """At the first of the turns, in degrees, that shows a face; `sure` is asked of those that are not upright."""
        for degrees in turns:
            pixels, back = turned(grey, degrees)
            least = sure if degrees else 5  # five looks find five times as much that is no face
            boxes, counts = self.face.detectMultiScale2(pixels, scaleFactor=1.1, minNeighbors=least, minSize=(24, 24))
            by_size = sorted(zip(boxes, counts), key=lambda one: -one[0][2])
            seen = [(int(count), eyes) for box, count in by_size if (eyes := self._eyes(pixels, box))]
            if seen:
                pairs = [tuple(back(point) for point in eyes) for _, eyes in seen]
                return Found(pairs, max(count for count, _ in seen))
        return Found([], 0)

    def _quarter(self, picture: Image.Image, sure: int) -> int | None:
        """By how much to turn a picture that lies on its side or stands on its head; None where nothing so sure shows."""
        small = _grey(picture, min(1.0, QUICK / max(picture.size)))
        found = {quarter: self._search(small, (quarter, quarter - 20, quarter + 20), sure).sure for quarter in QUARTERS}
        best = max(found, key=found.get)
        return best if found[best] >= sure else None

    def _eyes(self, grey: np.ndarray, box: Sequence[int]) -> tuple[np.ndarray, np.ndarray] | None:
        """Both eyes in the box of a face: the mean of what the cascades find, halfway to the iris."""
        x, y, width, height = box
        scale = FACE_SIDE / width
        part = grey[y + int(0.15 * height) : y + int(0.6 * height), x : x + width]
        part = self.cv2.resize(part, None, fx=scale, fy=scale, interpolation=self.cv2.INTER_CUBIC)
        limits = {"minSize": (FACE_SIDE // 9,) * 2, "maxSize": (FACE_SIDE * 2 // 5,) * 2}
        candidates = {False: [], True: []}  # by side: is it in the right half?
        for cascade in self.eyes:
            found = cascade.detectMultiScale(part, scaleFactor=1.05, minNeighbors=3, **limits)
            centres = sorted((-size, left + size / 2, top + size / 2) for left, top, size, _ in found)
            for half in candidates:
                mine = [centre[1:] for centre in centres if (centre[1] > FACE_SIDE / 2) == half]
                candidates[half] += mine[:1]
        if not all(candidates.values()):
            return None
        left, right = (np.mean(points, 0) for points in candidates.values())
        across = right - left
        if not (0.25 < np.hypot(*across) / FACE_SIDE < 0.65 and abs(across[1]) < 0.5 * across[0]):
            return None
        left, right = ((eye + self._iris(part, eye, np.hypot(*across))) / 2 for eye in (left, right))
        corner = np.array([x, y + int(0.15 * height)])
        return corner + left / scale, corner + right / scale

    def _iris(self, grey: np.ndarray, eye: np.ndarray, distance: float) -> np.ndarray:
        """The darkest disc near an eye. Boxes are whole pixels, and follow the lids; irises follow the gaze."""
        reach, radius = round(0.1 * distance), 0.06 * distance
        blurred = self.cv2.GaussianBlur(grey, (0, 0), radius)
        x, y = (max(0, int(value) - reach) for value in eye)
        window = blurred[y : y + 2 * reach + 1, x : x + 2 * reach + 1]
        row, column = np.unravel_index(window.argmin(), window.shape)
        return np.array([x + column + 0.5, y + row + 0.5])

    def _cascade(self, path: Path):
        try:
            with path.open("rb"):
                cascade = self.cv2.CascadeClassifier(str(path))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from None
        except (self.cv2.error, SystemError):
            cascade = None
        if cascade is None or cascade.empty():
            raise InputError(f"{path}: not a cascade that OpenCV can read")
        return cascade


def _opencv():
    try:
        import cv2
    except ImportError:
        others = "points by hand, and pictures cut already, do not"
        raise InputError(f"finding faces needs a package: pip install -e .[faces]; {others}") from None
    if not hasattr(cv2, "CascadeClassifier"):
        raise InputError(f"OpenCV {cv2.__version__} has no cascades any more: pip install -e .[faces] brings the last that has")
    return cv2


def _grey(picture: Image.Image, scale: float) -> np.ndarray:
    grey = picture.convert("L")
    if scale < 1:
        grey = grey.resize([max(1, round(length * scale)) for length in picture.size], Image.Resampling.BOX)
    return np.asarray(grey)


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

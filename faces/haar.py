"""Find faces and eyes by the cascades that come with OpenCV: what is at hand without the network of `mtcnn`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from errors import InputError
from faces.align import Box, Face, NotFound, turned

TILTS = (0, -20, 20, -40, 40)  # degrees that a picture is turned by until a face is found; cascades know upright ones
QUARTERS = (90, -90, 180)
LONGEST, QUICK = 1024, 512  # pixels of the picture that faces are looked for in, and for a first look
CERTAIN, SURE_TURNED = 20, 15  # finds of the cascade at one place: a face has 20 to 100, what is none 5 to 12
FACE_SIDE = 200  # pixels that a face is brought to before its eyes are looked for
FACE, EYES = "haarcascade_frontalface_default.xml", ("haarcascade_eye.xml", "haarcascade_eye_tree_eyeglasses.xml")


class Found(NamedTuple):
    pairs: list[tuple[np.ndarray, np.ndarray]]  # eyes
    sure: int  # finds of the cascade at the face that has most, 0 for none


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

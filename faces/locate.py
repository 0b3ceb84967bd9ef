"""Where the faces of photos are: by hand, from a table of points or boxes, by a cascade, or found by their eyes.

where = Locator()                                       # by their eyes, with the extra "faces"; or one of
where = Locator(landmarks=Path("points.csv"))           # eyes="205,102,247,104", boxes=Path(...), cascade=Path(...)
square = where.squares("me.jpg", picture)[0]            # of the largest face, or NoFace
face = align.cut(picture, square, 256)
"""

import csv
import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

from errors import InputError
from faces import align, haar, mtcnn
from faces.align import Box, Face, NoFace

CASCADE = "faces are found by OpenCV's cascade; the extra finds more, and their eyes more exactly: pip install -e .[faces]"


class Locator:
    """The squares of the faces of each photo.

    eyes:      "x,y,x,y" of one photo, see `parse_eyes`
    landmarks: a table of `read_faces`
    boxes:     a table of `read_boxes`
    cascade:   of OpenCV, see `haar.Finder`; it finds boxes
    expand:    how many times the longer side of a box its square is wide
    One of the four at most; without any, faces are found by their eyes: by `mtcnn.Finder`, or without its package by
    `haar.Finder`. Raises InputError for what cannot be read.
    """

    def __init__(
        self,
        *,
        eyes: str | None = None,
        landmarks: Path | None = None,
        boxes: Path | None = None,
        cascade: Path | None = None,
        expand: float = 1.5,
    ):
        self._eyes = parse_eyes(eyes) if eyes else None
        self._table = read_faces(landmarks) if landmarks else read_boxes(boxes) if boxes else {}
        self._path, self._boxes, self._expand = landmarks or boxes, bool(boxes or cascade), expand
        self._finder = None if eyes or self._path else haar.Finder(cascade) if cascade else _finder()

    @property
    def remark(self) -> str:
        """A line on the points that were given, or on how faces are found without the network; "" for nothing."""
        if self._eyes:
            return remark_on(self._eyes)
        return CASCADE if isinstance(self._finder, haar.Finder) and not self._boxes else ""

    def squares(self, name: str, picture: Image.Image) -> list[np.ndarray]:
        """Of all faces in a photo, in its pixels; the largest first, but for a table of boxes, which has its own order.

        name: by which a table knows the photo. Raises NoFace.
        """
        if self._finder:  # looks at the picture as it is; what is given is in pixels of its file
            faces = self._finder.boxes(picture) if self._boxes else self._finder.faces(picture)
            return [self._square(face) for face in faces]
        faces = self._eyes or of(self._table, name)
        if not faces:
            raise NoFace(f"not in {self._path}")
        return [align.as_decoded(self._square(face), picture) for face in (faces if self._boxes else [faces])]

    def _square(self, face: Box | Face) -> np.ndarray:
        return align.box_square(face, self._expand) if self._boxes else align.ffhq_square(face)


def _finder() -> mtcnn.Finder | haar.Finder:
    try:
        return mtcnn.Finder()
    except ImportError:
        return haar.Finder()


def of(table: dict, name: str):
    """What `read_faces` or `read_boxes` holds for a picture, by its path or by its name alone; None for nothing."""
    return table.get(name, table.get(Path(name).name))


def parse_eyes(text: str) -> Face:
    """The first is the left eye of the upright face: so a photo may lie on its side, or stand on its head.

    >>> parse_eyes("205,102,247,104")
    Face(left_eye=(205.0, 102.0), right_eye=(247.0, 104.0), mouth=None)
    """
    try:
        points = np.array([float(value) for value in text.split(",")])
        if len(points) != 4 or not np.isfinite(points).all():
            raise ValueError
    except ValueError:
        raise InputError("expected two points x,y,x,y in pixels") from None
    return Face(*(tuple(point) for point in points.reshape(2, 2).tolist()))


def remark_on(face: Face) -> str:
    """A line for eyes that were given from right to left, "" for others."""
    across, down = np.subtract(face.right_eye, face.left_eye)
    if -across <= abs(down):
        return ""
    return "the first is right of the second, so the photo is taken to stand on its head; if not, give the other first"


def read_faces(path: Path) -> dict[str, Face]:
    """Landmarks by file name: CSV lines `file,x,y,x,y,...`, or JSON {file: [[x, y], ...]}.

    2 points: eyes. 3: eyes, mouth. 5: eyes, nose, both corners of the mouth. 68: dlib's.
    """
    if path.suffix.lower() == ".json":
        table = _json(path)
    else:
        table = {name: np.reshape(values, (-1, 2)) if len(values) % 2 == 0 else [] for name, values in _csv(path)}
    faces = {}
    for name, points in table.items():
        try:
            faces[name] = _face(np.array(points, float))
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: {name}: {error}") from None
    return faces


def read_boxes(path: Path) -> dict[str, list[Box]]:
    """Boxes by file name: CSV lines `file,x,y,width,height`; several lines for several faces."""
    boxes: dict[str, list[Box]] = {}
    for name, values in _csv(path):
        if len(values) != 4 or min(values[2:]) <= 0:
            raise InputError(f"{path}: {name}: expected x,y,width,height, found {','.join(f'{v:g}' for v in values)}")
        boxes.setdefault(name, []).append(Box(*values))
    return boxes


def _face(points: np.ndarray) -> Face:
    if points.ndim != 2 or points.shape[1] != 2 or len(points) not in (2, 3, 5, 68) or not np.isfinite(points).all():
        raise ValueError("expected 2, 3, 5 or 68 points x,y")
    if len(points) == 68:
        points = np.stack([points[36:42].mean(0), points[42:48].mean(0), points[[48, 54]].mean(0)])
    elif len(points) == 5:
        points = np.stack([points[0], points[1], points[3:].mean(0)])
    elif len(points) == 2 and abs(points[1, 0] - points[0, 0]) >= abs(points[1, 1] - points[0, 1]):
        # Tables may mean the left of the photo or of the person; where it lies on its side, the first is meant.
        points = points[points[:, 0].argsort()]
    return Face(*(tuple(point) for point in points.tolist()))


def _csv(path: Path) -> list[tuple[str, list[float]]]:
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, (name, *values) in enumerate(row for row in csv.reader(file) if row):
                numbers = [*map(_number, values)]
                if number == 0 and set(numbers) == {None}:  # the names of the columns
                    continue
                if not all(value is not None and math.isfinite(value) for value in numbers):
                    raise InputError(f"{path}: {name}: {','.join(values)[:60]!r} are not all numbers")
                rows.append((name, numbers))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    return rows


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _json(path: Path) -> dict:
    try:
        table = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not isinstance(table, dict):
        raise InputError(f"{path}: expected {{file: [[x, y], ...]}}")
    return table

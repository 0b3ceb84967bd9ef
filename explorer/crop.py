"""The square that is cut out of a photo, as sliders move it and as a command is told it: by two eyes.

    crop = Crop.around(locator.squares("me.jpg", picture)[0])
    face = align.cut(picture, replace(crop, turn=crop.turn + 3).square(), 256)

Every square has two eyes in it, from which `align.ffhq_square` gives that square again.
"""

import math
from dataclasses import dataclass

import numpy as np

from faces import align
from faces.locate import parse_eyes

EYES_APART = 1 / 4  # of the side
CENTRE_BELOW = 0.1  # the eyes, in their distance


@dataclass(frozen=True)
class Crop:
    """x, y: the centre, and side, in pixels; turn: clockwise, in degrees."""

    x: float
    y: float
    side: float
    turn: float = 0.0

    @classmethod
    def around(cls, square: np.ndarray) -> "Crop":
        """The crop of corners as in `align`."""
        (x, y), across = square.mean(0).tolist(), square[3] - square[0]
        return cls(x, y, align.side(square), math.degrees(math.atan2(across[1], across[0])))

    def eyes(self) -> str:
        """ "x,y,x,y", the left one first, to a tenth of a pixel."""
        angle, apart = math.radians(self.turn), self.side * EYES_APART
        across = np.array([math.cos(angle), math.sin(angle)]) * apart
        middle = np.array([self.x, self.y]) - CENTRE_BELOW * np.array([-across[1], across[0]])
        return ",".join(f"{value:.1f}" for value in (*(middle - across / 2), *(middle + across / 2)))

    def square(self) -> np.ndarray:
        """Corners as in `align`, of the eyes as they are told."""
        return align.ffhq_square(parse_eyes(self.eyes()))

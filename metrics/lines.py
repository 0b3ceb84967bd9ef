"""Are the outlines of a drawing whole, or rows of dots? Without a network, and without knowing what is drawn.

    beads, lines = measure(cartoons)

On the crest of a dark line brightness bends sharply across and hardly along, on a dot it bends as much in both directions. Eyes
and corners do so as well: a value says something beside that of fresh pictures of the same kind (`beads` of rendered cartoons:
0.13, of the same with dotted lines 0.39).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SIGMA = 0.65  # pixels; of the Gaussian that the second derivatives look through: a dot of two pixels is seen
RADIUS = 3  # pixels, where that Gaussian ends
LEAST = 0.2  # bend across, from which on a crest counts, in brightness (-1 to 1) a square pixel
MARGIN = 4  # pixels at the edge, where pictures are cut


class Lines(NamedTuple):
    """beads: bend along the dark lines as a share of that across, 0 to 1; NaN without lines
    lines: share of the pixels that are crests of dark lines"""

    beads: float
    lines: float


def measure(images: Tensor) -> Lines:
    """images: [n, 3, height, width] in [-1, 1], all together."""
    across, along, direction = bends(images.mean(1, keepdim=True))
    counts = (across > LEAST) & _is_crest(across, direction)
    inner = counts[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    picked = F.pad(inner, [MARGIN] * 4)
    beads = along.abs()[picked].sum() / across[picked].sum()
    return Lines(float(beads), float(inner.float().mean()))


def bends(grey: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The second derivatives of [n, 1, height, width] at each pixel: the largest, that at right angles, and the first's angle.

    Positive where it is darker than beside. The angle is counted from the rows on, in radians.
    """
    place = torch.arange(-RADIUS, RADIUS + 1, dtype=grey.dtype, device=grey.device)
    smooth = torch.exp(-place.square() / (2 * SIGMA**2))
    smooth /= smooth.sum()
    first, second = -place / SIGMA**2 * smooth, (place.square() / SIGMA**4 - 1 / SIGMA**2) * smooth
    padded = F.pad(grey, [RADIUS] * 4, mode="replicate")
    yy, xx, xy = (
        F.conv2d(F.conv2d(padded, rows.view(1, 1, -1, 1)), columns.view(1, 1, 1, -1))
        for rows, columns in ((second, smooth), (smooth, second), (first, first))
    )
    mean, half = (xx + yy) / 2, torch.hypot((xx - yy) / 2, xy)
    return mean + half, mean - half, torch.atan2(2 * xy, xx - yy) / 2


def _is_crest(across: Tensor, direction: Tensor) -> Tensor:
    """Where no pixel beside the line bends more: [n, 1, height, width]."""
    height, width = across.shape[-2:]
    sides = torch.tensor([height, width], device=across.device)
    rows, columns = torch.meshgrid(*(torch.arange(side, device=across.device) for side in sides), indexing="ij")

    def beside(step: int) -> Tensor:
        place = torch.stack([columns + step * direction.cos(), rows + step * direction.sin()], -1)[:, 0]
        return F.grid_sample(across, place * 2 / (sides.flip(0) - 1) - 1, align_corners=True, padding_mode="border")

    return (across >= beside(1)) & (across >= beside(-1))

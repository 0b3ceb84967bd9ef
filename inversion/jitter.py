"""Photos cut and lit a little otherwise, as another finder of faces and another camera would have them."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

TURN, SCALE, SHIFT = math.radians(2), 0.04, 0.02  # standard deviations: of the angle, the log of the scale, parts of the side
LIGHT, CONTRAST = 0.08, 0.08  # of brightness, black and white being 2 apart, and of the log of contrast


def jittered(images: Tensor, strength: float, rng: torch.Generator) -> Tensor:
    """[batch, 3, size, size] in [-1, 1]; what lies beyond the edge is mirrored. strength: 0 changes nothing"""
    draw = lambda *shape: strength * torch.randn(len(images), *shape, generator=rng, device=images.device)
    angle, scale, shift = TURN * draw(), (SCALE * draw()).exp(), 2 * SHIFT * draw(2)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [torch.stack(row, 1) for row in ((cos, -sin, shift[:, 0]), (sin, cos, shift[:, 1]))]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    return (moved * (CONTRAST * draw(1, 1, 1)).exp() + LIGHT * draw(1, 1, 1)).clamp(-1, 1)

"""Colour augmentation: one random affine map of the RGB cube for each image (Karras et al. 2020, arXiv 2006.06676, App. B).

    C = sample_color(Draw(len(images), images.device), p=0.5)
    images = apply_color(images, C)

Colours are homogeneous columns (r, g, b, 1), with r, g and b in about -1 to 1.
"""

import math

import torch
from torch import Tensor

from augment.draw import Draw
from augment.matrices import compose, matrix

LN2 = math.log(2)


def sample_color(draw: Draw, p: float | Tensor) -> Tensor:
    """C, [batch, 4, 4]: five factors, each drawn for itself with probability p, the first acting first.

    Only C[:, :3] acts on colours; saturation scales the rest of the identity too, so C[:, 3, 3] is no constant.
    """
    return compose(
        draw.sometimes(p, brightness(draw.normal(0.2))),
        draw.sometimes(p, contrast(draw.lognormal(0.5 * LN2))),
        draw.sometimes(p, luma_flip(draw.either(0, 1))),
        draw.sometimes(p, hue(draw.uniform(-math.pi, math.pi))),
        draw.sometimes(p, saturation(draw.lognormal(LN2))),
    )


def apply_color(images: Tensor, C: Tensor) -> Tensor:
    """C[:3, :3] x + C[:3, 3] at every pixel x.

    images: [batch, 3, height, width]
    C:      [batch, 4, 4]
    """
    C = C.to(images.dtype)
    return torch.baddbmm(C[:, :3, 3:], C[:, :3, :3], images.flatten(2)).view_as(images)


def brightness(b: Tensor) -> Tensor:
    """Add b to all three channels."""
    return matrix((1, 0, 0, b), (0, 1, 0, b), (0, 0, 1, b), (0, 0, 0, 1))


def contrast(s: Tensor) -> Tensor:
    """Scale about mid-grey, which is 0."""
    return matrix((s, 0, 0, 0), (0, s, 0, 0), (0, 0, s, 0), (0, 0, 0, 1))


def luma_flip(i: Tensor) -> Tensor:
    """Where i is 1, reflect in the plane across the grey axis v: I - 2 i v v^T. Dark and light change places, hue stays."""
    return torch.eye(4, device=i.device) - 2 * i[:, None, None] * _luma(i.device)


def hue(angle: Tensor) -> Tensor:
    """Rotate about the grey axis v by `angle` radians: cos I + sin [v]x + (1 - cos) v v^T (Rodrigues)."""
    cos, sin, luma = angle.cos(), angle.sin() / math.sqrt(3), (1 - angle.cos()) / 3
    a, b, c = cos + luma, luma - sin, luma + sin
    return matrix((a, b, c, 0), (c, a, b, 0), (b, c, a, 0), (0, 0, 0, 1))


def saturation(s: Tensor) -> Tensor:
    """Scale the distance from the grey axis v: v v^T + (I - v v^T) s."""
    luma = _luma(s.device)
    return luma + (torch.eye(4, device=s.device) - luma) * s[:, None, None]


def _luma(device: torch.device) -> Tensor:
    """v v^T of the grey axis v = (1, 1, 1, 0) / sqrt(3), the projection of a colour on its luma; [4, 4]."""
    v = (torch.arange(4, device=device) < 3).float()  # made where it lies: a CUDA graph cannot copy from the host
    return torch.outer(v, v) / 3

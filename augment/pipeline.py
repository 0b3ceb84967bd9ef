"""The augmentation pipeline: geometry, then colour (Karras et al. 2020, arXiv 2006.06676, App. B).

    fake_pred = discriminator(augment(fake, p=0.4))

To repeat an augmentation, draw its matrices first:

    matrices = sample_matrices(batch=8, height=256, width=256, p=0.4)
    one, other = transform(images, *matrices), transform(masks, *matrices)
"""

import torch
from torch import Tensor

from augment.color import apply_color, sample_color
from augment.draw import Draw
from augment.geometric import apply_geometric, sample_geometric
from augment.matrices import affine_inverse


def augment(images: Tensor, p: float | Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Images with each of 13 random changes applied with probability p, for each image on its own.

    images:    [batch, 3, height, width], float32 or float64, about -1 to 1, any memory layout
    p:         0 to 1; at the number 0 the images come back as the same tensor. A tensor [] is not looked at: its 0 is like
               any other probability, and the numbers drawn are as many
    generator: for repeatable draws; it lives on the images' device

    Differentiable in the images to any order, so R1 goes through it. Raises ValueError for another p, TypeError for images
    of lower precision.
    """
    if not isinstance(p, Tensor):
        if not 0 <= p <= 1:
            raise ValueError(f"p={p}: expected a probability, 0 to 1")
        if p == 0:
            return images
    batch, _, height, width = images.shape
    return transform(images, *sample_matrices(batch, height, width, p, device=images.device, generator=generator))


def sample_matrices(
    batch: int,
    height: int,
    width: int,
    p: float | Tensor,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """(G_inverse [batch, 3, 3], C [batch, 4, 4]): where each pixel comes from, and what becomes of its colour."""
    with _full_precision(device):
        draw = Draw(batch, device, generator)
        G = sample_geometric(draw, p, height, width)
        C = sample_color(draw, p)
        return affine_inverse(G), C


def transform(images: Tensor, G_inverse: Tensor, C: Tensor) -> Tensor:
    """Apply given matrices: the geometry first, then the colours. Shapes as in `augment` and `sample_matrices`."""
    with _full_precision(images.device):
        return apply_color(apply_geometric(images, G_inverse), C)


def _full_precision(device: torch.device | str) -> torch.autocast:
    """No mixed precision inside: positions and filters in bfloat16 would show in the images."""
    return torch.autocast(torch.device(device).type, enabled=False)

"""DiffAugment: colour, translation and cutout on every image, always (Zhao et al. 2020, arXiv 2006.10738, Sec. 3.2).

    augmented = DiffAugment()
    fake_pred = discriminator(augmented(fake))

Nothing adapts: the same strength from the first image to the last, of real and of generated images.
"""

import torch
from torch import Tensor

from augment.base import Augmentation
from augment.draw import Draw

SHIFT = 1 / 8  # of the image's size, the furthest that it moves
SQUARE = 1 / 2  # of the image's size, the side of the square that is cut out


class DiffAugment(Augmentation):
    """The policy "color, translation, cutout", each image on its own."""

    name = "diff"

    def __call__(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        draw = Draw(len(images), images.device, rng)
        return cutout(translate(recolour(images, draw), draw), draw)


def recolour(images: Tensor, draw: Draw) -> Tensor:
    """Brightness: + b; saturation: times s about the grey of each pixel; contrast: times c about the mean of the image.

    b in -0.5 to 0.5, s in 0 to 2, c in 0.5 to 1.5. The three commute, but for b, which moves the mean along.
    """
    b, s, c = (draw.uniform(*limits)[:, None, None, None] for limits in ((-0.5, 0.5), (0, 2), (0.5, 1.5)))
    images = images + b
    grey = images.mean(1, keepdim=True)
    images = grey + s * (images - grey)
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + c * (images - mean)


def translate(images: Tensor, draw: Draw) -> Tensor:
    """Shift by whole pixels, up to SHIFT of the size in each direction; 0 moves in."""
    batch, _, height, width = images.shape
    y, x = (round(SHIFT * size) for size in (height, width))
    padded = torch.nn.functional.pad(images, (x, x, y, y))
    rows = draw.integers(0, 2 * y)[:, None] + torch.arange(height, device=images.device)
    columns = draw.integers(0, 2 * x)[:, None] + torch.arange(width, device=images.device)
    image = torch.arange(batch, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(images: Tensor, draw: Draw) -> Tensor:
    """0 in a square of SQUARE of the size, whose centre is any pixel: at the edge, less of it is cut out."""
    beside = [_beside(size, draw, images.device) for size in images.shape[-2:]]
    kept = beside[0][:, None, :, None] | beside[1][:, None, None, :]
    return images * kept


def _beside(size: int, draw: Draw, device: torch.device) -> Tensor:
    """[batch, size]: the places of one axis that lie outside the square."""
    side = round(SQUARE * size)
    first = draw.integers(0, size - 1)[:, None] - side // 2
    place = torch.arange(size, device=device)
    return (place < first) | (place >= first + side)

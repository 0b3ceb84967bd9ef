"""Pictures through a trained translator.

for result in translated(generator, [photo], size=256):
    result.image.save("cartoon.png")
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import utils
from errors import InputError
from faces import align, paste
from translation import sheets
from translation.networks import LEAST_SIZE, Generator

USUAL = 256  # pixels, of a light network whose file names no size


class Result(NamedTuple):
    """given: the picture as it came; heat: what the network looked at, from blue (little) to red (much)."""

    given: Image.Image
    image: Image.Image
    heat: Image.Image


@torch.no_grad()
def translations(generator: Generator, images: Sequence[Tensor], device: torch.device, batch: int = 8) -> Iterator[Tensor]:
    """Of a data set, uint8 [3, size, size] each: batches [N, 3, size, size], in 8 bits as a file would hold them."""
    for start in range(0, len(images), batch):
        pixels = torch.stack([images[i] for i in range(start, min(start + batch, len(images)))])
        yield utils.as_stored(generator(utils.from_pixels(pixels.to(device)))[0])


def size_for(generator: Generator, wanted: int | None = None) -> int:
    """The side at which it translates. Raises InputError for one that its layers, or a full network, cannot take."""
    size = wanted or generator.size or USUAL
    if size % 4 or size < LEAST_SIZE:
        raise InputError(f"the network needs a side divisible by 4, from {LEAST_SIZE} px on")
    if not generator.light and size != generator.size:
        raise InputError(
            f"a full network translates at the {generator.size} px that it was trained at only; a light one at any"
        )
    return size


def translated(generator: Generator, pictures: Iterable[Image.Image], size: int, batch: int = 8) -> Iterator[Result]:
    """Of each picture, stretched to a square first: translation and heat map, size x size."""
    pictures = iter(pictures)
    while chunk := [*itertools.islice(pictures, batch)]:
        tiles = [picture.resize((size, size), Image.Resampling.BILINEAR) for picture in chunk]
        yield from map(Result, chunk, *_both(generator, tiles))


def faces_translated(
    generator: Generator, pictures: Iterable[Image.Image], size: int, squares: Callable[[Image.Image], Sequence[np.ndarray]]
) -> Iterator[Result]:
    """Of each picture its faces alone, cut out, translated and put back: the picture as large as it was; the heat map likewise,
    and black beside the faces. A picture without faces stays as it is.

    squares: of the faces of a picture, as of `faces.locate`; for none it raises NoFace or gives none
    """
    for picture in pictures:
        image, heat = picture, Image.new("RGB", picture.size)
        for square in squares(picture):
            (changed,), (warmth,) = _both(generator, [align.cut(picture, square, size)])
            image, heat = paste.pasted(image, changed, square), paste.pasted(heat, warmth, square)
        yield Result(picture, image, heat)


@torch.no_grad()
def _both(generator: Generator, tiles: Sequence[Image.Image]) -> tuple[list[Image.Image], list[Image.Image]]:
    """Translations and heat maps of pictures of one size."""
    image, _, heatmap = generator(utils.from_pictures(tiles).to(generator.device))
    return utils.to_pictures(image), utils.to_pictures(sheets.heat(heatmap, image.shape[2:]))

"""Pictures of a translation: the published sheet of seven rows, and heat maps of what the CAM looked at.

seven_rows({"A2B": generator, "B2A": generator}, "A2B", photos).save("A2B.png")
"""

from collections.abc import Callable, Mapping

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

import utils

CHUNK = 4  # pictures translated at a time
Way = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]  # a generator


@torch.no_grad()
def seven_rows(generators: Mapping[str, Way], way: str, images: Tensor) -> Image.Image:
    """As published, a column for each picture: it; CAM and output of the generator into its own domain; CAM and output of the
    translation; CAM and output of the way back.

    way: "A2B" or "B2A"; images: [N, 3, H, W] of its first domain
    """
    there, back = generators[way], generators[f"{way[2]}2{way[0]}"]
    return grid([column for chunk in images.split(CHUNK) for column in zip(*_seven(there, back, chunk), strict=True)])


@torch.no_grad()
def two_rows(generators: Mapping[str, Way], way: str, images: Tensor, real: bool = True) -> Image.Image:
    """As Face2webtoon: a column for each picture, its translation below it; without `real` the translation alone."""
    translated = generators[way](images)[0]
    return grid([*zip(*([images, translated] if real else [translated]), strict=True)])


def _seven(there: Way, back: Way, images: Tensor) -> list[Tensor]:
    """Seven times [N, 3, H, W]."""
    rows = [images]
    translated = there(images)
    for image, _, heatmap in (back(images), translated, back(translated[0])):
        rows += [heat(heatmap, images.shape[2:]), image]
    return rows


def heat(heatmap: Tensor, size: tuple[int, int]) -> Tensor:
    """[N, 1, h, w] -> pictures [N, 3, *size] from blue (least) over green to red (most), each scaled to its own range.

    A map that is the same everywhere is all blue.
    """
    heatmap = heatmap.float() - heatmap.float().amin((2, 3), keepdim=True)
    heatmap = heatmap / heatmap.amax((2, 3), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return jet(F.interpolate(heatmap, size, mode="bilinear", align_corners=False))


def jet(values: Tensor) -> Tensor:
    """[N, 1, H, W] in [0, 1] -> [N, 3, H, W] in [-1, 1]: three slopes of 4, red about 3/4, green 1/2 and blue 1/4."""
    distance = (4 * values - values.new_tensor([3.0, 2.0, 1.0]).view(1, 3, 1, 1)).abs()
    return 2 * (1.5 - distance).clamp(0, 1) - 1


def grid(columns: list[tuple[Tensor, ...]]) -> Image.Image:
    """Pictures [3, H, W] in columns, edge to edge."""
    whole = torch.cat([torch.cat([image.cpu() for image in column], 1) for column in columns], 2)
    return utils.to_pictures(whole[None])[0]


def stacked(pictures: Mapping[str, Image.Image]) -> Image.Image:
    """One above the other, on white."""
    width = max(picture.width for picture in pictures.values())
    height = sum(picture.height + utils.GAP for picture in pictures.values())
    whole, y = Image.new("RGB", (width, height), utils.PAPER), 0
    for picture in pictures.values():
        whole.paste(picture, (0, y))
        y += picture.height + utils.GAP
    return whole

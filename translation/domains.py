"""The pictures of the two domains: the published folders, or whatever else holds pictures.

dataset/NAME/  trainA/  trainB/  testA/  testB/          each flat or nested; for few-shot groups trainA/0, trainA/1, ...
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from data.unpaired import InTurn, Unpaired, turns
from dataset import Batches, Images, SourceImages
from errors import InputError
from running import parallel

STRETCHED = 1.2  # times; a picture farther from a square is pointed at


class Stretched(SourceImages):
    """Pictures made square as published: width and height resized each on its own, bilinearly, nothing cut off."""

    remedy = "remove it, or let prepare_data.py say what can be used"

    def __init__(self, path: Path, size: int):
        super().__init__(path, size)
        self.stretched: dict[int, float] = {}

    def remarks(self) -> list[str]:
        much = sum(factor > STRETCHED for factor in self.stretched.values())
        if not much:
            return []
        return [f"{self.path}: {much} of {len(self.stretched)} pictures are no squares, and are stretched to be some"]

    def _picture(self, index: int) -> Image.Image:
        picture = self._source.picture(self._items[index]).picture
        self.stretched[index] = max(picture.size) / min(picture.size)
        return picture.resize((self.size, self.size), Image.Resampling.BILINEAR)


def place(dataset: str, root: Path = Path("dataset")) -> Path:
    """The folder of a published name: dataset/NAME, or the folder itself where one is named. Raises InputError."""
    for folder in (root / dataset, Path(dataset)):
        if folder.is_dir():
            return folder
    raise InputError(f"no folder {root / dataset}; put trainA, trainB, testA and testB into it")


def opened(path: Path, size: int) -> Stretched:
    """Raises InputError, one line beginning with the path, for what is missing or holds no pictures."""
    if not path.exists():
        raise InputError(f"{path}: no such folder; it should hold the pictures of a domain")
    return Stretched(path, size)


def grouped(path: Path, groups: Sequence[int], size: int) -> dict[int, Stretched]:
    """{group: its pictures} of the folders 0, 1, ... of a domain."""
    missing = [str(path / str(group)) for group in groups if not (path / str(group)).is_dir()]
    if missing:
        raise InputError(f"{', '.join(missing)}: no such folder; each group has one in {path}, named by its number")
    return {group: opened(path / str(group), size) for group in groups}


def stream(images: Images, batch: int, seed: int, flip: bool, position: int, workers: int = 2) -> Batches:
    """This process's share of a domain, from `position` on, with all that fits into memory decoded now."""
    batches = Batches(images, batch, seed, flip, position, parallel.rank(), parallel.world_size(), workers)
    batches.fill()
    return batches


def unpaired(a: Images, b: Images, batch: int, seed: int, position: int, flip: bool = True, workers: int = 2) -> Unpaired:
    """Both domains; the seeds differ, so that sets of equal size do not go in step."""
    seeds = 2 * seed, 2 * seed + 1
    return Unpaired(*(stream(one, batch, of, flip, position, workers) for one, of in zip((a, b), seeds, strict=True)))


def in_turn(a: Mapping[int, Images], b: Mapping[int, Images], batch: int, seed: int, position: int) -> InTurn:
    """The groups of both domains in turn; not mirrored and not cut, as published."""
    step = batch * parallel.world_size()
    done = turns([*a], position // step)
    streams = {g: unpaired(a[g], b[g], batch, seed, step * done[g], flip=False, workers=1) for g in a}
    return InTurn(streams, All([*a.values()]), position, step)


class All(Sequence):
    """Several sets, one after the other."""

    def __init__(self, sets: Sequence[Images]):
        self.sets = sets

    def __len__(self) -> int:
        return sum(map(len, self.sets))

    def __getitem__(self, index: int) -> Tensor:
        for images in self.sets:
            if index < len(images):
                return images[index]
            index -= len(images)
        raise IndexError(index)


def spread(images: Sequence[Tensor], count: int, size: int) -> Tensor:
    """`count` pictures, evenly spread over a set, from the first on: uint8 [count or fewer, 3, size, size], margins cut off."""
    count = min(count, len(images))
    shown = torch.stack([images[i * len(images) // count] for i in range(count)])
    edge = (shown.shape[-1] - size) // 2
    return shown[:, :, edge : edge + size, edge : edge + size]

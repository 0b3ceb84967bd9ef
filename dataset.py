"""Training images, and an endless, repeatable stream of batches of them that can go on from any position.

    images = open_images("faces.lmdb", size=256)
    with Batches(images, batch=8, seed=0) as batches:
        for real in batches:
            ...

The images may as well lie in a folder, a zip or a film, or be one picture; `real` is uint8 [8, 3, 256, 256].
"""

import contextlib
import io
import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import utils
from data import squares, store
from data.decode import Unreadable, reasons
from data.formats import FORMATS
from data.sources import open_source, sorted_out, tally
from errors import InputError

LOOKED_AT = 64  # pictures of a set that is not kept in memory, to tell how they are cut


def open_images(path: str | Path, size: int | None = None) -> "Images":
    """The images at `path`: an LMDB written by prepare_data.py, a folder, a zip, a film, or one picture.

    size: side in pixels. An LMDB with one size needs none; whatever else always does.

    Raises InputError, beginning with the path, when there is nothing usable; it names what would be.
    """
    path = Path(path)
    if store.is_store(path):
        return LmdbImages(path, size)
    if not path.exists():
        partial = path.with_name(path.name + ".partial")
        hint = "prepare_data.py has not finished it; run it again" if partial.exists() else "prepare_data.py makes a data set"
        raise InputError(f"{path}: no such file or folder; {hint}")
    return SourceImages(path, size)


class Images(Sequence):
    """Equally sized pictures by number: `images[i]` is a uint8 tensor [3, size, size]. Can be sent to other processes."""

    remedy = store.AGAIN
    refused: ClassVar[dict[str, str]] = {}  # files that give no picture: name -> reason
    passed_over: Sequence[str] = ()  # hidden files, and those of operating systems

    def __init__(self, path: Path, size: int, length: int):
        self.path, self.size, self._length = path, size, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Tensor:
        """Raises InputError naming the picture when it cannot be decoded."""
        index = range(len(self))[index]
        try:
            picture = self._picture(index)
            if picture.size != (self.size, self.size):
                raise Unreadable(f"{picture.width} x {picture.height} pixels")
        except Unreadable as reason:
            raise InputError(f"{self.path}: {self.name(index)} cannot be used ({reason}); {self.remedy}") from None
        return utils.pixels_of([picture])[0].contiguous()

    def name(self, index: int) -> str:
        """What to call this picture in a message."""
        raise NotImplementedError

    def keep(self, count: int) -> None:
        """Only the first `count` of them from now on."""
        self._length = min(self._length, count)

    def summary(self) -> str:
        """One line: how many pictures are used, and what else was there, with the reasons."""
        return f"{self.path}: {tally(len(self))} of {self.size} px"

    def remarks(self) -> list[str]:
        """What cutting does to the pictures seen so far, where it does much: after `Batches.fill`, to all that are kept."""
        return []

    def _picture(self, index: int) -> Image.Image:
        """RGB, cut to size. Raises Unreadable."""
        raise NotImplementedError


class LmdbImages(Images):
    """One size of a data set written by prepare_data.py, ours or the reference's."""

    def __init__(self, path: Path, size: int | None):
        length, sizes = store.length(path), store.sizes(path)
        if size is None and len(sizes) == 1:
            size = sizes[0]
        if size not in sizes:
            wanted = "several sizes" if size is None else f"no size {size}"
            prepared = "; prepare_data.py stores others" if size and sizes else ""
            raise InputError(f"{path}: holds {wanted}; stored are {', '.join(map(str, sizes)) or 'none'}{prepared}")
        super().__init__(path, size, length)
        if not length or store.read(path, store.key(size, length - 1)) is None:
            raise InputError(f"{path}: holds fewer than the {length} images it should at size {size}; {store.AGAIN}")

    def name(self, index: int) -> str:
        return f"image {store.key(self.size, index).decode()}"

    def _picture(self, index: int) -> Image.Image:
        data = store.read(self.path, store.key(self.size, index))
        with reasons():
            if not data:
                raise Unreadable("missing")
            return Image.open(io.BytesIO(data), formats=FORMATS).convert("RGB")


class SourceImages(Images):
    """The pictures of a folder, zip or film, cut to size when asked for, as prepare_data.py would. Their first bytes tell."""

    remedy = "remove it, or let prepare_data.py sort out what can be used"

    def __init__(self, path: Path, size: int | None):
        self._source = open_source(path)
        if size is None:
            raise InputError(f"{path}: pictures that are not prepared need a size to be cut to")
        self._items, self.refused = sorted_out(self._source)
        self.passed_over, self._cuts = self._source.passed_over, {}
        if not self._items:
            raise InputError(f"{path}: holds no pictures: {tally(0, self.refused.values(), self.passed_over)}")
        super().__init__(path, size, len(self._items))

    def name(self, index: int) -> str:
        return self._items[index].name

    def summary(self) -> str:
        return f"{self.path}: {tally(len(self), self.refused.values(), self.passed_over)}"

    def remarks(self) -> list[str]:
        if not self._cuts:  # a large set, of which none was needed yet: some tell enough
            for index in range(0, len(self), math.ceil(len(self) / LOOKED_AT)):
                with contextlib.suppress(Unreadable):
                    self._picture(index)
        seen = f"of {tally(len(self._cuts))}"
        said = squares.remarks(self._cuts.values())
        lines = [f"{seen} {', '.join(said)}: {squares.remedy(said)}"] if said else []
        soft = [cut.enlarged for cut in self._cuts.values() if 1 < cut.enlarged <= squares.MUCH]
        remedy = "what is drawn will be as soft; larger pictures, or a smaller network, are better"
        return [
            *lines,
            *([f"{seen} {len(soft)} enlarged to {self.size} px, up to {max(soft):.2g} times: {remedy}"] if soft else []),
        ]

    def _picture(self, index: int) -> Image.Image:
        picture = self._source.picture(self._items[index]).picture
        self._cuts[index] = squares.cut(picture.size, self.size)
        return squares.square(picture, self.size)


class Batches(Iterator[Tensor], contextlib.AbstractContextManager):
    """Endless uint8 batches [batch, 3, size, size], all of them a function of (images, seed, position).

    The images come in an endless row of permutations, a new one for each pass over them, every second image mirrored by
    chance; `position` counts the images drawn by all ranks together, and a stream made with it goes on exactly there.
    Rank r of `world` gets its slice of each global batch of batch * world images.

    workers: threads, each making one of the next batches; the result does not depend on them
    memory:  bytes; a set that fits into them decoded is kept so
    pinned:  in memory that a GPU reads without making the host wait
    """

    def __init__(
        self,
        images: Images,
        batch: int,
        seed: int = 0,
        flip: bool = True,
        position: int = 0,
        rank: int = 0,
        world: int = 1,
        workers: int = 2,
        memory: int = 2**30,
        pinned: bool = False,
    ):
        self.images, self.batch, self.seed, self.flip, self.position = images, batch, seed, flip, position
        self.rank, self.world, self._workers, self._pinned = rank, world, workers, pinned
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._kept: dict[int, Tensor] | None = {} if len(images) * 3 * images.size**2 <= memory else None
        self._ahead: deque[Future] = deque()
        self._requested = position
        self._epoch, self._order, self._mirrored = -1, None, None

    def __next__(self) -> Tensor:
        while len(self._ahead) <= self._workers:  # one to return, the others are made meanwhile
            self._ahead.append(self._request())
        batch = self._ahead.popleft().result()
        self.position += self.batch * self.world
        return batch

    def fill(self) -> None:
        """Decode a set that is kept, now: an image that cannot be used raises before the first batch, not in the night."""
        if self._kept is not None:
            for _ in self._pool.map(self._image, range(len(self.images))):
                pass

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(cancel_futures=True)

    def __exit__(self, *_) -> None:
        self.close()

    def _request(self) -> Future:
        """This rank's slice of the next global batch, being made."""
        first = self._requested + self.rank * self.batch
        self._requested += self.batch * self.world
        return self._pool.submit(self._make, [self._draw(first + i) for i in range(self.batch)])

    def _make(self, draws: list[tuple[int, bool]]) -> Tensor:
        images = [self._image(index) for index, _ in draws]
        batch = torch.stack([image.flip(-1) if mirrored else image for image, (_, mirrored) in zip(images, draws, strict=True)])
        if self._pinned:
            with contextlib.suppress(RuntimeError):  # the system has no more of it: slower, and all the same
                return batch.pin_memory()
        return batch

    def _draw(self, position: int) -> tuple[int, bool]:
        """Which image stands at `position` of the stream, and whether it is mirrored."""
        epoch, offset = divmod(position, len(self.images))
        if epoch != self._epoch:
            random = np.random.default_rng([self.seed, epoch])
            self._order = random.permutation(len(self.images))
            self._mirrored = random.random(len(self.images)) < 0.5
            self._epoch = epoch
        return int(self._order[offset]), self.flip and bool(self._mirrored[offset])

    def _image(self, index: int) -> Tensor:
        if self._kept is None:
            return self.images[index]
        if index not in self._kept:
            self._kept[index] = self.images[index]
        return self._kept[index]

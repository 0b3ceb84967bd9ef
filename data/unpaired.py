"""Endless batches of two domains that know nothing of each other, and of groups of both in turn.

both = Unpaired(batches_of_photos, batches_of_cartoons)
photos, cartoons = next(both)
"""

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor


class Unpaired(Iterator):
    """Two streams, each in an order of its own, side by side; their `position` moves together."""

    def __init__(self, first: Iterator[Tensor], second: Iterator[Tensor]):
        self.first, self.second = first, second
        self.images: Sequence[Tensor] = first.images
        self.batch: int = first.batch

    @property
    def position(self) -> int:
        return self.first.position

    def __next__(self) -> tuple[Tensor, Tensor]:
        return next(self.first), next(self.second)


class InTurn(Iterator):
    """A batch of each group in turn, so that all are seen equally often, however few pictures one has: (A, B, group).

    streams: {group: its Unpaired}, in their order, made for the positions that `turns` gives
    """

    def __init__(self, streams: Mapping[int, Unpaired], images: Sequence[Tensor], position: int, step: int):
        self.streams, self.images, self.position, self.step = dict(streams), images, position, step
        self.batch = next(iter(self.streams.values())).batch

    def __next__(self) -> tuple[Tensor, Tensor, int]:
        group = [*self.streams][self.position // self.step % len(self.streams)]
        self.position += self.step
        return *next(self.streams[group]), group


def turns(groups: Sequence[int], steps: int) -> dict[int, int]:
    """How often each group had its turn in so many steps.

    >>> turns((0, 2, 3), 4)
    {0: 2, 2: 1, 3: 1}
    """
    return {group: (steps - place + len(groups) - 1) // len(groups) for place, group in enumerate(groups)}

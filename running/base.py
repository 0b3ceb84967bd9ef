"""What a run asks of that which it trains, and how a step says what it has computed."""

from collections.abc import Sequence
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from running.guard import FiniteGuard


class Statistic(str):
    """The name of a value that a step tells beside its losses: {"d": loss, Statistic("real_score"): mean}.

    It is averaged and written as a loss is, but is no curve among the losses.
    """

    __slots__ = ()


Logs = dict[str, Tensor]  # of one iteration: {name: a number on the device}


class Trainable(Protocol):
    """Networks, and all that the next step depends on.

    iteration: finished ones
    guard:     counts the updates that were turned off
    """

    iteration: int
    guard: FiniteGuard

    @property
    def device(self) -> torch.device: ...

    def networks(self) -> dict[str, nn.Module]:
        """What has to be equal in all processes."""

    def state_dict(self) -> dict[str, object]:
        """Plain values and tensors from which `load_state_dict` goes on exactly; every process asks for it."""

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Raises InputError naming the key that is missing or does not fit."""

    def figures(self) -> dict[str, float]:
        """What a line of statistics tells as it is at its end."""

    def sheet(self, count: int) -> Image.Image:
        """Pictures that show how far the training is, always of the same `count` inputs."""


class Stream(Protocol):
    """Endless batches, as dataset.Batches.

    images:   the training pictures, uint8 [3, height, width] each: how many make an epoch, the first ones for reals.png
    batch:    pictures in each, of this process
    position: pictures that all processes have drawn; a stream that is made with it goes on exactly
    """

    images: Sequence[Tensor]
    batch: int
    position: int

    def __next__(self) -> object: ...

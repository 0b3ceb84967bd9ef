"""What a transfer method is: its own flags, up to four hooks that decide something, and two that tell of it.

A module in this folder imports torch inside its hooks only, so that `train.py --help` stays instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cli import Parser

if TYPE_CHECKING:
    import argparse

    from torch import Tensor, nn

    from model import Discriminator, Generator, Stage


class Term(NamedTuple):
    """An extra loss of the generator. The value is logged without its weight."""

    value: Tensor
    weight: float


@dataclass
class GeneratorBatch:
    """One forward pass of the trained generator, and the means to make the source's pass comparable.

    w:        [batch, n_latent, style_dim], what the images were made from
    w_source: the same z through the source's mapping network, mixed at the same layer
    noise:    one [batch, 1, res, res] for each convolution
    stages:   feature maps and image after each resolution, 4x4 first; the last image is the fake
    """

    w: Tensor
    w_source: Tensor | None
    noise: list[Tensor]
    stages: list[Stage]
    source: Generator | None

    def source_stages(self) -> Iterator[Stage]:
        """The source's stages for the same z, mixing and noise, 4x4 first. Lazy: ask for as many as needed."""
        return self.source.stages(self.w_source, self.noise)


class TransferMethod:
    """A way to turn the source into the target. Subclasses override the hooks they need and are listed in METHODS.

    On a GPU the hooks of a step run in its first calls, and as a CUDA graph from then on. Where a Python number among its
    attributes changes, the steps go on without graphs: what changes often is a tensor, updated in place.
    """

    needs_source = False  # True: refuses to run without --ckpt, and gets the source's latents and generator
    needs_discriminator = False  # True: refuses a --ckpt without one
    alone = False  # True: what it asks for can be learnt without pictures
    pictures = True  # whether the run has pictures to learn from; decided before the hooks are asked
    terms: tuple[str, ...] = ()  # names of its losses that have a place among the others; new ones follow them
    may_change: tuple[str, ...] = ()  # names of its flags that a run which goes on may change; the others stay as it began

    @classmethod
    def add_arguments(cls, group: argparse._ArgumentGroup) -> None:
        """Declare the method's flags; one that does nothing without another: group.needs("--one", "--other")."""

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> TransferMethod | None:
        """The method as its own flags ask for it, None when they do not."""

    @classmethod
    def flags(cls) -> dict[str, object]:
        """{name of each of its flags: default}."""
        parser = Parser("", "train.py")
        general = {action.dest for action in parser._actions}
        cls.add_arguments(parser.add_argument_group())
        return {action.dest: action.default for action in parser._actions if action.dest not in general}

    def frozen_parameters(self, generator: Generator, discriminator: Discriminator) -> Iterable[nn.Parameter]:
        """Parameters that never train, set to what they stay at. Asked once, before the average and the optimizers exist."""
        return ()

    def blend_latents(self, w: Tensor, w_source: Tensor | None) -> Tensor:
        """The latents [batch, n_latent, style_dim] that every image is made from, in every phase and in samples."""
        return w

    def generator_losses(self, batch: GeneratorBatch) -> dict[str, Term]:
        """Extra terms of the generator's loss, by the name under which they are logged."""
        return {}

    def saved_entries(self, generator: Generator, source: Generator | None) -> dict[str, object]:
        """What a checkpoint must carry beside the networks so that other commands make the same images."""
        return {}

    def costs(self, generator: Generator, batch: int) -> tuple[float, float, int, int]:
        """Beside the four steps: passes of a generator and further operations a picture, bytes once and for each picture."""
        return 0, 0, 0, 0

    def describe(self, generator: Generator, discriminator: Discriminator) -> str:
        """One line for the user, after freezing was decided."""
        return type(self).__name__

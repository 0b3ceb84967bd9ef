"""A run: what is trained, on what, how long, and what is written. It knows no network."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from running.base import Stream, Trainable
from running.evaluation import Evaluation

Watch = Callable[[dict[str, float]], list[str]]


@dataclass
class Run:
    """A training before its first (or next) iteration, and what to tell the user about it.

    args:        the flags, with everything decided
    options:     all of them as plain values, for options.json and the checkpoints
    images:      the training pictures, uint8 [3, height, width] each: how many make an epoch, the first ones for reals.png
    total_batch: pictures of one iteration over all processes
    remarks:     lines for the user before the first iteration
    beside:      what a checkpoint holds beside the state, the same through the whole run
    losses:      in the order of progress line and chart; those of other names follow
    told:        statistics and figures that the progress line tells as well
    watch:       (the run's folder) -> (a line of statistics) -> what to say of it
    saved_at:    the iteration of the newest checkpoint
    """

    args: argparse.Namespace
    options: dict[str, object]
    state: Trainable
    batches: Stream
    images: Sequence[Tensor]
    total_batch: int
    remarks: list[str] = field(default_factory=list)
    beside: dict[str, object] = field(default_factory=dict)
    losses: Sequence[str] = ()
    told: Sequence[str] = ()
    watch: Callable[[Path], Watch] = lambda folder: lambda line: []
    evaluation: Evaluation | None = None
    saved_at: int | None = None

    @property
    def shown(self) -> int:
        """Pictures that all processes together have drawn; batches may have had another size before a resume."""
        return self.batches.position

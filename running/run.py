"""A run: what is trained, on what, how long, and what is written. It knows no network."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import progress
from dataset import Batches, Images
from errors import named
from running import flags, parallel, resuming
from running.base import Stream, Trainable
from running.evaluation import Evaluation
from running.resuming import Saved
from running.symptoms import Symptoms

if TYPE_CHECKING:
    from running.report import Report

Watch = Callable[[dict[str, float]], list[str]]


@dataclass
class Start:
    """A command line, before anything is built.

    args:   the flags; of a run that goes on, those that were not given anew are as they were saved
    device: of this process
    saved:  what the run goes on from; None for a new one
    outdir: as it was given
    """

    args: argparse.Namespace
    device: torch.device
    saved: Saved | None = None
    outdir: Path | None = None

    @property
    def position(self) -> int:
        """Where the stream of pictures begins."""
        return self.saved.contents["position"] if self.saved else 0

    @property
    def left(self) -> int:
        """Iterations to do."""
        return self.args.iter - (self.saved.contents["iteration"] if self.saved else 0)

    def stream(self, images: Images, batch: int, flip: bool = True) -> Batches:
        """This process's share of all images in random order, from where the run was, for ever; `batch` at a time.

        flip: whether every second one is mirrored by chance
        Raises InputError now, and not in the night, for an image that cannot be used, if all fit into memory.
        """
        rank, world = parallel.rank(), parallel.world_size()
        pinned = self.device.type == "cuda"
        batches = Batches(images, batch, self.args.seed, flip, self.position, rank, world, pinned=pinned)
        batches.fill()
        return batches

    @property
    def finished(self) -> str | None:
        """What to say of a run that has no iteration left to do."""
        return resuming.finished(self.args, self.saved) if self.saved else None


@dataclass
class Run:
    """A training before its first (or next) iteration. Of a run that goes on, the state takes over what was saved.

    options:    the flags as plain values, for options.json and the checkpoints
    remarks:    lines for the user before the first iteration
    beside:     what a checkpoint holds beside the state, the same through the whole run
    unchanging: options that a resume cannot change, and is silent about
    losses:     in the order of progress line and chart; those of other names follow
    told:       statistics and figures that the progress line tells as well
    watch:      (the run's folder) -> (a line of statistics) -> what to say of it; else what the scores show
    """

    start: Start
    state: Trainable
    batches: Stream
    options: dict[str, object] = None
    remarks: list[str] = field(default_factory=list)
    beside: dict[str, object] = field(default_factory=dict)
    unchanging: Collection[str] = ()
    losses: Sequence[str] = ()
    told: Sequence[str] = ()
    watch: Callable[[Path], Watch] | None = None
    evaluation: Evaluation | None = None
    report: Report | None = None  # once the run has its folder
    saved_at: int | None = None  # the iteration of the newest checkpoint

    def __post_init__(self):
        self.options = self.options or flags.as_options(self.args)
        self.watch = self.watch or (lambda folder: Symptoms(self.args.command, folder).new)
        if saved := self.start.saved:
            with named(f"--resume {saved.path}"):
                self.state.load_state_dict(saved.contents)
            self.saved_at = self.state.iteration
        else:
            for network in self.state.networks().values():
                parallel.broadcast(network)

    def say(self, text: str) -> None:
        """To the console, and to log.txt once there is one."""
        (self.report.say if self.report else progress.say)(text)

    @property
    def args(self) -> argparse.Namespace:
        return self.start.args

    @property
    def images(self) -> Sequence[Tensor]:
        """The training pictures."""
        return self.batches.images

    @property
    def shown(self) -> int:
        """Pictures that all processes together have drawn; batches may have had another size before a resume."""
        return self.batches.position

    @property
    def total_batch(self) -> int:
        """Pictures of one iteration over all processes."""
        return self.batches.batch * parallel.world_size()

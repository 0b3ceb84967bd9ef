"""The statistics of a run, sent on to TensorBoard or Weights & Biases. A logger that fails is left out; training goes on."""

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

import progress
from errors import InputError


class TensorBoard:
    """Event files in the run's folder: tensorboard --logdir expr."""

    def __init__(self, folder: Path, options: dict, mode: object):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder / "tensorboard"))

    def numbers(self, iteration: int, line: dict[str, float]) -> None:
        for name, value in line.items():
            self.writer.add_scalar(name, value, iteration)

    def picture(self, iteration: int, picture: Image.Image) -> None:
        import numpy as np

        self.writer.add_image("samples", np.asarray(picture.convert("RGB")), iteration, dataformats="HWC")

    def close(self) -> None:
        self.writer.close()


class WeightsAndBiases:
    """A run of the project "cartoon-stylegan2"; offline, its files wait in the run's folder for `wandb sync`."""

    def __init__(self, folder: Path, options: dict, mode: str):
        import wandb

        self.wandb = wandb
        self.run = wandb.init(project="cartoon-stylegan2", name=folder.name, dir=str(folder), mode=mode, config=options)

    def numbers(self, iteration: int, line: dict[str, float]) -> None:
        self.run.log(line, step=iteration)

    def picture(self, iteration: int, picture: Image.Image) -> None:
        self.run.log({"samples": self.wandb.Image(picture)}, step=iteration)

    def close(self) -> None:
        self.run.finish()


KINDS = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}  # by flag, package and extra, which have one name


class Loggers:
    """All loggers that were asked for. What one of them raises is said once, and that one is left out from then on."""

    def __init__(self, args: argparse.Namespace, folder: Path, options: dict):
        self.running: dict[str, object] = {}
        for flag, kind in KINDS.items():
            if mode := getattr(args, flag):
                self._call(
                    flag, lambda kind=kind, flag=flag, mode=mode: self.running.update({flag: kind(folder, options, mode)})
                )

    def numbers(self, iteration: int, line: dict[str, float]) -> None:
        self._every(lambda logger: logger.numbers(iteration, line))

    def picture(self, iteration: int, picture: Image.Image) -> None:
        self._every(lambda logger: logger.picture(iteration, picture))

    def close(self) -> None:
        self._every(lambda logger: logger.close())

    def _every(self, action: Callable[[object], None]) -> None:
        for name, logger in list(self.running.items()):
            self._call(name, lambda logger=logger: action(logger))

    def _call(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # whatever a service may raise
            self.running.pop(name, None)
            reason = " ".join(str(error).split()) or type(error).__name__
            progress.say(f"warning: --{name}: {reason}; training goes on without it", file=sys.stderr)


def check_installed(args: argparse.Namespace) -> None:
    """Raises InputError with the remedy for a logger whose package is missing."""
    for flag in KINDS:
        if getattr(args, flag) and importlib.util.find_spec(flag) is None:
            raise InputError(f"--{flag}: needs a package: pip install -e '.[{flag}]'")

"""Correlation loss: who is darker, or redder, than others in a part of the picture stays so.

    python train.py --ckpt demo/photo64.pt --preset cartoon --correlation_loss 8 --correlation_weight 4 toons.lmdb

A discriminator asks whether cartoons are right, and never whose they are: the dark-haired may turn fair, and the fair dark,
as long as both are among the cartoons. Colours and shapes may differ from the source here; their order among people may not.
"""

from typing import TYPE_CHECKING

from cli import count_or_off, number
from errors import InputError
from training.transfer.base import Term, TransferMethod

if TYPE_CHECKING:
    from torch import Tensor

LEVEL = 2 / 255  # of pictures in [-1, 1]: what differs by less is one colour, such as that of a plain ground


class CorrelationLoss(TransferMethod):
    """1 - Pearson's correlation, over the people of a batch, of G(w) and G_source(w) made small, for the same w and noise.

    pixels: the pictures are averaged to pixels x pixels; of each pixel lightness, red and blue are compared, and the mean taken
    """

    needs_source = True
    terms = ("correlation",)
    may_change = ("correlation_loss", "correlation_weight")  # asked for in each step, and kept nowhere

    def __init__(self, pixels: int, weight: float = 1.0):
        self.pixels, self.weight = pixels, weight

    @classmethod
    def add_arguments(cls, group):
        add = group.add_argument
        kept = "generator: who is darker or redder than others in one of PX x PX parts of the source's pictures stays so; try 8"
        add("--correlation_loss", type=count_or_off, default=-1, metavar="PX", help=kept)
        add("--correlation_weight", type=number(float, least=0), default=1.0, metavar="X", help="its weight (default: 1)")
        group.needs("--correlation_weight", "--correlation_loss")

    @classmethod
    def from_args(cls, args):
        return cls(args.correlation_loss, args.correlation_weight) if args.correlation_loss > 0 else None

    def frozen_parameters(self, generator, discriminator):
        if generator.size % self.pixels:
            raise InputError(f"--correlation_loss {self.pixels}: must divide the size of the pictures, {generator.size}; try 8")
        return ()

    def generator_losses(self, batch):
        import torch

        if len(batch.w) < 2:
            raise InputError(
                "--correlation_loss: has nobody to compare in steps of 1 picture; use a larger --batch / --accumulate"
            )
        with torch.no_grad():
            *_, theirs = batch.source_stages()
        looks = [_look(stage.image, self.pixels) for stage in (batch.stages[-1], theirs)]
        return {"correlation": Term(1 - correlation(*looks), self.weight)}

    def costs(self, generator, batch):
        return 1, 0, 0, 0  # a pass of the source

    def describe(self, generator, discriminator):
        return f"Correlation loss: weight {self.weight:g} on {self.pixels} x {self.pixels} pixels, over the people of a batch"


def correlation(ours: "Tensor", theirs: "Tensor") -> "Tensor":
    """Pearson's correlation over the first dimension, mean of the others; to 0 where people differ by less than LEVEL."""
    ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
    ours_spread, theirs_spread = (some.square().mean(0).clamp_min(LEVEL**2).sqrt() for some in (ours, theirs))
    return ((ours * theirs).mean(0) / (ours_spread * theirs_spread)).mean()


def _look(image: "Tensor", pixels: int) -> "Tensor":
    """Lightness, and red and blue beside it, [batch, 3, pixels, pixels]."""
    import torch
    from torch.nn import functional as F

    small = F.avg_pool2d(image, image.shape[-1] // pixels)
    lightness = small.mean(1, keepdim=True)
    return torch.cat((lightness, small[:, :1] - lightness, small[:, 2:] - lightness), 1)

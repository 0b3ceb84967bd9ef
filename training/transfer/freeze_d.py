"""FreezeD: keep the discriminator's early layers as the source trained them (Mo et al. 2020, arXiv 2002.10964)."""

from cli import count_or_off
from errors import InputError
from training.transfer.base import TransferMethod


class FreezeD(TransferMethod):
    """Train the discriminator's `trainable` lowest-resolution blocks and its final layers; freeze those nearest the image."""

    needs_discriminator = True

    def __init__(self, trainable: int):
        self.trainable = trainable

    @classmethod
    def add_arguments(cls, group):
        group.add_argument(
            "--freezeD",
            type=count_or_off,
            default=-1,
            metavar="N",
            help="discriminator: train only the N lowest-resolution blocks and the final layers (N=3: 8 to 32 px)",
        )

    @classmethod
    def from_args(cls, args):
        return cls(args.freezeD) if args.freezeD > 0 else None

    def frozen_parameters(self, generator, discriminator):
        blocks = len(discriminator.blocks)
        if self.trainable > blocks:
            raise InputError(
                f"--freezeD {self.trainable}: a {discriminator.size} px discriminator has {blocks} blocks; give 1 to {blocks}"
            )
        return discriminator.early(self.trainable).parameters()

    def describe(self, generator, discriminator):
        return f"FreezeD: the discriminator trains in its {self.trainable} lowest-resolution blocks and its final layers"

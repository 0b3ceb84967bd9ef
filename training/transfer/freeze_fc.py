"""FreezeFC: keep the mapping network, so that W stays shared with the source."""

from training.transfer.base import TransferMethod


class FreezeFC(TransferMethod):
    """Freeze the mapping network and nothing else."""

    @classmethod
    def add_arguments(cls, group):
        group.add_argument("--freezeFC", action="store_true", help="generator: freeze the mapping network and nothing else")
        group.idle_with("--freezeFC", "--train_mapping")

    @classmethod
    def from_args(cls, args):
        return cls() if args.freezeFC else None

    def frozen_parameters(self, generator, discriminator):
        return generator.style.parameters()

    def describe(self, generator, discriminator):
        return "FreezeFC: the mapping network is frozen"

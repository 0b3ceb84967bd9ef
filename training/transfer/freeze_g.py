"""FreezeG: keep the generator's coarse layers, so that pose and shape stay those of the source (Lee 2020, "FreezeG")."""

from itertools import chain

from cli import count_or_off
from errors import InputError
from training.transfer.base import TransferMethod


class FreezeG(TransferMethod):
    """Train the generator's `trainable` highest-resolution levels; freeze the rest, and with it the mapping network."""

    def __init__(self, trainable: int, train_mapping: bool = False):
        self.trainable = trainable
        self.train_mapping = train_mapping

    @classmethod
    def add_arguments(cls, group):
        group.add_argument(
            "--freezeG",
            type=count_or_off,
            default=-1,
            metavar="N",
            help="generator: train only the N highest-resolution levels; the mapping network is frozen too",
        )
        group.add_argument("--train_mapping", action="store_true", help="with --freezeG: let the mapping network train")
        group.needs("--train_mapping", "--freezeG")

    @classmethod
    def from_args(cls, args):
        return cls(args.freezeG, args.train_mapping) if args.freezeG > 0 else None

    def frozen_parameters(self, generator, discriminator):
        most = len(generator.resolutions) - 1
        if self.trainable > most:
            raise InputError(
                f"--freezeG {self.trainable}: a {generator.size} px generator has {most} levels above 4 px; give 1 to {most}"
            )
        levels = [generator.level(res) for res in generator.resolutions[: -self.trainable]]
        return chain.from_iterable(m.parameters() for m in (levels if self.train_mapping else [generator.style, *levels]))

    def describe(self, generator, discriminator):
        frozen = generator.resolutions[-self.trainable - 1]
        mapping = "trains" if self.train_mapping else "is frozen"
        return f"FreezeG: the generator trains above {frozen} px, the mapping network {mapping}"

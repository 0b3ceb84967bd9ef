"""Structure loss: keep the source's low-resolution pictures (Back 2021, arXiv 2106.12445, Sec. 3.2)."""

from itertools import islice

from cli import count_or_off, number
from errors import InputError
from training.transfer.base import Term, TransferMethod


class StructureLoss(TransferMethod):
    """MSE between source and target at the `levels` lowest resolutions, for the same z, mixing and noise."""

    needs_source = True
    terms = ("structure",)
    may_change = ("structure_loss", "structure_weight", "structure_target")  # asked for in each step, and kept nowhere

    def __init__(self, levels: int, weight: float = 1.0, target: str = "rgb"):
        self.levels = levels
        self.weight = weight
        self.target = target

    @classmethod
    def add_arguments(cls, group):
        group.add_argument(
            "--structure_loss",
            type=count_or_off,
            default=-1,
            metavar="N",
            help="generator: stay near the source's image at the N lowest resolutions (N=3: 4, 8 and 16 px)",
        )
        group.add_argument(
            "--structure_weight", type=number(float, least=0), default=1.0, metavar="X", help="its weight (default: 1)"
        )
        group.add_argument(
            "--structure_target",
            choices=("rgb", "features"),
            default="rgb",
            help="compare the images after each ToRGB layer, or the feature maps (default: rgb)",
        )
        group.needs("--structure_weight --structure_target", "--structure_loss")

    @classmethod
    def from_args(cls, args):
        return cls(args.structure_loss, args.structure_weight, args.structure_target) if args.structure_loss > 0 else None

    def frozen_parameters(self, generator, discriminator):
        if self.levels > len(generator.resolutions):
            raise InputError(f"--structure_loss {self.levels}: the generator has {len(generator.resolutions)} resolutions")
        if self.target == "rgb" and not generator.every_rgb:
            raise InputError(
                f"--structure_loss {self.levels}: this generator draws its full size alone, and no picture at lower "
                "resolutions; compare feature maps with --structure_target features"
            )
        return ()

    def generator_losses(self, batch):
        import torch
        from torch.nn import functional as F

        with torch.no_grad():
            theirs = list(islice(batch.source_stages(), self.levels))
        pairs = [(self._compared(our), self._compared(their)) for our, their in zip(batch.stages, theirs)]
        return {"structure": Term(sum(F.mse_loss(our, their) for our, their in pairs), self.weight)}

    def _compared(self, stage):
        import torch

        features = stage.features
        return stage.image if self.target == "rgb" else features.to(torch.promote_types(features.dtype, torch.float32))

    def describe(self, generator, discriminator):
        up_to = generator.resolutions[self.levels - 1]
        return f"Structure loss: weight {self.weight:g} on the {self.target} from 4 to {up_to} px"

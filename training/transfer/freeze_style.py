"""FreezeStyle: the coarse layers take their style from the source (Back 2021, arXiv 2106.12445, Sec. 3.1).

FreezeSG is FreezeStyle and FreezeG, which freezes the coarse layers: `--freezeStyle 3 --freezeG 3 --train_mapping`.
"""

from cli import count_or_off
from errors import InputError
from training.transfer.base import TransferMethod


class FreezeStyle(TransferMethod):
    """Layers below `layers` get the source's w, the others the trained one."""

    needs_source = True

    def __init__(self, layers: int):
        self.layers = layers

    @classmethod
    def add_arguments(cls, group):
        group.add_argument(
            "--freezeStyle",
            type=count_or_off,
            default=-1,
            metavar="K",
            help="generator: the K lowest style layers take the source's w; has an effect while the mapping network trains",
        )

    @classmethod
    def from_args(cls, args):
        return cls(args.freezeStyle) if args.freezeStyle > 0 else None

    def frozen_parameters(self, generator, discriminator):
        if self.layers > generator.n_latent:
            raise InputError(f"--freezeStyle {self.layers}: the generator has {generator.n_latent} style layers")
        if hasattr(generator, "freeze_style"):
            raise InputError(
                f"--freezeStyle {self.layers}: its file takes styles from a source of its own; start from that source"
            )
        return ()

    def blend_latents(self, w, w_source):
        from model import mix_styles

        return mix_styles(w_source, w, self.layers)

    def saved_entries(self, generator, source):
        if not _mapping_trains(generator):
            return {}
        return {"freeze_style": self.layers, "source_style": source.style.state_dict()}

    def describe(self, generator, discriminator):
        idle = " (no effect: the mapping network is frozen, so it is the source's already)"
        effect = "" if _mapping_trains(generator) else idle
        return f"FreezeStyle: the {self.layers} lowest style layers take the source's w{effect}"


def _mapping_trains(generator) -> bool:
    return any(parameter.requires_grad for parameter in generator.style.parameters())

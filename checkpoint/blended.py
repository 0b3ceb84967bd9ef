"""A generator that shares the coarse half of its mapping with the network it was fine-tuned from (FreezeSG, --freezeStyle).

Layers below K take the w of the source's mapping network, the others the w of its own; so the same z keeps its pose and
shape while the rest follows the new domain. Nothing but `mapping` differs from the plain one, and the state dict is the same.
"""

import copy

from torch import Tensor, nn

from model import Generator, StyleGenerator, mix_styles
from stylegan1 import Generator1


class Blended(StyleGenerator):
    """freeze_style: K, the number of layers that the source decides; the other arguments are those of the generator.

    The source's mapping network moves with `.to(device)`, and belongs neither to the parameters nor to the state dict.
    """

    def __init__(self, *args, freeze_style: int, **kwargs):
        super().__init__(*args, **kwargs)
        self.freeze_style = freeze_style
        self.source_style = _without_parameters(self.style)

    def load_source(self, state: dict[str, Tensor]) -> None:
        """The source's mapping network, under the names "1.weight", "1.bias", "2.weight", ..."""
        for name, tensor in state.items():
            layer, _, kind = name.rpartition(".")
            setattr(self.source_style.get_submodule(layer), kind, tensor.clone())

    def saved_entries(self) -> dict[str, object]:
        """What a checkpoint holds beside the state dict."""
        return {"freeze_style": self.freeze_style, "source_style": dict(self.source_style.named_buffers())}

    def mapping(self, z: Tensor) -> Tensor:
        """z [batch, style_dim] -> w_plus [batch, n_latent, style_dim]."""
        return mix_styles(self.broadcast(self.source_style(z)), self.broadcast(self.style(z)), self.freeze_style)


class BlendedGenerator(Blended, Generator):
    pass


class BlendedGenerator1(Blended, Generator1):
    pass


BLENDED = {kind.kind: kind for kind in (BlendedGenerator, BlendedGenerator1)}


def _without_parameters(style: nn.Sequential) -> nn.Sequential:
    """A copy of the mapping network with buffers, which are not saved, in place of parameters."""
    copied = copy.deepcopy(style)
    for layer in [*copied.modules()]:
        for name, parameter in list(layer.named_parameters(recurse=False)):
            delattr(layer, name)
            layer.register_buffer(name, parameter.detach(), persistent=False)
    return copied

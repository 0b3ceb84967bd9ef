"""An encoder in front of a search, and in it.

start = starter(encoder, generator, "w+")
found = projection.find(generator, held(distance, encoder, generator, 2.0), photos, "w+", schedule, start=start)
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from drawer import Drawer
from editing.projection import latent_spread
from inversion.encoder import Encoder
from vision.perceptual import Distance


def starter(encoder: Encoder | None, generator: Drawer, space: str) -> Callable[[Tensor], Tensor] | None:
    """What a search begins with: images -> [batch, n_latent, style_dim], in "w" the mean over layers.

    None without an encoder.
    """
    if encoder is None:
        return None
    centre = generator.w_avg

    @torch.no_grad()
    def start(images: Tensor) -> Tensor:
        w_plus = encoder.w_plus(images, generator, centre)
        return w_plus if space == "w+" else w_plus.mean(1)

    return start


def held(distance: Distance, encoder: Encoder | None, generator: Drawer, weight: float | None) -> Distance:
    """The distance, and where it weighs something what keeps the search where the encoder is at home."""
    return InDomain(distance, encoder, generator, weight) if encoder and weight else distance


class InDomain(Distance):
    """Another distance, and `weight` times |E(image) - E(other)|^2, mean over layers, in squared spreads of w.

    Zhu et al. 2020 (2004.00049), Eq. 4.
    """

    def __init__(self, distance: Distance, encoder: Encoder, generator: Drawer, weight: float):
        super().__init__()
        self.distance, self.encoder, self.weight = distance, encoder, weight
        self.generator, self.centre, self.unit = [generator], generator.w_avg, latent_spread(generator) ** 2  # no part of it

    def features(self, images: Tensor) -> list[Tensor]:
        """Those of the distance, and latents [batch, n_latent, style_dim]."""
        return [*self.distance.features(images), self.encoder.w_plus(images, *self.generator, self.centre)]

    def between(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
        apart = (ours[-1] - theirs[-1]).square().sum(2).mean(1) / self.unit
        return self.distance.between(ours[:-1], theirs[:-1]) + self.weight * apart

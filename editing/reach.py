"""Bring latents back among those of people that a network draws, along the principal axes of W.

    reach = Reach.of(source)
    images = latents.draw(target, reach.within(w_plus, 1.0))

A photo that was searched freely in w+ lies where nobody is: 3 to 5 times as far from the average as a random person, mostly
along axes in which people hardly differ (Zhu et al. 2020, 2012.09036, measure latents in these coordinates). The network that
was searched does not show it; one that was fine-tuned from it does. Unlike truncation this leaves alone what is usual in
somebody.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from drawer import Drawer
from editing import latents


@dataclass(frozen=True)
class Reach:
    """Where a network's people are.

    centre: [1 or n_latent, style_dim], `w_avg`
    axes:   [1 or n_latent, style_dim, style_dim], the principal ones in columns
    spread: [1 or n_latent, style_dim], standard deviations along them
    """

    centre: Tensor
    axes: Tensor
    spread: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, generator: Drawer) -> "Reach":
        """The same at every call."""
        w = torch.cat([*latents.sampled(generator)])
        w = w.view(len(w), -1, w.shape[-1]).transpose(0, 1).double()  # [1 or n_latent, samples, style_dim]
        w = w - w.mean(1, keepdim=True)
        variance, axes = torch.linalg.eigh(w.transpose(1, 2) @ w / w.shape[1])
        return cls(torch.atleast_2d(generator.w_avg), axes.float(), variance.clamp(min=0).sqrt().float())

    def within(self, latent: Tensor, most: float) -> Tensor:
        """At most `most` standard deviations from the centre along each axis.

        latent: [people, n_latent, style_dim], or in W [people, style_dim]
        """
        if latent.ndim == 2:
            return self.within(latent[:, None], most)[:, 0]
        axes = self.axes.expand(latent.shape[1], -1, -1)
        along = torch.einsum("pld,lda->pla", latent - self.centre, axes)
        held = along.clamp(-most * self.spread, most * self.spread)
        return self.centre + torch.einsum("pla,lda->pld", held, axes)

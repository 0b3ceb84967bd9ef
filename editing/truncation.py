"""The same person nearer to the average face, beyond it, or further away (the truncation trick, StyleGAN, App. B).

    w_avg = centre(generator, source.extra.get("latent_avg"))
    sheet = ladder(w_plus, w_avg, psis=[-1, 0, 0.5, 1, 1.5])        # [people, 5, n_latent, style_dim]

psi 0 is the average face, 1 the person, below 0 the opposite person ("anti-face"), above 1 a caricature.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from checkpoint import BlendedGenerator
from editing import latents
from model import Generator


def ladder(w_plus: Tensor, w_avg: Tensor, psis: Sequence[float], cutoff: int | None = None) -> Tensor:
    """w_plus [people, n_latent, style_dim] -> [people, len(psis), n_latent, style_dim]."""
    return torch.stack([truncate_below(w_plus, w_avg, psi, cutoff) for psi in psis], dim=1)


def truncate_below(w_plus: Tensor, w_avg: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
    """`latents.truncate` for the layers below cutoff (None: all); the others, and all at psi 1, stay bit-equal.

    w_avg: [1, n_latent, style_dim]
    """
    if psi == 1:
        return w_plus
    pulled = latents.truncate(w_plus, w_avg, psi)
    return pulled if cutoff is None else torch.cat([pulled[:, :cutoff], w_plus[:, cutoff:]], dim=1)


def centre(generator: Generator, latent_avg: Tensor | None = None) -> Tensor:
    """The average w, [1, n_latent, style_dim]: latent_avg [style_dim] of the file where there is one, else a seeded mean.

    A network with the styles of its source has two averages, which one latent_avg cannot hold.
    """
    if latent_avg is None or isinstance(generator, BlendedGenerator):
        return latents.mean_latent(generator)
    return generator.broadcast(latent_avg.to(generator.input.input.device)[None])

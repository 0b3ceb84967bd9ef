"""Latents of people, and their pictures.

    w_plus = people(generator, seeds=[0, 1, 2], psi=0.7)       # [3, n_latent, style_dim]
    images = draw(generator, w_plus)                           # [3, 3, size, size], in [-1, 1]
The same seed is the same person in every generator that shares a mapping network, and at every --truncation.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

import utils
from model import Generator

MEAN_SAMPLES, MEAN_SEED = 4096, 0


@torch.no_grad()
def people(generator: Generator, seeds: Sequence[int], psi: float = 1.0) -> Tensor:
    """w_plus [seeds, n_latent, style_dim] of one person for each seed, truncated to psi."""
    device = generator.input.input.device
    w = generator.broadcast(generator.mapping(utils.seeded_normal(seeds, generator.style_dim, device=device)))
    return w if psi == 1 else truncate(w, mean_latent(generator), psi)


def truncate(w: Tensor, w_avg: Tensor, psi: float = 1.0) -> Tensor:
    """Pull latents towards the average face (the truncation trick, StyleGAN, App. B).

    w:     [batch, n_latent, style_dim] or [batch, style_dim]
    w_avg: [style_dim], or anything that broadcasts with w
    psi:   0 gives the average face, 1 leaves w unchanged, above 1 exaggerates

    >>> truncate(torch.ones(2, 4), torch.zeros(4), psi=0.5).unique().item()
    0.5
    """
    return w_avg + psi * (w - w_avg)


@torch.no_grad()
def mean_latent(generator: Generator) -> Tensor:
    """The average w, [1, n_latent, style_dim]: the same at every call."""
    device = generator.input.input.device
    z = torch.randn(MEAN_SAMPLES, generator.style_dim, generator=torch.Generator().manual_seed(MEAN_SEED))
    return generator.broadcast(generator.mapping(z.to(device)).mean(0, keepdim=True))


@torch.no_grad()
def draw(generator: Generator, w_plus: Tensor, batch: int = 8) -> Tensor:
    """w_plus [people, n_latent, style_dim] -> images on the CPU, `batch` at a time, with the noise that the file stores."""
    noise = generator.stored_noise()
    return torch.cat([generator.synthesis(some, noise).float().cpu() for some in w_plus.split(batch)])

"""Perceptual path length: how much the picture changes for a small step in W (Karras et al. 2019, Sec. 4.1).

length = path_length(generator, features, seeds=range(1000))
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from drawer import Drawer
from errors import InputError
from metrics.features import Counter, Features, drawn

STEP = 1e-4
LEAST = 3  # seeds, of which some remain
TRIMMED = 0.01  # the share of the smallest values, and of the largest, that is left out


@torch.no_grad()
def path_length(
    generator: Drawer,
    features: Features,
    seeds: Sequence[int],
    batch: int = 16,
    step: float = STEP,
    done: Counter = lambda count: None,
) -> float:
    """The mean of |f(g(lerp(w1, w2, t + step))) - f(g(lerp(w1, w2, t)))|^2 / step^2, with t uniform in 0..1.

    f: features of unrounded pictures. Published values take LPIPS; those of other features compare only with themselves
    Each seed draws z1, z2 and t. The noise is the one stored in the network. The outermost 1 % at both ends are left out.
    """
    noise = generator.stored_noise()
    lengths = []
    for start in range(0, len(seeds), batch):
        steps = _steps(generator, seeds[start : start + batch], step)
        here, there = (features(generator.synthesis(w_plus, noise)).double() for w_plus in steps)
        lengths.append((there - here).square().sum(1) / step**2)
        done(len(here))
    return trimmed_mean(torch.cat(lengths))


def trimmed_mean(values: Tensor) -> float:
    """The mean of those between the 1st and the 99th percentile.

    >>> trimmed_mean(torch.tensor([1.0, 2.0, 4.0, 1000.0]))
    3.0
    """
    if len(values) < LEAST:
        raise InputError(f"path length needs at least {LEAST} seeds, got {len(values)}")
    low, high = values.quantile(TRIMMED), values.quantile(1 - TRIMMED)
    return float(values[(values >= low) & (values <= high)].mean())


def _steps(generator: Drawer, seeds: Sequence[int], step: float) -> tuple[Tensor, Tensor]:
    """w_plus at t, and at t + step, for each seed."""
    random = [torch.Generator().manual_seed(seed) for seed in seeds]
    z1, z2 = (drawn(random, (generator.style_dim,), generator.device) for _ in "12")
    w1, w2 = (generator.broadcast(generator.mapping(z)) for z in (z1, z2))
    t = torch.stack([torch.rand(1, 1, generator=seeded) for seeded in random]).to(w1)
    return w1.lerp(w2, t), w1.lerp(w2, t + step)

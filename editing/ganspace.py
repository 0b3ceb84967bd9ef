"""GANSpace: directions in which the people of a network differ most (Härkönen et al. 2020, arXiv 2004.02546, Sec. 3.1).

    moments = moments_of_w(generator, n=300_000)
    directions = components(moments, count=80)                  # a degree is one standard deviation
    edited = apply(w_plus, directions, index=9, degree=2, layers=[8, 9, 10])

SeFa asks the weights what moves a picture, and knows no unit; this asks the people, and counts in their standard deviations.
"""

from collections.abc import Callable

import torch
from torch import Tensor

import checkpoint
from drawer import Drawer
from editing.directions import Directions
from editing.sefa import fix_signs

BLOCK = 4096  # samples drawn at a time; part of the definition, since it decides which they are


class Moments:
    """Mean and covariance of samples that come in batches, of any sizes, in float64 (Chan et al. 1979, Eq. 2.1)."""

    def __init__(self, size: int):
        self.count = 0
        self.mean = torch.zeros(size, dtype=torch.float64)
        self.scatter = torch.zeros(size, size, dtype=torch.float64)  # sum of (x - mean)(x - mean)^T

    def add(self, samples: Tensor) -> None:
        """samples: [batch, size]"""
        samples = samples.double().cpu()
        count, mean = len(samples), samples.mean(0)
        centred, between = samples - mean, mean - self.mean
        total = self.count + count
        self.scatter += centred.T @ centred + between.outer(between) * (self.count * count / total)
        self.mean += between * (count / total)
        self.count = total

    @property
    def covariance(self) -> Tensor:
        """[size, size], unbiased."""
        return self.scatter / (self.count - 1)


@torch.no_grad()
def moments_of_w(
    generator: Drawer, n: int = 300_000, seed: int = 0, sampled: Callable[[int], object] = lambda count: None
) -> Moments:
    """Of the w of n people, the same for the same seed; more people begin with the same ones. sampled(n) after n more."""
    device = generator.device
    numbers = torch.Generator().manual_seed(seed)
    moments = Moments(generator.style_dim)
    for start in range(0, n, BLOCK):
        z = torch.randn(BLOCK, generator.style_dim, generator=numbers)[: n - start]
        w = generator.mapping(z.to(device))
        moments.add(w if w.ndim == 2 else w[:, -1])  # beside the styles of its source, its own are those of the last layer
        sampled(len(z))
    return moments


def components(moments: Moments, count: int = 80, ckpt: str = "") -> Directions:
    """The principal components, strongest first: unit vectors, their standard deviations as `scale`, variances as `values`."""
    variances, eigvec = torch.linalg.eigh(moments.covariance)
    count = min(count, len(variances))
    variances = variances.flip(0)[:count].clamp(min=0)
    return Directions(
        fix_signs(eigvec.flip(1))[:, :count].T.float().contiguous(),
        scale=variances.sqrt().float(),
        mean=moments.mean.float(),
        values=variances.float(),
        method="ganspace",
        ckpt=ckpt,
    )


def ganspace(generator: Drawer, n: int = 300_000, count: int = 80, seed: int = 0) -> Directions:
    """Both steps at once, with the fingerprint of the network."""
    return components(moments_of_w(generator, n, seed), count, checkpoint.fingerprint(generator.state_dict()))

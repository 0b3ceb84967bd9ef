"""Distances between two sets of pictures, given as features [n, dims] of any kind (features.py makes them).

    frechet_distance(fake, real)                  # FID, where the features are Inception's
    kernel_distance(fake, real)                   # KID: unbiased, so the one for small sets
    precision_recall(fake, real)

Everything is computed in float64, and does not depend on the order of the pictures.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from errors import InputError

FEW = 50  # pictures in a set, below which a distance says more about which ones were drawn than about the network


class Gaussian(NamedTuple):
    """mean [dims] and covariance [dims, dims], float64."""

    mean: Tensor
    covariance: Tensor


class KernelDistance(NamedTuple):
    """KID over subsets: its mean, and the standard deviation between them; None where they are all of a set, each time."""

    mean: float
    std: float | None


class PrecisionRecall(NamedTuple):
    """precision: the share of fakes among the reals; recall: the share of reals among the fakes."""

    precision: float
    recall: float


def doubt(fakes: int, reals: int) -> str:
    """A warning where sets are too small for reliable distances, "" for larger ones.

    >>> doubt(1000, 20), doubt(1000, 50)
    ('20 pictures are few: below 50 the numbers are not to be trusted, another 20 would give others', '')
    """
    count = min(fakes, reals)
    if count >= FEW:
        return ""
    return f"{count} pictures are few: below {FEW} the numbers are not to be trusted, another {count} would give others"


def frechet_distance(fake: Tensor, real: Tensor) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of the Gaussians fitted to both (Heusel et al. 2017, Eq. 6).

    fake, real: [n, dims], at least two of each. Biased upwards for few pictures: compare equal numbers only.
    """
    return gaussian_distance(fit_gaussian(fake), fit_gaussian(real))


def fit_gaussian(features: Tensor) -> Gaussian:
    """Mean and unbiased covariance of [n, dims]."""
    _check(features, 2, "Frechet distance")
    features = features.double()
    mean = features.mean(0)
    centred = features - mean
    return Gaussian(mean, centred.T @ centred / (len(features) - 1))


def gaussian_distance(first: Gaussian, second: Gaussian) -> float:
    """As above; tr (C1 C2)^(1/2) is the sum of the singular values of R1^T R2, R R^T = C: no complex root can appear."""
    apart = (first.mean - second.mean).square().sum()
    between = torch.linalg.svdvals(_root(first.covariance).T @ _root(second.covariance)).sum()
    return float(apart + first.covariance.trace() + second.covariance.trace() - 2 * between)


def _root(covariance: Tensor) -> Tensor:
    """R with R R^T = covariance, by its eigenvectors. Directions without variance are left out: their roots would be noise."""
    eigenvalues, eigvec = torch.linalg.eigh(covariance)
    real = eigenvalues > eigenvalues[-1] * len(eigenvalues) * torch.finfo(eigenvalues.dtype).eps
    return eigvec[:, real] * eigenvalues[real].sqrt()


def kernel_distance(
    fake: Tensor, real: Tensor, subsets: int = 100, subset_size: int | None = None, seed: int = 0
) -> KernelDistance:
    """KID: the squared maximum mean discrepancy with the kernel (x.y / dims + 1)^3 (Binkowski et al. 2018, Sec. 4).

    fake, real:  [n, dims] and [m, dims]
    subset_size: pictures drawn from each set, without putting back, `subsets` times; None: all of both, once
    """
    if subset_size is None:
        return KernelDistance(squared_mmd(fake.double(), real.double()), None)
    for features in (fake, real):
        _check(features, subset_size, f"KID over subsets of {subset_size}")
    # Sorted first, so that the subsets do not depend on the order of the pictures.
    fake, real = _sorted(fake.double()), _sorted(real.double())
    random = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(subsets):
        subsets_of_both = (x[torch.randperm(len(x), generator=random)[:subset_size].to(x.device)] for x in (fake, real))
        values.append(squared_mmd(*subsets_of_both))
    values = torch.tensor(values, dtype=torch.float64)
    whole = subset_size >= min(len(fake), len(real))
    return KernelDistance(float(values.mean()), None if whole else float(values.std(unbiased=False)))


def squared_mmd(x: Tensor, y: Tensor) -> float:
    """The unbiased estimate: E k(x, x') + E k(y, y') - 2 E k(x, y) over pairs of different pictures. May be below 0."""
    for features in (x, y):
        _check(features, 2, "KID")
    _check_alike(x, y)
    within = sum((kernel(z, z).sum() - kernel(z, z).trace()) / (len(z) * (len(z) - 1)) for z in (x, y))
    return float(within - 2 * kernel(x, y).mean())


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x.y / dims + 1)^3 for all pairs: [n, dims], [m, dims] -> [n, m]."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def precision_recall(fake: Tensor, real: Tensor, neighbours: int = 3) -> PrecisionRecall:
    """Kynkaanniemi et al. 2019, Sec. 3: a set covers the balls around its members that reach their k-th neighbour."""
    for features in (fake, real):
        _check(features, neighbours + 1, f"precision and recall with {neighbours} neighbours")
    _check_alike(fake, real)
    fake, real = fake.double(), real.double()
    apart = between_all(fake, real)
    precision = (apart <= _reach(real, neighbours)).any(1)
    recall = (_reach(fake, neighbours) >= apart.T).any(1)
    return PrecisionRecall(float(precision.double().mean()), float(recall.double().mean()))


def relative_spread(fake: Tensor, real: Tensor) -> float:
    """Root mean square distance from the mean, of the fakes over that of the reals; 1 is as varied, 0 is one picture."""
    spreads = [(x.double() - x.double().mean(0)).square().sum(1).mean().sqrt() for x in (fake, real)]
    return float(spreads[0] / spreads[1])


def relative_nearness(fake: Tensor, real: Tensor) -> float:
    """How far fakes are from their nearest real, over how far reals are from their nearest other real; medians.

    About 1 for fresh draws from the same distribution, 0 for copies. At least two reals.
    """
    _check_alike(fake, real)
    fake, real = fake.double(), real.double()
    return float(to_nearest(fake, real).median() / _reach(real, 1).median())


def to_nearest(x: Tensor, y: Tensor) -> Tensor:
    """Distance of each x to its nearest y: [n, dims], [m, dims] -> [n], in float64."""
    return between_all(x.double(), y.double()).amin(1)


def between_all(x: Tensor, y: Tensor) -> Tensor:
    """Distances of all pairs: [n, dims], [m, dims] -> [n, m]. By differences: squares less products would lose small ones."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _reach(features: Tensor, neighbours: int) -> Tensor:
    """Distance of each to its k-th neighbour: [n]. The nearest of all is itself."""
    return between_all(features, features).kthvalue(neighbours + 1, dim=1).values


def _sorted(features: Tensor) -> Tensor:
    """Rows in an order that depends on their values alone: along a fixed direction."""
    direction = torch.randn(features.shape[1], generator=torch.Generator().manual_seed(0), dtype=features.dtype)
    return features[(features * direction.to(features.device)).sum(1).argsort()]


def _check(features: Tensor, least: int, what: str) -> None:
    if features.ndim != 2:
        raise ValueError(f"features of shape {list(features.shape)}: expected [n, dims]")
    if len(features) < least:
        raise InputError(f"{what} needs at least {least} pictures in each set, got {len(features)}")
    if not features.isfinite().all():
        raise InputError(f"{what}: features that are not finite; the network has diverged")


def _check_alike(x: Tensor, y: Tensor) -> None:
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"features of {x.shape[1]} and {y.shape[1]} dimensions")

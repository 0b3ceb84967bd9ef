"""KID by the protocol of Face2webtoon's program, whose numbers (times 1000) are those that its authors print.

    look = at_96_px(choose("inception"))
    published_kid(whole_batches(look(fakes)), whole_batches(look(reals)))

It differs from `distances.kernel_distance` in three points: pictures are resized to 96 px first, what does not fill a batch of
50 is dropped, and a subset is as large as the smaller set, drawn as often as it goes into the larger one.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.distances import KernelDistance, kernel, squared_mmd

SIDE, BATCH = 96, 50


def at_96_px(features: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Features of pictures [N, 3, H, W] in [-1, 1], resized bilinearly first."""
    return lambda images: features(F.interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False))


def whole_batches(features: Tensor) -> Tensor:
    """[n, dims] without what is over in batches of 50; all of a set that fills none."""
    return features[: len(features) // BATCH * BATCH or len(features)]


def published_kid(fake: Tensor, real: Tensor, seed: int = 0) -> KernelDistance:
    """Mean and standard deviation over floor(larger / smaller) subsets of the smaller size.

    fake, real: [n, dims] and [m, dims]
    """
    fake, real = fake.double(), real.double()
    size, larger = sorted((len(fake), len(real)))
    random = torch.Generator().manual_seed(seed)
    values = torch.tensor([squared_mmd(*(_subset(x, size, random) for x in (fake, real))) for _ in range(larger // size)])
    return KernelDistance(float(values.mean()), float(values.std(unbiased=False)) if len(values) > 1 else None)


def _subset(x: Tensor, size: int, random: torch.Generator) -> Tensor:
    return x[torch.randperm(len(x), generator=random)[:size].to(x.device)]


def mmd_variance(x: Tensor, y: Tensor) -> float:
    """An estimate of the variance of `squared_mmd` of two sets of m pictures (Sutherland et al. 2017, arXiv 1611.04488, Eq. 5).

    x, y: [m, dims]. With U-statistics of the kernel matrices, whose diagonals are left out within a set:
    4 (m - 2) / (m (m - 1)) zeta1 + 2 / (m (m - 1)) zeta2
    """
    x, y = x.double(), y.double()
    m = len(x)
    within = [kernel(z, z) for z in (x, y)]
    within = [k - torch.diag(k.diag()) for k in within]
    across = kernel(x, y)
    rows = [k.sum(1) for k in within]
    over_y, over_x = across.sum(1), across.sum(0)
    total, squares = sum(k.sum() for k in within), sum(k.square().sum() for k in within)
    squared_totals = sum(k.sum().square() for k in within)
    with_across = rows[0] @ over_y + rows[1] @ over_x
    zeta1 = (
        (sum(row.square().sum() for row in rows) - squares) / (m * (m - 1) * (m - 2))
        - squared_totals / (m * (m - 1)) ** 2
        + (over_y.square().sum() + over_x.square().sum() - 2 * across.square().sum()) / (m * m * (m - 1))
        - 2 * across.sum().square() / m**4
        - 2 * with_across / (m * m * (m - 1))
        + 2 * total * across.sum() / (m**3 * (m - 1))
    )
    zeta2 = (
        squares / (m * (m - 1))
        - squared_totals / (m * (m - 1)) ** 2
        + 2 * across.square().sum() / m**2
        - 2 * across.sum().square() / m**4
        - 4 * with_across / (m * m * (m - 1))
        + 4 * total * across.sum() / (m**3 * (m - 1))
    )
    return float((4 * (m - 2) * zeta1 + 2 * zeta2) / (m * (m - 1)))

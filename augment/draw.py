"""The random numbers of one batch of augmentations, asked for by distribution.

    draw = Draw(batch=8, device=images.device, generator=generator)
    angle = draw.uniform(-math.pi, math.pi)  # [8]

The samplers take all their chance from such an object, so that one with recorded numbers repeats their matrices.
"""

import torch
from torch import Tensor


class Draw:
    """Independent numbers for each image of a batch, float32 on `device`.

    generator: lives on the same device; None takes the global one

    `rows` asks for [rows, batch] instead of [batch].
    """

    def __init__(self, batch: int, device: torch.device | str = "cpu", generator: torch.Generator | None = None):
        self.batch = batch
        self.device = device
        self.generator = generator

    def uniform(self, low: float, high: float, rows: int | None = None) -> Tensor:
        return low + (high - low) * torch.rand(self._shape(rows), generator=self.generator, device=self.device)

    def normal(self, std: float, rows: int | None = None) -> Tensor:
        return std * torch.randn(self._shape(rows), generator=self.generator, device=self.device)

    def lognormal(self, std: float) -> Tensor:
        """exp(n), n ~ N(0, std^2)."""
        return self.normal(std).exp()

    def either(self, first: float, second: float) -> Tensor:
        """One of two numbers, at even odds."""
        return first + (second - first) * self.bernoulli(0.5)

    def integers(self, first: int, last: int) -> Tensor:
        """Whole numbers, [batch], both ends among them."""
        return torch.randint(first, last + 1, self._shape(None), generator=self.generator, device=self.device)

    def bernoulli(self, chance: float | Tensor) -> Tensor:
        """True with probability `chance`."""
        return torch.rand(self.batch, generator=self.generator, device=self.device) < chance

    def sometimes(self, chance: float | Tensor, matrices: Tensor) -> Tensor:
        """Each of the [batch, n, n] matrices with probability `chance`, the identity in place of the others."""
        identity = torch.eye(matrices.shape[-1], device=matrices.device)
        return torch.where(self.bernoulli(chance)[:, None, None], matrices, identity)

    def _shape(self, rows: int | None) -> tuple[int, ...]:
        return (self.batch,) if rows is None else (rows, self.batch)

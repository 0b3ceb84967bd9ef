"""What editing and measuring ask of a network that draws: `model.Generator`, and any other that maps z to w and w to pictures.

Only layer swapping and SeFa look inside a network, and take a `Generator`.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Drawer(Protocol):
    """size: width and height of its pictures; style_dim: length of z and of w; n_latent: how many w a picture takes."""

    size: int
    style_dim: int
    n_latent: int

    @property
    def device(self) -> torch.device: ...

    @property
    def w_avg(self) -> Tensor:
        """The centre for truncation, [style_dim] or [n_latent, style_dim]."""

    def mapping(self, z: Tensor) -> Tensor:
        """z [batch, style_dim] -> w of the same shape, or w_plus where the layers differ."""

    def broadcast(self, w: Tensor) -> Tensor:
        """w [batch, style_dim] -> w_plus [batch, n_latent, style_dim]; w_plus passes through."""

    def synthesis(self, w_plus: Tensor, noise: Sequence[Tensor | None] | None = None) -> Tensor:
        """w_plus [batch, n_latent, style_dim] -> images [batch, 3, size, size], about -1 to 1, not clamped."""

    def stored_noise(self) -> list[Tensor]:
        """For each layer with noise [1, 1, res, res], which makes an image repeatable; may be empty."""

    def state_dict(self) -> dict[str, Tensor]:
        """Of which the fingerprint is made."""

"""Some layers of one person, the others of another (StyleGAN, Sec. 3.1 and Fig. 3).

    mixed = mix(anna, bert, layers=[0, 1, 2, 3])         # Bert's pose and shape, Anna's colours
    table = grid(rows, columns, layers=range(4))         # every pair
    steps = one_by_one(anna, bert, layers=range(14))     # which layer does what

w_plus throughout: [..., n_latent, style_dim]. Layers that are not mixed stay bit-equal.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def mix(first: Tensor, second: Tensor, layers: Sequence[int]) -> Tensor:
    """w_l = second_l for l in layers, else first_l."""
    taken = torch.zeros(first.shape[-2], 1, dtype=torch.bool, device=first.device)
    taken[list(layers)] = True
    return torch.where(taken, second, first)


def grid(rows: Tensor, columns: Tensor, layers: Sequence[int]) -> Tensor:
    """[R, n_latent, style_dim] and [C, ...] -> [R, C, ...]: the person of the row with `layers` of that of the column."""
    return mix(rows[:, None], columns[None], layers)


def one_by_one(first: Tensor, second: Tensor, layers: Sequence[int]) -> Tensor:
    """[people, n_latent, style_dim] twice -> [people, len(layers), ...]: one layer of the second person in each."""
    return torch.stack([mix(first, second, [layer]) for layer in layers], dim=1)

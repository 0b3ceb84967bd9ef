"""Batches of small matrices, written as on paper.

    quarter_turn = matrix((0, -i, 0), (i, 0, 0), (0, 0, 1))  # i is [batch], the result [batch, 3, 3]
    turned_then_scaled = compose(quarter_turn, scaling)

The numbers 0 and 1 stand for themselves; all other entries are tensors.
"""

import torch
from torch import Tensor


def compose(*factors: Tensor) -> Tensor:
    """The product of matrices that act one after the other: the first factor stands rightmost."""
    product, *later = factors
    for factor in later:
        product = factor @ product
    return product


def matrix(*rows: tuple[Tensor | float, ...]) -> Tensor:
    """Rows as they are written on paper, each entry a tensor [batch] or the number 0 or 1 -> [batch, n, n].

    >>> matrix((torch.tensor([2.0]), 0), (0, 1))
    tensor([[[2., 0.],
             [0., 1.]]])
    """
    entries = [entry for row in rows for entry in row]
    like = next(entry for entry in entries if isinstance(entry, Tensor))
    constants = {0: torch.zeros_like(like), 1: torch.ones_like(like)}
    filled = [entry if isinstance(entry, Tensor) else constants[entry] for entry in entries]
    return torch.stack(filled, dim=-1).unflatten(-1, (len(rows), -1))

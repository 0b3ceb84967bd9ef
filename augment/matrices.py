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


def affine_inverse(G: Tensor) -> Tensor:
    """The inverse of maps [batch, 3, 3] with the last row (0, 0, 1): Cramer's rule, in double precision.

    A library's solver might make the host wait for a GPU, which a CUDA graph cannot.
    """
    (a, b, x), (c, d, y) = (row.unbind(-1) for row in G[:, :2].double().unbind(1))
    det = a * d - b * c
    rows = (d, -b, b * y - d * x), (-c, a, c * x - a * y)
    return matrix(*(tuple(entry / det for entry in row) for row in rows), (0, 0, 1)).to(G.dtype)


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

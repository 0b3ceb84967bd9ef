"""SeFa: directions that move the picture most, in closed form from the weights (Shen & Zhou 2021, arXiv 2007.06600).

directions = sefa(generator)                              # all layers, as stylegan2-pytorch's factor.pt
directions = sefa(generator, layers=[0, 1], normalize=True)
"""

from collections.abc import Sequence

import torch
from torch import Tensor

import checkpoint
from editing.directions import Directions
from errors import InputError
from model import StyleGenerator


def sefa(generator: StyleGenerator, layers: Sequence[int] | None = None, normalize: bool = False) -> Directions:
    """The style_dim directions of W, strongest first.

    layers:    those whose weights are stacked, and on which the directions act; None: all
    normalize: each row of the stack to length 1, as in the paper's code; else raw, as in stylegan2-pytorch
    """
    stack = torch.cat(list(modulation_weights(generator, layers).values()))
    eigvec, eigenvalues = factorize(unit_rows(stack) if normalize else stack)
    return Directions(
        eigvec.T.float().contiguous(),
        layers=None if layers is None else list(layers),
        values=eigenvalues.float(),
        method="sefa",
        ckpt=checkpoint.fingerprint(generator.state_dict()),
    )


def factorize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Maximise |A v|^2 over unit v (Eq. 5): eigenvectors of A^T A, the right singular vectors of A.

    weight: A, [rows, style_dim]
    Returns eigvec [style_dim, style_dim], columns by falling eigenvalue, and the eigenvalues, both in float64.

    >>> factorize(torch.tensor([[3.0, 0.0], [0.0, -4.0]]))[1]
    tensor([16.,  9.], dtype=torch.float64)
    """
    weight = weight.double()
    eigenvalues, eigvec = torch.linalg.eigh(weight.T @ weight)
    return fix_signs(eigvec.flip(1)), eigenvalues.flip(0).clamp(min=0)


def fix_signs(columns: Tensor) -> Tensor:
    """Make the entry of largest magnitude of each column positive, so that every machine agrees on the sign."""
    largest = columns.gather(0, columns.abs().argmax(0, keepdim=True))
    return columns * largest.sign()


def unit_rows(weight: Tensor) -> Tensor:
    """[rows, style_dim], each row to length 1; rows of zeros stay."""
    return torch.nn.functional.normalize(weight.double(), dim=1)


def modulation_weights(generator: StyleGenerator, layers: Sequence[int] | None = None) -> dict[str, Tensor]:
    """{name: [rows, style_dim]} of what turns w into styles, raw: of the convolutions, and of StyleGAN2's first ToRGB layer."""
    every = generator.modulations()
    chosen = {name: weight.detach() for name, (layer, weight) in every.items() if layers is None or layer in layers}
    if not chosen:
        raise InputError("only a ToRGB layer, which has no part in the factorisation; add a convolution")
    return chosen

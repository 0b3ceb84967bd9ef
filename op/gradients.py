"""Gradients in an input that are to be differentiated again, as the penalties of R1 and path length ask for.

PyTorch tells an operator written in Python that a parameter wants a gradient, even where nobody asked for it just now.
These gradients are half of the work, so our operators ask here.
"""

import torch
from torch import Tensor

_only_inputs = False


def input_gradient(output: Tensor, x: Tensor) -> Tensor:
    """d output / d x with a graph of its own; what the parameters on the way would get is not computed.

    output: a scalar, made from x
    """
    global _only_inputs  # not of this thread alone: on a GPU another one runs the backward pass
    before, _only_inputs = _only_inputs, True
    try:
        return torch.autograd.grad(output, x, create_graph=True)[0]
    finally:
        _only_inputs = before


def parameters_wanted() -> bool:
    """Whether the backward pass that is running is for parameters, too."""
    return not _only_inputs

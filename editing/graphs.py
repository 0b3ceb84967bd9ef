"""CUDA graphs of a search: a GPU gets the thousand small kernels of a look in two pieces, forward and backward.

    look = graphs.recorded(look, latent)
    apart, mse = look(latent)                                  # as before; gradients as before, too

At 64 px the kernels of a step take longer to launch than to run: 35 to 42 ms on an H200, as long as on a CPU.
"""

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Look = Callable[..., Sequence[Tensor]]

ANOTHER = 0.01  # is added to the inputs on which a graph is tried, so that what it keeps of the recorded ones shows
TOLERANCE = 2**-5  # of a norm: both run the same kernels, whose sums may be taken in another order


def recorded(look: Look, *sample: Tensor, wanted: bool = True) -> Look:
    """look, as a graph that has shown to give the same; look itself where nothing is on a GPU, or the graph does not.

    look:   tensors shaped as `sample` to tensors. What else it reads must stay where it is in memory; it draws no random
            numbers, and reads none back to the host. A module's parameters get gradients as well
    sample: requires gradients where the inputs will
    A warning says why there is no graph on a GPU.
    """
    if not wanted or not all(tensor.is_cuda for tensor in sample):
        return look
    inputs, others = ([_alike(tensor, more) for tensor in sample] for more in (0.0, ANOTHER))
    try:
        expected = _told(look, others)
        graph = torch.cuda.make_graphed_callables(look, tuple(inputs))
        for found, plain in zip(_told(graph, others), expected, strict=True):
            if not (found - plain).norm() <= TOLERANCE * plain.norm():
                raise RuntimeError("it gives something else")
    except Exception as error:  # whatever it is: an error of the look itself comes again without the graph
        if isinstance(look, nn.Module):
            vars(look).pop("forward", None)  # where a module keeps its graph
        reason = (str(error) or type(error).__name__).splitlines()[0]
        warnings.warn(f"CUDA graphs: not used for this search ({reason})", RuntimeWarning, stacklevel=2)
        return look
    return graph


def _alike(tensor: Tensor, more: float) -> Tensor:
    return (tensor.detach() + more).requires_grad_(tensor.requires_grad)


def _told(look: Look, inputs: Sequence[Tensor]) -> list[Tensor]:
    """What it says of them, and the gradients of the sum of that."""
    said = look(*inputs)
    parameters = look.parameters() if isinstance(look, nn.Module) else ()
    moved = [tensor for tensor in (*inputs, *parameters) if tensor.requires_grad]
    gradients = torch.autograd.grad(sum(tensor.sum() for tensor in said), moved)
    return [tensor.detach().clone() for tensor in (*said, *gradients)]  # the next look writes over them

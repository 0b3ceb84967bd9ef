"""PyTorch's convolutions, but where their derivatives are slow: on GPUs, and on CPUs with channels_last and many channels.

    y = conv2d(x, weight, padding=1)
    y = conv_transpose2d(x, weight, stride=2)

The penalties of R1 and path length differentiate twice, and PyTorch's formula for that is, for the weight, a convolution whose
filter is as large as the image: on a GPU few libraries are made for those, and with AVX-512 they take 1.5 to 3.7 times as long
as the gradient itself (54 against 89 GFLOP/s at 512 channels and 32 px, 32 against 119 at 128 channels and 128 px). With AVX2
already the gradient takes two to three times as long with channels_last as without (27 against 63 GFLOP/s at 512 channels).
Ours copy what that gradient reads, there, and each derivative, of any order, is a convolution of the library with a filter of
the weight's size.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from op.gradients import parameters_wanted
from op.tracing import is_plain

WIDE = 128  # channels from which ours pay on a CPU ...
FAST = torch.float32, torch.bfloat16  # ... in these types


def conv2d(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """x [batch, in, height, width], weight [out, in, k, k] -> [batch, out, ...], as torch.nn.functional.conv2d."""
    if _quick_to_differentiate(x, weight):
        return F.conv2d(x, weight, stride=stride, padding=padding)
    return _Convolution.apply(x, weight, Geometry(stride, padding))


def conv_transpose2d(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """x [batch, in, height, width], weight [in, out, k, k] -> [batch, out, ...], as torch.nn.functional.conv_transpose2d."""
    if _quick_to_differentiate(x, weight):
        return F.conv_transpose2d(x, weight, stride=stride, padding=padding)
    return _Convolution.apply(x, weight, Geometry(stride, padding, transposed=True))


def _quick_to_differentiate(x: Tensor, weight: Tensor) -> bool:
    """Whether PyTorch's own way is the better one, or is asked for."""
    if is_plain():
        return True
    if x.is_cuda:
        return torch.is_autocast_enabled("cuda")
    narrow = min(weight.shape[:2]) < WIDE or weight.shape[2] == 1
    other = x.device.type != "cpu" or x.dtype not in FAST or torch.is_autocast_enabled("cpu")
    return narrow or other


def _reads_planes_faster(x: Tensor) -> bool:
    """Where copies without channels_last pay. On a GPU, and with AVX-512, they would cost more than they give."""
    return _on_cpu(x) and torch.backends.cpu.get_cpu_capability() == "AVX2"


def _on_cpu(x: Tensor) -> bool:
    return not x.is_cuda


class Geometry(NamedTuple):
    """How a convolution goes over its input."""

    stride: int
    padding: int
    transposed: bool = False
    output_padding: tuple[int, int] = (0, 0)

    def adjoint(self, x: Tensor, y: Tensor, weight: Tensor) -> "Geometry":
        """Of the map from y back to x, for a convolution from x to y: it takes the same weight."""
        if self.transposed:
            return Geometry(self.stride, self.padding)
        lost = [
            before - ((after - 1) * self.stride - 2 * self.padding + taps)
            for before, after, taps in zip(x.shape[2:], y.shape[2:], weight.shape[2:])
        ]
        return Geometry(self.stride, self.padding, True, tuple(lost))

    def arguments(self) -> tuple:
        """As the operators of PyTorch take them."""
        return [self.stride] * 2, [self.padding] * 2, [1, 1], self.transposed, list(self.output_padding), 1


class _Convolution(torch.autograd.Function):
    """y = conv(x, weight), linear in both."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, how: Geometry) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how = how
        return torch.ops.aten.convolution(x, weight, None, *how.arguments())

    @staticmethod
    def backward(ctx, grad: Tensor):
        x, weight = ctx.saved_tensors
        wanted_x, wanted_weight, _ = ctx.needs_input_grad
        wanted_weight = wanted_weight and parameters_wanted()
        if _on_cpu(x) and not torch.is_grad_enabled() and not _reads_planes_faster(x):  # both at once, for good
            wanted = [wanted_x, wanted_weight, False]
            return *torch.ops.aten.convolution_backward(grad, x, weight, None, *ctx.how.arguments(), wanted)[:2], None
        grad_x = _Convolution.apply(grad, weight, ctx.how.adjoint(x, grad, weight)) if wanted_x else None
        return grad_x, _WeightGradient.apply(x, grad, weight.shape, ctx.how) if wanted_weight else None, None


class _WeightGradient(torch.autograd.Function):
    """The gradient of the weight, linear in x and in grad: <grad, conv(x, v)> = <result, v> for every v."""

    @staticmethod
    def forward(ctx, x: Tensor, grad: Tensor, shape: torch.Size, how: Geometry) -> Tensor:
        ctx.save_for_backward(x, grad)
        ctx.how = how
        unread, only_weight = x.new_empty(shape), [False, True, False]
        if _reads_planes_faster(x):
            x, grad = x.contiguous(), grad.contiguous()
        arguments = grad, x, unread, None, *how.arguments(), only_weight
        return torch.ops.aten.convolution_backward(*arguments)[1]

    @staticmethod
    def backward(ctx, v: Tensor):
        x, grad = ctx.saved_tensors
        wanted_x, wanted_grad, *_ = ctx.needs_input_grad
        grad_x = _Convolution.apply(grad, v, ctx.how.adjoint(x, grad, v)) if wanted_x else None
        return grad_x, _Convolution.apply(x, v, ctx.how) if wanted_grad else None, None, None

"""Convolutions that are quick to differentiate, any number of times: each derivative is a convolution of the library again.

    y = conv2d(x, weight, padding=1)
    y = conv_transpose2d(x, weight, stride=2)

PyTorch's own second derivatives take detours through grouped convolutions, and on many CPUs the gradient of the weight is
two to three times slower with channels_last than without.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from op.gradients import parameters_wanted

WIDE = 128  # channels from which the CPU's gradient of the weight is faster without channels_last


def conv2d(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """x [batch, in, height, width], weight [out, in, k, k] -> [batch, out, ...], as torch.nn.functional.conv2d."""
    return _Convolution.apply(*_autocast(x, weight), Geometry(stride, padding))


def conv_transpose2d(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """x [batch, in, height, width], weight [in, out, k, k] -> [batch, out, ...], as torch.nn.functional.conv_transpose2d."""
    return _Convolution.apply(*_autocast(x, weight), Geometry(stride, padding, transposed=True))


def _autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """As PyTorch's own convolutions take them within torch.autocast."""
    device = tensors[0].device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return tensors
    return tuple(t.to(torch.get_autocast_dtype(device)) for t in tensors)


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
        grad_x = _Convolution.apply(grad, weight, ctx.how.adjoint(x, grad, weight)) if wanted_x else None
        wanted_weight = wanted_weight and parameters_wanted()
        return grad_x, _WeightGradient.apply(x, grad, weight.shape, ctx.how) if wanted_weight else None, None


class _WeightGradient(torch.autograd.Function):
    """The gradient of the weight, linear in x and in grad: <grad, conv(x, v)> = <result, v> for every v."""

    @staticmethod
    def forward(ctx, x: Tensor, grad: Tensor, shape: torch.Size, how: Geometry) -> Tensor:
        ctx.save_for_backward(x, grad)
        ctx.how = how
        if _slow_with_channels_last(x, shape):
            x, grad = x.contiguous(), grad.contiguous()
        unread = x.new_empty(shape)
        only_weight = [False, True, False]
        return torch.ops.aten.convolution_backward(grad, x, unread, None, *how.arguments(), only_weight)[1]

    @staticmethod
    def backward(ctx, v: Tensor):
        x, grad = ctx.saved_tensors
        wanted_x, wanted_grad, *_ = ctx.needs_input_grad
        grad_x = _Convolution.apply(grad, v, ctx.how.adjoint(x, grad, v)) if wanted_x else None
        return grad_x, _Convolution.apply(x, v, ctx.how) if wanted_grad else None, None, None


def _slow_with_channels_last(x: Tensor, shape: torch.Size) -> bool:
    """oneDNN has no good kernel for it below AVX-512 (measured: 27 against 63 GFLOP/s at 512 channels)."""
    narrow = min(shape[:2]) < WIDE or shape[2] == 1
    return x.device.type == "cpu" and not narrow and torch.backends.cpu.get_cpu_capability() != "AVX512"

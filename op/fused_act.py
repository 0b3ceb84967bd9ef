"""Bias, leaky ReLU and gain as one operator: the activation of every StyleGAN2 layer.

y = fused_leaky_relu(x, bias)        # sqrt(2) * leaky_relu(x + bias, 0.2)
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def fused_leaky_relu(
    x: Tensor,
    bias: Tensor | None = None,
    negative_slope: float = 0.2,
    scale: float = 2**0.5,
    impl: str = "auto",
) -> Tensor:
    """scale * leaky_relu(x + bias, negative_slope). The scale keeps the variance of a Gaussian input near 1.

    x:      [batch, channels] or [batch, channels, ...], any memory layout
    bias:   [channels] or None
    impl:   "auto", "ref" (the definition) or "torch" (keeps only its output for the backward pass)

    >>> fused_leaky_relu(torch.tensor([[-1.0, 1.0]]), torch.zeros(2), scale=1)
    tensor([[-0.2000,  1.0000]])
    """
    if impl == "ref":
        return fused_leaky_relu_ref(x, bias, negative_slope, scale)
    if impl in ("auto", "torch"):
        if bias is not None:
            x = x + _per_channel(bias, x.ndim)
        return _ScaledLeakyReLU.apply(x, negative_slope, scale)
    raise ValueError(f'impl={impl!r}: expected "auto", "ref" or "torch"')


def fused_leaky_relu_ref(x: Tensor, bias: Tensor | None = None, negative_slope: float = 0.2, scale: float = 2**0.5) -> Tensor:
    """Plain PyTorch: this is the definition."""
    if bias is not None:
        x = x + _per_channel(bias, x.ndim)
    return F.leaky_relu(x, negative_slope) * scale


class FusedLeakyReLU(nn.Module):
    """`fused_leaky_relu` with a bias of its own, as the blocks of StyleGAN2 store it."""

    def __init__(self, channels: int, negative_slope: float = 0.2, scale: float = 2**0.5):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.negative_slope = negative_slope
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return fused_leaky_relu(x, self.bias, self.negative_slope, self.scale)


class _ScaledLeakyReLU(torch.autograd.Function):
    """The sign of the output tells the slope, so the input need not be kept."""

    @staticmethod
    def forward(ctx, x, negative_slope, scale):
        out = F.leaky_relu(x, negative_slope).mul_(scale)
        ctx.save_for_backward(out)
        ctx.constants = negative_slope, scale
        return out

    @staticmethod
    def backward(ctx, grad):
        (out,) = ctx.saved_tensors
        return _Gate.apply(grad, out, *ctx.constants), None, None


class _Gate(torch.autograd.Function):
    """grad * scale * (1 where out > 0, else slope): linear in grad, and flat in out, which is piecewise linear."""

    @staticmethod
    def forward(ctx, grad, out, negative_slope, scale):
        ctx.save_for_backward(out)
        ctx.constants = negative_slope, scale
        return torch.ops.aten.leaky_relu_backward(grad, out, negative_slope, True).mul_(scale)

    @staticmethod
    def backward(ctx, grad):
        (out,) = ctx.saved_tensors
        return _Gate.apply(grad, out, *ctx.constants), None, None, None


def _per_channel(bias: Tensor, dimensions: int) -> Tensor:
    return bias.view(1, -1, *[1] * (dimensions - 2))

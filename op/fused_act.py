"""Demodulation, noise, bias, leaky ReLU and gain as one operator: what every StyleGAN2 layer does after its convolution.

    y = fused_leaky_relu(x, bias)                                     # sqrt(2) * leaky_relu(x + bias, 0.2)
    y = fused_leaky_relu(x, bias, demod=demod, noise=noise, strength=strength)
One pass over memory instead of six.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from op import build
from op.gradients import parameters_wanted
from op.modulation import modulate_backward
from op.tracing import is_plain


def fused_leaky_relu(
    x: Tensor,
    bias: Tensor | None = None,
    negative_slope: float = 0.2,
    scale: float = 2**0.5,
    impl: str = "auto",
    *,
    demod: Tensor | None = None,
    noise: Tensor | None = None,
    strength: Tensor | None = None,
) -> Tensor:
    """scale * leaky_relu(x * demod + strength * noise + bias, negative_slope).

    x:        [batch, channels] or [batch, channels, ...], any memory layout; the result has its type
    bias:     [channels] or None
    scale:    the gain; sqrt(2) keeps the variance of a Gaussian input near 1
    demod:    [batch, channels] or None (Karras et al. 2020, Eq. 3)
    noise:    [1 or batch, 1, ...] or None; strength: [1], which goes with it
    impl:     "auto", "ref" (the definition), "torch" (keeps only its output where it can), "cpu" or "cuda" (compiled)

    x may be float16 or bfloat16 beside float32 parameters; on CUDA the arithmetic is float32 in any case.

    >>> fused_leaky_relu(torch.tensor([[-1.0, 1.0]]), torch.zeros(2), scale=1)
    tensor([[-0.2000,  1.0000]])
    """
    if impl == "ref" or (impl == "auto" and is_plain()):
        return fused_leaky_relu_ref(x, bias, negative_slope, scale, demod=demod, noise=noise, strength=strength)
    if impl not in ("auto", "torch", "cpu", "cuda", "trial"):
        raise ValueError(f'impl={impl!r}: expected "auto", "ref", "torch", "cpu" or "cuda"')
    if scale <= 0 or negative_slope < 0:  # then the sign of the output, which is what the fast forms keep, tells no slope
        return fused_leaky_relu_ref(x, bias, negative_slope, scale, demod=demod, noise=noise, strength=strength)
    if build.has_kernel(x, impl):
        terms = bias, demod, None if noise is None else noise.float(), strength  # noise is drawn in the type of x
        if _fits_kernel(x, *terms):
            terms = (None if t is None else t.contiguous() for t in terms)
            return _Compiled.apply(build.dense(x), *terms, negative_slope, scale)
    return _ScaledLeakyReLU.apply(_pre_activation(x, bias, demod, noise, strength), negative_slope, scale)


def fused_leaky_relu_ref(
    x: Tensor,
    bias: Tensor | None = None,
    negative_slope: float = 0.2,
    scale: float = 2**0.5,
    **terms: Tensor | None,
) -> Tensor:
    """Plain PyTorch: this is the definition. terms: demod, noise and strength."""
    return F.leaky_relu(_pre_activation(x, bias, **terms), negative_slope) * scale


def _pre_activation(
    x: Tensor,
    bias: Tensor | None,
    demod: Tensor | None = None,
    noise: Tensor | None = None,
    strength: Tensor | None = None,
) -> Tensor:
    if demod is not None:
        x = x * _per_channel(demod, x.ndim).to(x.dtype)
    if noise is not None:
        x = x + (strength * noise).to(x.dtype)
    if bias is not None:
        x = x + _per_channel(bias, x.ndim).to(x.dtype)
    return x


class FusedLeakyReLU(nn.Module):
    """`fused_leaky_relu` with a bias of its own, as the blocks of StyleGAN2 store it."""

    def __init__(self, channels: int, negative_slope: float = 0.2, scale: float = 2**0.5):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.negative_slope = negative_slope
        self.scale = scale

    def forward(self, x: Tensor, **terms: Tensor | None) -> Tensor:
        return fused_leaky_relu(x, self.bias, self.negative_slope, self.scale, **terms)


def _fits_kernel(x: Tensor, bias: Tensor | None, demod: Tensor | None, noise: Tensor | None, strength: Tensor | None) -> bool:
    """Whether the compiled operator takes these: float32 of the documented shapes beside x, and noise that nobody optimises."""
    batch, channels, *pixels = x.shape
    documented = (
        (bias, [(channels,)]),
        (demod, [(batch, channels)]),
        (noise, [(1, 1, *pixels), (batch, 1, *pixels)]),
        (strength, [(1,)]),
    )
    fits = all(
        t is None or (t.dtype == torch.float32 and t.device == x.device and t.shape in shapes) for t, shapes in documented
    )
    return fits and (noise is None) == (strength is None) and not (noise is not None and noise.requires_grad)


class _Compiled(torch.autograd.Function):
    """One pass forward, one backward. Where the backward pass is to be differentiated in turn, it is plain PyTorch."""

    @staticmethod
    def forward(ctx, x, bias, demod, noise, strength, slope, scale):
        out = torch.ops.cartoon_stylegan2.leaky_relu(x, bias, demod, noise, strength, slope, scale)
        ctx.save_for_backward(out, x if demod is not None else None, demod, noise)
        ctx.constants = slope, scale
        return out

    @staticmethod
    def backward(ctx, grad):
        out, x, demod, noise = ctx.saved_tensors
        if torch.is_grad_enabled():
            grads = _differentiable_backward(ctx, grad, out, x, demod, noise)
        else:
            kernel = torch.ops.cartoon_stylegan2.leaky_relu_backward
            grads = kernel(build.dense(grad, like=out), out, x, demod, noise, *ctx.constants)
        grad_x, grad_bias, grad_demod, grad_strength = grads
        wanted = ctx.needs_input_grad
        return (
            grad_x,
            *(g if w else None for g, w in zip((grad_bias, grad_demod, None, grad_strength), wanted[1:5])),
            None,
            None,
        )


def _differentiable_backward(ctx, grad, out, x, demod, noise):
    _, wants_bias, _, _, wants_strength, *_ = ctx.needs_input_grad
    wants_bias, wants_strength = (wanted and parameters_wanted() for wanted in (wants_bias, wants_strength))
    others = (0, *range(2, out.ndim))
    gated = _Gate.apply(grad, out, *ctx.constants, True)
    grad_x, grad_demod = (gated, None) if demod is None else modulate_backward(gated, x, demod, "trial")  # as it was chosen
    return (
        grad_x,
        gated.sum(others, dtype=torch.float32) if wants_bias else None,
        grad_demod,
        (gated * noise).sum().reshape(1) if wants_strength else None,
    )


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
        return _Gate.apply(grad, out, *ctx.constants, False), None, None


class _Gate(torch.autograd.Function):
    """grad * scale * (1 where out > 0, else slope): linear in grad, and flat in out, which is piecewise linear."""

    @staticmethod
    def forward(ctx, grad, out, negative_slope, scale, compiled):
        ctx.save_for_backward(out)
        ctx.constants = negative_slope, scale, compiled
        if compiled:
            grad = build.dense(grad, like=out)
            return torch.ops.cartoon_stylegan2.leaky_relu_backward(grad, out, None, None, None, negative_slope, scale)[0]
        return torch.ops.aten.leaky_relu_backward(grad, out, negative_slope, True).mul_(scale)

    @staticmethod
    def backward(ctx, grad):
        (out,) = ctx.saved_tensors
        return _Gate.apply(grad, out, *ctx.constants), *[None] * 4


def _per_channel(values: Tensor, dimensions: int) -> Tensor:
    """[channels] or [batch, channels] -> broadcastable with [batch, channels, ...]."""
    return values.view(-1, values.shape[-1], *[1] * (dimensions - 2))

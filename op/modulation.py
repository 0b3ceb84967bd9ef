"""Every channel of every image times a factor of its own: what a style does to the input of a convolution.

    y = modulate(x, style)                                            # x * style[:, :, None, None]

The map is linear in both, and so are its derivatives: with the sums over the pixels of a product, they are closed under
differentiation. Each is one pass over memory, to any order.
"""

import torch
from torch import Tensor

from op import build
from op.tracing import is_plain


def modulate(x: Tensor, style: Tensor, impl: str = "auto") -> Tensor:
    """x [batch, channels, ...] * style [batch, channels], in the type of x. impl: as of `fused_leaky_relu`."""
    if _takes(x, style, impl):
        return _Modulate.apply(build.dense(x), style.contiguous(), impl)
    return x * style.view(*style.shape, *[1] * (x.ndim - 2)).to(x.dtype)


def modulate_backward(grad: Tensor, x: Tensor, style: Tensor, impl: str = "auto") -> tuple[Tensor, Tensor]:
    """(grad * style, the sums of grad * x over the pixels, [batch, channels]): what x and style get for grad."""
    if _takes(x, style, impl) and grad.dtype == x.dtype:
        x = build.dense(x)
        return _Both.apply(build.dense(grad, like=x), x, style.contiguous(), impl)
    return modulate(grad, style, impl), channel_dots(grad, x, impl)


def channel_dots(a: Tensor, b: Tensor, impl: str = "auto") -> Tensor:
    """The sums of a * b over the pixels: [batch, channels, ...] twice -> [batch, channels], at least float32."""
    if build.has_kernel(a, impl) and not is_plain() and a.dtype == b.dtype and a.ndim == 4:
        a = build.dense(a)
        return _Dots.apply(a, build.dense(b, like=a), impl)
    return (a * b).reshape(*a.shape[:2], -1).sum(2, dtype=torch.promote_types(a.dtype, torch.float32))


def _takes(x: Tensor, style: Tensor, impl: str) -> bool:
    fits = x.ndim == 4 and style.shape == x.shape[:2] and style.dtype == torch.float32
    return fits and not is_plain() and build.has_kernel(x, impl)


class _Modulate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, style, impl):
        ctx.save_for_backward(x, style)
        ctx.impl = impl
        return torch.ops.cartoon_stylegan2.leaky_relu(x, None, style, None, None, 1.0, 1.0)

    @staticmethod
    def backward(ctx, grad):
        x, style = ctx.saved_tensors
        if not ctx.needs_input_grad[1]:
            return modulate(grad, style, ctx.impl), None, None
        return *modulate_backward(grad, x, style, ctx.impl), None


class _Both(torch.autograd.Function):
    @staticmethod
    def forward(ctx, grad, x, style, impl):
        ctx.save_for_backward(grad, x, style)
        ctx.impl = impl
        ctx.set_materialize_grads(False)
        return torch.ops.cartoon_stylegan2.modulate_backward(grad, x, style)

    @staticmethod
    def backward(ctx, v, sums):
        """v: of grad * style, sums: of the sums."""
        grad, x, style = ctx.saved_tensors
        wants_grad, wants_x, wants_style, _ = ctx.needs_input_grad
        grad_grad = modulate(v, style, ctx.impl) if wants_grad and v is not None else None
        if wants_grad and sums is not None:
            more = modulate(x, sums, ctx.impl)
            grad_grad = more if grad_grad is None else grad_grad + more
        grad_x = modulate(grad, sums, ctx.impl) if wants_x and sums is not None else None
        return grad_grad, grad_x, channel_dots(grad, v, ctx.impl) if wants_style and v is not None else None, None


class _Dots(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b, impl):
        ctx.save_for_backward(a, b)
        ctx.impl = impl
        return torch.ops.cartoon_stylegan2.modulate_backward(a, b, None)[1]

    @staticmethod
    def backward(ctx, v):
        a, b = ctx.saved_tensors
        wants_a, wants_b, _ = ctx.needs_input_grad
        return modulate(b, v, ctx.impl) if wants_a else None, modulate(a, v, ctx.impl) if wants_b else None, None

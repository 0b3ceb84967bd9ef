"""Images seen through an affine map each, bilinear: the sampling of ADA's geometric augmentations.

moved = affine_sample(images, maps, (64, 64))
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from op import build
from op.tracing import is_plain


def affine_sample(x: Tensor, maps: Tensor, size: tuple[int, int], impl: str = "auto") -> Tensor:
    """The images whose pixel at (i, j) is x at (a i + b j + s, c i + d j + t); 0 outside x.

    x:    [batch, channels, height, width], float32 or float64
    maps: (a, b, s, c, d, t) of each image, [batch, 6]; positions are (right, down) in pixels from the centre, on both sides
    size: (height, width) of the result
    impl: "auto", "ref" (the definition), "torch" (the same, but differentiable in x to any order) or "cpu" (compiled)

    >>> affine_sample(torch.eye(2)[None, None], torch.tensor([[1.0, 0, 0, 0, -1, 0]]), (2, 2))[0, 0]  # upside down
    tensor([[0., 1.],
            [1., 0.]])
    """
    maps = maps.to(x)
    if impl == "ref" or (impl == "auto" and is_plain()):
        return _bilinear(x, _grid(x, maps, size))
    if x.device.type == "cpu" and build.has_kernel(x, impl):
        return _Sample.apply(x, maps.contiguous(), size)
    return _Bilinear.apply(x, _grid(x, maps, size))


class _Sample(torch.autograd.Function):
    """Compiled. Linear in x."""

    @staticmethod
    def forward(ctx, x, maps, size):
        ctx.save_for_backward(maps)
        ctx.size = tuple(x.shape[2:])
        return torch.ops.cartoon_stylegan2.affine_sample(x.contiguous(memory_format=torch.channels_last), maps, *size)

    @staticmethod
    def backward(ctx, grad):
        return _SampleTransposed.apply(grad, *ctx.saved_tensors, ctx.size), None, None


class _SampleTransposed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, grad, maps, size):
        ctx.save_for_backward(maps)
        ctx.size = tuple(grad.shape[2:])
        return torch.ops.cartoon_stylegan2.affine_scatter(grad.contiguous(memory_format=torch.channels_last), maps, *size)

    @staticmethod
    def backward(ctx, v):
        return _Sample.apply(v, *ctx.saved_tensors, ctx.size), None, None


def _grid(x: Tensor, maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Where each pixel of the result is read, as grid_sample counts: -1 to 1 from edge to edge, on both sides of the maps."""
    (rows, columns), (height, width) = x.shape[2:], size
    a, b, s, c, d, t = maps.unbind(-1)
    along_x = _beside_pixels(a * (2 / columns), c * (2 / rows)) * (width / 2)
    along_y = _beside_pixels(b * (2 / columns), d * (2 / rows)) * (height / 2)
    shift = _beside_pixels(s * (2 / columns), t * (2 / rows))
    column = torch.linspace(-1, 1, width, dtype=x.dtype, device=x.device)[:, None] * (width - 1) / width
    row = torch.linspace(-1, 1, height, dtype=x.dtype, device=x.device)[:, None, None] * (height - 1) / height
    # M (x, y, 1), multiplied out: a matrix product might round to TF32, and miss by a quarter of a pixel.
    return torch.addcmul(column * along_x, row, along_y) + shift


def _beside_pixels(x: Tensor, y: Tensor) -> Tensor:
    """(x, y) of each image as [batch, 1, 1, 2]."""
    return torch.stack([x, y], dim=-1)[:, None, None]


def _bilinear(x: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


class _Bilinear(torch.autograd.Function):
    """F.grid_sample, linear in x. PyTorch's own (up to 2.11) is differentiable once, and keeps x for the grid's gradient."""

    @staticmethod
    def forward(ctx, x, grid):
        ctx.save_for_backward(grid)
        ctx.shape = x.shape
        return _bilinear(x, grid)

    @staticmethod
    def backward(ctx, grad):
        (grid,) = ctx.saved_tensors
        return _Scatter.apply(grad, grid, ctx.shape), None


class _Scatter(torch.autograd.Function):
    """`_Bilinear` transposed: each number goes to the four pixels that it was read from. x of that shape results."""

    @staticmethod
    def forward(ctx, grad, grid, shape):
        ctx.save_for_backward(grid)
        unread, bilinear, zeros = grad.new_zeros(()).expand(shape), 0, 0
        return torch.ops.aten.grid_sampler_2d_backward(grad, unread, grid, bilinear, zeros, False, [True, False])[0]

    @staticmethod
    def backward(ctx, v):
        (grid,) = ctx.saved_tensors
        return _Bilinear.apply(v, grid), None, None

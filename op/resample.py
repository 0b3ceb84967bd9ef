"""Upsample, pad, filter with a FIR kernel, downsample: the resampling of StyleGAN2 (Karras et al. 2020, App. B).

Blur, and double the size:

    blurred = upfirdn2d(images, kernel, pad=(2, 1))
    doubled = upfirdn2d(images, kernel * 4, up=2, pad=(2, 1))
"""

import functools
from collections.abc import MutableMapping

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.weak import WeakTensorKeyDictionary

from op import build
from op.tracing import is_plain

Pair = tuple[int, int]
Quad = tuple[int, int, int, int]


def upfirdn2d(
    x: Tensor,
    kernel: Tensor,
    up: int | Pair = 1,
    down: int | Pair = 1,
    pad: Pair | Quad = (0, 0),
    impl: str = "auto",
) -> Tensor:
    """Insert zeros, pad, convolve with `kernel`, keep every `down`-th sample.

    x:       [batch, channels, height, width], any memory layout
    kernel:  [kernel_height, kernel_width] on any device; no gain is applied and no gradient reaches it
    up:      `up - 1` zeros follow every sample; one number, or (x, y)
    down:    every `down`-th sample is kept, the first one included; one number, or (x, y)
    pad:     (before, after) for both axes, or (x_before, x_after, y_before, y_after); negative values crop
    impl:    "auto", "ref" (the definition), "torch" (polyphase, never zero-stuffed), "cpu" or "cuda" (compiled, for kernels
             that are an outer product of at most 32 taps each)

    Returns [batch, channels, out_height, out_width] with out = (in * up + before + after - kernel) // down + 1.
    Raises ValueError when the padded image is smaller than the kernel.

    >>> upfirdn2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1), up=2)[0, 0, 0]
    tensor([1., 0., 1., 0.])
    """
    up, down, pad = _pair(up), _pair(down), _quad(pad)
    out_size(x.shape[-2:], kernel.shape, up, down, pad)  # refuses what no implementation can do
    if impl == "ref":
        return upfirdn2d_ref(x, kernel, up, down, pad)
    if impl == "auto" and is_plain():
        return _recorded(x, kernel, up, down, pad)
    if impl in ("auto", "torch", "cpu", "cuda", "trial"):
        return _Upfirdn2d.apply(x, kernel, False, up, down, pad, impl)
    raise ValueError(f'impl={impl!r}: expected "auto", "ref", "torch", "cpu" or "cuda"')


def upfirdn2d_ref(x: Tensor, kernel: Tensor, up: Pair, down: Pair, pad: Quad) -> Tensor:
    """The definition, step by step. Arguments as in `upfirdn2d`, all spelled out."""
    batch, channels, height, width = x.shape
    stuffed = x.new_zeros(batch, channels, height, up[1], width, up[0])
    stuffed[:, :, :, 0, :, 0] = x
    padded = _pad_or_crop(stuffed.reshape(batch * channels, 1, height * up[1], width * up[0]), pad)
    # conv2d correlates; the flip makes it the convolution of the definition.
    filtered = F.conv2d(padded, kernel.flip(0, 1)[None, None].to(x))
    return filtered[:, :, :: down[1], :: down[0]].unflatten(0, (batch, channels)).squeeze(2)


def _recorded(x: Tensor, kernel: Tensor, up: Pair, down: Pair, pad: Quad) -> Tensor:
    """The same in two or three operators, none of which scatters: what a recorded program holds, and other programs run fast.

    Zeros in between, and a filter over them, are a transposed convolution.
    """
    if up == (1, 1):
        return _depthwise(x, kernel.flip(0, 1).to(x), pad, down)
    taps_y, taps_x = kernel.shape
    left, right, top, bottom = pad[0] - taps_x + 1, pad[1] - taps_x + up[0], pad[2] - taps_y + 1, pad[3] - taps_y + up[1]
    columns, rows = max(0, min(-left, -right)), max(0, min(-top, -bottom))  # which the convolution leaves out at both ends
    weight = kernel.to(x).expand(x.shape[1], 1, taps_y, taps_x)
    x = F.conv_transpose2d(x, weight, stride=(up[1], up[0]), padding=(rows, columns), groups=x.shape[1])
    return _pad_or_crop(x, (left + columns, right + columns, top + rows, bottom + rows))[:, :, :: down[1], :: down[0]]


def out_size(in_size: Pair, kernel_size: Pair, up: Pair, down: Pair, pad: Quad) -> Pair:
    """(height, width) of the result. Raises ValueError when the kernel does not fit once."""
    (height, width), (taps_y, taps_x) = in_size, kernel_size
    rows = height * up[1] + pad[2] + pad[3] - taps_y
    columns = width * up[0] + pad[0] + pad[1] - taps_x
    if rows < 0 or columns < 0:
        raise ValueError(
            f"upfirdn2d: a {height}x{width} image, up {up}, pad {pad} is smaller than the {taps_y}x{taps_x} kernel"
        )
    return rows // down[1] + 1, columns // down[0] + 1


class _Upfirdn2d(torch.autograd.Function):
    """The transpose of this linear map is another upfirdn2d, so derivatives of any order are calls of itself.

    It has the kernel turned by 180 degrees. `turned` says so, and the kernel itself stays the tensor whose taps are known.
    """

    @staticmethod
    def forward(ctx, x, kernel, turned, up, down, pad, impl):
        ctx.save_for_backward(kernel)
        ctx.arguments = x.shape[-2:], turned, up, down, pad, impl
        if build.has_kernel(x, impl) and all(1 in axis for axis in zip(up, down)) and (taps := _separated(kernel)):
            return _compiled(x, *taps[turned], up, down, pad)
        return _polyphase(x, kernel.flip(0, 1) if turned else kernel, up, down, pad)

    @staticmethod
    def backward(ctx, grad):
        (kernel,) = ctx.saved_tensors
        in_size, turned, up, down, pad, impl = ctx.arguments
        back = _transposed_pad(in_size, kernel.shape, grad.shape[-2:], up, down, pad)
        return _Upfirdn2d.apply(grad, kernel, not turned, down, up, back, impl), *[None] * 6


def _transposed_pad(in_size: Pair, kernel_size: Pair, out_size: Pair, up: Pair, down: Pair, pad: Quad) -> Quad:
    (height, width), (taps_y, taps_x), (out_height, out_width) = in_size, kernel_size, out_size
    return (
        taps_x - pad[0] - 1,
        width * up[0] - out_width * down[0] + pad[0] - up[0] + 1,
        taps_y - pad[2] - 1,
        height * up[1] - out_height * down[1] + pad[2] - up[1] + 1,
    )


def _compiled(x: Tensor, taps_y: Tensor, taps_x: Tensor, up: Pair, down: Pair, pad: Quad) -> Tensor:
    """One pass over memory. The layout stays, unless it has gaps; on the CPU it becomes channels_last."""
    size = out_size(x.shape[-2:], (len(taps_y), len(taps_x)), up, down, pad)
    if not build.takes_planes(x):
        x = x.contiguous(memory_format=torch.channels_last)
    return torch.ops.cartoon_stylegan2.upfirdn2d(x, taps_y, taps_x, up[1], up[0], down[1], down[0], pad[2], pad[0], *size)


Taps = tuple[Tensor, Tensor]  # vertical, horizontal
_known: MutableMapping[Tensor, tuple[int | None, tuple[Taps, Taps] | None]] = WeakTensorKeyDictionary()


def _separated(kernel: Tensor) -> tuple[Taps, Taps] | None:
    """Taps in the order of a correlation, whose outer product is the kernel, and those of the turned one; None if it has none.

    To read a kernel on a GPU is to wait for it, and a CUDA graph cannot wait: each is read once, until it changes. One that is
    made while a graph is recorded has no known taps.
    """
    current = None if kernel.is_inference() else kernel._version
    version, taps = _known.get(kernel, (None, None))
    if version is None or version != current:
        if _being_recorded(kernel):
            return None
        taps = _factors(tuple(map(tuple, kernel.tolist())))
        _known[kernel] = current, taps
    return taps


def _being_recorded(kernel: Tensor) -> bool:
    return kernel.is_cuda and torch.cuda.is_current_stream_capturing()


@functools.lru_cache(256)
def _factors(rows: tuple[tuple[float, ...], ...]) -> tuple[Taps, Taps] | None:
    kernel = torch.tensor(rows, dtype=torch.float64).flip(0, 1)
    peak = kernel.abs().argmax().item()
    row, column = divmod(peak, kernel.shape[1])
    largest = kernel[row, column]
    if largest == 0 or max(kernel.shape) > build.MOST_TAPS:
        return None
    vertical, horizontal = kernel[:, column] / largest, kernel[row]
    if not torch.allclose(torch.outer(vertical, horizontal), kernel, rtol=0, atol=1e-6 * largest.abs().item()):
        return None
    vertical, horizontal = vertical.float(), horizontal.float()
    return (vertical, horizontal), (vertical.flip(0), horizontal.flip(0))


def _polyphase(x: Tensor, kernel: Tensor, up: Pair, down: Pair, pad: Quad) -> Tensor:
    """Filter without touching a stuffed zero: each of the up x up output phases sees its own subset of the taps."""
    weight = kernel.flip(0, 1).to(x)
    x = x.contiguous(memory_format=torch.channels_last)  # several times faster: one step serves all channels
    if up == (1, 1):
        return _depthwise(x, weight, pad, down)
    height, width = out_size(x.shape[-2:], kernel.shape, up, (1, 1), pad)
    shape = *x.shape[:2], height, width
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    for row in range(min(up[1], height)):
        taps_y, pad_y = _phase(row, up[1], pad[2], kernel.shape[0], x.shape[2], height)
        for column in range(min(up[0], width)):
            taps_x, pad_x = _phase(column, up[0], pad[0], kernel.shape[1], x.shape[3], width)
            phase = out[:, :, row :: up[1], column :: up[0]]
            if taps_y.start >= kernel.shape[0] or taps_x.start >= kernel.shape[1]:
                phase.zero_()  # more phases than taps: this one sees only zeros
            else:
                phase.copy_(_depthwise(x, weight[taps_y, taps_x], (*pad_x, *pad_y)))
    return out[:, :, :: down[1], :: down[0]]


def _phase(phase: int, up: int, before: int, taps: int, in_length: int, out_length: int) -> tuple[slice, Pair]:
    """Taps that meet samples (not stuffed zeros) in outputs phase, phase + up, ..., and the padding of the input for them."""
    first = (before - phase) % up
    taps_here = len(range(first, taps, up))
    offset = (phase + first - before) // up  # input index under the first tap of the first output
    outputs = len(range(phase, out_length, up))
    return slice(first, None, up), (-offset, offset + outputs + taps_here - 1 - in_length)


def _depthwise(x: Tensor, weight: Tensor, pad: Quad, stride: Pair = (1, 1)) -> Tensor:
    """The same filter on every channel. Zeros that both sides have in common cost nothing: the convolution knows of them."""
    left, right, top, bottom = pad
    columns, rows = max(0, min(left, right)), max(0, min(top, bottom))
    x = _pad_or_crop(x, (left - columns, right - columns, top - rows, bottom - rows))
    weight = weight.expand(x.shape[1], 1, *weight.shape)
    return F.conv2d(x, weight, stride=(stride[1], stride[0]), padding=(rows, columns), groups=x.shape[1])


def _pad_or_crop(x: Tensor, pad: Quad) -> Tensor:
    if not any(pad):
        return x
    # Zeros first: F.pad crops first, and refuses to crop a sample that the other side's zeros would make up for.
    if any(p > 0 for p in pad):
        x = F.pad(x, [max(p, 0) for p in pad])
    left, right, top, bottom = (max(-p, 0) for p in pad)
    return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else tuple(value)


def _quad(pad: Pair | Quad) -> Quad:
    return (*pad, *pad) if len(pad) == 2 else tuple(pad)

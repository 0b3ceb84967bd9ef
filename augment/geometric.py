"""Geometric augmentation: a random affine map for each image, without aliasing (Karras et al. 2020, arXiv 2006.06676, App. B).

    G = sample_geometric(Draw(len(images), images.device), p=0.5, height=256, width=256)
    images = apply_geometric(images, torch.linalg.inv(G))

Positions are homogeneous columns (x, y, 1) in pixels from the centre of the image: x to the right, y down. G says where a
point goes. Its inverse says where a pixel of the result comes from, which is what the execution needs.
"""

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from augment.draw import Draw
from augment.matrices import compose, matrix
from op import affine_sample, build, upfirdn2d

LN2 = math.log(2)

# The low-pass filter of the wavelet sym6 (Daubechies' least asymmetric, 6 vanishing moments): it is orthogonal to its own
# shifts by two and sums to sqrt(2), so that one pass up and one down, over two axes, give back the brightness.
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
REACH = len(SYM6) // 4  # pixels to either side that the filter, which works at twice the resolution, looks at


def sample_geometric(draw: Draw, p: float | Tensor, height: int, width: int) -> Tensor:
    """G, [batch, 3, 3]: eight factors, each drawn for itself with its own probability, the first acting first."""
    p_turn = 1 - (1 - p) ** 0.5  # there are two free rotations: p is the probability of at least one
    return compose(
        draw.sometimes(p, flip_x(draw.either(0, 1))),
        draw.sometimes(p, rotate(-math.pi / 2 * draw.either(0, 3))),  # the published code never draws 1 or 2
        draw.sometimes(p, translate(_pixels(draw.uniform(-0.125, 0.125, rows=2), height, width).round())),
        draw.sometimes(p, scale(draw.lognormal(0.2 * LN2))),
        draw.sometimes(p_turn, rotate(-draw.uniform(-math.pi, math.pi))),
        draw.sometimes(p, stretch(draw.lognormal(0.2 * LN2))),
        draw.sometimes(p_turn, rotate(-draw.uniform(-math.pi, math.pi))),
        draw.sometimes(p, translate(_pixels(draw.normal(0.125, rows=2), height, width))),
    )


def apply_geometric(images: Tensor, G_inverse: Tensor) -> Tensor:
    """Pad with reflections, double the resolution, sample at the mapped positions, halve the resolution.

    images:    [batch, channels, height, width], float32 or float64, any memory layout
    G_inverse: [batch, 3, 3], from a position in the result to its source in the image

    Returns images of the same shape, linear in `images` and differentiable in them to any order. Raises TypeError for images
    of lower precision: their numbers cannot tell neighbouring pixels' positions apart.
    """
    if images.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"images are {images.dtype}: expected float32 or float64")
    height, width = images.shape[-2:]
    G_inverse = G_inverse.detach().to(images)
    left, right, top, bottom = _most_margins(height, width) if _being_recorded(images) else _margins(G_inverse, height, width)
    # The filter is centred on its tap 5, not 5.5: the point x of an image is found at 2 x - 1/2 in the doubled image, also
    # before the map. And the centre of the padded image is not the image's.
    (a, b, x), (c, d, y) = (row.unbind(-1) for row in G_inverse[:, :2].unbind(1))
    s, t = a / 2 + b / 2 + (2 * x + (left - right - 0.5)), c / 2 + d / 2 + (2 * y + (top - bottom - 0.5))
    maps, size = torch.stack([a, b, s, c, d, t], -1), (2 * (height + 2 * REACH), 2 * (width + 2 * REACH))

    # The filters take nearly all the time, and channels_last makes them several times faster.
    padded = F.pad(images, (left, right, top, bottom), mode="reflect").contiguous(memory_format=torch.channels_last)
    mapped = affine_sample(_double(padded), maps, size)
    return _halve(mapped.contiguous(memory_format=torch.channels_last))


def flip_x(i: Tensor) -> Tensor:
    """Mirror left and right where i is 1."""
    return matrix((1 - 2 * i, 0, 0), (0, 1, 0), (0, 0, 1))


def rotate(angle: Tensor) -> Tensor:
    """Turn by `angle` radians, clockwise as seen (y points down)."""
    cos, sin = angle.cos(), angle.sin()
    return matrix((cos, -sin, 0), (sin, cos, 0), (0, 0, 1))


def translate(offset: Tensor) -> Tensor:
    """Shift by offset[0] pixels to the right and offset[1] down; offset is [2, batch]."""
    return matrix((1, 0, offset[0]), (0, 1, offset[1]), (0, 0, 1))


def scale(s: Tensor) -> Tensor:
    """Enlarge s times."""
    return matrix((s, 0, 0), (0, s, 0), (0, 0, 1))


def stretch(s: Tensor) -> Tensor:
    """Enlarge s times in x and 1/s times in y."""
    return matrix((s, 0, 0), (0, 1 / s, 0), (0, 0, 1))


def _pixels(shares: Tensor, height: int, width: int) -> Tensor:
    """Shares of (height, width), [2, batch], as (x, y) in pixels, [2, batch]."""
    return torch.stack([shares[1] * width, shares[0] * height])


def _margins(G_inverse: Tensor, height: int, width: int) -> tuple[int, int, int, int]:
    """Pixels (left, right, top, bottom) beyond the images that any result of the batch looks at, at most `_most_margins`.

    The host must know them, so the matrices come to it: one synchronisation.
    """
    G_inverse = G_inverse.cpu()
    half = torch.tensor([width - 1, height - 1], dtype=G_inverse.dtype) / 2
    corners = torch.tensor([[-1, 1, -1, 1], [-1, -1, 1, 1]]) * half[:, None]
    sources = G_inverse[:, :2, :2] @ corners + G_inverse[:, :2, 2:]  # [batch, 2, 4]
    beyond = torch.stack([-sources, sources]).amax((1, 3)) - half + 2 * REACH  # [before or after, x or y]
    left_top, right_bottom = beyond.clamp(min=0).minimum(2 * half).ceil().int().tolist()
    return left_top[0], right_bottom[0], left_top[1], right_bottom[1]


def _most_margins(height: int, width: int) -> tuple[int, int, int, int]:
    """One reflection has no more to give than the image less its edge: what lies further out is 0, grey."""
    return width - 1, width - 1, height - 1, height - 1


def _being_recorded(images: Tensor) -> bool:
    """Whether a CUDA graph is being recorded. No number can come to the host then, and all replays get the same margins."""
    return images.is_cuda and torch.cuda.is_current_stream_capturing()


def _double(x: Tensor) -> Tensor:
    """[batch, channels, height, width] -> [batch, channels, 2 height, 2 width]; rows first, which is the cheaper order."""
    if _at_once(x):
        return upfirdn2d(x, _product(x.dtype), up=2, pad=(6, 5, 6, 5))
    taps = _taps(x.dtype)
    x = upfirdn2d(x, taps[:, None], up=(1, 2), pad=(0, 0, 6, 5))
    return upfirdn2d(x, taps[None, :], up=(2, 1), pad=(6, 5, 0, 0))


def _halve(x: Tensor) -> Tensor:
    """[batch, channels, 2 (height + 6), 2 (width + 6)] -> [batch, channels, height, width]: `_double` transposed."""
    if _at_once(x):
        return upfirdn2d(x, _product(x.dtype, turned=True), down=2, pad=(-1, -1, -1, -1))
    taps = _taps(x.dtype).flip(0)
    x = upfirdn2d(x, taps[None, :], down=(2, 1), pad=(-1, -1, 0, 0))
    return upfirdn2d(x, taps[:, None], down=(1, 2), pad=(0, 0, -1, -1))


def _at_once(x: Tensor) -> bool:
    """Whether one pass for both axes is faster: on a GPU with its compiled operators, which have a kernel for these taps."""
    return x.is_cuda and build.has_kernel(x, "auto")


def _taps(dtype: torch.dtype) -> Tensor:
    return torch.tensor(SYM6, dtype=dtype)  # on the CPU, wherever images lie: nobody has to wait for a GPU to read them


@functools.cache
def _product(dtype: torch.dtype, turned: bool = False) -> Tensor:
    """The filter of both axes. Kept, since its taps are known then."""
    both = torch.outer(_taps(dtype), _taps(dtype))
    return both.flip(0, 1) if turned else both

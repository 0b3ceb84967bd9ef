"""A canvas, and shapes as signed distances: negative inside, zero on the edge, positive outside.

A shape is a tensor [n, 1, size, size] that holds one distance per pixel, so shapes combine by arithmetic:
`intersection(a, b)` keeps what lies in both, `-a` is the outside of a, `a + 0.1` shrinks a by 0.1, and
`a.abs() - 0.1` is the band of 0.1 on either side of its edge. Antialiasing comes for free: a pixel is covered
as far as the edge is away.

    canvas = Canvas(1, 64)
    canvas.fill(ellipse(canvas.x, canvas.y, 0.5, 0.3), rgb(1, 0, 0))

The picture spans -0.86 to 0.86 in both directions, x to the right and y down; this is the unit of all lengths.
Colours are [n, 3, 1, 1], or [n, 3, size, size] where they change over the picture, nominally in 0..1.
"""

import functools

import torch
from torch import Tensor

HALF_SIDE = 0.86


class Canvas:
    """A batch of square pictures to paint on.

    image:    [n, 3, size, size], black at first
    x, y:     [1, 1, size, size], where the middle of each pixel lies
    shift_y:  how far below the middle of the picture the origin lies
    """

    def __init__(self, n: int, size: int, shift_y: float = 0.0):
        centres = ((torch.arange(size) + 0.5) / size * 2 - 1) * HALF_SIDE
        self.size = size
        self.image = torch.zeros(n, 3, size, size)
        self.x = centres.expand(1, 1, size, size).contiguous()
        self.y = (centres - shift_y)[:, None].expand(1, 1, size, size).contiguous()
        self.pixel = 2 * HALF_SIDE / size

    def coverage(self, shape: Tensor, softness: float = 1.0) -> Tensor:
        """How much of each pixel lies inside: 1 inside, 0 outside, a ramp `softness` pixels wide between them."""
        return (shape / (-self.pixel * softness)).add_(0.5).clamp_(0, 1)

    def paint(self, colour: Tensor, opacity: Tensor | float = 1.0):
        """Blend a colour over everything; opacity 1 hides what was there."""
        self.image.lerp_(colour, opacity)

    def fill(self, shape: Tensor, colour: Tensor, softness: float = 1.0, opacity: Tensor | float = 1.0):
        """Paint the inside of a shape."""
        self.paint(colour, self.coverage(shape, softness) * opacity)

    def line(self, shape: Tensor, half_width: float, colour: Tensor, opacity: Tensor | float = 1.0):
        """Draw along the edge of a shape."""
        self.fill(shape.abs() - half_width, colour, opacity=opacity)


def ellipse(x: Tensor, y: Tensor, half_width: Tensor | float, half_height: Tensor | float) -> Tensor:
    """Ellipse around the origin; the distance is exact to first order near the edge."""
    unit_x, unit_y = x / half_width, y / half_height
    radius = (unit_x.square() + unit_y.square()).add_(1e-8).sqrt_()
    slope = ((unit_x / half_width).square_() + (unit_y / half_height).square_()).add_(1e-8).sqrt_()
    return radius * (radius - 1) / slope


def rounded_box(x: Tensor, y: Tensor, half_width: Tensor | float, half_height: Tensor | float, corner: float) -> Tensor:
    """Rectangle around the origin, its corners rounded with radius `corner`."""
    beyond_x, beyond_y = x.abs() - half_width + corner, y.abs() - half_height + corner
    outside = (beyond_x.clamp(min=0).square_() + beyond_y.clamp(min=0).square_()).add_(1e-9).sqrt_()
    return outside + torch.maximum(beyond_x, beyond_y).clamp_(max=0) - corner


def intersection(*shapes: Tensor) -> Tensor:
    """What lies in all the shapes."""
    return functools.reduce(torch.maximum, shapes)


def smooth_union(a: Tensor, b: Tensor, blend: float) -> Tensor:
    """What lies in either shape, the seam between them rounded over a length of `blend`."""
    overlap = (blend - (a - b).abs()).clamp(min=0) / blend
    return torch.minimum(a, b) - overlap.square() * (blend / 4)


def bump(x: Tensor, y: Tensor, width: Tensor | float, height: Tensor | float) -> Tensor:
    """A soft spot around the origin: a Gaussian with peak 1 that falls to 1/e at `width` and `height`."""
    return decay((x / width).square() + (y / height).square())


def decay(x: Tensor) -> Tensor:
    """exp(-x)."""
    # Underflow is many times slower than an ordinary exponential, and exp(-80) is as good as nothing.
    return torch.exp(-x.clamp(max=80))


def power(x: Tensor, exponent: float) -> Tensor:
    """x ** exponent for x >= 0."""
    # Faster than `pow`, which also rounds differently in the last elements of a tensor: a face would depend on its batch.
    return torch.exp(exponent * torch.log(x.clamp(min=1e-30)))


def smoothstep(start: Tensor | float, end: Tensor | float, x: Tensor) -> Tensor:
    """Rise from 0 at `start` to 1 at `end` with flat ends; falls where end < start."""
    t = ((x - start) / (end - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def mix(a: Tensor | float, b: Tensor | float, t: Tensor | float) -> Tensor | float:
    """a where t is 0, b where t is 1."""
    return a + (b - a) * t


def rgb(red: float, green: float, blue: float) -> Tensor:
    """One colour [1, 3, 1, 1] from three numbers."""
    return torch.tensor([red, green, blue], dtype=torch.float32).view(1, 3, 1, 1)


def hsv(hue: Tensor, saturation: Tensor | float, value: Tensor | float) -> Tensor:
    """Colours [n, 3, 1, 1] from hue (a full turn is 1), saturation and value, each [n, 1, 1, 1] or a number."""
    sector = (rgb(5, 3, 1) + hue * 6) % 6
    return value - value * saturation * torch.minimum(sector, 4 - sector).clamp(0, 1)


def gradient(t: Tensor, stops: list[tuple[int, int, int]]) -> Tensor:
    """Colours [n, 3, 1, 1] at t [n, 1, 1, 1] in 0..1 along evenly spaced stops, given as 0..255."""
    colours = torch.tensor(stops)[:, :, None, None] / 255
    place = t.clamp(0, 0.9999) * (len(stops) - 1)
    below = place.long().flatten()
    return mix(colours[below], colours[below + 1], place.frac())

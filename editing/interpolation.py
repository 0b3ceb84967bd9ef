"""Walks from person to person.

    z = walk(keyframes, frames=24, kind="slerp")                # [K, style_dim] -> [24 (K - 1) + 1, style_dim]
    w = walk(keyframes, frames=24, kind="spline", loop=True)    # [K, n_latent, style_dim] -> [24 K, ...]

Every kind passes exactly through its keyframes. z lies on a sphere, so walks there are arcs; in w straight lines and splines
are faces all the way.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Segment = Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor]


def walk(keyframes: Tensor, frames: int, kind: str = "lerp", loop: bool = False) -> Tensor:
    """Keyframes [K, ...] -> a path with `frames` steps from each to the next; `loop` goes back to the first, not repeated."""
    segment, count = SEGMENTS[kind], len(keyframes)
    points = []
    for i in range(count if loop else count - 1):
        around = [_keyframe(keyframes, j, loop) for j in range(i - 1, i + 3)]
        points += [segment(*around, step / frames) for step in range(frames)]
    return torch.stack(points if loop else [*points, keyframes[-1]])


def lerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """(1 - t) a + t b."""
    return torch.lerp(a, b, t)


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Along the arc: sin((1 - t) o) / sin(o) a + sin(t o) / sin(o) b, o the angle between them (Shoemake 1985).

    a, b: [..., style_dim], of any lengths. Parallel ones are joined by a straight line.
    """
    unit_a, unit_b = (x / x.norm(dim=-1, keepdim=True).clamp_min(1e-12) for x in (a, b))
    angle = (unit_a * unit_b).sum(-1, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    arc = torch.sin((1 - t) * angle) / sine * a + torch.sin(t * angle) / sine * b
    return torch.where(sine > 1e-4, arc, lerp(a, b, t))


def spline(before: Tensor, a: Tensor, b: Tensor, after: Tensor, t: float) -> Tensor:
    """From a to b along a cubic whose slope at each keyframe is half the way between its neighbours (Catmull and Rom 1974)."""
    slope_a, slope_b = (b - before) / 2, (after - a) / 2
    rise = t * t * (3 - 2 * t)
    return a + rise * (b - a) + t * (1 - t) ** 2 * slope_a - t * t * (1 - t) * slope_b


SEGMENTS: dict[str, Segment] = {  # before, a, b, after, t -> a point between a and b
    "lerp": lambda before, a, b, after, t: lerp(a, b, t),
    "slerp": lambda before, a, b, after, t: slerp(a, b, t),
    "spline": spline,
}


def _keyframe(keyframes: Tensor, index: int, loop: bool) -> Tensor:
    """Beyond the ends of an open path it goes straight on."""
    count = len(keyframes)
    if loop or 0 <= index < count:
        return keyframes[index % count]
    end, inner = (keyframes[0], keyframes[1]) if index < 0 else (keyframes[-1], keyframes[-2])
    return 2 * end - inner

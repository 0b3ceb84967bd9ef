"""The head that both domains draw: its proportions, its pose, and the shapes of hair, face, mouth and clothes.

The head is an ellipsoid. Whatever sits on it has a place (u, v) on the surface; turning the ellipsoid by yaw and
pitch moves that place in the picture and makes it narrower towards the silhouette:

    eye = head.at(-0.40, 0.06)
    dx, dy = head.offset(eye)
    shape = ellipse(dx, dy, 0.13 * eye.narrowing(), 0.08)

Both domains call the same functions with their own `Proportions`, so the pose agrees between them. Shapes are
signed distances [n, 1, size, size] and lengths are in the unit of `faces.rendered.drawing`.
"""

import math
from collections import namedtuple
from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

import torch
from torch import Tensor

from faces.rendered.drawing import Canvas, ellipse, intersection, power, rounded_box, smooth_union, smoothstep

Traits = dict[str, Tensor]  # the attributes of `faces.rendered.synthetic`, each [n, 1, 1, 1]

SIDES = (-1, 1)  # left and right in the picture
EYE_U = 0.40  # of the right eye, see `Head.at`
LONG_HAIR = 0.22  # from this length on, hair falls behind the neck
FAR_AWAY = 3.0  # added to a shape, it leaves the picture

# The lengths in which the domains differ: (photo, cartoon). Widths and heights are half of what they name.
LENGTHS = {
    "camera_y": (0.02, 0.0),  # how far everything is moved down
    "head_y": (0.02, -0.02),
    "head_width": (0.47, 0.54),
    "head_width_range": (0.045, 0.05),  # added for face_w = 1
    "head_height": (0.62, 0.60),
    "neck_width": (0.19, 0.16),
    "eye_v": (0.06, 0.12),  # height on the face, see `Head.at`
    "mouth_width": (0.165, 0.150),
    "mouth_width_range": (0.035, 0.045),  # added for smile = 1
    "mouth_bend": (0.055, 0.085),  # how far the corners rise for smile = 1
    "mouth_opening": (0.085, 0.135),  # for mouth_open = 1
    "lens_v": (0.08, 0.12),  # of the glasses
    "lens_width": (0.165, 0.205),
    "lens_height": (0.125, 0.225),
    "lens_corner": (0.09, 0.16),
}
Proportions = namedtuple("Proportions", [*LENGTHS, "ears_free"])  # ears_free: short hair leaves ears and jaw free
PHOTO, CARTOON = (Proportions(*lengths, ears_free=False) for lengths in zip(*LENGTHS.values(), strict=True))
PLAIN_CARTOON = CARTOON._replace(ears_free=True)


class Anchor(NamedTuple):
    """A place on the head as it appears in the picture; each [n, 1, 1, 1].

    x, y:    where it appears, in the coordinates of the head
    facing:  1 where the surface faces the viewer, 0.12 at the silhouette and behind it
    """

    x: Tensor
    y: Tensor
    facing: Tensor

    def narrowing(self, least: float = 0.35) -> Tensor:
        """The factor by which perspective narrows what sits here: 1 in full view, `least` seen from the side."""
        return least + (1 - least) * self.facing


class Head:
    """A batch of heads, posed: each pixel in the coordinates of the head, and each place of the head in the picture.

    canvas:       where the heads are to be drawn
    traits:       the attributes, each [n, 1, 1, 1]
    proportions:  of the domain
    centre_x:     [n, 1, 1, 1], of the head in the picture; the clothes follow it half way
    x, y:         [n, 1, size, size], pixels seen from the centre of the head, y along its axis
    half_width:   [n, 1, 1, 1], of the ellipsoid
    """

    def __init__(self, canvas: Canvas, traits: Traits, proportions: Proportions):
        self.canvas, self.traits, self.proportions = canvas, traits, proportions
        roll, yaw, pitch = 0.20 * traits["roll"], 0.62 * traits["yaw"], 0.30 * traits["pitch"]
        neck = 0.45  # below the centre of the head, which rolls about it
        self.centre_x = 0.03 * traits["yaw"]
        from_neck_x, from_neck_y = canvas.x - self.centre_x, canvas.y - (proportions.head_y + neck)
        self.x = roll.cos() * from_neck_x + roll.sin() * from_neck_y
        self.y = roll.cos() * from_neck_y - roll.sin() * from_neck_x + neck
        self.half_width = proportions.head_width + proportions.head_width_range * traits["face_w"]
        self.half_height = proportions.head_height
        self.sin_yaw, self.cos_yaw, self.sin_pitch, self.cos_pitch = yaw.sin(), yaw.cos(), pitch.sin(), pitch.cos()

    def at(self, u: float, v: float, height: float = 1.0) -> Anchor:
        """Where the surface point (u, v) appears.

        u, v:    -1..1, to the right and down from the middle of the face, in half widths and half heights of the head
        height:  1 is the surface; the tip of the nose lies higher
        """
        depth = height * math.sqrt(max(0.0, 1 - u * u - v * v))
        right = u * self.cos_yaw + depth * self.sin_yaw
        towards_viewer = depth * self.cos_yaw - u * self.sin_yaw
        down = v * self.cos_pitch + towards_viewer * self.sin_pitch
        facing = towards_viewer * self.cos_pitch - v * self.sin_pitch
        return Anchor(self.half_width * right, self.half_height * down, facing.clamp(0.12, 1))

    def eye(self, side: int) -> Anchor:
        return self.at(side * EYE_U, self.proportions.eye_v)

    def offset(self, anchor: Anchor) -> tuple[Tensor, Tensor]:
        """Pixels seen from an anchor: (dx, dy), each [n, 1, size, size]."""
        return self.x - anchor.x, self.y - anchor.y

    @cached_property
    def chin_taper(self) -> Tensor:
        """0 in the upper half of the head, rising to 1 at the chin."""
        return smoothstep(0, 1, self.y / self.half_height)

    @cached_property
    def face_x(self) -> Tensor:
        """x, seen from the axis of the face: the chin turns further than the skull."""
        return self.x - 0.07 * self.sin_yaw * self.chin_taper

    @cached_property
    def face_width(self) -> Tensor:
        """Half width of the face at each height, which the jaw narrows."""
        return self.half_width * (1 - (0.22 - 0.12 * self.traits["jaw"]) * self.chin_taper)

    @cached_property
    def face(self) -> Tensor:
        """The shape of the head without hair and ears."""
        return ellipse(self.face_x, self.y, self.face_width, self.half_height)

    @cached_property
    def face_mask(self) -> Tensor:
        """Coverage of the face: multiply by it to stay on the skin."""
        return self.canvas.coverage(self.face)

    @cached_property
    def hair_x(self) -> Tensor:
        """x, seen from the middle of the skull, which lags behind the face."""
        return self.x + 0.10 * self.sin_yaw * self.half_width

    @property
    def hair_width(self) -> Tensor:
        return self.half_width * 1.04 + 0.03 + 0.11 * self.traits["hair_vol"]

    @property
    def hair_height(self) -> Tensor:
        return self.half_height * 1.04 + 0.03 + 0.11 * self.traits["hair_vol"]

    @cached_property
    def hair_angle(self) -> Tensor:
        """Direction of each pixel from the middle of the skull: 0 is up, positive to the right."""
        return torch.atan2(self.x, -(self.y + 0.05))

    @property
    def hair_depth(self) -> Tensor:
        """`hair_dark` on a curve that spends less of its range on blond."""
        return power(self.traits["hair_dark"], 0.7)

    @cached_property
    def skull_hair(self) -> Tensor:
        """The hair around the skull, scalloped by curls. A bald head has it outside the picture."""
        scallops = 0.035 * self.traits["curl"] * torch.cos(self.hair_angle * 13)
        hair = ellipse(self.hair_x, self.y + 0.06, self.hair_width, self.hair_height) + scallops
        if self.proportions.ears_free:
            hair = torch.where(self.traits["hair_len"] > LONG_HAIR, hair, intersection(hair, self.cropped_sides))
        return hair + FAR_AWAY * self.traits["bald"]

    @property
    def cropped_sides(self) -> Tensor:
        """What short hair keeps to where it leaves the ears free: it lies close above them, and ends there."""
        fullness = 0.3 * smoothstep(-0.06, -0.42, self.y) * (1 + self.traits["curl"])
        return intersection(self.hair_x.abs() - 1.01 * self.half_width - 0.01 - fullness, self.y + 0.06)


def on_both_sides(*painters: Callable) -> list[Callable]:
    """What stands in pairs on the head: all of the left, then all of the right."""
    return [partial(paint, side=side) for side in SIDES for paint in painters]


def hair_behind(head: Head) -> Tensor:
    """All hair that the head hides: around the skull, and as a curtain down to the shoulders where the hair is long enough."""
    length, curl, bald = head.traits["hair_len"], head.traits["curl"], head.traits["bald"]
    bottom = 0.10 + 0.95 * length
    width, height = head.hair_width * (0.90 + 0.10 * length), (bottom + 0.35) / 2
    curtain = rounded_box(head.hair_x, head.y - (bottom - 0.35) / 2 + 0.05, width, height, corner=0.28)
    curtain = curtain + 0.03 * curl * torch.cos(head.y * 22 + 1)
    hidden = (length <= LONG_HAIR) | (bald > 0)
    return smooth_union(head.skull_hair, curtain + FAR_AWAY * hidden, blend=0.12)


def hair_in_front(
    head: Head, opening_width: Tensor | float, opening_height: float, hairline: float, raggedness: float
) -> Tensor:
    """The hair around the skull minus an opening for the face: an ellipse, cut off above at a wavy hairline.

    opening_width, opening_height:  half axes of the ellipse
    hairline:                       factor on the height of the hairline above the middle of the face
    raggedness:                     factor on its waves and on the dip at the parting
    """
    fringe, part, curl = head.traits["fringe"], head.traits["part"], head.traits["curl"]
    x = head.x - 0.62 * head.at(0, 0).x
    across = x / head.half_width
    waves = (0.018 + 0.022 * fringe) * torch.cos(x * (17 + 8 * curl) + part * 4) * (1 - 0.4 * curl)
    sweep = 0.192 * part * across * (1 - 0.2 * fringe) + 0.05 * (across - part * 0.5).abs()
    top_edge = -head.half_height * (0.66 - 0.40 * fringe) * hairline + raggedness * (waves + sweep)
    opening = intersection(ellipse(x, head.y - 0.42, opening_width, opening_height), top_edge - head.y)
    side_locks = head.y - (0.0225 + 0.40 * head.traits["hair_len"])
    return intersection(head.skull_hair, -opening, side_locks)


def beard(head: Head) -> Tensor:
    """The lower face, except for an opening around the mouth."""
    mouth = head.at(0, 0.60, height=1.02)
    opening = ellipse(head.x - 0.85 * mouth.x, head.y - mouth.y + 0.30, 0.80 * head.half_width, 0.36)
    return intersection(head.face - 0.005, -opening, 0.02 - head.y)


def ear(head: Head, side: int) -> Tensor:
    """One ear; the one that the head turns away from the viewer gets narrower."""
    width = (0.085 * (1 - 0.75 * side * head.traits["yaw"])).clamp(0.02)
    return ellipse(head.x - 0.99 * side * head.half_width + 0.10 * head.sin_yaw, head.y - 0.06, width, 0.14)


def neck_x(head: Head) -> Tensor:
    """x, seen from the axis of the neck, which leans with the head."""
    return 0.8 * head.x + 0.2 * head.canvas.x


def neck(head: Head) -> Tensor:
    return rounded_box(neck_x(head), head.canvas.y - 0.68, head.proportions.neck_width, 0.26, corner=0.10)


def collar(head: Head) -> Tensor:
    """The skin that the neckline of the shirt shows."""
    return ellipse(head.canvas.x - 0.5 * head.centre_x, head.canvas.y - 0.90, 0.27, 0.14)


def shoulders(head: Head) -> Tensor:
    x, y = head.canvas.x - 0.5 * head.centre_x, head.canvas.y
    return torch.minimum(ellipse(x, y - 1.22, 0.86, 0.52), rounded_box(x, y - 1.3, 0.80, 0.36, corner=0.2))


class Mouth:
    """A parabola that bends up with a smile, and an opening around it that is widest in the middle.

    anchor:           the middle of the lips
    dx:               [n, 1, size, size], pixels seen from there
    below:            [n, 1, size, size], distance below the parabola, negative above it
    middle_y:         [n, 1, 1, 1], of the parabola at dx = 0, seen from the anchor
    taper:            [n, 1, size, size], 1 in the middle, 0 from the corners on
    gap, middle_gap:  [n, 1, size, size], how far a lip lies from the parabola at each dx; [n, 1, 1, 1], at dx = 0
    """

    def __init__(self, head: Head):
        smile, build = head.traits["smile"], head.proportions
        self.anchor = head.at(0, 0.60, height=1.02)
        self.dx, dy = head.offset(self.anchor)
        self.half_width = (build.mouth_width + build.mouth_width_range * smile) * self.anchor.narrowing()
        rise = build.mouth_bend * smile
        self.below = dy + rise * ((self.dx / self.half_width).square() - 0.35)
        self.middle_y = 0.35 * rise
        self.taper = (1 - (self.dx / self.half_width).square()).clamp(min=0)
        self.middle_gap = build.mouth_opening * head.traits["mouth_open"]
        self.gap = self.middle_gap * torch.sqrt(self.taper + 1e-6)

    def beyond_corners(self, reach: float = 1.0) -> Tensor:
        """Distance outside the corners, for a mouth `reach` times as wide."""
        return self.dx.abs() - reach * self.half_width


def glasses(head: Head) -> tuple[list[Tensor], Tensor]:
    """The two lenses and the bridge between them."""
    build = head.proportions
    left, right = (head.at(side * EYE_U, build.lens_v, height=1.03) for side in SIDES)
    lenses = [
        rounded_box(*head.offset(eye), build.lens_width * eye.narrowing(), build.lens_height, build.lens_corner)
        for eye in (left, right)
    ]
    start, end = left.x + build.lens_width * left.narrowing(), right.x - build.lens_width * right.narrowing()
    bridge = intersection((head.y - left.y + 0.02).abs() - 0.014, start - head.x, head.x - end)
    return lenses, bridge

"""Domain C: the people of domain B, drawn plainly: what a small network learns whole from a few hundred pictures of 64 px.

An eye is white, a dark iris and one highlight; lids are thinner, brows further from them; short hair leaves ears and jaw free;
hair casts no shadow.

    images = paint_plain_cartoon(traits, size=64)
"""

import torch
from torch import Tensor

from faces.rendered import anatomy
from faces.rendered.anatomy import Head, Traits
from faces.rendered.cartoon_painter import INK, WHITE, Palette, paint_cartoon
from faces.rendered.drawing import Canvas, ellipse, intersection, mix

EYE_WIDTH, EYE_HEIGHT = 0.145, 0.165  # half axes of an eye wide open, seen from the front


def paint_plain_cartoon(traits: Traits, size: int) -> Tensor:
    """Paint a batch of faces, [n, 3, size, size] in 0..1.

    traits:  the attributes of `faces.rendered.synthetic`, each [n, 1, 1, 1]
    """
    return paint_cartoon(
        traits, size, hair_behind=paint_hair_behind, eye=paint_eye, brow=paint_brow, hair_in_front=paint_hair_in_front
    )


def paint_eye(canvas: Canvas, head: Head, palette: Palette, side: int):
    """White, a dark iris with one highlight, and the upper lid."""
    traits, openness = head.traits, head.traits["eye_open"]
    eye = head.eye(side)
    dx, dy = head.offset(eye)
    half_height = EYE_HEIGHT * openness
    eyeball = ellipse(dx, dy, EYE_WIDTH * eye.narrowing(), half_height)
    canvas.fill(eyeball, WHITE)
    visible = canvas.coverage(eyeball)
    gaze_x, gaze_y = dx - 0.066 * traits["gaze_x"] * eye.facing, dy - 0.060 * traits["gaze_y"] * openness - 0.01
    canvas.fill(ellipse(gaze_x, gaze_y, 0.100 * eye.narrowing(), 0.125), palette.iris * 0.42, opacity=visible)
    highlight = ellipse(gaze_x + 0.035 * eye.facing, gaze_y + 0.050, 0.045 * eye.facing, 0.045)
    canvas.fill(highlight, WHITE, opacity=visible)
    canvas.fill(intersection(eyeball.abs() - 1.4 * palette.pen, dy + 0.25 * half_height), INK)


def paint_brow(canvas: Canvas, head: Head, palette: Palette, side: int):
    """An arch; raised brows lift their inner ends."""
    raised = head.traits["brow"]
    eye = head.eye(side)
    dx, dy = head.offset(eye)
    below = dy + 0.28 + 0.045 * raised - 0.22 * raised * side * dx - 0.9 * dx.square()
    brow = intersection(below.abs() - 0.022, dx.abs() - 0.76 * EYE_WIDTH * eye.narrowing())
    canvas.fill(brow, mix(palette.hair * 0.55, INK, 0.3))


def paint_hair_behind(canvas: Canvas, head: Head, palette: Palette):
    """Short hair ends beside the eyes, curls lower."""
    hair, length = anatomy.hair_behind(head), head.traits["hair_len"]
    above_ears = intersection(hair, head.y - 0.02 - 0.25 * head.traits["curl"])
    hair = torch.where(length <= anatomy.LONG_HAIR, above_ears, hair)
    canvas.fill(hair, palette.hair * 0.82)
    canvas.line(hair, palette.pen, INK)


def paint_hair_in_front(canvas: Canvas, head: Head, palette: Palette):
    hair = anatomy.hair_in_front(head, 0.955 * head.half_width, 1.5 * head.half_height, hairline=0.98, raggedness=1.7)
    canvas.fill(hair, palette.hair_in_front)
    canvas.line(hair, palette.pen, INK)

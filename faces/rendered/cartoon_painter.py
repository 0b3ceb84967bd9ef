"""Domains B and C: cartoon faces with dark outlines, flat colours and large eyes.

The proportions differ from domain A as well: a bigger and rounder head, taller eyes, a smaller nose. Domain C is for small
networks of photos to learn from: its eyes are dots, its hair has people's colours, and short hair leaves ears and jaw free.

    images = paint_cartoon(traits, size=64)
"""

import torch
from torch import Tensor

from faces.rendered import anatomy
from faces.rendered.anatomy import CARTOON, PLAIN_CARTOON, Head, Mouth, Traits, on_both_sides
from faces.rendered.drawing import Canvas, ellipse, gradient, hsv, intersection, mix, rgb, smoothstep

SKIN = [(255, 226, 206), (255, 205, 165), (236, 172, 124), (196, 128, 84), (142, 86, 58), (102, 62, 46)]
HAIR = [(240, 205, 130), (190, 138, 80), (132, 86, 52), (84, 54, 40), (44, 34, 36)]
GINGER = [(248, 178, 92), (222, 120, 56), (168, 76, 40), (108, 50, 36), (60, 34, 32)]
INK = rgb(0.13, 0.09, 0.12)
WHITE = rgb(1, 1, 1)
BLUSH_TINT = rgb(1.0, 0.72, 0.70)
THROAT = rgb(0.52, 0.12, 0.16)
TONGUE = rgb(0.95, 0.50, 0.50)

EYE_WIDTH, EYE_HEIGHT = 0.165, 0.205  # half axes of an eye wide open, seen from the front


def paint_cartoon(traits: Traits, size: int, plain: bool = False) -> Tensor:
    """Paint a batch of faces, [n, 3, size, size] in 0..1.

    traits:  the attributes of `faces.rendered.synthetic`, each [n, 1, 1, 1]
    plain:   domain C
    """
    canvas = Canvas(len(traits["yaw"]), size, shift_y=CARTOON.camera_y)
    head = Head(canvas, traits, PLAIN_CARTOON if plain else CARTOON)
    palette = Palette(head, plain)
    paint_background(canvas, head)
    behind = (paint_hair_behind, paint_shoulders, paint_neck, *on_both_sides(paint_ear))
    eyes = on_both_sides(paint_plain_eye if plain else paint_eye, paint_brow)
    face = (paint_face, *on_both_sides(paint_cheek), paint_beard, *eyes)
    in_front = (paint_nose, paint_mouth, paint_face_outline, paint_hair_in_front, paint_glasses)
    for paint in (*behind, *face, *in_front):
        paint(canvas, head, palette)
    return canvas.image.clamp(0, 1)


class Palette:
    """The colours of a batch of people, [n, 3, 1, 1] unless patterned, and the pen."""

    def __init__(self, head: Head, plain: bool):
        traits = head.traits
        self.hair = (natural_hair if plain else colourful_hair)(head)
        self.hair_in_front = shine_hair(head, self.hair)  # [n, 3, size, size]
        self.skin = gradient(traits["skin"], SKIN)
        self.iris = hsv(0.07 + 0.55 * traits["iris_hue"], 0.75, 0.70)
        self.shirt = hsv(traits["shirt_hue"], 0.62, 0.88)
        self.pen = 0.016 if head.canvas.size >= 96 else 0.020  # half width of the outlines


def colourful_hair(head: Head) -> Tensor:
    """From pale yellow to nearly black, ash is olive."""
    dark, warm = head.traits["hair_dark"], head.traits["hair_warm"]
    saturation = mix(0.30 + 0.5 * warm, 0.35 + 0.25 * warm, dark)
    return hsv(0.03 + 0.10 * (1 - warm), saturation, mix(0.98, 0.24, head.hair_depth))


def natural_hair(head: Head) -> Tensor:
    """Blond, brown or black, and the more ginger the warmer."""
    dark = head.traits["hair_dark"]
    return mix(gradient(dark, HAIR), gradient(dark, GINGER), head.traits["hair_warm"])


def shine_hair(head: Head, hair: Tensor) -> Tensor:
    """The hair colour with one flat highlight, top left."""
    x, y = (head.hair_x + 0.18 * head.half_width) / (0.30 * head.half_width), (head.y + 0.78 * head.half_height) / 0.07
    highlight = (hair * 1.12 + 0.05).clamp(max=1)
    return torch.where(y.square() + x.square() < 1, highlight, hair)


def paint_background(canvas: Canvas, head: Head):
    """A pastel disc on a pastel ground."""
    hue = head.traits["bg_hue"]
    canvas.paint(hsv(hue, 0.30, 0.97))
    canvas.fill(ellipse(canvas.x, canvas.y - 0.05, 0.88, 0.88), hsv(hue, 0.14, 1.0))


def paint_hair_behind(canvas: Canvas, head: Head, palette: Palette):
    hair = anatomy.hair_behind(head)
    canvas.fill(hair, palette.hair * 0.82)
    canvas.line(hair, palette.pen, INK)


def paint_shoulders(canvas: Canvas, head: Head, palette: Palette):
    shoulders = anatomy.shoulders(head)
    canvas.fill(shoulders, palette.shirt)
    canvas.line(shoulders, palette.pen, INK)


def paint_neck(canvas: Canvas, head: Head, palette: Palette):
    """Neck and neckline, without an outline where they meet, and the shadow of the chin."""
    neck, collar = anatomy.neck(head), anatomy.collar(head)
    canvas.fill(collar, palette.skin * 0.93)
    canvas.line(intersection(collar, 0.82 - canvas.y), 0.8 * palette.pen, INK)
    canvas.fill(neck, palette.skin * 0.93)
    canvas.line(intersection(neck, canvas.y - 0.88), 0.8 * palette.pen, INK)
    canvas.fill(intersection(neck, head.y - 0.66), palette.skin * 0.80)


def paint_ear(canvas: Canvas, head: Head, palette: Palette, side: int):
    ear = anatomy.ear(head, side)
    canvas.fill(ear, palette.skin * 0.95)
    canvas.line(ear, palette.pen, INK)


def paint_face(canvas: Canvas, head: Head, palette: Palette):
    """Flat skin with one hard shadow along the side away from the light."""
    canvas.fill(head.face, palette.skin)
    x, y = head.face_x + 0.10 * head.traits["light"] + 0.02, head.y + 0.05
    lit = ellipse(x, y, 0.99 * head.face_width, head.half_height)
    canvas.fill(-lit, palette.skin * 0.86, opacity=head.face_mask)


def paint_cheek(canvas: Canvas, head: Head, palette: Palette, side: int):
    cheek = head.at(side * 0.50, 0.40)
    blush = ellipse(*head.offset(cheek), 0.085 * cheek.facing + 0.01, 0.05)
    canvas.fill(blush, palette.skin * BLUSH_TINT, softness=2, opacity=0.75)


def paint_beard(canvas: Canvas, head: Head, palette: Palette):
    canvas.fill(anatomy.beard(head), palette.hair, opacity=head.traits["beard"])


def paint_eye(canvas: Canvas, head: Head, palette: Palette, side: int):
    """White, iris with pupil and two highlights, a thin outline, a thick upper lid, and a crease above a wide open eye."""
    anchor, openness = head.eye(side), head.traits["eye_open"]
    dx, dy = head.offset(anchor)
    half_width, half_height = EYE_WIDTH * anchor.narrowing(), EYE_HEIGHT * openness
    eye = ellipse(dx, dy, half_width, half_height)
    canvas.fill(eye, WHITE)

    facing, inside = anchor.facing, canvas.coverage(eye)
    gaze_x, gaze_y = dx - 0.066 * head.traits["gaze_x"] * facing, dy - 0.060 * head.traits["gaze_y"] * openness - 0.01
    iris = ellipse(gaze_x, gaze_y, 0.104 * anchor.narrowing(), 0.128)
    iris_colour = mix(palette.iris * 0.62, (palette.iris * 1.25).clamp(max=1), smoothstep(-0.10, 0.10, gaze_y))
    canvas.fill(iris, iris_colour, opacity=inside)
    canvas.line(iris, 0.010, INK * 0.8, opacity=inside)
    canvas.fill(iris + 0.055, INK * 0.6, opacity=inside)
    large_highlight = ellipse(gaze_x + 0.038 * facing, gaze_y + 0.052, 0.040 * facing, 0.042)
    small_highlight = ellipse(gaze_x - 0.036 * facing, gaze_y - 0.050, 0.018, 0.018)
    canvas.fill(large_highlight, WHITE, opacity=inside)
    canvas.fill(small_highlight, WHITE, opacity=0.9 * inside)

    canvas.line(eye, 0.55 * palette.pen, INK)
    canvas.fill(intersection(eye.abs() - 1.5 * palette.pen, dy + 0.30 * half_height), INK)
    wide_open = ellipse(dx, dy, half_width, EYE_HEIGHT)
    nearly_open = 0.2 * (openness - 0.75)
    crease = intersection(wide_open.abs() - 0.5 * palette.pen, dy + 0.72 * EYE_HEIGHT, nearly_open)
    canvas.fill(crease, INK, opacity=0.7)


def paint_plain_eye(canvas: Canvas, head: Head, palette: Palette, side: int):
    """A dark oval with one highlight."""
    anchor, openness = head.eye(side), 0.4 + 0.6 * head.traits["eye_open"]
    dx, dy = head.offset(anchor)
    facing, narrowing = anchor.facing, anchor.narrowing()
    gaze_x, gaze_y = dx - 0.030 * head.traits["gaze_x"] * facing, dy - 0.025 * head.traits["gaze_y"]
    iris = ellipse(gaze_x, gaze_y, 0.098 * narrowing, 0.136 * openness)
    highlight = ellipse(gaze_x + 0.034 * facing, gaze_y + 0.046 * openness, 0.044 * narrowing, 0.046 * openness)
    canvas.fill(iris, mix(INK, palette.iris * 0.42, 0.5))
    canvas.fill(highlight, WHITE)


def paint_brow(canvas: Canvas, head: Head, palette: Palette, side: int):
    """An arch; raised brows lift their inner ends."""
    raised = head.traits["brow"]
    eye = head.eye(side)
    dx, dy = head.offset(eye)
    below = dy + 0.255 + 0.045 * raised - 0.22 * raised * side * dx - 0.9 * dx.square()
    brow = intersection(below.abs() - 0.024, dx.abs() - 0.82 * EYE_WIDTH * eye.narrowing())
    canvas.fill(brow, mix(palette.hair * 0.55, INK, 0.3))


def paint_nose(canvas: Canvas, head: Head, palette: Palette):
    """The lower half of a small circle."""
    dx, dy = head.offset(head.at(0, 0.34, height=1.06))
    circle = torch.sqrt(dx.square() + dy.square() + 1e-8) - 0.045
    arc = intersection(circle.abs() - 0.75 * palette.pen, -0.9 * dy)
    canvas.fill(arc, mix(palette.skin * 0.55, INK, 0.35))


def paint_mouth(canvas: Canvas, head: Head, palette: Palette):
    """An opening with tongue and teeth, or a line; a mouth that is just about to open has both."""
    mouth, opened = Mouth(head), head.traits["mouth_open"]
    dx, dy = head.offset(mouth.anchor)
    upper_lip, lower_lip = -mouth.below - 0.25 * mouth.gap, mouth.below - 1.35 * mouth.gap
    opening = intersection(upper_lip, lower_lip, mouth.beyond_corners())
    above_tongue = ellipse(dx, dy + 0.02 - 0.2 * mouth.middle_gap, 0.2, 0.07 + 0.45 * mouth.middle_gap)
    teeth = intersection(opening, mouth.below + 0.02 * mouth.middle_gap)
    outline = intersection(opening.abs() - 0.75 * palette.pen, mouth.beyond_corners(reach=1.02))
    closed_line = intersection(mouth.below.abs() - 0.85 * palette.pen, mouth.beyond_corners())
    canvas.fill(opening, THROAT, opacity=opened > 0.04)
    canvas.fill(intersection(opening, -above_tongue), TONGUE, opacity=opened > 0.30)
    canvas.fill(teeth, WHITE, opacity=opened > 0.22)
    canvas.fill(outline, INK, opacity=opened > 0.04)
    canvas.fill(closed_line, INK, opacity=opened <= 0.10)


def paint_face_outline(canvas: Canvas, head: Head, palette: Palette):
    """After cheeks and beard, which would cover it."""
    canvas.line(head.face, palette.pen, INK)


def paint_hair_in_front(canvas: Canvas, head: Head, palette: Palette):
    """The hair around the face, over the hard shadow that it casts on the forehead."""
    hair = anatomy.hair_in_front(head, 0.955 * head.half_width, 1.5 * head.half_height, hairline=0.98, raggedness=1.7)
    canvas.fill(hair - 0.045, palette.skin * 0.84, opacity=0.9 * head.face_mask)
    canvas.fill(hair, palette.hair_in_front)
    canvas.line(hair, palette.pen, INK)


def paint_glasses(canvas: Canvas, head: Head, palette: Palette):
    worn = head.traits["glasses"]
    lenses, bridge = anatomy.glasses(head)
    for lens in lenses:
        canvas.fill(lens, WHITE, opacity=0.12 * worn)
        canvas.line(lens, 1.15 * palette.pen, INK, opacity=worn)
    canvas.fill(bridge, INK, opacity=worn)

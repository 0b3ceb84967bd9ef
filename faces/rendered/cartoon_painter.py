"""Domains B and C: cartoon faces with dark outlines, flat colours and large eyes, which are plainer in domain C.

The proportions differ from domain A as well: a bigger and rounder head, taller eyes, a smaller nose.

    images = paint_cartoon(traits, size=64)
"""

import torch
from torch import Tensor

from faces.rendered import anatomy
from faces.rendered.anatomy import CARTOON, Head, Mouth, Traits, on_both_sides
from faces.rendered.drawing import Canvas, ellipse, gradient, hsv, intersection, mix, rgb, smoothstep

SKIN = [(255, 226, 206), (255, 205, 165), (236, 172, 124), (196, 128, 84), (142, 86, 58), (102, 62, 46)]
INK = rgb(0.13, 0.09, 0.12)
WHITE = rgb(1, 1, 1)
BLUSH_TINT = rgb(1.0, 0.72, 0.70)
THROAT = rgb(0.52, 0.12, 0.16)
TONGUE = rgb(0.95, 0.50, 0.50)

EYE_WIDTH, EYE_HEIGHT = 0.165, 0.205  # half axes of an eye wide open, seen from the front


def paint_cartoon(traits: Traits, size: int, plain: bool = False) -> Tensor:
    """Paint a batch of faces, [n, 3, size, size] in 0..1.

    traits:  the attributes of `faces.rendered.synthetic`, each [n, 1, 1, 1]
    plain:   eyes without what a small network does not learn from a few hundred pictures
    """
    canvas = Canvas(len(traits["yaw"]), size, shift_y=CARTOON.camera_y)
    head = Head(canvas, traits, CARTOON)
    palette = Palette(head)
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

    def __init__(self, head: Head):
        traits, warm = head.traits, head.traits["hair_warm"]
        saturation = mix(0.30 + 0.5 * warm, 0.35 + 0.25 * warm, traits["hair_dark"])
        self.hair = hsv(0.03 + 0.10 * (1 - warm), saturation, mix(0.98, 0.24, head.hair_depth))
        self.hair_in_front = shine_hair(head, self.hair)  # [n, 3, size, size]
        self.skin = gradient(traits["skin"], SKIN)
        self.iris = hsv(0.07 + 0.55 * traits["iris_hue"], 0.75, 0.70)
        self.shirt = hsv(traits["shirt_hue"], 0.62, 0.88)
        self.pen = 0.016 if head.canvas.size >= 96 else 0.020  # half width of the outlines


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


class Eye:
    """The white of an eye, painted; and where its iris lies.

    anchor:          its middle on the head
    dx, dy:          [n, 1, size, size], pixels seen from there
    half_width, half_height, shape:  of the white
    visible:         [n, 1, size, size], its coverage: multiply by it to stay inside
    gaze_x, gaze_y:  [n, 1, size, size], pixels seen from the middle of the iris
    """

    def __init__(self, canvas: Canvas, head: Head, side: int, width: float = EYE_WIDTH, height: float = EYE_HEIGHT):
        traits, openness = head.traits, head.traits["eye_open"]
        self.anchor = head.eye(side)
        self.dx, self.dy = head.offset(self.anchor)
        self.half_width, self.half_height = width * self.anchor.narrowing(), height * openness
        self.shape = ellipse(self.dx, self.dy, self.half_width, self.half_height)
        canvas.fill(self.shape, WHITE)
        self.visible = canvas.coverage(self.shape)
        self.gaze_x = self.dx - 0.066 * traits["gaze_x"] * self.anchor.facing
        self.gaze_y = self.dy - 0.060 * traits["gaze_y"] * openness - 0.01


def paint_eye(canvas: Canvas, head: Head, palette: Palette, side: int):
    """White, iris with pupil and two highlights, a thin outline, a thick upper lid, and a crease above a wide open eye."""
    eye = Eye(canvas, head, side)
    facing, gaze_x, gaze_y, visible = eye.anchor.facing, eye.gaze_x, eye.gaze_y, eye.visible
    iris = ellipse(gaze_x, gaze_y, 0.104 * eye.anchor.narrowing(), 0.128)
    iris_colour = mix(palette.iris * 0.62, (palette.iris * 1.25).clamp(max=1), smoothstep(-0.10, 0.10, gaze_y))
    canvas.fill(iris, iris_colour, opacity=visible)
    canvas.line(iris, 0.010, INK * 0.8, opacity=visible)
    canvas.fill(iris + 0.055, INK * 0.6, opacity=visible)
    large_highlight = ellipse(gaze_x + 0.038 * facing, gaze_y + 0.052, 0.040 * facing, 0.042)
    small_highlight = ellipse(gaze_x - 0.036 * facing, gaze_y - 0.050, 0.018, 0.018)
    canvas.fill(large_highlight, WHITE, opacity=visible)
    canvas.fill(small_highlight, WHITE, opacity=0.9 * visible)

    canvas.line(eye.shape, 0.55 * palette.pen, INK)
    canvas.fill(intersection(eye.shape.abs() - 1.5 * palette.pen, eye.dy + 0.30 * eye.half_height), INK)
    wide_open = ellipse(eye.dx, eye.dy, eye.half_width, EYE_HEIGHT)
    nearly_open = 0.2 * (head.traits["eye_open"] - 0.75)
    crease = intersection(wide_open.abs() - 0.5 * palette.pen, eye.dy + 0.72 * EYE_HEIGHT, nearly_open)
    canvas.fill(crease, INK, opacity=0.7)


def paint_plain_eye(canvas: Canvas, head: Head, palette: Palette, side: int):
    """A somewhat smaller eye: white, a dark iris with one highlight, and the upper lid."""
    eye = Eye(canvas, head, side, 0.91 * EYE_WIDTH, 0.83 * EYE_HEIGHT)
    facing, visible = eye.anchor.facing, eye.visible
    canvas.fill(ellipse(eye.gaze_x, eye.gaze_y, 0.105 * eye.anchor.narrowing(), 0.125), palette.iris * 0.42, opacity=visible)
    highlight = ellipse(eye.gaze_x + 0.035 * facing, eye.gaze_y + 0.050, 0.045 * facing, 0.045)
    canvas.fill(highlight, WHITE, opacity=visible)
    canvas.fill(intersection(eye.shape.abs() - 1.7 * palette.pen, eye.dy + 0.25 * eye.half_height), INK)


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

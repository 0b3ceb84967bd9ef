"""Domain A: faces that look like soft studio photographs.

Light falls on the ellipsoid of the head and is reflected by Lambert's law; soft spots make the sockets, the nose and the
cheeks; strands run through the hair; film grain lies over everything.

    images = paint_photo(traits, size=64, seeds=range(8))
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from faces.rendered import anatomy
from faces.rendered.anatomy import PHOTO, SIDES, Head, Mouth, Traits, on_both_sides
from faces.rendered.drawing import Canvas, bump, decay, ellipse, gradient, hsv, intersection, mix, power, rgb, smoothstep

SKIN = [(255, 220, 196), (242, 194, 158), (218, 158, 116), (176, 114, 76), (128, 78, 50), (92, 56, 40)]
SHADOW_TINT = rgb(1.0, 0.90, 0.84)
BLUSH_TINT = rgb(1.02, 0.72, 0.66)
WHITE = rgb(1, 1, 1)
EYEBALL = rgb(0.97, 0.96, 0.94)
LASH = rgb(0.13, 0.09, 0.12)
LIP = rgb(0.78, 0.30, 0.30)
THROAT = rgb(0.22, 0.05, 0.06)
TEETH = rgb(0.97, 0.95, 0.92)
GLASS = rgb(0.75, 0.85, 0.95)
SPECTACLE_FRAME = rgb(0.10, 0.09, 0.10)

LIGHT_Y, LIGHT_Z = -0.45, 0.66  # the light comes from above and in front
EYE_WIDTH, EYE_HEIGHT = 0.132, 0.084  # half axes of an eye wide open, seen from the front


def paint_photo(traits: Traits, size: int, seeds: Iterable[int]) -> Tensor:
    """Paint a batch of faces, [n, 3, size, size] in 0..1.

    traits:  the attributes of `faces.rendered.synthetic`, each [n, 1, 1, 1]
    seeds:   one per face, for backdrop and grain
    """
    noise = draw_noise(size, seeds)
    canvas = Canvas(len(noise.grain), size, shift_y=PHOTO.camera_y)
    head = Head(canvas, traits, PHOTO)
    palette = Palette(head)
    paint_background(canvas, head, noise)
    behind = (paint_hair_behind, paint_shoulders, paint_neck, *on_both_sides(paint_ear))
    face = (paint_face, *on_both_sides(paint_cheek), paint_beard, *on_both_sides(paint_eye, paint_brow))
    in_front = (paint_nose, paint_mouth, paint_hair_in_front, paint_glasses)
    for paint in (*behind, *face, *in_front):
        paint(canvas, head, palette)
    return finish(canvas, noise)


class Noise(NamedTuple):
    """Standard normal values."""

    backdrop: Tensor  # [n, 1, 5, 5]
    clouds: Tensor  # [n, 1, size // 4, size // 4]
    grain: Tensor  # [n, 3, size, size]


def draw_noise(size: int, seeds: Iterable[int]) -> Noise:
    """Noise for each face from a seed of its own, so that it does not depend on the other faces."""
    generator, coarse = torch.Generator(), size // 4
    counts = [25, coarse**2, 3 * size**2]
    rows = [torch.randn(sum(counts), generator=generator.manual_seed(seed)) for seed in seeds]
    backdrop, clouds, grain = torch.stack(rows).split(counts, dim=1)
    return Noise(backdrop.reshape(-1, 1, 5, 5), clouds.reshape(-1, 1, coarse, coarse), grain.reshape(-1, 3, size, size))


class Palette:
    """The colours of a batch of people, [n, 3, 1, 1] unless shaded, and the light on them.

    light_x:     [n, 1, 1, 1], how far the light comes from the right
    face_light:  [n, 1, size, size], 0..1, what reaches the skin of the face
    soft_light:  the same with the shadows lifted, 0.6..1
    """

    def __init__(self, head: Head):
        traits, warm = head.traits, head.traits["hair_warm"]
        self.light_x = 0.75 * traits["light"]
        self.face_light = lambert(head.x / head.face_width, head.y / head.half_height, self.light_x, light_y=0.8 * LIGHT_Y)
        self.soft_light = 0.6 + 0.4 * self.face_light
        saturation = mix(0.25 + 0.5 * warm, 0.35 + 0.3 * warm, traits["hair_dark"])
        self.hair = hsv(0.045 + 0.07 * (1 - warm), saturation, mix(0.86, 0.13, head.hair_depth))
        self.hair_in_front, self.hair_behind = shade_hair(head, self.hair, self.light_x)  # [n, 3, size, size]
        self.skin = gradient(traits["skin"], SKIN)
        self.iris = hsv(0.07 + 0.55 * traits["iris_hue"], 0.55, 0.42)
        self.shirt = hsv(traits["shirt_hue"], 0.5, 0.55)


def lambert(normal_x: Tensor, normal_y: Tensor, light_x: Tensor, light_y: float) -> Tensor:
    """Light that an ellipsoid reflects, 0..1, where its normal has the given components to the right and down."""
    normal_x, normal_y = normal_x.clamp(-1, 1), normal_y.clamp(-1, 1)
    normal_z = (1 - normal_x.square() - normal_y.square()).clamp(min=0).sqrt()
    return (normal_x * light_x + normal_y * light_y + normal_z * LIGHT_Z).clamp(0, 1)


def shade_hair(head: Head, hair: Tensor, light_x: Tensor) -> tuple[Tensor, Tensor]:
    """The hair colour with light and strands, in front and behind; the front has a shining band as well."""
    traits, angle = head.traits, head.hair_angle
    across, down = head.hair_x / head.hair_width, (head.y + 0.06) / head.hair_height
    light = lambert(across, down, light_x, light_y=LIGHT_Y)
    locks = 2 * torch.sin(angle * 7 + traits["curl"] * 5)
    strands = 0.5 + 0.5 * torch.sin(angle * 31 + traits["part"] * 9 + locks + head.y * 4)
    band_y = down.clamp(-1, 1) + 0.62 - 0.15 * traits["light"] * across.clamp(-1, 1)
    shine = decay((band_y / 0.13).square()) * (0.4 + 0.6 * strands)
    in_front = hair * ((0.50 + 0.75 * light) * (0.92 + 0.12 * strands)) + (0.13 * shine) * (hair + 0.25)
    behind = hair * (0.40 + 0.10 * strands + 0.18 * light)
    return in_front, behind


def paint_background(canvas: Canvas, head: Head, noise: Noise):
    """A cloudy backdrop, brighter on the side of the light."""
    hue = head.traits["bg_hue"]
    bright, dim = hsv(hue, 0.32, 0.80), hsv((hue + 0.10) % 1, 0.42, 0.42)
    clouds = F.interpolate(noise.backdrop, size=(canvas.size, canvas.size), mode="bicubic", align_corners=False)
    falloff = (0.5 + 0.42 * canvas.y - 0.35 * head.traits["light"] * canvas.x).clamp(0, 1)
    canvas.paint(mix(bright, dim, falloff) * (1 + 0.10 * clouds))


def paint_hair_behind(canvas: Canvas, head: Head, palette: Palette):
    canvas.fill(anatomy.hair_behind(head), palette.hair_behind, softness=1.5)


def paint_shoulders(canvas: Canvas, head: Head, palette: Palette):
    side_light = ((canvas.x / 0.9).clamp(-1, 1) * palette.light_x + 0.62).clamp(0, 1)
    below = (canvas.y - 0.8).clamp(0, 1)
    canvas.fill(anatomy.shoulders(head), palette.shirt * (0.55 + 0.45 * side_light - 0.25 * below))


def paint_neck(canvas: Canvas, head: Head, palette: Palette):
    """Neck and neckline, in the shadow of the chin."""
    side_light = (anatomy.neck_x(head) / 0.25 * palette.light_x * 0.8 + 0.55).clamp(0, 1)
    chin_shadow = smoothstep(0.20, -0.18, head.y - 0.56)
    colour = palette.skin * ((0.45 + 0.5 * side_light) * (1 - 0.38 * chin_shadow))
    canvas.fill(anatomy.collar(head), colour)
    canvas.fill(anatomy.neck(head), colour, softness=2)


def paint_ear(canvas: Canvas, head: Head, palette: Palette, side: int):
    ear, light = anatomy.ear(head, side), side * palette.light_x
    canvas.fill(ear, palette.skin * (0.62 + 0.25 * light))
    canvas.fill(ear + 0.045, palette.skin * (0.45 + 0.15 * light), softness=2.5)


def paint_face(canvas: Canvas, head: Head, palette: Palette):
    """Skin; where the light fades it turns reddish."""
    light = palette.face_light
    tint = mix(SHADOW_TINT, WHITE, smoothstep(0.15, 0.65, light))
    canvas.fill(head.face, palette.skin * tint * (0.55 + 0.60 * light), softness=1.3)


def paint_cheek(canvas: Canvas, head: Head, palette: Palette, side: int):
    blush = bump(*head.offset(head.at(side * 0.50, 0.40)), 0.15, 0.13)
    canvas.paint(palette.skin * BLUSH_TINT * palette.soft_light, head.face_mask * 0.30 * blush)


def paint_beard(canvas: Canvas, head: Head, palette: Palette):
    canvas.fill(anatomy.beard(head), palette.hair_in_front * 0.9, softness=2.5, opacity=0.85 * head.traits["beard"])


def paint_eye(canvas: Canvas, head: Head, palette: Palette, side: int):
    """Socket, eyeball, iris with pupil and highlight, and the upper lid."""
    traits, openness = head.traits, head.traits["eye_open"]
    eye = head.eye(side)
    dx, dy = head.offset(eye)
    half_width, half_height = EYE_WIDTH * eye.narrowing(), EYE_HEIGHT * openness

    socket = bump(dx, dy + 0.02, 0.17, 0.105)
    canvas.paint(palette.skin * 0.50 * palette.soft_light, head.face_mask * 0.38 * socket)

    # Two ellipses, one a little higher, meet in pointed corners.
    lower = ellipse(dx, dy - 0.018 * openness, half_width, half_height)
    upper = ellipse(dx, dy + 0.012, half_width * 1.02, half_height * 1.05)
    eyeball = intersection(lower, upper)
    canvas.fill(eyeball, EYEBALL * (0.55 + 0.45 * palette.face_light), softness=1.3)

    visible = canvas.coverage(eyeball)
    gaze_x, gaze_y = dx - 0.058 * traits["gaze_x"] * eye.facing, dy - 0.026 * traits["gaze_y"] * openness
    iris = ellipse(gaze_x, gaze_y, 0.064 * eye.narrowing(least=0.4), 0.066)
    highlight = ellipse(gaze_x - 0.02 * traits["light"] - 0.012, gaze_y + 0.022, 0.016, 0.016)
    canvas.fill(iris, palette.iris * (0.7 + 0.5 * palette.face_light), opacity=visible)
    canvas.fill(iris + 0.030, LASH * 0.3, opacity=visible)
    canvas.fill(highlight, WHITE, softness=1.4, opacity=0.9 * visible)

    lid = intersection(eyeball.abs() - 0.012, dy)
    canvas.fill(lid, LASH * 0.8 + palette.skin * 0.05, softness=1.5, opacity=0.85)


def paint_brow(canvas: Canvas, head: Head, palette: Palette, side: int):
    """An arch that thins outwards; raised brows lift their inner ends."""
    raised = head.traits["brow"]
    eye = head.eye(side)
    dx, dy = head.offset(eye)
    half_width, outwards = EYE_WIDTH * eye.narrowing(), side * dx
    height = 0.155 + 0.028 * raised + 0.02 * head.traits["eye_open"]
    below = dy + height - 0.10 * raised * outwards - 1.17 * dx.square()
    half_thickness = 0.020 * (1 - 0.35 * (outwards / half_width).clamp(-1, 1))
    brow = intersection(below.abs() - half_thickness, (dx - 0.012 * side).abs() - 1.02 * half_width)
    canvas.fill(brow, palette.hair * 0.45, softness=2.2, opacity=0.85)


def paint_nose(canvas: Canvas, head: Head, palette: Palette):
    """A ridge from bridge to tip, shaded on the side away from the light, and the nostrils."""
    skin, mask, light = palette.skin, head.face_mask, head.traits["light"]
    bridge, tip = head.at(0, 0.06), head.at(0, 0.34, height=1.22)
    down = ((head.y - bridge.y) / (tip.y - bridge.y + 1e-3)).clamp(0, 1)
    from_ridge = head.x - mix(bridge.x, tip.x, down)
    dx, dy = head.offset(tip)
    # The small number gives light from straight ahead a shadow as well.
    shadow_x = -0.055 * (light + 1e-3) / (light.abs() + 0.25)
    ridge = smoothstep(bridge.y - 0.06, bridge.y + 0.10, head.y) * smoothstep(tip.y + 0.09, tip.y, head.y)

    ridge_shadow = decay(((from_ridge - shadow_x * (0.5 + 0.8 * down)) / (0.028 + 0.03 * down)).square())
    canvas.paint(skin * 0.45, mask * 0.42 * ridge * ridge_shadow)
    ridge_light = decay(((from_ridge + 0.15 * shadow_x) / 0.022).square())
    canvas.paint((skin * 1.25 + 0.06).clamp(max=1), mask * 0.40 * ridge * ridge_light)
    tip_light = bump(dx + 0.2 * shadow_x, dy + 0.01, 0.035, 0.03)
    canvas.paint((skin * 1.2 + 0.15).clamp(max=1), mask * 0.45 * tip_light)
    tip_shadow = bump(dx, dy - 0.062, 0.085, 0.020)
    canvas.paint(skin * 0.30, mask * 0.60 * tip_shadow)
    for side in SIDES:
        nostril = bump(dx - 0.042 * side, dy - 0.050, 0.020, 0.014)
        canvas.paint(skin * 0.20, mask * 0.55 * nostril)


def paint_mouth(canvas: Canvas, head: Head, palette: Palette):
    """Lips around an opening with teeth, or around a line when the mouth is nearly closed."""
    mouth, opened = Mouth(head), head.traits["mouth_open"]
    dx, dy = head.offset(mouth.anchor)
    chin_shadow = bump(dx, dy - 0.105 - mouth.middle_gap, 0.10, 0.030)
    canvas.paint(palette.skin * 0.5, head.face_mask * 0.30 * chin_shadow)

    lip_colour = mix(palette.skin, LIP, 0.55) * (0.62 + 0.38 * palette.face_light)
    fullness = 0.040 * power(mouth.taper, 0.6)
    upper_lip, lower_lip = -mouth.below - mouth.gap - 0.8 * fullness, mouth.below - mouth.gap - 1.15 * fullness
    canvas.fill(intersection(upper_lip, lower_lip, mouth.beyond_corners()), lip_colour, softness=1.8)

    opening = intersection(mouth.below.abs() - mouth.gap, mouth.beyond_corners())
    teeth = intersection(opening + 0.012, mouth.below + 0.25 * mouth.middle_gap)
    closed_line = intersection(mouth.below.abs() - 0.010, mouth.beyond_corners(reach=0.97))
    canvas.fill(opening, THROAT, softness=1.2, opacity=opened > 0.04)
    canvas.fill(teeth, TEETH * (0.75 + 0.3 * palette.face_light), softness=1.2, opacity=0.95 * (opened > 0.18))
    canvas.fill(closed_line, palette.skin * 0.22 + 0.02, softness=1.6, opacity=0.85 * (opened <= 0.18))

    gloss = bump(dx - 0.03 * head.traits["light"], dy - mouth.middle_y - mouth.middle_gap - 0.030, 0.05, 0.012)
    canvas.paint((lip_colour * 1.3 + 0.12).clamp(max=1), head.face_mask * 0.35 * gloss)


def paint_hair_in_front(canvas: Canvas, head: Head, palette: Palette):
    """The hair around the face, over the shadow that it casts on the forehead."""
    opening_width = head.half_width * (0.93 + 0.02 * head.traits["fringe"])
    hair = anatomy.hair_in_front(head, opening_width, 1.45 * head.half_height, hairline=1.0, raggedness=1.2)
    canvas.fill(hair - 0.05, palette.skin * 0.35, softness=8, opacity=0.35 * head.face_mask)
    canvas.fill(hair, palette.hair_in_front, softness=1.5)


def paint_glasses(canvas: Canvas, head: Head, palette: Palette):
    worn = head.traits["glasses"]
    lenses, bridge = anatomy.glasses(head)
    for lens in lenses:
        canvas.fill(lens, GLASS, opacity=0.14 * worn)
        canvas.line(lens, 0.016, SPECTACLE_FRAME, opacity=worn)
    canvas.fill(bridge, SPECTACLE_FRAME, opacity=worn)


def finish(canvas: Canvas, noise: Noise) -> Tensor:
    """What the camera adds: darker corners, grain in two sizes, and the brightness curve of the film."""
    clouds = F.interpolate(noise.clouds, size=(canvas.size, canvas.size), mode="bilinear", align_corners=False)
    vignette = 1 - 0.16 * (canvas.x.square() + canvas.y.square()).clamp(max=1.6)
    image = canvas.image * (vignette * (1 + 0.03 * clouds)) + 0.012 * noise.grain
    return power(image.clamp(0, 1), 0.80)

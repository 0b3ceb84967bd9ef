"""Shapes are where they say they are, and paint covers what it should."""

import colorsys
import math

import pytest
import torch

from faces.rendered.drawing import (
    Canvas,
    ellipse,
    gradient,
    hsv,
    intersection,
    power,
    rgb,
    rounded_box,
    smooth_union,
    smoothstep,
)


@pytest.fixture
def canvas():
    return Canvas(1, 64)


def column(*values):
    return torch.tensor(values).view(-1, 1, 1, 1)


def area(canvas, shape):
    return canvas.coverage(shape).sum() * canvas.pixel**2


def test_a_circle_measures_the_distance_to_its_edge(canvas):
    radius = torch.hypot(canvas.x, canvas.y)
    torch.testing.assert_close(ellipse(canvas.x, canvas.y, 0.4, 0.4), radius - 0.4, atol=1e-3, rtol=0)


def test_antialiased_shapes_cover_their_area(canvas):
    assert area(canvas, ellipse(canvas.x, canvas.y, 0.5, 0.3)) == pytest.approx(math.pi * 0.5 * 0.3, rel=0.005)
    box = 4 * 0.5 * 0.3 - (4 - math.pi) * 0.1**2
    assert area(canvas, rounded_box(canvas.x, canvas.y, 0.5, 0.3, corner=0.1)) == pytest.approx(box, rel=0.005)


def test_a_line_covers_its_width_along_the_edge(canvas):
    canvas.line(ellipse(canvas.x, canvas.y, 0.5, 0.5), 0.05, rgb(1, 0, 0))
    red, green, _ = canvas.image[0].sum((1, 2)) * canvas.pixel**2
    assert red == pytest.approx(2 * math.pi * 0.5 * 0.1, rel=0.005)
    assert green == 0


def test_half_opaque_paint_goes_half_way(canvas):
    canvas.paint(rgb(0.2, 0.4, 0.6))
    canvas.paint(rgb(1, 1, 1), opacity=0.5)
    torch.testing.assert_close(canvas.image[0, :, 5, 7], torch.tensor([0.6, 0.7, 0.8]))


def test_an_intersection_is_inside_all_of_its_shapes(canvas):
    left, right = (ellipse(canvas.x - x, canvas.y, 0.4, 0.4) for x in (-0.2, 0.2))
    assert torch.equal(intersection(left, right) < 0, (left < 0) & (right < 0))


def test_a_smooth_union_rounds_the_seam_and_nothing_else(canvas):
    left, right = (ellipse(canvas.x - x, canvas.y, 0.3, 0.3) for x in (-0.25, 0.25))
    sharp, smooth = torch.minimum(left, right), smooth_union(left, right, blend=0.1)
    seam = (left - right).abs() < 0.1
    assert torch.equal(smooth[~seam], sharp[~seam])
    assert (smooth[seam] < sharp[seam]).all()
    assert (sharp - smooth).max() <= 0.1 / 4


def test_smoothstep_rises_or_falls_between_its_ends():
    x = column(0.0, 0.2, 0.3, 0.4, 1.0)
    rising = smoothstep(0.2, 0.4, x)
    torch.testing.assert_close(rising.flatten(), torch.tensor([0, 0, 0.5, 1, 1]))
    torch.testing.assert_close(smoothstep(0.4, 0.2, x), 1 - rising)


def test_hsv_agrees_with_the_standard_library():
    samples = [(0.0, 1.0, 1.0), (0.21, 0.5, 0.9), (0.5, 0.2, 0.3), (0.77, 0.9, 0.6), (0.98, 0.4, 1.0)]
    truth = torch.tensor([colorsys.hsv_to_rgb(*sample) for sample in samples])
    hue, saturation, value = (column(*numbers) for numbers in zip(*samples, strict=True))
    torch.testing.assert_close(hsv(hue, saturation, value).flatten(1), truth)


def test_a_gradient_passes_through_its_stops():
    stops = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    colours = gradient(column(0.0, 0.25, 0.5, 1.0), stops).flatten(1)
    expected = torch.tensor([[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]])
    torch.testing.assert_close(colours, expected, atol=3e-4, rtol=0)


def test_power_is_a_power_and_rounds_the_same_anywhere_in_a_tensor():
    x = torch.linspace(0, 1, 1001)
    torch.testing.assert_close(power(x, 0.7), x.double().pow(0.7).float(), atol=1e-7, rtol=1e-5)
    assert torch.equal(power(x, 0.7)[990:], power(x[990:], 0.7))

"""Walks: exact at their keyframes, straight, round or smooth in between."""

import pytest
import torch

from editing import interpolation

KINDS = list(interpolation.SEGMENTS)


@pytest.fixture
def keyframes():
    return torch.randn(4, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 3, 10])
def test_an_open_walk_goes_exactly_through_every_keyframe(keyframes, kind, frames):
    path = interpolation.walk(keyframes, frames, kind)
    assert len(path) == 3 * frames + 1
    assert torch.equal(path[::frames], keyframes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_closes_with_steps_like_the_others(keyframes, kind):
    path = interpolation.walk(keyframes, 20, kind, loop=True)
    assert len(path) == 80
    assert torch.equal(path[::20], keyframes)
    steps = (path - path.roll(1, 0)).norm(dim=1)
    assert steps[0] < 1.5 * steps.median()


@pytest.mark.parametrize("kind", KINDS)
def test_where_a_loop_begins_does_not_matter(keyframes, kind):
    turned = interpolation.walk(keyframes.roll(-1, 0), 5, kind, loop=True)
    torch.testing.assert_close(turned, interpolation.walk(keyframes, 5, kind, loop=True).roll(-5, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_an_open_walk_is_the_same_backwards(keyframes, kind):
    torch.testing.assert_close(
        interpolation.walk(keyframes.flip(0), 6, kind), interpolation.walk(keyframes, 6, kind).flip(0), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_layers_walk_independently(kind):
    keyframes = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(1))
    path = interpolation.walk(keyframes, 4, kind)
    for layer in range(6):
        torch.testing.assert_close(path[:, layer], interpolation.walk(keyframes[:, layer], 4, kind))


def test_slerp_turns_at_constant_speed_and_keeps_the_length():
    a, b = torch.tensor([3.0, 0, 0]), torch.tensor([0, 3.0, 0])
    for t in (0.0, 0.2, 0.5, 0.9, 1.0):
        angle = torch.tensor(t * torch.pi / 2)
        expected = 3 * torch.stack([angle.cos(), angle.sin(), torch.tensor(0.0)])
        torch.testing.assert_close(interpolation.slerp(a, b, t), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("b", [[3.0, 0, 0], [6.0, 0, 0], [-3.0, 0, 0]])
def test_slerp_of_parallel_vectors_is_a_straight_line(b):
    a, b = torch.tensor([3.0, 0, 0]), torch.tensor(b)
    torch.testing.assert_close(interpolation.slerp(a, b, 0.25), 0.75 * a + 0.25 * b)


def test_lerp_is_a_straight_line(keyframes):
    path = interpolation.walk(keyframes[:2], 4, "lerp")
    torch.testing.assert_close(path[1], 0.75 * keyframes[0] + 0.25 * keyframes[1])


def test_a_spline_keeps_an_even_straight_line_straight(keyframes):
    start, step = keyframes[0], keyframes[1]
    line = torch.stack([start + i * step for i in range(4)])
    torch.testing.assert_close(interpolation.walk(line, 5, "spline"), interpolation.walk(line, 5, "lerp"), atol=1e-5, rtol=1e-5)


def test_a_spline_has_no_corner_where_lines_have_one(keyframes):
    def corner(kind):
        path = interpolation.walk(keyframes.double(), 1000, kind)
        return ((path[1001] - path[1000]) - (path[1000] - path[999])).norm() * 1000

    assert corner("spline") < 0.01 * corner("lerp")

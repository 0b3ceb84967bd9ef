"""Places on the head follow the pose, in the same way in both domains."""

import pytest
import torch

from faces.rendered.anatomy import CARTOON, PHOTO, Head
from faces.rendered.drawing import Canvas
from faces.rendered.synthetic import sample_attributes

PLACES = [(0, 0), (-0.4, 0.1), (0.5, 0.4), (0, 0.6)]


@pytest.fixture(params=[PHOTO, CARTOON], ids=["photo", "cartoon"])
def proportions(request):
    return request.param


def pose(proportions, **changes):
    """Eight sampled heads, some of their attributes replaced."""
    traits = {name: values.view(-1, 1, 1, 1) for name, values in sample_attributes(8, seed=4).items()}
    traits |= {name: torch.full((8, 1, 1, 1), float(value)) for name, value in changes.items()}
    return Head(Canvas(8, 16), traits, proportions)


@pytest.mark.parametrize(("u", "v"), PLACES)
def test_a_head_seen_from_the_front_has_every_place_where_it_was_named(proportions, u, v):
    head = pose(proportions, yaw=0, pitch=0)
    place = head.at(u, v)
    torch.testing.assert_close(place.x / head.half_width, torch.full_like(place.x, u))
    torch.testing.assert_close(place.y / head.half_height, torch.full_like(place.y, v))


@pytest.mark.parametrize(("u", "v"), PLACES)
def test_places_stay_on_the_ellipsoid_however_the_head_turns(proportions, u, v):
    head = pose(proportions)
    place = head.at(u, v)
    radius = (place.x / head.half_width).square() + (place.y / head.half_height).square() + place.facing.square()
    torch.testing.assert_close(radius, torch.ones_like(radius))


def test_turning_right_moves_the_face_right_and_turning_down_moves_it_down(proportions):
    straight, right, down = (pose(proportions, yaw=yaw, pitch=pitch) for yaw, pitch in [(0, 0), (1, 0), (0, 1)])
    assert (right.at(0, 0).x > straight.at(0, 0).x).all()
    assert (down.at(0, 0).y > straight.at(0, 0).y).all()


def test_the_eye_that_turns_away_gets_narrower(proportions):
    head = pose(proportions, yaw=1)
    left, right = head.eye(-1), head.eye(1)
    assert (right.narrowing() < left.narrowing()).all()
    assert right.narrowing().min() >= 0.35
    assert left.narrowing().max() <= 1


def test_rolling_the_head_turns_about_the_neck_and_keeps_distances(proportions):
    upright, rolled = pose(proportions, roll=0), pose(proportions, roll=1)
    for head in (upright, rolled):
        torch.testing.assert_close(
            head.x.square() + (head.y - 0.45).square(),
            (head.canvas.x - head.centre_x).square() + (head.canvas.y - proportions.head_y - 0.45).square(),
        )
    crown_moves = (rolled.x - upright.x)[..., 0, :]
    assert (crown_moves < 0).all()  # the same pixel lies further left on a head that leans right

"""metrics.same_person: colours that are known, poses that are planted, orders of people."""

import numpy as np
import pytest
import torch

from metrics import same_person


def painted(skin, hair):
    """A picture [3, 64, 64] whose regions have these colours, 0 to 255."""
    image = torch.full((3, 64, 64), 128.0)
    for region, colour in ((same_person.SKIN, skin), (same_person.HAIR, hair)):
        for top, bottom, left, right in region:
            place = slice(round(64 * top), round(64 * bottom)), slice(round(64 * left), round(64 * right))
            image[:, place[0], place[1]] = torch.tensor(colour, dtype=torch.float)[:, None, None]
    return image / 127.5 - 1


def test_colours_are_those_of_the_regions(monkeypatch):
    monkeypatch.setattr(same_person, "_poses", lambda pictures: [(np.nan,) * 3 for _ in pictures])
    found = same_person.read(torch.stack([painted((255, 255, 255), (255, 0, 0)), painted((0, 0, 0), (0, 0, 255))]))
    assert found["skin lightness"] == pytest.approx([100, 0], abs=0.1)
    assert found["hair lightness"] == pytest.approx([53.2, 32.3], abs=0.2)  # of sRGB's red and blue in CIELAB
    assert found["hair hue"] + same_person.ORANGE == pytest.approx([40.0, -53.7], abs=0.3)  # 306.3 degrees
    assert np.isnan(found["yaw"]).all() and len(found["yaw"]) == 2
    assert found[same_person.CONTRAST] == pytest.approx([-46.8, 32.3], abs=0.2)


def test_a_pose_does_not_depend_on_place_size_and_roll():
    points = {"left_eye": (0, 0), "right_eye": (4, 0), "nose": (3, 2), "mouth_left": (1, 4), "mouth_right": (3, 4)}
    angle = np.radians(10)
    turn = 2.5 * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert same_person.pose({name: np.array(point) @ turn + (7, 5) for name, point in points.items()}) == pytest.approx(
        (0.25, 10, 0.5)
    )
    mirrored = {"left_eye": (0, 0), "right_eye": (4, 0), "nose": (1, 2), "mouth_left": (1, 4), "mouth_right": (3, 4)}
    assert same_person.pose(mirrored)[0] == -same_person.pose(points)[0]


def test_faded_is_dark_hair_that_became_fair():
    before, after = ({"hair lightness": np.array(values)} for values in ([10, 29, 20, 25, 31, 80], [60, 51, 49, 20, 90, 90]))
    assert same_person.faded(before, after) == 0.5
    assert np.isnan(same_person.faded({"hair lightness": np.array([40.0])}, {"hair lightness": np.array([90.0])}))


def test_agreement_is_of_the_people_in_whom_both_are_known():
    values = np.arange(40.0)
    source, target = {"yaw": values.copy()}, {"yaw": np.exp(values / 10)}
    target["yaw"][::4], source["yaw"][1] = np.nan, np.nan
    found = same_person.agreement(source, target)
    assert found == {same_person.FOUND: 0.75, "yaw": pytest.approx(1)}
    mean, spread = same_person.shuffled(source, target)["yaw"]
    assert abs(mean) < 0.1 and 0.1 < spread < 0.3
    target["yaw"][9:] = np.nan
    assert np.isnan(same_person.agreement(source, target)["yaw"])  # too few to say

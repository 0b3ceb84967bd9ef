"""Every square has two eyes from which it comes back."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from errors import InputError
from explorer import photo
from explorer.crop import Crop
from faces import align

crops = st.builds(Crop, st.floats(-50, 900), st.floats(-50, 900), st.floats(20, 2000), st.floats(-179, 179))


@given(crops)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
def test_the_eyes_of_a_crop_give_its_square(crop):
    again = Crop.around(crop.square())
    assert np.allclose([again.x, again.y], [crop.x, crop.y], atol=0.2)
    assert abs(again.side - crop.side) < 0.8 and np.allclose(crop.square(), again.square(), atol=0.5)


def test_a_crop_that_stands_upright_is_a_box():
    square = Crop(50, 60, 40).square()
    assert np.allclose(square, align.box_square(align.Box(30, 40, 40, 40), 1), atol=0.1)


def test_a_photo_is_moved_from_where_the_face_was_found_and_back():
    found = Crop(50, 50, 40)
    opened = photo.Photo("me.jpg", "me.jpg", Image.new("RGB", (100, 100)), found, found)
    there = opened.moved(0.5, -0.25, 1, 10)
    assert there.crop == Crop(70, 40, 80, 10) and there.eyes
    assert there.moved(0, 0, 0, 0) == opened and not opened.eyes
    assert opened.outlined().size == (100, 100)


def test_a_square_beside_the_picture_is_refused_in_words():
    opened = photo.Photo("me.jpg", "me.jpg", Image.new("RGB", (100, 100)), None, Crop(5000, 50, 40))
    with pytest.raises(InputError, match="outside the picture"):
        opened.face(16)


def test_a_name_brings_no_folder_along(monkeypatch):
    monkeypatch.setattr(photo, "locator", lambda: type("Blind", (), {"squares": staticmethod(blind)}))
    Image.new("RGB", (20, 20)).save(file := io.BytesIO(), "PNG")
    for name in ("../../etc/me.png", "C:\\\\me.png", "/me.png"):
        assert photo.opened(name, file.getvalue()).name == "me.png"


def blind(name, picture):
    raise align.NotFound("no face")

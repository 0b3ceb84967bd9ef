"""vision.identity: the same face is 1, and where the extra is missing one line says so."""

import sys

import pytest
import torch

import utils
from errors import InputError
from vision import identity


@pytest.mark.parametrize("missing", ["dlib", "face_recognition_models"])
def test_without_the_extra_one_line_says_what_to_install(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, "dlib", None if missing == "dlib" else object())
    monkeypatch.setattr(identity.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install -e \.\[identity\]"):
        identity.Identity()


def test_who_is_shown_twice_is_alike_and_colder_light_changes_little():
    pytest.importorskip("dlib")
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    from faces import align
    from faces.locate import Locator

    astronaut = Image.fromarray(data.astronaut())
    face = align.cut(astronaut, Locator().squares("", astronaut)[0], 128)
    pixels = utils.from_pictures([face])
    cold, other = pixels * torch.tensor([0.9, 0.9, 1.0]).view(1, 3, 1, 1), pixels.flip(2)
    photo, same, upside_down = identity.Identity().embed(torch.cat([pixels, cold, other])).split(1)
    assert identity.cosine(photo, photo).item() == pytest.approx(1, abs=1e-5)
    assert identity.cosine(photo, same) > 0.95 > identity.cosine(photo, upside_down)

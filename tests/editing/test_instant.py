"""The pictures of a network in ONNX are those that torch would make of its numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import utils
from editing import instant
from errors import InputError


def drawing(cartoon: np.ndarray, seen: list | None = None) -> instant.Cartoonist:
    """One whose network gives this, twice."""
    cartoonist = object.__new__(instant.Cartoonist)
    latent = np.zeros((1, 6, 8), np.float32)
    run = lambda names, given: (seen.append(given) if seen is not None else 0, (cartoon, cartoon, latent))[1]
    cartoonist._session = SimpleNamespace(run=run)
    return cartoonist


def test_every_number_becomes_the_pixel_that_torch_makes_of_it():
    images = np.linspace(-1.01, 1.01, 3 * 64 * 64, dtype=np.float32).reshape(1, 3, 64, 64)
    (expected,) = utils.to_pictures(torch.from_numpy(images))
    drawn = drawing(images).draw(Image.new("RGB", (64, 64)))
    assert np.array_equal(np.asarray(drawn.cartoon), np.asarray(expected)) and drawn.latent.shape == (6, 8)


def test_every_pixel_becomes_the_number_that_torch_makes_of_it():
    face, seen = Image.fromarray(np.arange(256 * 3, dtype=np.uint32).astype(np.uint8).reshape(16, 16, 3)), []
    drawing(np.zeros((1, 3, 16, 16), np.float32), seen).draw(face)
    assert np.array_equal(seen[0]["photo"], utils.from_pictures([face]).numpy())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_picture(value):
    with pytest.raises(InputError, match="NaN or Inf"):
        drawing(np.full((1, 3, 16, 16), value, np.float32)).draw(Image.new("RGB", (16, 16)))


def test_a_network_that_fails_does_so_in_one_line():
    def run(names, given):
        raise RuntimeError("Non-zero status code\nwhile running a node")

    cartoonist = object.__new__(instant.Cartoonist)
    cartoonist._session = SimpleNamespace(run=run)
    with pytest.raises(InputError, match=r"the network fails: Non-zero status code.while running a node$"):
        cartoonist.draw(Image.new("RGB", (16, 16)))

"""Squares of pictures of any shape: the reference's, the top, and the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.squares import CROPS, Cut, cut, remarks, square


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(12, 90),
    height=st.integers(12, 90),
    size=st.sampled_from([4, 16, 33]),
    resample=st.sampled_from(["lanczos", "bilinear"]),
)
def test_square_is_resize_then_centre_crop(width, height, size, resample):
    pixels = np.random.default_rng(width * 100 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    scaled = [int(size * side / min(width, height)) for side in (width, height)]
    left, top = (round((side - size) / 2) for side in scaled)
    naive = picture.resize(scaled, Image.Resampling[resample.upper()]).crop((left, top, left + size, top + size))
    assert np.array_equal(square(picture, size, resample), naive)


def test_square_of_a_long_strip_stays_small():
    assert square(Image.new("RGB", (60_000, 2)), 1024).size == (1024, 1024)  # resized whole it would take 94 GB


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("sides", [(1, 20_000), (20_000, 1), (1, 1), (7, 5)])
def test_every_shape_gives_a_square(crop, sides):
    assert square(Image.new("RGB", sides), 16, crop=crop).size == (16, 16)


def striped(width: int, height: int) -> Image.Image:
    """Row i has red i, column j green j."""
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([rows, columns, 0 * rows], -1).astype(np.uint8))


def test_the_top_is_what_a_tall_picture_keeps_and_a_wide_one_its_centre():
    tall, wide = striped(20, 100), striped(100, 20)
    assert np.array_equal(square(tall, 20, crop="top"), np.asarray(tall)[:20])
    assert np.array_equal(square(wide, 20, crop="top"), square(wide, 20))
    assert np.array_equal(square(tall, 20), np.asarray(tall)[40:60])


def test_pad_keeps_the_whole_on_the_background():
    picture = striped(50, 100)
    padded = np.asarray(square(picture, 100, crop="pad", background="#010203"))
    assert np.array_equal(padded[:, 25:75], picture)
    assert (padded[:, :25] == [1, 2, 3]).all() and (padded[:, 75:] == [1, 2, 3]).all()


def test_little_that_remains_and_much_that_is_enlarged_are_pointed_at():
    cuts = [cut(sides, 256) for sides in ((400, 1000), (1000, 400), (400, 600), (63, 63), (64, 64), (20_000, 1))]
    assert remarks(cuts) == ["3 keep less than two thirds of the picture", "2 enlarged more than 4 times"]
    assert remarks([cut((20_000, 1), 256, "pad")]) == remarks([Cut(1, 4)]) == []

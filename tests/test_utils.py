"""Pictures, seeds and devices."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import utils
from errors import InputError


def test_every_pixel_value_survives_the_way_to_images_and_back():
    pixels = torch.arange(256, dtype=torch.uint8).expand(3, 2, 256)[None]
    images = utils.from_pixels(pixels)
    assert (images.min(), images.max()) == (-1, 1)
    assert torch.equal(utils.to_pixels(images), pixels.permute(0, 2, 3, 1))


@settings(deadline=None, derandomize=True)
@given(st.floats(-1, 1), st.integers(0, 255))
def test_pixels_are_the_nearest_value(offset, value):
    image = torch.full((1, 3, 1, 1), (value + 0.49 * offset) / 127.5 - 1)
    assert utils.to_pixels(image).unique().tolist() == [value]


def test_values_beyond_the_range_are_clamped_and_not_wrapped():
    image = torch.tensor([-1e6, -1.1, 1.1, 1e6]).expand(1, 3, 1, 4)
    assert utils.to_pixels(image)[0, 0, :, 0].tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_pictures_have_the_colours_and_size_of_the_images(dtype):
    image = torch.tensor([1.0, -1.0, 0.0], dtype=dtype)[:, None, None].expand(3, 4, 6).requires_grad_()
    pictures = utils.to_pictures(torch.stack([image, -image]))
    assert [picture.size for picture in pictures] == [(6, 4)] * 2
    assert [picture.getpixel((5, 3)) for picture in pictures] == [(255, 0, 128), (0, 255, 128)]


@pytest.mark.parametrize(
    "text, seeds",
    [("7", [7]), ("0-3,100", [0, 1, 2, 3, 100]), (" 1 , 5-6 ", [1, 5, 6]), ("4-4", [4]), ("2,2", [2, 2]), ("007", [7])],
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert utils.parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", ",", "-1", "1-", "a", "1.5", "1;2", "1-2-3", "1,,2", "5-3", "0-4294967295", "²"])
def test_wrong_seeds_are_refused_in_one_line_that_repeats_them(text):
    with pytest.raises(InputError) as refused:
        utils.parse_seeds(text)
    assert str(refused.value).startswith(f"{text}: ")
    assert "\n" not in str(refused.value)


def test_a_backward_range_is_refused_in_company():
    test_wrong_seeds_are_refused_in_one_line_that_repeats_them("0,5-3")


def test_seeds_beyond_64_bits_are_refused_in_one_line():
    test_wrong_seeds_are_refused_in_one_line_that_repeats_them(str(2**64))


def test_numbers_of_a_seed_are_the_same_in_any_company():
    together = utils.seeded_normal([3, 0, 2**32 - 1, 3], 2, 5)
    assert together.shape == (4, 2, 5)
    for row, seed in zip(together, [3, 0, 2**32 - 1, 3]):
        assert torch.equal(row, utils.seeded_normal([seed], 2, 5)[0])
    assert len({row.sum().item() for row in together}) == 3


def test_seeded_numbers_are_normal_and_leave_the_global_stream_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    x = utils.seeded_normal(range(20), 500)
    assert torch.equal(torch.rand(3), expected)
    assert abs(x.mean()) < 0.05 and abs(x.std() - 1) < 0.05


def test_auto_is_a_device_that_works():
    assert utils.choose_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert utils.choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:99", "cuda:-1", "gpu", "", "xla"])
def test_a_device_that_is_not_there_is_refused_in_one_line(name):
    with pytest.raises(InputError) as refused:
        utils.choose_device(name)
    assert str(refused.value).startswith(f"{name}: ")
    assert str(refused.value).endswith("use cpu or auto")
    assert "\n" not in str(refused.value)


def test_a_device_without_a_module_is_refused_in_one_line():
    test_a_device_that_is_not_there_is_refused_in_one_line("hpu")


def test_a_device_without_numbers_is_refused():
    test_a_device_that_is_not_there_is_refused_in_one_line("meta")


def test_pictures_come_back_as_they_went():
    pictures = [Image.fromarray(np.random.default_rng(i).integers(0, 256, (5, 4, 3), dtype=np.uint8)) for i in range(3)]
    images = utils.from_pictures(pictures)
    assert images.shape == (3, 3, 5, 4) and images.min() >= -1 and images.max() <= 1
    assert [back.tobytes() for back in utils.to_pictures(images)] == [one.tobytes() for one in pictures]
    assert torch.equal(utils.pixels_of(pictures)[1, :, 2, 3], torch.tensor(pictures[1].getpixel((3, 2))).to(torch.uint8))

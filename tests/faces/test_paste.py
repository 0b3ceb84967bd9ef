"""A face that was cut out goes back to where it was."""

import numpy as np
import pytest
from PIL import Image

from faces import align, paste


def smooth(width: int, height: int) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - x], -1).astype(np.uint8))


@pytest.mark.parametrize("degrees", [0, 30, 90])
def test_what_was_not_changed_comes_back_in_place(degrees):
    picture, centre, turn = smooth(120, 90), np.array([60, 45]), np.radians(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    square = centre + np.array([(-20, -20), (-20, 20), (20, 20), (20, -20)]) @ rotation.T
    back = paste.pasted(picture, align.cut(picture, square, 64), square)
    error = np.abs(np.asarray(back, int) - np.asarray(picture, int))
    assert error.max() <= 4


def test_the_middle_is_replaced_the_edge_fades_and_the_rest_stays():
    picture, tile = Image.new("RGB", (100, 80)), Image.new("RGB", (16, 16), "white")
    pixels = np.asarray(paste.pasted(picture, tile, align.box_square(align.Box(30, 20, 40, 40), expand=1)))[..., 0]
    assert pixels[40, 50] == 255 and pixels[10].max() == 0 and pixels[:, 80].max() == 0
    across = pixels[40, 30:51].astype(int)
    assert (np.diff(across) >= 0).all() and 0 < across[1] < 255

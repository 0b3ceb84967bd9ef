"""demo/recolour.py on heads of two colours."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from demo import recolour

HAIR, FACE = slice(0, 4), slice(4, 8)  # rows
COLOURS = {"black": (20, 230), "brown": (60, 120), "fair": (210, 180)}  # hair, face


def picture(hair: int, face: int) -> np.ndarray:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[HAIR], pixels[FACE] = hair, face
    return pixels


def test_hair_of_one_picture_lies_over_the_face_of_another(tmp_path):
    heads, out = tmp_path / "heads", tmp_path / "out"
    heads.mkdir()
    for style in recolour.STYLES:
        for number, colours in zip(style, COLOURS.values()):
            Image.fromarray(picture(*colours)).save(heads / f"{number:04d}.png")
    for number in recolour.LEFT_OUT:
        Image.fromarray(picture(0, 0)).save(heads / f"{number:04d}.png")
    recolour.main(heads, out)
    assert len([*out.iterdir()]) == 2 * 3 * len(recolour.STYLES)
    assert not {f"{number:04d}.png" for number in recolour.LEFT_OUT} & {path.name for path in out.iterdir()}
    for face, hair in (("fair", "black"), ("fair", "brown"), ("brown", "black")):
        with Image.open(out / f"0125-{face}-{hair}.png") as made:
            assert np.array_equal(np.asarray(made), picture(COLOURS[hair][0], COLOURS[face][1]))


@pytest.mark.parametrize("words, told", [([], "usage: "), (["none", "out"], "none: holds no 0125.png"), (["none"], "usage: ")])
def test_wrong_words_get_one_line_and_leave_nothing(tmp_path, words, told):
    done = subprocess.run([sys.executable, recolour.__file__, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and told in done.stderr and done.stderr.count("\n") == 1
    assert not [*tmp_path.iterdir()]

"""demo/recolour.py on heads of two colours."""

import numpy as np
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

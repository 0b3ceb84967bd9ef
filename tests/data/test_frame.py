"""A frame of a film is shown as a player would show it: pixel shape, turn, colours, transparency."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import frame as frames
from data.decode import TooLarge, Unreadable
from data.sources import open_source
from tests.data.films import film, flat, planes, turned, yuv

COLOURS = np.array([(200, 30, 40), (20, 180, 60), (30, 40, 190), (128, 128, 128), (250, 250, 250), (224, 172, 140)])
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}  # of red and blue in luma, by matrix


def shown(path: Path, every: float = 0.1, background: str = "white"):
    """(pictures, notes) of all frames."""
    source = open_source(path, every=every)
    found = [source.picture(item, background=background) for item in source.items]
    return [one.picture for one in found], [one.notes for one in found]


def corners(width: int = 64, height: int = 48) -> np.ndarray:
    """Four quarters of different colours: no turn or flip leaves it alike."""
    quarters = np.array([[[220, 30, 30], [30, 200, 60]], [[40, 60, 210], [230, 210, 40]]], np.uint8)
    return quarters.repeat(height // 2, 0).repeat(width // 2, 1)


@pytest.mark.parametrize("shape", [Fraction(64, 45), Fraction(16, 15), Fraction(8, 9), Fraction(2)])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_a_circle_is_round_whatever_the_shape_of_the_pixels(shape, ending, tmp_path):
    height, width = 96, round(96 / shape / 2) * 2
    y, x = np.mgrid[:height, :width] + 0.5
    circle = ((x - width / 2) * float(shape)) ** 2 + (y - height / 2) ** 2 < 40**2
    codec = "mpeg4" if ending == "avi" else "libx264"
    path = film(tmp_path / f"a.{ending}", [(circle[..., None] * 255).repeat(3, 2).astype(np.uint8)] * 2, codec, shape=shape)
    (picture, *_), (notes, *_) = shown(path)
    bright = np.asarray(picture.convert("L")) > 127
    across, along = bright.any(0).sum(), bright.any(1).sum()
    assert abs(across / along - 1) < 0.04
    assert min(picture.size) >= min(width, height)  # nothing was thrown away
    assert notes == ["oblong pixels made square"]


@pytest.mark.parametrize("shape", [Fraction(1, 10000), Fraction(10000, 1)])
def test_a_pixel_shape_that_nothing_has_is_not_believed(shape, tmp_path):
    pictures, notes = shown(film(tmp_path / "a.mkv", [corners()] * 2, shape=shape))
    assert pictures[0].size == (64, 48) and notes[0] == []


def test_oblong_pixels_count_as_the_square_ones_that_they_become(tmp_path):
    source = open_source(film(tmp_path / "a.mkv", [corners()] * 2, shape=2), every=1)
    assert source.picture(source.items[0], max_pixels=128 * 48).picture.size == (128, 48)
    with pytest.raises(TooLarge, match="128 x 48 is over the limit"):
        source.picture(source.items[0], max_pixels=128 * 48 - 1)


@pytest.mark.parametrize("matrix, turn", [((1, 0, 0, 1), None), *frames.TURNS.items()])
@pytest.mark.parametrize("shape", [1, 2])
def test_every_turn_of_a_phone_is_undone_after_the_pixels_are_square(matrix, turn, shape, tmp_path):
    pictures, _ = shown(turned(film(tmp_path / "a.mp4", [corners()] * 2, shape=shape), matrix))
    upright = Image.fromarray(corners()).resize((64 * shape, 48), Image.Resampling.NEAREST)
    expected = upright if turn is None else upright.transpose(turn)
    assert pictures[0].size == expected.size
    assert np.abs(np.asarray(pictures[0]).astype(int) - np.asarray(expected)).mean() < 6


def test_turns_are_those_that_the_matrix_describes():
    """A matrix (a, b, c, d) sends the point (p, q) to (a p + c q, b p + d q), seen from the middle."""
    points = {"right": (1, 0), "below": (0, 1)}
    sides = {(1, 0): (2, 1), (0, 1): (1, 2), (-1, 0): (0, 1), (0, -1): (1, 0)}  # pixels of a 3 x 3 picture
    for (a, b, c, d), turn in frames.TURNS.items():
        for p, q in points.values():
            picture = Image.new("L", (3, 3))
            picture.putpixel(sides[p, q], 255)
            assert picture.transpose(turn).getpixel(sides[a * p + c * q, b * p + d * q]) == 255


@pytest.mark.parametrize("full", [False, True], ids=["tv range", "full range"])
@pytest.mark.parametrize("matrix", [1, 5])
def test_colours_are_those_of_the_matrix_and_the_range_that_the_film_names(matrix, full, tmp_path):
    values = yuv(COLOURS / 255, *WEIGHTS[matrix], full)
    path = film(tmp_path / "a.mp4", map(planes, values), given="yuv420p", matrix=matrix, full=full)
    pictures, _ = shown(path)
    assert np.abs([np.asarray(one).mean((0, 1)) for one in pictures] - COLOURS).max() < 3


@pytest.mark.parametrize("width, height, matrix", [(64, 48, 5), (720, 576, 5), (1280, 720, 1), (640, 720, 1)])
def test_a_film_that_names_no_matrix_has_that_of_its_size(width, height, matrix, tmp_path):
    values = yuv(COLOURS[:2] / 255, *WEIGHTS[matrix], full=False)
    frames = [planes(value, width, height) for value in values]
    pictures, _ = shown(film(tmp_path / "a.mp4", frames, given="yuv420p"))
    assert np.abs([np.asarray(one).mean((0, 1)) for one in pictures] - COLOURS[:2]).max() < 3


def test_10_bits_are_read_as_8(tmp_path):
    values = yuv(COLOURS / 255, *WEIGHTS[1], full=False, bits=10)
    frames = [planes(value, dtype=np.uint16) for value in values]
    path = film(tmp_path / "a.mkv", frames, "ffv1", "yuv420p10le", "yuv420p10le", matrix=1)
    pictures, _ = shown(path)
    assert np.abs([np.asarray(one).mean((0, 1)) for one in pictures] - COLOURS).max() < 3


def test_transparent_parts_lie_on_the_background(tmp_path):
    pixels = np.dstack([flat((10, 200, 30)), np.full((48, 64), 255, np.uint8)])
    pixels[:, :32, 3] = 0
    path = film(tmp_path / "a.mkv", [pixels] * 2, "ffv1", "bgra", "rgba")
    pictures, notes = shown(path, background="#102030")
    assert pictures[0].getpixel((5, 5)) == (0x10, 0x20, 0x30) and pictures[0].getpixel((60, 5)) == (10, 200, 30)
    assert notes[0] == ["transparent parts laid on #102030"]


def test_frames_that_change_their_size_within_a_film_are_each_read(tmp_path):
    sizes = [(64, 48), (96, 64)]
    parts = [
        film(tmp_path / f"{start}.ts", [corners(*size)] * 4, start=start).read_bytes() for start, size in zip((0, 4), sizes)
    ]
    (tmp_path / "a.ts").write_bytes(b"".join(parts))
    source = open_source(tmp_path / "a.ts")
    found = {source.picture(item).picture.size for item in source.items}
    assert found == set(sizes)
    with pytest.raises(Unreadable, match="over the limit"):
        for item in source.items:
            source.picture(item, max_pixels=64 * 48)


def test_interlaced_frames_are_told_of(tmp_path):
    path = film(tmp_path / "a.mp4", [corners()] * 3, options={"x264-params": "tff=1"})
    _, notes = shown(path)
    assert notes[0] == ["interlaced: what moves may show combs"]


def test_an_hdr_film_gives_the_colours_of_a_screen(tmp_path):
    """White paper of 203 nits in PQ, a grey of a fifth of it, and a red of BT.709, which BT.2020 holds with less colour."""
    pq = np.array([[0.5806, 0.5806, 0.5806], [0.4269, 0.4269, 0.4269]])
    values = yuv(pq, *WEIGHTS[9], full=False, bits=10)
    frames = [planes(value, dtype=np.uint16) for value in values]
    layout = {"codec": "ffv1", "layout": "yuv420p10le", "given": "yuv420p10le"}
    path = film(tmp_path / "a.mkv", frames, **layout, matrix=9, primaries=9, transfer=16)
    (white, grey), (notes, _) = shown(path)
    assert min(white.getpixel((9, 9))) > 238 and max(white.getpixel((9, 9))) < 256
    assert np.abs(np.array(grey.getpixel((9, 9))) - 124).max() <= 3  # sRGB's code for a fifth of white
    assert notes == ["HDR or wide colours brought to those of a screen"]

"""Every awkward file gives the right picture, or the reason why there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.decode import HALVED, MAX_PIXELS, TooLarge, Unreadable, decode
from data.formats import FORMATS
from tests.data.awkward import pictures, saved, scene

CASES = pictures()


@pytest.mark.parametrize("name", [name for name in CASES if not CASES[name].reason])
def test_readable_file_gives_its_picture(name):
    case = CASES[name]
    picture, notes = decode(case.data)
    assert picture.mode == "RGB" and (picture.height, picture.width) == case.picture.shape[:2]
    difference = np.abs(np.asarray(picture).astype(int) - case.picture)
    assert difference.mean() <= case.tolerance
    assert any(case.note in note for note in notes) if case.note else not notes or "EXIF" in notes[0]


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].reason])
def test_unreadable_file_gives_a_reason(name):
    with pytest.raises(Unreadable, match=CASES[name].reason):
        decode(CASES[name].data)


def test_transparent_parts_take_the_background():
    picture, notes = decode(CASES["alpha.png"].data, background="#102030")
    assert picture.getpixel((40, 5)) == (0x10, 0x20, 0x30) and notes == ["transparent parts laid on #102030"]


def test_pixel_limit_is_inclusive():
    data = CASES["rgb.png"].data
    assert decode(data, max_pixels=48 * 32).picture.size == (48, 32)
    with pytest.raises(TooLarge, match="48 x 32 is over the limit"):
        decode(data, max_pixels=48 * 32 - 1)


def test_a_jpeg_over_the_limit_is_halved_and_says_so():
    case = CASES["rgb.jpg"]
    picture, notes = decode(case.data, max_pixels=48 * 32 - 1)
    assert picture.size == (24, 16) and picture.info["shrunk"] == 2 and notes == ["decoded at half its size"]
    small = Image.fromarray(scene()).resize((24, 16), Image.Resampling.BOX)
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(small)).mean() < 8
    assert decode(case.data, max_pixels=48 * 32 // 4).picture.size == (24, 16)
    with pytest.raises(TooLarge, match="48 x 32 is over the limit"):
        decode(case.data, max_pixels=48 * 32 // 4 - 1)


def test_phones_of_64_megapixels_are_decoded_whole_and_of_200_at_half_their_size():
    assert 9248 * 6936 <= MAX_PIXELS < 16384 * 12288 <= MAX_PIXELS * HALVED


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(FORMATS),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 7)), max_size=4),
)
def test_damage_of_any_kind_raises_nothing_but_unreadable(kind, cut, flips):
    data = bytearray(saved(Image.fromarray(scene()), kind))
    for place, bit in flips:
        data[int(place * len(data))] ^= 1 << bit
    try:
        assert decode(bytes(data[: round(cut * len(data))]), max_pixels=10**6).picture.mode == "RGB"
    except Unreadable as reason:
        assert str(reason)


def test_no_flipped_bit_of_a_png_goes_unnoticed():
    data = saved(Image.fromarray(scene()), "PNG")
    for place in range(8, len(data), 7):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        with pytest.raises(Unreadable):
            decode(bytes(flipped))


@pytest.mark.parametrize("kind", ["baseline", "progressive", "restart", "grey", "cmyk"])
def test_jpeg_cut_anywhere_is_whole_or_refused(kind):
    noisy = np.random.default_rng(1).normal(0, 25, (32, 48, 3)) + scene()
    picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).convert({"grey": "L", "cmyk": "CMYK"}.get(kind, "RGB"))
    data = saved(picture, "JPEG", progressive=kind == "progressive", restart_marker_blocks=int(kind == "restart"))
    whole = np.asarray(decode(data).picture)
    for length in range(len(data) - 1, 0, -5 if len(data) > 3000 else -3):
        try:
            assert np.array_equal(decode(data[:length]).picture, whole)
        except Unreadable:
            assert length < len(data) - 2

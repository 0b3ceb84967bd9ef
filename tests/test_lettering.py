"""What the font can write is written; a number stands for the rest."""

import unicodedata

import numpy as np
import pytest
from PIL import Image, ImageDraw

import lettering


def drawn(text: str) -> bytes:
    picture = Image.new("L", (200, 30))
    ImageDraw.Draw(picture).text((2, 2), text, 255, lettering.font(14))
    return picture.tobytes()


@pytest.mark.parametrize(
    "name",
    ["Zoë & Jörg #1 100%.png", "-d.png", "Łódź", "ñandú", "Ελένη", "Жанна Ўладзіслаў", "Nguyễn", "½ … “x” €", "⁶₂ ≤ ∞"],
)
def test_latin_greek_and_cyrillic_names_stay(name):
    assert lettering.readable([name]) == [name]
    assert drawn(name) != drawn("")


@pytest.mark.parametrize("name", ["小林 さくら.png", "김민준", "محمد", "שלום", "अनु", "ไทย", "👩", "a\udc80b", "ꙮ"])
def test_a_name_that_cannot_be_written_becomes_its_number(name):
    assert lettering.readable(["a", name, "b"]) == ["a", "#2", "b"]
    assert "?" in lettering.tidy(name) and lettering.can_write(lettering.tidy(name))


def test_a_legend_says_whom_a_number_stands_for():
    assert lettering.legend(["a", "小林", "김"]) == "on sheets #2 is 小林, #3 is 김"
    assert lettering.legend(["a", "Zoë"]) == ""


@pytest.mark.parametrize("letters", ["AZaz", "ÀÿŐž", "ΑΩαω", "АЯая"])
def test_letters_do_not_look_like_the_box_of_missing_ones_nor_like_one_another(letters):
    assert len({drawn(letter) for letter in letters + lettering.NOTHING}) == len(letters) + 1


def test_a_name_as_macos_stores_it_is_the_name_as_others_do():
    apart = unicodedata.normalize("NFD", "Zoë Ångström ё")
    assert lettering.readable([apart]) == ["Zoë Ångström ё"]


def test_what_is_not_seen_is_left_out_and_lines_are_joined():
    assert lettering.tidy("a\u200bb\x07c\nd\te") == "abc d e"


@pytest.mark.parametrize("width", [0, 10, 60, 100, 10_000])
def test_long_names_keep_their_ends_and_fit(width):
    text = "a_very_long_name_of_a_photo_of_somebody_0001.png"
    shown = lettering.shortened(text, width, lettering.font(12))
    assert lettering.font(12).getlength(shown) <= width or shown == ""
    assert shown in ("", text) or (shown[0] == text[0] and (len(shown) < 3 or shown[-1] == text[-1]) and "…" in shown)


def test_letters_stand_in_every_size_within_their_line():
    for size in range(11, 17):
        box = lettering.font(size).getbbox("ÅgjЩ")
        assert box[3] <= np.ceil(lettering.font(size).getbbox("Ag")[3] * 1.4)

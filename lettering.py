"""Words on pictures: a font with Latin, Greek and Cyrillic letters, and what stands in for names that it cannot write.

draw.text((4, 2), tidy(title), font=font(12))
readable(["Zoë.png", "小林.png"])                       # ["Zoë.png", "#2"]
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import ImageFont

FILE = Path(__file__).parent / "fonts" / "DejaVuSansCondensed.ttf"
NOTHING = "\U0010fffe"  # no character, so every font draws its box for missing ones
UNSEEN = ("Cc", "Cf", "Mn")  # Unicode's controls, joiners, and marks that belong to no single letter


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The same letters, and places of them, on every machine."""
    return ImageFont.truetype(str(FILE), size, layout_engine=ImageFont.Layout.BASIC)


def readable(names: Sequence[str]) -> list[str]:
    """The names; those with letters that the font lacks become the number of their place, #1 for the first."""
    tidied = [_composed(name) for name in names]
    return [name if can_write(name) else f"#{number}" for number, name in enumerate(tidied, 1)]


def legend(names: Sequence[str]) -> str:
    """Which name each number of `readable` stands for, in a line; "" where all can be written."""
    numbers = [f"{shown} is {name}" for shown, name in zip(readable(names), names) if not can_write(_composed(name))]
    return f"on sheets {', '.join(numbers)}" if numbers else ""


def tidy(text: str) -> str:
    """In one line, with "?" for each letter that the font lacks."""
    return "".join(letter if _has(letter) else "?" for letter in _composed(text))


def can_write(text: str) -> bool:
    return all(map(_has, text))


def shortened(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """What fits into `width` pixels: without its middle where it is longer, as names of files differ at their ends."""
    if font.getlength(text) <= width:
        return text
    for kept in range(min(len(text), width) - 1, 0, -1):
        shown = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
        if font.getlength(shown) <= width:
            return shown
    return ""


def _composed(text: str) -> str:
    """ "e" and a diaeresis, as macOS names files, are one letter; what is not seen is left out."""
    composed = unicodedata.normalize("NFC", text.replace("\n", " ").replace("\t", " "))
    return "".join(letter for letter in composed if unicodedata.category(letter) not in UNSEEN)


@cache
def _has(letter: str) -> bool:
    if "\ud800" <= letter <= "\udfff":  # half of a letter: a byte of a name that is no UTF-8
        return False
    return letter == " " or bytes(font(16).getmask(letter)) != bytes(font(16).getmask(NOTHING))

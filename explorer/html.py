"""Pieces of the page as HTML that loads nothing: pictures are data: addresses, so no file of the machine has an address."""

import base64
from collections.abc import Sequence
from html import escape

from explorer.studio import Shown

KINDS = {"png": "image/png", "webp": "image/webp", "gif": "image/gif", "mp4": "video/mp4", "pt": "application/octet-stream"}
PRESS = """element.addEventListener("click", event => {
  const button = event.target.closest("[data-index]");
  if (button) trigger("select", { index: +button.dataset.index });
});"""
TITLES = {"source": "photo network", "cartoon": "cartoon network", "": "the network"}


def address(data: bytes, ending: str = "png") -> str:
    return f"data:{KINDS[ending]};base64,{base64.b64encode(data).decode()}"


def download(data: bytes, name: str, words: str) -> str:
    """A link that saves a file."""
    ending = name.rpartition(".")[2]
    return f'<a class="x-button" download="{escape(name)}" href="{address(data, ending)}">{escape(words)}</a>'


def command(line: str, label: str = "Copy the command") -> str:
    """The line, and a button that puts it on the clipboard."""
    return (
        f'<div class="x-line"><code tabindex="0" aria-label="command">{escape(line)}</code>'
        f'<button class="x-button" data-copy="{escape(line)}">{escape(label)}</button></div>'
    )


def pair(shown: Sequence[Shown], words: str, name: str, stars: bool) -> str:
    """The pictures side by side, what can be done with each below; words: who is shown."""
    figures = "".join(_figure(one, words, name) for one in shown)
    star = '<span class="x-star" role="img" aria-label="a favourite">★</span>' if stars else ""
    lines = "".join(
        f"<details><summary>{_title(one)}: its command</summary>{command(one.line)}</details>" for one in shown if one.final
    )
    return f'<div class="x-pair">{figures}</div><p class="x-words" aria-live="polite">{star}{escape(words)}</p>{lines}'


def strip(pictures: Sequence[tuple[bytes, str]], label: str, empty: str = "", current: int | None = None) -> str:
    """Small pictures that can be pressed; each tells its number."""
    if not pictures:
        return f'<p class="x-note">{escape(empty)}</p>' if empty else ""
    buttons = "".join(
        f'<button data-index="{index}" aria-label="{escape(words)}" title="{escape(words)}"'
        f'{" aria-current=true" * (index == current)}><img alt="" src="{address(png)}"></button>'
        for index, (png, words) in enumerate(pictures)
    )
    return f'<div class="x-strip" role="group" aria-label="{escape(label)}">{buttons}</div>'


def trio(figures: Sequence[tuple[bytes, str, str]]) -> str:
    """(PNG, what it is, its name as a file) each."""
    shown = "".join(
        f'<figure><img alt="{escape(words)}" src="{address(png)}"><figcaption><span>{escape(words)}</span>'
        f"{download(png, name, 'PNG')}</figcaption></figure>"
        for png, words, name in figures
    )
    return f'<div class="x-pair">{shown}</div>'


def film(data: bytes, ending: str, line: str) -> str:
    """It moves, can be saved, and has its command."""
    at = address(data, ending)
    video = f'<video src="{at}" autoplay loop muted playsinline aria-label="the sweep"></video>'
    moving = video if ending == "mp4" else f'<img alt="the sweep" src="{at}">'
    saved = download(data, f"sweep.{ending}", ending)
    return f'<div class="x-film">{moving}</div><p class="x-words">{saved}</p>{command(line)}'


def outline(whole: bytes, face: bytes, name: str) -> str:
    """A photo (WebP) with the square in it, and what is cut out (PNG)."""
    first = f'<img alt="{escape(name)}, the square of the face" src="{address(whole, "webp")}">'
    return f'<div class="x-outline">{first}<img alt="what is cut out" src="{address(face)}"></div>'


def note(words: str, kind: str = "note") -> str:
    return f'<p class="x-{kind}">{escape(words)}</p>' if words else ""


def _figure(one: Shown, words: str, name: str) -> str:
    row = one.row or "picture"
    saved = download(one.png, f"{name}-{row}.png", "PNG") if one.final else ""
    state = "" if one.final else " data-preview"
    return (
        f'<figure data-row="{escape(row)}"{state}><img alt="{escape(f"{words}, {_title(one)}")}" src="{address(one.png)}" '
        f'width="{one.side}" height="{one.side}"><figcaption><span>{escape(_title(one))}</span>{saved}</figcaption></figure>'
    )


def _title(one: Shown) -> str:
    return TITLES.get(one.row, one.row)

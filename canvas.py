"""Sheets of pictures, charts, and the PNG files that they become. Knows no network, and imports no torch.

sheet = paired_sheet({"photo": photos, "cartoon": cartoons}, columns=8, captions=names)
save_png(sheet, Path("sheet.png"), ckpt="cartoon.pt")
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps
from PIL.PngImagePlugin import PngInfo

import lettering
from errors import InputError
from writing import whole_file

GAP = 2  # pixels between the pictures of a sheet
LEAST_SIDE = 128  # pixels; smaller pictures are enlarged on a sheet
LEAST_NAME = 300  # pixels for the name of a row
LARGEST_SHEET = 2**30  # pixels: 1000 pictures of 1024 px
INK, PAPER, RULE = (40, 40, 48), (255, 255, 255), (220, 220, 226)
Image.MAX_IMAGE_PIXELS = None  # a sheet of 400 people at 1024 px is no bomb; pictures of strangers have limits in data/
LINE_COLOURS = (
    *((31, 119, 180), (214, 69, 65), (44, 160, 90), (148, 103, 189), (230, 145, 40), (120, 120, 130)),
    *((20, 190, 207), (140, 86, 75), (227, 119, 194), (160, 170, 30)),
)


def save_png(picture: Image.Image, path: Path, **text: object) -> Path:
    """Write a PNG, with `text` in its text chunks (what made it), and return its path."""
    data = png(picture, **text)
    with whole_file(path) as partial:
        partial.write_bytes(data)
    return path


def png(picture: Image.Image, **text: object) -> bytes:
    """What `save_png` writes."""
    info = PngInfo()
    for key, value in text.items():
        words = isinstance(value, list) and all(isinstance(word, str) for word in value)
        said = " ".join(value) if words else str(value)
        info.add_itxt(key, said.encode(errors="backslashreplace").decode())  # names of files need not be UTF-8
    data = io.BytesIO()
    picture.save(data, format="PNG", pnginfo=info)
    return data.getvalue()


def read_picture(path: Path) -> Image.Image:
    """One of ours, in RGB, however large. Raises OSError for half of one."""
    with Image.open(path) as picture:
        return picture.convert("RGB")


def sheet(
    pictures: Sequence[Image.Image],
    columns: int,
    captions: Sequence[str] = (),
    row_names: Sequence[str] = (),
    title: str = "",
) -> Image.Image:
    """Pictures of one size in rows of `columns`, on white; small ones are enlarged to be seen.

    captions:  one for each picture, below it, shortened to its width; a row without any takes no room for them
    row_names: one for each row, before it, shortened to two pictures
    title:     above all
    """
    layout = Layout(pictures[0].size, len(pictures), columns, captions, row_names, title)
    (width, height), font, left = layout.picture, layout.font, layout.left
    texts = iter(_captions(captions))
    canvas = Image.new("RGB", layout.size, PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((GAP + 2, 2), layout.title, INK, font)
    y = layout.top + GAP
    for row, name, row_height in zip(layout.rows, [*layout.row_names, *[""] * len(layout.rows)], layout.heights):
        draw.text((left - 4, y + height // 2), name, INK, font, anchor="rm")
        for column, index in enumerate(row):
            x = left + GAP + column * (width + GAP)
            canvas.paste(ImageOps.scale(pictures[index], layout.factor), (x, y))
            text = lettering.shortened(next(texts, ""), width, font)
            draw.text((x + width // 2, y + height + 2), text, INK, font, anchor="ma")
        y += row_height
    return canvas


def paired_sheet_size(
    picture: tuple[int, int], names: Sequence[str], count: int, columns: int, title: str = ""
) -> tuple[int, int]:
    """Width and height of a `paired_sheet` of `count` people in rows of these names, without captions."""
    blocks = math.ceil(count / columns)
    shown = list(names) * blocks if any(names) else ()
    pictures = len(names) * (count if blocks == 1 else blocks * columns)
    return Layout(picture, pictures, min(columns, count), (), shown, title).size


def check_sheet(size: tuple[int, int], remedy: str) -> None:
    """Raises InputError, before anything is drawn, for a sheet of width and height that a machine would struggle with."""
    if size[0] * size[1] > LARGEST_SHEET:
        gib = 8 * size[0] * size[1] / 2**30  # four bytes a pixel, on the sheet and in its pictures
        raise InputError(f"a sheet of {size[0]} x {size[1]} px would take {gib:.0f} GiB of memory; {remedy}")


class Layout:
    """Where everything is on a `sheet` of `count` pictures of this size; `size` is its width and height."""

    def __init__(self, picture: tuple[int, int], count: int, columns: int, captions=(), row_names=(), title: str = ""):
        self.factor = math.ceil(LEAST_SIDE / picture[0])
        self.picture = width, height = picture[0] * self.factor, picture[1] * self.factor
        self.font = font = lettering.font(max(11, min(16, width // 9)))
        most = max(LEAST_NAME, 2 * width)
        self.title = lettering.tidy(title)
        different = list(dict.fromkeys(row_names))  # rows come back in each block
        shown = dict(zip(different, lettering.readable(different)))
        self.row_names = [lettering.shortened(shown[name], most, font) for name in row_names]
        self.rows = [range(start, min(start + columns, count)) for start in range(0, count, columns)]
        line = math.ceil(font.getbbox("Ag")[3] * 1.4)
        self.heights = [height + GAP + (line if any(captions[row.start : row.stop]) else 0) for row in self.rows]
        self.left = max((math.ceil(font.getlength(name)) + 8 for name in self.row_names), default=0)
        self.top = line + 2 if self.title else 0
        across = max(self.left + columns * (width + GAP) + GAP, math.ceil(font.getlength(self.title)) + 2 * GAP + 4)
        self.size = across, self.top + sum(self.heights) + GAP


def _captions(captions: Sequence[str]) -> list[str]:
    """As `lettering.readable`; empty ones are not counted."""
    readable = iter(lettering.readable([caption for caption in captions if caption]))
    return [next(readable) if caption else "" for caption in captions]


def paired_sheet(
    people: dict[str, Sequence[Image.Image]], columns: int, captions: Sequence[str] = (), title: str = ""
) -> Image.Image:
    """{row name: one picture for each person} -> the same person in one column, row below row, `columns` people wide."""
    count = len(next(iter(people.values())))
    pictures, names, texts = [], [], []
    for start in range(0, count, columns):
        for name, row in people.items():
            shown = list(row[start : start + columns])
            missing = columns - len(shown) if count > columns else 0
            pictures += shown + [Image.new("RGB", shown[0].size, PAPER)] * missing
            last = name == list(people)[-1]  # the captions stand below it
            texts += [*(captions[start : start + columns] if last else [""] * len(shown)), *[""] * missing]
            names.append(name)
    return sheet(pictures, min(columns, count), texts if captions else (), names if any(names) else (), title)


def line_chart(
    curves: dict[str, tuple[Sequence[float], Sequence[float]]], title: str, x_label: str, size: tuple[int, int] = (720, 320)
) -> Image.Image:
    """{name: (x values, y values)} -> a line chart with axes, ticks and a legend. Values that are not finite are left out."""
    points = {name: [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x + y)] for name, (xs, ys) in curves.items()}
    points = {name: line for name, line in points.items() if line}
    canvas = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(canvas)
    font = lettering.font(12)
    left, top, right, bottom = 62, 30, size[0] - 14, size[1] - 36
    draw.text((left, 8), title, INK, lettering.font(14))
    if not points:
        draw.text((left, size[1] // 2), "no values", INK, font)
        return canvas
    everything = [point for line in points.values() for point in line]
    x_ticks = _ticks(min(x for x, _ in everything), max(x for x, _ in everything))
    y_ticks = _ticks(min(y for _, y in everything), max(y for _, y in everything))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        along = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return left + across * (right - left), bottom - along * (bottom - top)

    for tick in y_ticks:
        _, y = place(x_ticks[0], tick)
        draw.line((left, y, right, y), RULE)
        draw.text((left - 6, y), f"{tick:g}", INK, font, anchor="rm")
    for tick in x_ticks:
        x, _ = place(tick, y_ticks[0])
        draw.text((x, bottom + 5), f"{tick:g}", INK, font, anchor="ma")
    draw.text((right, bottom + 19), x_label, INK, font, anchor="ra")
    legend = right
    for (name, line), colour in zip(points.items(), LINE_COLOURS * len(points), strict=False):
        draw.line([place(x, y) for x, y in line], colour, 2)
        if len(line) == 1:
            draw.circle(place(*line[0]), 3, colour)
        legend -= font.getlength(name) + 14
        draw.text((legend, 10), name, colour, font)
    return canvas


def _ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers that enclose [low, high]."""
    span = (high - low) or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(max(span, 1e-300) / count))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= count)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * i for i in range(first, max(last, first + 1) + 1)]

"""Pictures, sheets, animations, seeds and devices. Knows no network.

Images are float tensors [batch, 3, height, width] in [-1, 1] everywhere else; here they become pixels.
"""

import contextlib
import io
import math
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from cli import InputError

GAP = 2  # pixels between the pictures of a sheet
LEAST_SIDE = 128  # pixels; smaller pictures are enlarged on a sheet
INK, PAPER, RULE = (40, 40, 48), (255, 255, 255), (220, 220, 226)
LARGEST_SEED = 2**32 - 1  # PyTorch's generator on the CPU keeps 32 bits
LINE_COLOURS = (
    *((31, 119, 180), (214, 69, 65), (44, 160, 90), (148, 103, 189), (230, 145, 40), (120, 120, 130)),
    *((20, 190, 207), (140, 86, 75), (227, 119, 194), (160, 170, 30)),
)


def to_pixels(images: Tensor) -> Tensor:
    """[batch, 3, height, width] in [-1, 1] -> uint8 [batch, height, width, 3], clamped and rounded."""
    return images.detach().float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu()


def from_pixels(pixels: Tensor) -> Tensor:
    """uint8 [batch, 3, height, width] -> float in [-1, 1], on the same device."""
    return pixels.float().div_(127.5).sub_(1)


def to_pictures(images: Tensor) -> list[Image.Image]:
    """[batch, 3, height, width] in [-1, 1] -> one Pillow image each."""
    return [Image.fromarray(pixels.numpy()) for pixels in to_pixels(images)]


def save_png(picture: Image.Image, path: Path, **text: object) -> Path:
    """Write a PNG, with `text` in its text chunks (what made it), and return its path."""
    info = PngInfo()
    for key, value in text.items():
        info.add_itxt(key, str(value))
    data = io.BytesIO()
    picture.save(data, format="PNG", pnginfo=info)
    with whole_file(path) as partial:
        partial.write_bytes(data.getbuffer())
    return path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name to write under, in the same folder, which is made; the file takes the name `path` when whole, and else is gone.

    Whatever lay at `path` stays until then. An OSError names `path`, as of a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name[-60:]}.partial")  # no longer than a file system allows
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def sheet(
    pictures: Sequence[Image.Image],
    columns: int,
    captions: Sequence[str] = (),
    row_names: Sequence[str] = (),
    title: str = "",
) -> Image.Image:
    """Pictures of one size in rows of `columns`, on white; small ones are enlarged to be seen.

    captions:  one for each picture, below it, shortened to its width; a row without any takes no room for them
    row_names: one for each row, before it
    title:     above all
    """
    pictures = [_enlarged(picture) for picture in pictures]
    width, height = pictures[0].size
    font = ImageFont.load_default(max(11, min(16, width // 9)))
    line = math.ceil(font.getbbox("Ag")[3] * 1.4)
    left = max((math.ceil(font.getlength(name)) + 8 for name in row_names), default=0)
    rows = [list(pictures[start : start + columns]) for start in range(0, len(pictures), columns)]
    texts = [list(captions[start : start + columns]) for start in range(0, len(pictures), columns)]
    heights = [height + GAP + (line if any(row) else 0) for row in texts]
    top = line + 2 if title else 0
    across = max(left + columns * (width + GAP) + GAP, math.ceil(font.getlength(title)) + 2 * GAP + 4)
    canvas = Image.new("RGB", (across, top + sum(heights) + GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((GAP + 2, 2), title, INK, font)
    y = top + GAP
    for row, row_texts, name, row_height in zip(rows, texts, [*row_names, *[""] * len(rows)], heights):
        draw.text((left - 4, y + height // 2), name, INK, font, anchor="rm")
        for column, (picture, text) in enumerate(zip(row, [*row_texts, *[""] * len(row)])):
            x = left + GAP + column * (width + GAP)
            canvas.paste(picture, (x, y))
            draw.text((x + width // 2, y + height + 2), _shortened(text, width, font), INK, font, anchor="ma")
        y += row_height
    return canvas


def paired_sheet(
    people: dict[str, Sequence[Image.Image]], columns: int, captions: Sequence[str] = (), title: str = ""
) -> Image.Image:
    """{row name: one picture for each person} -> the same person in one column, row below row, `columns` people wide."""
    count = len(next(iter(people.values())))
    pictures, names, texts = [], [], []
    for start in range(0, count, columns):
        for name, row in people.items():
            some = list(row[start : start + columns])
            missing = columns - len(some) if count > columns else 0
            pictures += some + [Image.new("RGB", some[0].size, PAPER)] * missing
            texts += (
                [*captions[start : start + columns], *[""] * missing]
                if name == list(people)[-1]
                else [""] * (len(some) + missing)
            )
            names.append(name)
    return sheet(pictures, min(columns, count), texts if captions else (), names if any(names) else (), title)


def save_animation(frames: Sequence[Image.Image], path: Path, fps: float = 8, hold: float = 1.5) -> Path:
    """Write an endless .gif or .webp, or an .mp4 (needs the extra `video`); the last frame stays for `hold` seconds."""
    if path.suffix == ".mp4":
        return _save_mp4([*frames, *[frames[-1]] * (round(fps * hold) - 1)], path, fps)
    durations = [round(1000 / fps)] * (len(frames) - 1) + [round(1000 * hold)]
    if path.suffix == ".gif":  # one palette for all frames: fifty times faster than one each, and no flicker
        chosen = [frames[i * (len(frames) - 1) // 7] for i in range(8)]
        palette = sheet(chosen, 4).quantize(256, Image.Quantize.MEDIANCUT)
        frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    data, options = io.BytesIO(), {"append_images": frames[1:], "duration": durations, "loop": 0}
    frames[0].save(data, Image.registered_extensions()[path.suffix.lower()], save_all=True, **options)
    with whole_file(path) as partial:
        partial.write_bytes(data.getbuffer())
    return path


def line_chart(
    curves: dict[str, tuple[Sequence[float], Sequence[float]]], title: str, x_label: str, size: tuple[int, int] = (720, 320)
) -> Image.Image:
    """{name: (x values, y values)} -> a line chart with axes, ticks and a legend. Values that are not finite are left out."""
    points = {name: [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x + y)] for name, (xs, ys) in curves.items()}
    points = {name: line for name, line in points.items() if line}
    canvas = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(12)
    left, top, right, bottom = 62, 30, size[0] - 14, size[1] - 36
    draw.text((left, 8), title, INK, ImageFont.load_default(14))
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


def parse_seeds(text: str) -> list[int]:
    """
    >>> parse_seeds("0-3,100")
    [0, 1, 2, 3, 100]
    """
    seeds = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= LARGEST_SEED):
            raise InputError(f"--seeds {text}: {part!r} is not a number or range up to {LARGEST_SEED}, such as 0-35,100")
        seeds += range(int(first), int(last) + 1)
    return seeds


def seeded_normal(seeds: Sequence[int], *shape: int, device: torch.device | str = "cpu") -> Tensor:
    """One N(0, 1) tensor of `shape` for each seed, stacked. The same on every device, and in any company."""
    rows = [torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(rows).to(device)


def choose_device(name: str = "auto") -> torch.device:
    """ "auto" takes a CUDA device where there is one. Raises InputError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"--device {name}: {reason}; use --device cpu or auto") from None
    return device


def _save_mp4(frames: Sequence[Image.Image], path: Path, fps: float) -> Path:
    try:
        import av
    except ImportError:
        raise InputError(f"{path}: writing mp4 needs a package: pip install -e .[video]; .webp and .gif need none") from None
    with whole_file(path) as partial:
        try:
            _film(av, frames, partial, fps)
        except av.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from None
    return path


def _film(av: ModuleType, frames: Sequence[Image.Image], path: Path, fps: float) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000), options={"crf": "16"})
        right, bottom = (side % 2 for side in frames[0].size)  # its colours come in blocks of 2x2
        stream.width, stream.height, stream.pix_fmt = frames[0].width + right, frames[0].height + bottom, "yuv420p"
        for frame in frames:
            even = ImageOps.expand(frame, (0, 0, right, bottom), PAPER)
            film.mux(stream.encode(av.VideoFrame.from_image(even)))
        film.mux(stream.encode())


def _enlarged(picture: Image.Image) -> Image.Image:
    factor = math.ceil(LEAST_SIDE / picture.width)
    if factor == 1:
        return picture
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)


def _shortened(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """What fits into `width` pixels: without its middle where it is longer, as names of files differ at their ends."""
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        shown = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
        if font.getlength(shown) <= width:
            return shown
    return ""


def _ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers that enclose [low, high]."""
    span = (high - low) or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(max(span, 1e-300) / count))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= count)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * i for i in range(first, max(last, first + 1) + 1)]

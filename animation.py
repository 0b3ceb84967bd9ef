"""Animations: .webp, .gif, and .mp4 (needs the extra `video`).

check("mp4", (1026, 1100))                              # before hours of drawing: can it be written at all?
save(frames, Path("walk.mp4"), fps=24)
"""

import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image, ImageOps

import utils
from errors import InputError, named
from writing import whole_file

LONGEST = {"webp": 16383, "gif": 65535, "mp4": 16384}  # pixels of a side that the format, or its encoder, takes
LARGEST = {"mp4": 250_000_000}  # pixels of a frame, a little below what FFmpeg takes
MOST_GIB = 8  # as much as the largest sheet
SLOWEST = {"webp": 2**24 - 1, "gif": 655_350, "mp4": 1_000_000}  # milliseconds of a frame
LOOKED_AT = 512  # pixels of a side, for the colours of a .gif
FAST = {"movflags": "faststart"}  # what a player needs first stands first
BT709, TV_RANGE = 1, 1  # in H.273's tables, and in FFmpeg's


def check(ending: str, size: tuple[int, int], remedies: Sequence[str] = (), frames: int = 1) -> None:
    """Raises InputError where so many frames of `size` cannot be written, or held in memory as all but mp4 want it.

    remedies: the asker's words for what would help with their size
    """
    if ending == "mp4":
        _package()
    if _holds(ending, size):
        gib = 4 * frames * size[0] * size[1] / 2**30  # four bytes a pixel
        if ending != "mp4" and gib > MOST_GIB:
            raise InputError(f"{ending}: {frames} frames would take {gib:.0f} GiB of memory; take fewer, or mp4")
        return
    others = [other for other in LONGEST if _holds(other, size)]
    ways = [*remedies, *others] or ["a smaller network"]
    limit = f"{LONGEST[ending]} px a side" + (f" and {LARGEST[ending]:,} in all" if ending in LARGEST else "")
    raise InputError(f"{ending}: holds {limit}, but these frames have {size[0]} x {size[1]}; take {' or '.join(ways)}")


def check_pace(ending: str, fps: float) -> None:
    """Raises InputError where a frame would last longer than the format can say."""
    if 1000 / fps > SLOWEST[ending]:
        raise InputError(f"{fps:g}: a frame of {ending} lasts {SLOWEST[ending] / 1000:g} seconds at most")


def save(frames: Iterable[Image.Image], path: Path, fps: float = 8, hold: float = 1.5) -> Path:
    """Write an endless .gif or .webp, or, holding one frame at a time, an .mp4; the last one stays for `hold` seconds."""
    ending, frames = path.suffix[1:].lower(), iter(frames)
    first = next(frames)
    with named(str(path)):
        check(ending, first.size)
    frames = itertools.chain([first], frames)
    if ending == "mp4":
        return _save_mp4(_with_last(frames, round(fps * hold)), first.size, path, fps)
    whole = list(frames)
    durations = [round(1000 / fps)] * (len(whole) - 1) + [round(1000 * hold)]
    if ending == "gif":  # one palette for all frames: fifty times faster than one each, and no flicker
        palette = _palette(whole)
        whole = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in whole]
    data, options = io.BytesIO(), {"append_images": whole[1:], "duration": durations, "loop": 0}
    whole[0].save(data, ending, save_all=True, **options)
    with whole_file(path) as partial:
        partial.write_bytes(data.getbuffer())
    return path


def add_sound(path: Path, source: Path) -> bool:
    """Put the sound of one film, from its first picture on, beside the pictures of an .mp4; False where there is none."""
    av = _package()
    with av.open(str(source)) as heard:
        if not heard.streams.audio:
            return False
        begins = float((heard.streams.video[0].start_time or 0) * heard.streams.video[0].time_base)
        joined = path.with_name(f"{path.stem}.sound.mp4")
        with (
            whole_file(joined) as partial,
            av.open(str(path)) as seen,
            av.open(str(partial), "w", format="mp4", options=FAST) as both,
        ):
            _joined(av, seen, heard, both, begins)
    joined.replace(path)
    return True


def _joined(av: ModuleType, seen, heard, both, begins: float) -> None:
    """Pictures as they are; sound anew in AAC, which every player knows. begins: seconds of `heard` that come first"""
    given, pictures = seen.streams.video[0], both.add_stream_from_template(seen.streams.video[0])
    listened = heard.streams.audio[0]
    sound = both.add_stream("aac", rate=listened.rate or 48_000)
    sound.layout = "mono" if listened.channels == 1 else "stereo"
    resampler = av.AudioResampler("fltp", sound.layout, sound.rate)
    for packet in seen.demux(given):
        if packet.dts is not None:
            packet.stream = pictures
            both.mux(packet)
    for frame in heard.decode(listened):
        if frame.time is not None and frame.time < begins:
            continue
        for part in resampler.resample(frame):
            part.pts = None
            both.mux(sound.encode(part))
    both.mux(sound.encode())


def _with_last(frames: Iterable[Image.Image], times: int) -> Iterator[Image.Image]:
    """The frames, and the last one as often as makes `times` of it."""
    for frame in frames:
        yield frame
    yield from [frame] * (times - 1)


def _holds(ending: str, size: tuple[int, int]) -> bool:
    return max(size) <= LONGEST[ending] and size[0] * size[1] <= LARGEST.get(ending, size[0] * size[1])


def _palette(frames: Sequence[Image.Image]) -> Image.Image:
    """256 colours of eight frames, evenly spread, of which every n-th pixel is enough."""
    width, height = (min(side, LOOKED_AT) for side in frames[0].size)
    spread = [frames[i * (len(frames) - 1) // 7].resize((width, height), Image.Resampling.NEAREST) for i in range(8)]
    return Image.fromarray(np.concatenate(spread)).quantize(256, Image.Quantize.MEDIANCUT)


def _package() -> ModuleType:
    try:
        import av
    except ImportError:
        raise InputError("writing mp4 needs a package: pip install -e .[video]; .webp and .gif need none") from None
    return av


def _save_mp4(frames: Iterable[Image.Image], size: tuple[int, int], path: Path, fps: float) -> Path:
    av = _package()
    with whole_file(path) as partial:
        try:
            _film(av, frames, size, partial, fps)
        except av.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from None
    return path


def _film(av: ModuleType, frames: Iterable[Image.Image], size: tuple[int, int], path: Path, fps: float) -> None:
    with av.open(str(path), "w", format="mp4", options=FAST) as film:
        stream = film.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000), options={"crf": "16"})
        right, bottom = (side % 2 for side in size)  # its colours come in blocks of 2x2
        stream.width, stream.height, stream.pix_fmt = size[0] + right, size[1] + bottom, "yuv420p"
        coder = stream.codec_context
        coder.colorspace = coder.color_primaries = coder.color_trc = BT709
        coder.color_range = TV_RANGE
        for frame in frames:
            even = av.VideoFrame.from_image(ImageOps.expand(frame, (0, 0, right, bottom), utils.PAPER))
            # By the matrix that is told: a film that tells none is BT.601 to one player and BT.709 to the next.
            converted = even.reformat(format="yuv420p", dst_colorspace=BT709)
            converted.colorspace, converted.color_range = BT709, TV_RANGE
            film.mux(stream.encode(converted))
        film.mux(stream.encode())

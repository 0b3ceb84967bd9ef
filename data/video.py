"""Frames of a film: some of every scene, or one every so many seconds.

    film = Film(Path("film.mp4"), scene_frames=3)
    picture, notes = film.picture(film.items[0])

Needs PyAV, the extra `video`.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

import progress
from data.decode import Decoded, Unreadable, check_size
from data.frame import picture_of
from data.sources import Item, Source, version_of
from errors import InputError

CUT = 0.35  # histogram distance between consecutive frames, in [0, 1], that makes a new scene
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf"  # no playlist: it could name any other file


class Film(Source):
    """Chosen frames as items, named by their time.

    every:        seconds between frames; None looks for scenes instead (and decodes the film once to find them)
    scene_frames: frames of each scene, evenly spread; a scene with fewer gives all it has
    """

    def __init__(self, path: Path, every: float | None = None, scene_frames: int = 3):
        super().__init__(path)
        refused = ""
        with self._open() as container:
            stream = container.streams.video[0]
            if every:
                times = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
                chosen = spaced(times, every / stream.time_base)
            else:
                stream.thread_type = "AUTO"
                scenes, refused = _scenes(container, stream)
                chosen = [scene[i] for scene in scenes for i in spread(len(scene), scene_frames)]
            seconds = float(stream.time_base)
        self.items = items_of(path, ((time * seconds, time) for time in chosen), refused)

    def _picture(self, item: Item, max_pixels: int, background: str) -> Decoded:
        with self._open() as container:
            stream = container.streams.video[0]
            check_size(stream.width, stream.height, max_pixels)
            return picture_of(_frame_at(container, stream, item.place), stream, max_pixels, background)

    def _open(self):
        return opened(self.path)


def opened(path: Path):
    """PyAV's container. Raises InputError, beginning with the path."""
    try:
        import av
    except ImportError:
        raise InputError(f"{path}: to read a film, pip install 'av>=15'") from None
    try:
        container = av.open(str(path), options={"format_whitelist": FORMATS})
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path}: not a film PyAV can read ({error})") from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path}: holds no pictures, only sound")
    return container


def items_of(path: Path, chosen: Iterable[tuple[float, int]], refused: str) -> list[Item]:
    """chosen: (seconds, place) of each frame; refused: what ended the film early, "" if nothing did."""
    version = version_of(path.stat())
    items = [Item(clock(seconds), "", version, place) for seconds, place in chosen]
    return items + ([Item("the rest", refused, version)] if refused else [])


def _frame_at(container, stream, time: int):
    """The frame with this time stamp: from the key frame before it, or from the start where seeking is inexact."""
    for start in (time, 0):
        container.seek(start, stream=stream)
        for frame in container.decode(stream):
            if frame.pts is None or frame.pts < time:
                continue
            if frame.pts == time:
                return frame
            break
    raise Unreadable("this frame does not decode")


def spaced(times: list[int], step: float) -> list[int]:
    """The first time, and the next one at or after each multiple of `step` from it.

    >>> spaced([5, 6, 7, 9, 12], 2)
    [5, 7, 9, 12]
    """
    chosen, due = [], min(times, default=0)
    for time in times:
        if time >= due:
            chosen.append(time)
            due += step * ((time - due) // step + 1)
    return chosen


def _scenes(container, stream) -> tuple[list[list[int]], str]:
    """The time stamps of each scene's frames, and what ended the film early, if anything did."""
    import av

    seen: list[list[int]] = []
    frames = progress.through(container.decode(stream), "frames", stream.frames or None, "looking for scenes")
    try:
        pixels = ((frame.pts, frame.reformat(width=64, height=64, format="rgb24").to_ndarray()) for frame in frames)
        scenes_of(((time, histogram(frame)) for time, frame in pixels if time is not None), seen)
    except av.FFmpegError as error:
        return seen, f"damaged: {error}"
    return seen, ""


def scenes_of(histograms: Iterable[tuple[int, np.ndarray]], scenes: list[list[int]] | None = None) -> list[list[int]]:
    """(time, histogram) of frames in their order -> the times of each scene's. `scenes` has them as far as they were read."""
    scenes, before = [] if scenes is None else scenes, None
    for time, now in histograms:
        if before is None or np.abs(now - before).sum() / 2 > CUT:
            scenes.append([])
        scenes[-1].append(time)
        before = now
    return scenes


def histogram(pixels: np.ndarray) -> np.ndarray:
    """uint8 [height, width, 3] -> the share of each of 4 x 4 x 4 colours, [64], summing to 1."""
    colours = (pixels >> 6) @ np.array([16, 4, 1])
    return np.bincount(colours.ravel(), minlength=64) / colours.size


def spread(length: int, count: int) -> list[int]:
    """
    >>> spread(10, 2)
    [2, 7]
    """
    return sorted({(2 * i + 1) * length // (2 * count) for i in range(count)}) if count < length else list(range(length))


def clock(seconds: float) -> str:
    """As file names can hold it; a colon would end them on Windows, and a dot begins their ending.

    >>> clock(3723.5)
    '01h02m03s500'
    """
    minutes, rest = divmod(round(seconds * 1000), 60000)
    return f"{minutes // 60:02d}h{minutes % 60:02d}m{rest // 1000:02d}s{rest % 1000:03d}"

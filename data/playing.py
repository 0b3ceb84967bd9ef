"""A film as it plays: each of its pictures once, with how many ticks of a steady clock it stays.

    fps, count, pictures = play(Path("film.mp4"))
    for picture, ticks in pictures: ...

A film may pause, drop frames or change its pace; written at a steady pace with these ticks it keeps time with its sound. Needs
PyAV, the extra `video`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from data import formats, video
from data.decode import MAX_PIXELS
from data.frame import picture_of
from errors import InputError

USUAL, MOST = 25.0, 240.0  # pictures a second, of a film that says nothing sensible; more is no film


def is_film(path: Path) -> bool:
    """Whether the first bytes are those of a film."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return formats.of(file.read(formats.HEAD)).name == "film"


def play(path: Path) -> tuple[float, int | None, Iterator[tuple[Image.Image, int]]]:
    """(pictures a second, about how many there are or None, the pictures with their ticks). Raises InputError."""
    with video.opened(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or USUAL)
        fps = rate if 0 < rate <= MOST else USUAL
        return fps, stream.frames or None, steady(_frames(path), fps)


def steady(frames: Iterable[tuple[float, Image.Image]], fps: float) -> Iterator[tuple[Image.Image, int]]:
    """(seconds, picture) in their order -> (picture, ticks), as many ticks in all as the film lasts; the last one gets one.

    >>> [*steady([(1.0, "a"), (1.5, "b"), (2.0, "c")], fps=4)]
    [('a', 2), ('b', 2), ('c', 1)]
    """
    first, shown, before = None, 0, None
    for seconds, picture in frames:
        first = seconds if first is None else first
        due = round((seconds - first) * fps)
        if before is not None and due > shown:
            yield before, due - shown
            shown = due
        before = picture
    if before is not None:
        yield before, 1


def _frames(path: Path) -> Iterator[tuple[float, Image.Image]]:
    import av

    with video.opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        number = 0
        try:
            for number, frame in enumerate(container.decode(stream)):
                seconds = frame.time if frame.time is not None else number / USUAL
                yield seconds, picture_of(frame, stream, MAX_PIXELS, "white").picture
        except av.FFmpegError as error:
            if not number:
                raise InputError(f"{path}: not a film PyAV can read ({error})") from None  # of a damaged one, what there is

"""Frames of an animated picture (GIF, WebP, PNG, AVIF) that the user names: chosen as those of a film, by Pillow alone.

    moving = Moving(Path("walk.gif"), every=0.5)
    picture, notes = moving.picture(moving.items[0])

In a folder or a zip an animated picture is one picture, its first frame.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from data import video
from data.decode import MAX_PIXELS, Decoded, check_size, decode
from data.sources import Item, Source
from errors import InputError

KINDS = ("GIF", "WEBP", "PNG", "AVIF")
UNSAID = 100  # milliseconds of a frame that names none, as browsers take


def moves(path: Path, kind: str) -> bool:
    """Whether a picture of this kind has more than one frame. False for a file that cannot be read."""
    if kind not in KINDS:
        return False
    try:
        with Image.open(path, formats=[kind]) as picture:
            return getattr(picture, "n_frames", 1) > 1
    except Exception:  # decoders answer hostile bytes with every kind of exception
        return False


class Moving(Source):
    """As `video.Film`; frames are placed by their number."""

    def __init__(self, path: Path, every: float | None = None, scene_frames: int = 3):
        super().__init__(path)
        times, histograms, refused = _looked_through(path)
        if every:
            chosen = [times.index(time) for time in video.spaced(times, 1000 * every)]
        else:
            scenes = video.scenes_of(enumerate(histograms))
            chosen = [scene[i] for scene in scenes for i in video.spread(len(scene), scene_frames)]
        self.items = video.items_of(path, ((times[number] / 1000, number) for number in chosen), refused)

    def _picture(self, item: Item, max_pixels: int, background: str) -> Decoded:
        with Image.open(self.path, formats=KINDS) as picture:
            check_size(*picture.size, max_pixels)
            picture.seek(item.place)
            data = io.BytesIO()  # one picture of its own, so that colours and transparency are treated as ever
            frame = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
            frame.save(data, "PNG", icc_profile=picture.info.get("icc_profile"), compress_level=1)
        return decode(data.getvalue(), max_pixels, background)


def _looked_through(path: Path) -> tuple[list[int], list[np.ndarray], str]:
    """The times of all frames in milliseconds, their histograms, and what ended the animation early, if anything did."""
    times, histograms, now = [], [], 0
    try:
        with Image.open(path, formats=KINDS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InputError(f"{path}: {picture.width} x {picture.height}, more than {MAX_PIXELS / 1e6:g} megapixels")
            for number in range(picture.n_frames):
                picture.seek(number)
                picture.load()
                histograms.append(video.histogram(np.asarray(picture.convert("RGB").resize((64, 64), Image.Resampling.BOX))))
                times.append(now)
                now += round(picture.info.get("duration") or UNSAID)
    except InputError:
        raise
    except Exception as error:  # as in `moves`
        return times, histograms, f"damaged: {error}"
    return times, histograms, ""

"""Pictures of a whole run, from what lies in its folder: the losses as curves, the samples as a film."""

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

import animation
import utils
from running.folders import read_statistics, sample_files

GIF_FRAMES, GIF_WIDTH, GIF_HEIGHT = 60, 640, 16000


def draw_losses(folder: Path, losses: Sequence[str] = ()) -> Path | None:
    """stats.jsonl -> loss.png: `losses`, and those that the lines themselves call so."""
    if not (folder / "stats.jsonl").exists():
        return None
    lines = read_statistics(folder / "stats.jsonl")
    names = [*losses, *sorted({name for line in lines for name in line.get("terms", ())} - {*losses})]
    curves = {name: smooth([(line["kimg"], line[name]) for line in lines if name in line]) for name in names}
    chart = utils.line_chart({name: curve for name, curve in curves.items() if curve[0]}, "losses", "thousand images")
    return utils.save_png(chart, folder / "loss.png")


def draw_progress(folder: Path) -> Path | None:
    """samples/*.png -> progress.gif: how the same people change."""
    frames = progress_frames(folder)
    return animation.save(frames, folder / "progress.gif") if len(frames) > 1 else None


def progress_frames(folder: Path) -> list[Image.Image]:
    """Up to GIF_FRAMES of the samples, first and last among them, of one size and at most GIF_WIDTH wide, GIF_HEIGHT high."""
    paths = sample_files(folder)
    count = min(len(paths), GIF_FRAMES)
    frames = []
    for i in range(count):
        path = paths[round(i * (len(paths) - 1) / max(1, count - 1))]
        with contextlib.suppress(OSError):  # a kill or a full disk leaves half of one
            picture = utils.read_picture(path)
            picture.thumbnail((GIF_WIDTH, GIF_HEIGHT), Image.Resampling.LANCZOS)
            frames.append(picture)
    return [frame for frame in frames if frame.size == frames[0].size]


def smooth(points: list[tuple[float, float]], bins: int = 200) -> tuple[list[float], list[float]]:
    """At most `bins` points, each the mean of its neighbours."""
    size = max(1, math.ceil(len(points) / bins))
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [sum(x for x, _ in g) / len(g) for g in groups], [sum(y for _, y in g) / len(g) for g in groups]

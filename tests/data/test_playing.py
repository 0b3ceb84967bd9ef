"""A film as it plays."""

import numpy as np

from data import playing
from tests.data.films import film


def test_every_frame_comes_once_and_in_order(tmp_path):
    path = film(tmp_path / "film.mp4", [np.full((32, 48, 3), 40 * i, np.uint8) for i in range(5)])
    fps, count, pictures = playing.play(path)
    shown = [(round(np.asarray(picture).mean() / 40), ticks) for picture, ticks in pictures]
    assert (fps, count) == (10, 5)
    assert shown == [(i, 1) for i in range(5)]
    assert playing.is_film(path) and not playing.is_film(tmp_path)


def test_pauses_last_as_long_as_they_did():
    frames = [(5.0, "a"), (5.1, "b"), (5.5, "c"), (5.52, "dropped"), (5.6, "d")]
    assert [*playing.steady(frames, fps=10)] == [("a", 1), ("b", 4), ("dropped", 1), ("d", 1)]
    assert [*playing.steady([], fps=10)] == []

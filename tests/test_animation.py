"""Animations: frames, pace, colours, and what a format cannot hold."""

import sys
import weakref

import numpy as np
import pytest
from PIL import Image

import animation
from data.sources import open_source
from errors import InputError
from utils import LEAST_SIDE as SIDE


def flat(colour: tuple[int, int, int], width: int = SIDE, height: int | None = None) -> Image.Image:
    return Image.new("RGB", (width, height or width), colour)


FRAMES = [flat(colour, SIDE) for colour in ((200, 10, 10), (10, 200, 10), (10, 10, 200))]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_animation_repeats_for_ever_and_holds_the_last_frame(tmp_path, suffix):
    path = animation.save(FRAMES, tmp_path / "new" / f"a.{suffix}", fps=5, hold=2)
    with Image.open(path) as shown:
        assert shown.n_frames == 3
        assert shown.info["loop"] == 0
        durations = []
        for i, frame in enumerate(FRAMES):
            shown.seek(i)
            shown.load()
            durations.append(shown.info["duration"])
            difference = np.asarray(shown.convert("RGB")).astype(int) - np.asarray(frame)
            assert np.abs(difference).max() <= 8
    assert durations == [200, 200, 2000]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
@pytest.mark.parametrize("count", [1, 2])
def test_animation_of_one_frame_or_of_equal_ones_is_a_picture(tmp_path, suffix, count):
    path = animation.save([FRAMES[0]] * count, tmp_path / f"a.{suffix}")
    with Image.open(path) as shown:
        assert shown.size == (SIDE, SIDE)


def test_film_shows_the_frames_at_their_pace_and_holds_the_last_one(tmp_path):
    av = pytest.importorskip("av")
    frames = [frame.resize((SIDE - 1, SIDE - 1)) for frame in FRAMES]  # of an odd side
    path = animation.save(frames, tmp_path / "new" / "a.mp4", fps=5, hold=0.4)
    with av.open(str(path)) as film:
        assert film.streams.video[0].average_rate == 5
        shown = [np.asarray(frame.to_image()).astype(int)[: SIDE - 1, : SIDE - 1] for frame in film.decode(video=0)]
    assert len(shown) == 4
    for picture, frame in zip(shown, [*frames, frames[-1]]):
        assert np.abs(picture - np.asarray(frame)).mean() < 6


def test_film_without_its_package_gets_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"pip install -e .\[video\]"):
        animation.save(FRAMES, tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


COLOURS = [(200, 30, 40), (20, 180, 60), (30, 40, 190), (128, 128, 128), (250, 250, 250), (224, 172, 140)]


@pytest.mark.parametrize("size", [(16, 16), (63, 65), (720, 576), (1280, 720)])
def test_a_film_names_bt709_and_its_colours_are_converted_with_it(size, tmp_path):
    """Its numbers are looked at by the definition in H.273, not by the library that wrote them."""
    av = pytest.importorskip("av")
    path = animation.save([flat(colour, *size) for colour in COLOURS], tmp_path / "a.mp4", fps=10, hold=0.1)
    with av.open(str(path)) as film:
        coder = film.streams.video[0].codec_context
        told = [int(value) for value in (coder.colorspace, coder.color_primaries, coder.color_trc, coder.color_range)]
        assert told == [1, 1, 1, 1]
        found = [frame.to_ndarray(format="yuv444p")[:, 2:8, 2:8].mean((1, 2)) for frame in film.decode(video=0)]
    luma = (np.array(found)[:, 0] - 16) / 219
    blue, red = ((np.array(found)[:, plane] - 128) / 224 for plane in (1, 2))
    r, b = luma + red * 2 * (1 - 0.2126), luma + blue * 2 * (1 - 0.0722)
    g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
    assert np.abs(np.stack([r, g, b], 1) * 255 - COLOURS).max() < 5


def test_a_film_of_ours_is_read_back_in_its_colours(tmp_path):
    pytest.importorskip("av")
    path = animation.save([flat(colour) for colour in COLOURS], tmp_path / "a.mp4", fps=10, hold=0.1)
    source = open_source(path, every=0.1)
    shown = [np.asarray(source.picture(item).picture).mean((0, 1)) for item in source.items]
    assert np.abs(np.array(shown) - COLOURS).max() < 4


@pytest.mark.parametrize("ending", animation.LONGEST)
def test_the_largest_frame_is_written_and_one_pixel_more_is_refused(ending, tmp_path):
    if ending == "mp4":
        pytest.importorskip("av")
    longest = animation.LONGEST[ending]
    for size in ((longest, 4), (4, longest)):
        animation.check(ending, size)
        frames = [flat((9, 9, 9), *size), flat((99, 9, 9), *size)]
        assert animation.save(frames, tmp_path / f"a.{ending}").stat().st_size > 0
    for size in ((longest + 1, 4), (4, longest + 1)):
        with pytest.raises(InputError, match=rf"^{ending}: holds {longest} px a side.* {size[0]} x {size[1]}; take "):
            animation.check(ending, size)
        with pytest.raises(InputError, match=f"{ending}: holds"):
            animation.save([flat((9, 9, 9), *size)], tmp_path / f"b.{ending}")
    assert not (tmp_path / f"b.{ending}").exists()


def test_a_refusal_names_the_ways_out_that_are_ways_out():
    pytest.importorskip("av")
    with pytest.raises(InputError, match=r"16384 x 4; take fewer people or gif or mp4$"):
        animation.check("webp", (16384, 4), ["fewer people"])
    with pytest.raises(InputError, match=r"17000 x 4; take gif$"):
        animation.check("mp4", (17000, 4))
    with pytest.raises(InputError, match=r"70000 x 4; take fewer people$"):
        animation.check("gif", (70000, 4), ["fewer people"])
    with pytest.raises(InputError, match="250,000,000 in all"):
        animation.check("mp4", (16384, 16384))


def test_more_frames_than_memory_holds_are_refused_but_for_a_film_that_holds_one():
    pytest.importorskip("av")
    for ending in ("webp", "gif"):
        animation.check(ending, (1024, 1024), frames=2048)
        with pytest.raises(InputError, match=rf"^{ending}: 2100 frames would take 8 GiB of memory; take fewer, or mp4$"):
            animation.check(ending, (1024, 1024), frames=2100)
    animation.check("mp4", (1024, 1024), frames=10**6)


def test_a_pace_that_a_format_cannot_say_is_refused():
    animation.check_pace("gif", 1 / 655)
    for ending in animation.LONGEST:
        with pytest.raises(InputError, match=r"^1e-05: a frame of"):
            animation.check_pace(ending, 1e-5)


def test_a_missing_package_is_found_before_drawing(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"writing mp4 needs a package: pip install -e .\[video\]"):
        animation.check("mp4", (16, 16))
    animation.check("webp", (16, 16))


def test_a_long_film_is_written_frame_by_frame(tmp_path):
    """Each frame is made when the one before is written already."""
    av = pytest.importorskip("av")
    alive, most = set(), [0]

    def frames():
        for number in range(60):
            frame = flat((4 * number, 90, 10))
            alive.add(number)
            weakref.finalize(frame, alive.discard, number)
            most[0] = max(most[0], len(alive))
            yield frame
            del frame

    path = animation.save(frames(), tmp_path / "a.mp4", fps=10, hold=0.5)
    assert most[0] <= 4
    with av.open(str(path)) as film:
        assert sum(1 for _ in film.decode(video=0)) == 60 + 4

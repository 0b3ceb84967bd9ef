"""An animated picture that is named itself gives its frames, as a film does."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.decode import Unreadable
from data.sources import Single, open_source

COLOURS = [(200, 40, 90), (10, 20, 200), (90, 200, 10)]
KINDS = ["gif", "webp", "png"]


def animated(path: Path, lengths=(4, 2, 6), size=(48, 32), duration=100, mode="RGB") -> Path:
    """Scenes of flat frames, in each of which one pixel moves, so that no encoder merges them."""
    frames = []
    for colour, length in zip(COLOURS, lengths):
        for number in range(length):
            frame = Image.new("RGB", size, colour)
            frame.putpixel((number, 0), (255, 255, 255))
            frames.append(frame.convert(mode))
    options = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=duration, loop=0, **options)
    return path


def middle(source, item):
    return np.asarray(source.picture(item).picture)[16, 24].astype(int)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_each_scene_are_given_by_their_time(kind, tmp_path):
    source = open_source(animated(tmp_path / f"a.{kind}"), scene_frames=2)
    assert [item.name for item in source.items] == [
        *("00h00m00s100", "00h00m00s300", "00h00m00s400", "00h00m00s500", "00h00m00s700", "00h00m01s000"),
    ]
    assert np.abs([middle(source, item) - colour for item, colour in zip(source.items, np.repeat(COLOURS, 2, 0))]).max() <= 8
    copy = pickle.loads(pickle.dumps(source))
    assert np.array_equal(middle(copy, copy.items[-1]), middle(source, source.items[-1]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_every_so_many_seconds(kind, tmp_path):
    source = open_source(animated(tmp_path / f"a.{kind}"), every=0.5)
    assert [item.name for item in source.items] == ["00h00m00s000", "00h00m00s500", "00h00m01s000"]


def test_what_does_not_move_is_one_picture(tmp_path):
    for kind in KINDS:
        Image.new("RGB", (16, 16)).save(tmp_path / f"a.{kind}")
        assert isinstance(open_source(tmp_path / f"a.{kind}"), Single)


def test_in_a_folder_it_is_one_picture_its_first_frame(tmp_path):
    animated(tmp_path / "a.gif")
    folder = open_source(tmp_path)
    (item,) = folder.items
    assert np.abs(np.subtract(folder.picture(item).picture.getpixel((24, 16)), COLOURS[0])).max() <= 8


def test_transparent_parts_lie_on_the_background(tmp_path):
    frames = [Image.new("RGBA", (16, 16), (*COLOURS[0], 255)), Image.new("RGBA", (16, 16), (0, 0, 0, 0))]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=100, lossless=True)
    source = open_source(tmp_path / "a.webp", every=0.1)
    picture, notes = source.picture(source.items[1], background="#102030")
    assert picture.getpixel((5, 5)) == (0x10, 0x20, 0x30) and notes == ["transparent parts laid on #102030"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_animation_cut_short_gives_what_is_there_and_says_so(kind, tmp_path):
    whole = animated(tmp_path / f"a.{kind}", size=(64, 64))
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    source = open_source(whole, every=0.1)
    for item in source.items:
        try:
            assert source.picture(item).picture.size == (64, 64)
        except Unreadable as reason:
            assert "\n" not in str(reason)


def test_a_frame_over_the_limit_is_refused(tmp_path):
    source = open_source(animated(tmp_path / "a.gif"))
    with pytest.raises(Unreadable, match="over the limit"):
        source.picture(source.items[0], max_pixels=100)

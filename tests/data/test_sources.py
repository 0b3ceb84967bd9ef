"""Folders, zips and films are listed in the order of their paths; each item is a picture or a reason."""

import os
import pickle
import re
import shutil

import numpy as np
import pytest

from data.decode import Unreadable
from data.sources import fingerprint, open_source
from errors import InputError
from tests.data.awkward import fill_folder, pictures, scene
from tests.data.awkward_archives import GOOD, archives, zipped

ARCHIVES = archives()


def reason(source, item) -> str:
    """Why the item gives no picture, "" where it does."""
    try:
        assert source.picture(item).picture.mode == "RGB"
    except Unreadable as error:
        return str(error)
    return ""


def check(source, expected):
    """Every expected name is there, and nothing else; each is read, or refused for the reason expected."""
    assert {item.name for item in source.items} == set(expected)
    for item in source.items:
        given = reason(source, item)
        assert re.search(expected[item.name], given) and bool(given) == bool(expected[item.name])


def test_every_awkward_file_of_a_folder_is_read_or_refused_by_name(tmp_path):
    expected = fill_folder(tmp_path / "kit")
    assert len(expected) >= 60
    check(open_source(tmp_path / "kit"), expected)


@pytest.mark.parametrize("name", [name for name in ARCHIVES if ARCHIVES[name].members])
def test_every_member_of_an_awkward_zip_is_read_or_refused_by_name(name, tmp_path):
    (tmp_path / "a.zip").write_bytes(ARCHIVES[name].data)
    source = open_source(tmp_path / "a.zip")
    if name == "twice":
        assert [reason(source, item) for item in source.items] == ["", "a second member of this name"]
    else:
        check(source, ARCHIVES[name].members)
    assert os.listdir(tmp_path) == ["a.zip"]


@pytest.mark.parametrize("name", [name for name in ARCHIVES if ARCHIVES[name].error])
def test_useless_zip_is_refused_in_one_line(name, tmp_path):
    (tmp_path / "a.zip").write_bytes(ARCHIVES[name].data)
    with pytest.raises(InputError, match=rf"^\S+/a\.zip: .*{ARCHIVES[name].error}"):
        open_source(tmp_path / "a.zip")


def test_items_are_sorted_by_full_path_in_a_folder_and_in_a_zip(tmp_path):
    names = ["b/0.png", "a/1.png", "a b/1.png", "a/0.png", "10.png", "9.png", "Z.png", "a.png"]
    for name in names:
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(GOOD)
    (tmp_path / "a.zip").write_bytes(zipped(*((name, GOOD) for name in names)))
    for path in (tmp_path / "folder", tmp_path / "a.zip"):
        assert [item.name for item in open_source(path).items] == sorted(names)


def test_source_survives_pickling(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped(("a.png", GOOD)))
    source = open_source(tmp_path / "a.zip")
    copy = pickle.loads(pickle.dumps(source))
    assert np.array_equal(copy.picture(copy.items[0]).picture, scene())


def test_fingerprint_changes_with_the_content_and_not_with_the_place(tmp_path):
    def print_of(name, *members):
        (tmp_path / name).write_bytes(zipped(*members))
        return fingerprint(open_source(tmp_path / name))

    first = print_of("a.zip", ("a.png", GOOD))
    assert print_of("b.zip", ("a.png", GOOD)) == first
    assert print_of("a.zip", ("b.png", GOOD)) != first
    assert print_of("a.zip", ("a.png", GOOD[:-1] + b"x")) != first


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing", "no such file"), ("empty", "holds no files"), ("fifo", "not a regular file")],
)
def test_path_that_is_no_source_is_named_with_what_is_wrong(name, message, tmp_path):
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputError, match=rf"^{tmp_path / name}: .*{message}"):
        open_source(tmp_path / name)


def test_a_data_set_is_no_folder_of_pictures(tmp_path):
    (tmp_path / "data.mdb").write_bytes(bytes(100))
    with pytest.raises(InputError, match=r"a data set of prepare_data.py, for train.py and scripts.evaluate"):
        open_source(tmp_path)


def test_folders_are_no_items_of_a_zip_that_windows_wrote(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped(("X", b""), ("XY.png", GOOD)).replace(b"X", b"\\"))
    assert [item.name for item in open_source(tmp_path / "a.zip").items] == ["\\Y.png"]


def test_a_picture_is_a_source_of_its_own_whatever_its_name(tmp_path):
    for name, data in {"me.jfif": GOOD, "me": pictures()["rgb.avif"].data, "me.zip": pictures()["rgb.jp2"].data}.items():
        (tmp_path / name).write_bytes(data)
        source = open_source(tmp_path / name)
        assert [item.name for item in source.items] == [name] and reason(source, source.items[0]) == ""
    os.symlink(tmp_path / "me", tmp_path / "link")
    assert len(open_source(tmp_path / "link").items) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pictures()["phone.heic"].data, "HEIC, not an image"),
        (b"", "empty file"),
        (b"text", "not an image .*nor a zip or a film"),
        (b"\x1f\x8b" + bytes(40), "not a zip; unpack it, and name the folder"),
        (bytes(257) + b"ustar\00000" + bytes(300), "not a zip; unpack it, and name the folder"),
    ],
)
def test_a_file_that_is_no_picture_gets_its_own_reason(data, message, tmp_path):
    (tmp_path / "me.jpg").write_bytes(data)
    with pytest.raises(InputError, match=message):
        open_source(tmp_path / "me.jpg")


def test_hidden_files_and_those_of_systems_are_counted_and_not_listed(tmp_path):
    names = [
        ".DS_Store",
        "._a.png",
        "__MACOSX/._a.png",
        "Thumbs.db",
        "b/desktop.ini",
        "b/.git/x.png",
        "@eaDir/a.png",
        "b/Icon\r",
    ]
    good = ["a.b.png", "b/..c.png", "b/thumbs.png"]
    for name in [*names, *good]:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(GOOD)
    (tmp_path / "a.zip").write_bytes(zipped(*((name, GOOD) for name in [*names, *good])))
    folder, archive = (open_source(tmp_path / place) for place in ("in", "a.zip"))
    assert [item.name for item in folder.items] == [item.name for item in archive.items] == ["a.b.png", "b/thumbs.png"]
    assert len(folder.passed_over) == len(archive.passed_over) == len(names) + 1
    shutil.rmtree(tmp_path / "in" / "b")
    os.remove(tmp_path / "in" / "a.b.png")
    with pytest.raises(InputError, match=r"holds no files but 5 hidden or system files passed over \(.DS_Store \.\.\.\)"):
        open_source(tmp_path / "in")


# Films need PyAV, the extra `video`.

COLOURS = [(200, 40, 90), (10, 20, 200), (90, 200, 10)]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """3 scenes of 20, 10 and 30 flat frames, 10 frames a second."""
    av = pytest.importorskip("av", reason="films need PyAV")
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 7
        for colour, length in zip(COLOURS, (20, 10, 30), strict=True):
            for _ in range(length):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colour, np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def seconds(name: str) -> float:
    hours, minutes, whole, parts = map(int, re.split("[hms]", name))
    return hours * 3600 + minutes * 60 + whole + parts / 1000


def test_film_gives_k_frames_of_each_scene(film):
    source = open_source(film, scene_frames=2)
    assert [seconds(item.name) for item in source.items] == [0.5, 1.5, 2.2, 2.7, 3.7, 5.2]
    shown = [np.asarray(source.picture(item).picture).mean((0, 1)) for item in source.items]
    assert np.abs(np.array(shown) - np.repeat(COLOURS, 2, 0)).max() < 12


def test_film_gives_a_frame_every_so_many_seconds(film):
    source = open_source(film, every=1.5)
    assert [seconds(item.name) for item in source.items] == [0, 1.5, 3, 4.5]
    shown = [np.asarray(source.picture(item).picture).mean((0, 1)) for item in reversed(source.items)]
    assert np.abs(np.array(shown)[::-1] - np.array(COLOURS)[[0, 0, 2, 2]]).max() < 12


def test_film_that_is_cut_short_gives_what_is_there(film, tmp_path):
    av = pytest.importorskip("av")
    whole, cut = tmp_path / "whole.avi", tmp_path / "cut.avi"
    with av.open(str(film)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    source = open_source(cut, scene_frames=1)
    given = [reason(source, item) for item in source.items]
    assert "" in given and len(given) <= 4


def test_playlist_in_the_guise_of_a_film_opens_no_other_file(film, tmp_path):
    shutil.copy(film, tmp_path / "private.mp4")
    (tmp_path / "film.mp4").write_text("ffconcat version 1.0\nfile private.mp4\n")
    with pytest.raises(InputError, match=r"not an image .* nor a zip or a film"):
        open_source(tmp_path / "film.mp4")

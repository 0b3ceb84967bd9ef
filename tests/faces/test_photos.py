"""Photos by name: alone or in folders, zips and films, and what is wrong with them in one line."""

import zipfile

import pytest
from PIL import Image

from errors import InputError
from faces import own, photos
from tests.data.awkward import saved


@pytest.fixture
def folder(tmp_path):
    """me.jfif beside a folder with two pictures, a text and a hidden file, and a zip of one."""
    (tmp_path / "friends").mkdir()
    Image.new("RGB", (8, 6), "red").save(tmp_path / "me.jfif", "PNG")
    for name, colour in {"b": "green", "a.dat": "blue"}.items():
        Image.new("RGB", (8, 6), colour).save(tmp_path / "friends" / name, "PNG")
    (tmp_path / "friends" / "c.png").write_text("no picture")
    (tmp_path / "friends" / "._b").write_bytes(saved(Image.new("RGB", (8, 6)), "PNG"))
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(tmp_path / "me.jfif", "inside")
    return tmp_path


def test_photos_come_in_the_order_given_and_folders_in_theirs(folder):
    album = photos.Album([folder / "friends", folder / "me.jfif", folder / "more.zip"])
    assert [name for name, _ in album.listed] == ["a.dat", "b", "c.png", str(folder / "me.jfif"), "inside"]
    found = dict(album)
    assert {name: photo.picture.getpixel((0, 0)) for name, photo in found.items()} == {
        **{"a.dat": (0, 0, 255), "b": (0, 128, 0), str(folder / "me.jfif"): (255, 0, 0), "inside": (255, 0, 0)}
    }
    assert [name for name, _ in album.left_out] == ["c.png"] and album.passed_over == ["._b"]
    assert album.files == [
        *(folder / "friends" / name for name in ("a.dat", "b", "c.png")),
        *[folder / "me.jfif"],
        folder / "more.zip",
    ]


def test_all_that_was_left_out_is_said_and_kept(folder, capsys):
    album = photos.Album([folder / "friends"])
    album.report(len(list(album)), folder / "out")
    said = capsys.readouterr().out
    assert said.startswith("left out c.png: not an image")
    closing = said.splitlines()[-1]
    assert closing.startswith("2 pictures; 1 passed over (1 not an image") and closing.endswith("system file passed over (._b)")
    assert (folder / "out" / own.PICTURES).read_text() == said


def test_pictures_of_one_name_in_two_folders_keep_apart(folder):
    (folder / "others").mkdir()
    (folder / "others" / "b").write_bytes((folder / "friends" / "b").read_bytes())
    names = [name for name, _ in photos.Album([folder / "friends", folder / "others"]).listed]
    assert names == ["a.dat", "b", "c.png", str(folder / "others" / "b")]


def test_a_bad_file_of_several_is_left_out_with_its_reason(folder):
    (folder / "me.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (folder / "page.jpg").write_text("<!DOCTYPE html>")
    album = photos.Album([folder / "me.heic", folder / "page.jpg", folder / "me.jfif"])
    assert [name for name, _ in album] == [str(folder / "me.jfif")]
    (_, heic), (_, page) = album.left_out
    assert heic.startswith("HEIC, not") and "export it as JPEG" in heic and page == "a web page, not an image"


def test_a_path_to_nowhere_is_named(folder):
    with pytest.raises(InputError, match=r"none\.png"):
        photos.Album([folder / "none.png"])

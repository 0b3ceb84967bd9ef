"""Photos by name: alone or in folders, and what is wrong with them in one line."""

import zipfile

import pytest
from PIL import Image

from cli import InputError
from faces import photos
from faces.decode import Unreadable


@pytest.fixture
def folder(tmp_path):
    """me.png beside a folder with two pictures and a text, and a zip of one."""
    (tmp_path / "friends").mkdir()
    for name, colour in {"me.png": "red", "friends/b.png": "green", "friends/a.png": "blue"}.items():
        Image.new("RGB", (8, 6), colour).save(tmp_path / name)
    (tmp_path / "friends" / "c.png").write_text("no picture")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(tmp_path / "me.png", "inside.png")
    return tmp_path


def test_photos_come_in_the_order_given_and_folders_in_theirs(folder):
    paths = [folder / "friends", folder / "me.png", folder / "more.zip"]
    found = list(photos.listed(paths))
    assert [name for name, _ in found] == ["a.png", "b.png", "c.png", str(folder / "me.png"), "inside.png"]
    colours = [photo().picture.getpixel((0, 0)) for name, photo in found if name != "c.png"]
    assert colours == [(0, 0, 255), (0, 128, 0), (255, 0, 0), (255, 0, 0)]
    with pytest.raises(Unreadable):
        found[2][1]()


def test_one_photo_is_read(folder):
    assert photos.read(folder / "me.png").size == (8, 6)


@pytest.mark.parametrize(
    "name, words", [("none.png", "no such file"), ("friends", "not a regular"), ("friends/c.png", "header|image")]
)
def test_what_cannot_be_read_gets_one_line(folder, name, words):
    with pytest.raises(InputError, match=words) as error:
        photos.read(folder / name, "--photo")
    assert str(error.value).startswith(f"--photo {folder / name}: ") and "\n" not in str(error.value)


def test_a_path_to_nowhere_is_named(folder):
    with pytest.raises(InputError, match=r"none\.png"):
        list(photos.listed([folder / "none.png"]))

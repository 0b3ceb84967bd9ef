"""What commands wrote into a folder of photos is known again, and nothing else is taken for it."""

import os

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import utils
from errors import InputError
from faces import own, photos

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
FACE = {"photo": "me.jpg", "ckpt": "x" * 5000, "step": 3}


@pytest.mark.parametrize("texts", [FACE, {"source": "s.pt", "target": "t.pt", "step": 3}, {"contact sheet": 1}])
def test_pictures_are_known_by_their_texts_wherever_they_lie(tmp_path, texts):
    utils.save_png(PICTURE, tmp_path / "deep" / "renamed", **texts)
    assert own.is_own(tmp_path, "deep/renamed")


@pytest.mark.parametrize("texts", [{}, {"seed": 1, "ckpt": "g.pt"}, {"source": "me.jpg", "square": [], "scale": 1}])
def test_other_pictures_are_photos(tmp_path, texts):
    utils.save_png(PICTURE, tmp_path / "a.png", **texts)
    assert not own.is_own(tmp_path, "a.png")


def test_crops_are_photos_for_all_but_who_cuts(tmp_path):
    utils.save_png(PICTURE, tmp_path / "a.png", source="me.jpg", square=[[1, 2]], scale=1)
    assert own.is_own(tmp_path, "a.png", crops=True)


def test_texts_of_other_programs_and_damaged_files_are_no_mark(tmp_path):
    texts = PngInfo()
    texts.add_text("photo", "yes")
    texts.add_itxt("step", "3")
    PICTURE.save(tmp_path / "a.png", pnginfo=texts)
    utils.save_png(PICTURE, tmp_path / "b.png", **FACE)
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:50])
    (tmp_path / "c.png").write_text("photo step")
    assert not any(own.is_own(tmp_path, f"{name}.png") for name in ("a", "b", "c", "missing"))


def test_files_beside_them_are_known_by_their_names(tmp_path):
    for name in ("pictures.txt", "latents.pt", "losses.csv", "command.txt", "latents.pt.unfinished/00000.pt"):
        assert own.is_own(tmp_path, f"out/{name}"), name
    assert not own.is_own(tmp_path / "my.unfinished", "me.png")
    assert not own.is_own(tmp_path, "me.pt")
    (tmp_path / own.PICTURES).touch()
    assert own.is_own(tmp_path, "me.pt") and own.is_own(tmp_path, "me.png.partial")


def test_what_is_no_file_is_not_opened(tmp_path):
    PICTURE.save(tmp_path / "me.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert [name for name, _ in photos.Album([tmp_path])] == ["me.png"]


def test_an_album_of_a_folder_leaves_them_out_and_takes_what_is_named(tmp_path, capsys):
    PICTURE.save(tmp_path / "me.png")
    utils.save_png(PICTURE, tmp_path / "out" / "me-strip.png", **FACE)
    album = photos.Album([tmp_path])
    assert [name for name, _ in album.listed] == ["me.png"] and album.own == 1
    album.report(1, tmp_path / "out")
    assert "1 file of earlier calls passed over" in capsys.readouterr().out
    assert (tmp_path / "out" / own.PICTURES).read_text() == "1 picture\n"
    assert len(photos.Album([tmp_path / "out" / "me-strip.png"])) == 1
    with pytest.raises(InputError, match="nothing but files of earlier calls"):
        photos.Album([tmp_path / "out"])

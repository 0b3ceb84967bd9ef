"""scripts.render_faces: numbered pictures of the faces that faces.rendered.synthetic paints."""

import numpy as np
import pytest
from PIL import Image

import utils
from faces.rendered.synthetic import as_portraits, render, sample_attributes, sample_people
from scripts import render_faces
from tests.commands import failure, run


def paint(folder, *words):
    run(render_faces, "--size", 16, "--out", folder, *words)
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def pixels(folder):
    return np.stack([np.asarray(Image.open(folder / name)) for name in names(folder)])


def test_n_faces_are_numbered_from_0(tmp_path, capsys):
    folder = paint(tmp_path / "new" / "faces", "--n", 3)
    assert names(folder) == ["00000.png", "00001.png", "00002.png"]
    assert capsys.readouterr().out.splitlines()[-1] == str(folder)
    with Image.open(folder / "00002.png") as picture:
        assert (picture.size, picture.mode) == ((16, 16), "RGB")


@pytest.mark.parametrize("domain", ["A", "B", "C"])
@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_faces_in_chunks_are_the_faces_rendered_at_once(tmp_path, monkeypatch, domain, chunk):
    monkeypatch.setattr(render_faces, "CHUNK", chunk)
    folder = paint(tmp_path / "faces", "--n", 7, "--seed", 5, "--domain", domain)
    at_once = utils.to_pixels(render(sample_attributes(7, seed=5), 16, domain, seed=5)).numpy()
    assert np.array_equal(pixels(folder), at_once)


def test_portraits_are_the_same_people(tmp_path):
    folder = paint(tmp_path / "faces", "--n", 3, "--seed", 5, "--domain", "B", "--portraits")
    expected = utils.to_pixels(render(as_portraits(sample_attributes(3, seed=5)), 16, "B", seed=5)).numpy()
    assert np.array_equal(pixels(folder), expected)


def test_people_as_in_photos_can_be_portraits(tmp_path):
    folder = paint(tmp_path / "faces", "--n", 3, "--seed", 5, "--domain", "C", "--portraits", "--like_photos")
    expected = utils.to_pixels(render(as_portraits(sample_people(3, seed=5)), 16, "C", seed=5)).numpy()
    assert np.array_equal(pixels(folder), expected)


def test_the_same_seed_writes_the_same_bytes_and_more_faces_begin_alike(tmp_path):
    few, more = (paint(tmp_path / str(n), "--n", n, "--seed", 1) for n in (3, 5))
    again = paint(tmp_path / "again", "--n", 3, "--seed", 1)
    for name in names(few):
        assert (few / name).read_bytes() == (again / name).read_bytes() == (more / name).read_bytes()


def test_other_seeds_and_other_domains_give_other_pictures(tmp_path):
    variants = {"a0": [], "a1": ["--seed", 1], "b0": ["--domain", "B"]}
    found = [pixels(paint(tmp_path / name, "--n", 2, *words)) for name, words in variants.items()]
    for i in range(3):
        assert not np.array_equal(found[i], found[i - 1])


def test_a_folder_that_is_not_empty_needs_overwrite(tmp_path, capsys):
    folder = paint(tmp_path / "faces", "--n", 2)
    before = pixels(folder)
    message = failure(capsys, render_faces, "--n", 2, "--size", 16, "--seed", 1, "--out", folder)
    assert f"--out {folder}: is not empty" in message and "--overwrite" in message
    assert np.array_equal(pixels(folder), before)
    paint(folder, "--n", 2, "--seed", 1, "--overwrite")
    assert not np.array_equal(pixels(folder), before)


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "faces").mkdir()
    assert names(paint(tmp_path / "faces", "--n", 1)) == ["00000.png"]


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--size", "20"], ["--size 20", "multiple of 8"]),
        (["--size", "0"], ["--size: 0", "at least 8"]),
        (["--n", "0"], ["--n: 0", "at least 1"]),
        (["--seed=-1"], ["--seed: -1", "at least 0"]),
        (["--domain", "D"], ["--domain", "'D'", "'A', 'B', 'C'"]),
    ],
    ids=" ".join,
)
def test_wrong_flags_get_one_line_and_write_nothing(tmp_path, capsys, flags, words):
    message = failure(capsys, render_faces, *flags, "--out", tmp_path / "faces")
    assert message.startswith("render_faces: ")
    for word in words:
        assert word in message
    assert not (tmp_path / "faces").exists()


def test_where_to_write_must_be_said(capsys):
    assert "--out" in failure(capsys, render_faces)


def test_a_seed_beyond_64_bits_gets_one_line(tmp_path, capsys):
    assert "--seed" in failure(capsys, render_faces, "--n", 1, "--seed", 2**64, "--out", tmp_path / "faces")


def test_a_file_in_place_of_the_folder_is_named_with_the_flag(tmp_path, capsys):
    (tmp_path / "faces").write_text("")
    assert "--out" in failure(capsys, render_faces, "--n", 1, "--out", tmp_path / "faces")

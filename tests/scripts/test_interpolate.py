"""scripts.interpolate: films that pass through people."""

import shlex

import numpy as np
import pytest
import torch
from PIL import Image

import animation
import canvas
import utils
from editing import latents
from scripts import interpolate
from tests.commands import failure, run
from tests.networks import tiny_generator
from tests.scripts.sheets import cells, differ, pixels, saved, told
from tests.scripts.sheets import people as people_of

ROUNDING = 2


def draw(file, folder, *words):
    run(interpolate, "--ckpt", file, "--outdir", folder, "--device", "cpu", *words)
    return folder


@pytest.mark.parametrize("ending", ["webp", "gif", "mp4"])
def test_films_are_written_in_each_format(file, tmp_path, capsys, ending):
    if ending == "mp4":
        pytest.importorskip("av")
    draw(file, tmp_path, "--seeds", "0-2", "--frames", 5, "--loop", "--format", ending)
    path = tmp_path / f"walk.{ending}"
    assert capsys.readouterr().out.splitlines()[-1] == str(path)
    if ending != "mp4":
        with Image.open(path) as film:
            assert (film.n_frames, film.size) == (15, (16, 16))
    else:
        import av

        with av.open(str(path)) as film:
            assert sum(1 for _ in film.decode(video=0)) == 15


def test_keyframes_are_the_people(cartoon, file, tmp_path):
    draw(file, tmp_path, "--seeds", "4-6", "--frames", 2)
    assert differ(cells(tmp_path / "keyframes.png", columns=3, rows=1)[0], people_of(cartoon, 4, 5, 6)) <= ROUNDING
    assert told(tmp_path / "keyframes.png") == {
        "seeds": "4-6",
        "space": "w",
        "interp": "spline",
        "loop": "False",
        "truncation": "1.0",
        "ckpt": str(file),
    }


def test_a_pair_walks_side_by_side(cartoon, file, tmp_path):
    photo = tiny_generator(seed=2)
    words = ["--source", saved(tmp_path / "photo.pt", photo), "--seeds", "4-5", "--frames", 2, "--format", "gif"]
    draw(file, tmp_path, *words)
    found = cells(tmp_path / "keyframes.png", columns=2, rows=2)
    assert differ(found[0], people_of(photo, 4, 5)) <= ROUNDING and differ(found[1], people_of(cartoon, 4, 5)) <= ROUNDING
    with Image.open(tmp_path / "walk.gif") as film:
        assert film.n_frames == 3 and film.width == 2 * 130 + 2


def test_latents_of_a_file_are_walked(cartoon, file, tmp_path):
    w_plus = latents.people(cartoon, [5, 6])
    found = latents.save_latents(tmp_path / "faces.pt", w_plus, space="w+", names=["a.png", "b.png"])
    draw(file, tmp_path, "--latents", found, "--frames", 2)
    assert differ(cells(tmp_path / "keyframes.png", columns=2, rows=1)[0], people_of(cartoon, 5, 6)) <= ROUNDING
    z = latents.save_latents(tmp_path / "z.pt", utils.seeded_normal([5, 6], 8), space="z", names=["a", "b"])
    draw(file, tmp_path, "--latents", z, "--frames", 2, "--space", "z")
    assert differ(cells(tmp_path / "keyframes.png", columns=2, rows=1)[0], people_of(cartoon, 5, 6)) <= ROUNDING


def test_the_command_in_the_folder_makes_the_film_again(file, tmp_path):
    draw(file, tmp_path, "--seeds", "0-1", "--frames", 3, "--loop")
    before = (tmp_path / "walk.webp").read_bytes(), pixels(tmp_path / "keyframes.png")
    line = (tmp_path / "command.txt").read_text()
    assert line.startswith("python -m scripts.interpolate --ckpt ")
    run(interpolate, *shlex.split(line)[3:])
    assert (tmp_path / "walk.webp").read_bytes() == before[0]
    assert np.array_equal(pixels(tmp_path / "keyframes.png"), before[1])


@pytest.mark.parametrize(
    "flags, limits, words",
    [
        (["--source", "{file}"], {"webp": 200}, ["--format webp", "one network", "or gif"]),
        (["--fps", "0.00001"], {}, ["--fps 1e-05", "16777"]),
    ],
    ids=["large", "slow"],
)
def test_a_film_that_its_format_cannot_hold_is_refused_before_drawing(
    file, tmp_path, capsys, monkeypatch, flags, limits, words
):
    monkeypatch.setattr(animation, "LONGEST", animation.LONGEST | limits)
    monkeypatch.setattr(latents, "drawn", None)
    given = ["--ckpt", file, "--outdir", tmp_path / "new", *[flag.format(file=file) for flag in flags]]
    message = failure(capsys, interpolate, *given)
    assert all(word in message for word in words)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--ckpt", "{missing}"], ["--ckpt {missing}: no such file"]),
        (["--source", "{large}"], ["--source {large}", "another size"]),
        (["--seeds", "3"], ["--seeds", "two people"]),
        (["--interp", "slerp"], ["--interp slerp", "--space z"]),
        (["--latents", "{people}", "--space", "z"], ["--latents {people}", "no z"]),
        (["--frames", "0"], ["--frames", "at least 1"]),
        (["--fps", "0"], ["--fps", "above 0"]),
        (["--format", "avi"], ["--format", "'avi'"]),
        (["--latents", "{missing}"], ["--latents {missing}: no such file"]),
    ],
    ids=" ".join,
)
def test_wrong_input_gets_one_line_and_writes_nothing(file, tmp_path, capsys, flags, words):
    files = {"missing": tmp_path / "missing.pt", "large": saved(tmp_path / "large.pt", size=32), "people": tmp_path / "p.pt"}
    latents.save_latents(files["people"], torch.zeros(2, 6, 8), space="w+", names=["a", "b"])
    given = ["--ckpt", file, *[flag.format(**files) for flag in flags]]
    message = failure(capsys, interpolate, *given, "--outdir", tmp_path / "out")
    for word in words:
        assert word.format(**files) in message
    assert not (tmp_path / "out").exists()


def test_a_sheet_that_no_memory_holds_is_refused_before_drawing(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(canvas, "LARGEST_SHEET", 1_000_000)
    monkeypatch.setattr(latents, "drawn", None)
    message = failure(capsys, interpolate, "--ckpt", file, "--seeds", "0-99", "--outdir", tmp_path / "out")
    assert "GiB" in message and "fewer people" in message and not (tmp_path / "out").exists()


def test_keyframes_are_saved_before_the_film(file, tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "save", lambda *args, **options: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(SystemExit):
        draw(file, tmp_path, "--seeds", "0-2", "--frames", 3)
    assert (tmp_path / "keyframes.png").exists()

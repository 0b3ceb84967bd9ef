"""scripts.truncation: a sheet of people over psi."""

import shlex

import numpy as np
import pytest
import torch
from PIL import Image

import canvas
import checkpoint
import utils
from editing import latents
from metrics import features
from model import NoiseInjection
from scripts import cartoonize, generate, truncation
from tests.commands import failure, run
from tests.networks import tiny_generator
from tests.scripts.sheets import as_shown, cells, differ, people, pixels, saved, shown, told

ROUNDING = 2


def draw(file, folder, *words):
    run(truncation, "--ckpt", file, "--outdir", folder, "--device", "cpu", *words)
    return folder / "sheet.png"


def test_psi_1_is_the_person_and_psi_0_the_same_face_for_each_seed(cartoon, file, tmp_path):
    found = cells(draw(file, tmp_path, "--seeds", "0-2"), columns=7, rows=3)
    assert differ(found[:, 6], people(cartoon, 0, 1, 2)) <= ROUNDING
    assert differ(found[0, 3], found[1, 3]) <= ROUNDING and differ(found[1, 3], found[2, 3]) <= ROUNDING
    assert differ(found[0, 6], found[1, 6]) > 10


@pytest.mark.parametrize("psi", [-1.0, -0.5, 0.7, 1.5, 2.0])
def test_every_psi_acts_also_below_0_and_above_1(cartoon, file, tmp_path, psi):
    found = cells(draw(file, tmp_path, "--seeds", "0-1", f"--psi={psi}"), columns=1, rows=2)
    assert differ(found[:, 0], people(cartoon, 0, 1, psi=psi)) <= ROUNDING
    assert differ(found[:, 0], people(cartoon, 0, 1)) > 10


def test_layers_from_the_cutoff_on_stay(cartoon, file, tmp_path):
    found = cells(draw(file, tmp_path, "--seeds", 4, "--psi=0", "--cutoff", 2), columns=1, rows=1)
    expected = latents.people(cartoon, [4]).clone()
    expected[:, :2] = cartoon.w_avg
    assert differ(found[0, 0], shown(cartoon, expected)[0]) <= ROUNDING
    nothing = cells(draw(file, tmp_path, "--seeds", 4, "--psi=0", "--cutoff", 0), columns=1, rows=1)
    assert differ(nothing[0, 0], people(cartoon, 4)[0]) <= ROUNDING


def test_the_average_is_that_of_the_file(cartoon, tmp_path):
    centre = torch.linspace(-1, 1, 8)
    checkpoint.write(tmp_path / "with.pt", {"g_ema": cartoon.state_dict(), "latent_avg": centre})
    found = cells(draw(tmp_path / "with.pt", tmp_path, "--seeds", 0, "--psi=0"), columns=1, rows=1)
    assert differ(found[0, 0], shown(cartoon, cartoon.broadcast(centre[None]))[0]) <= ROUNDING


def test_the_source_stands_above_each_person(cartoon, file, tmp_path):
    photo = tiny_generator(seed=2)
    words = ["--source", saved(tmp_path / "photo.pt", photo), "--seeds", "0-1", "--psi=0.5,1"]
    found = cells(draw(file, tmp_path, *words), columns=2, rows=4)
    for psi, column in ((0.5, 0), (1, 1)):
        assert differ(found[::2, column], people(photo, 0, 1, psi=psi)) <= ROUNDING
        assert differ(found[1::2, column], people(cartoon, 0, 1, psi=psi)) <= ROUNDING


def test_latents_of_a_file_are_truncated(cartoon, file, tmp_path):
    w_plus = latents.people(cartoon, [5, 6])
    words = ["--latents", latents.save_latents(tmp_path / "faces.pt", w_plus, space="w+", names=["a", "b"]), "--psi=1,0.5"]
    found = cells(draw(file, tmp_path, *words), columns=2, rows=2)
    assert differ(found[:, 1], people(cartoon, 5, 6, psi=0.5)) <= ROUNDING


def test_each_person_keeps_the_noise_found_with_it(cartoon, file, tmp_path):
    w_plus, noise = latents.people(cartoon, [5, 6]), cartoon.make_noise(2, torch.Generator().manual_seed(0))
    home = checkpoint.fingerprint(cartoon.state_dict())
    found = latents.save_latents(tmp_path / "faces.pt", w_plus, space="w+", names=["a", "b"], noise=noise, ckpt=home)
    sheet = cells(draw(file, tmp_path, "--latents", found, "--psi=1"), columns=1, rows=2)
    assert differ(sheet[:, 0], as_shown(latents.draw(cartoon, w_plus, noise=noise))) <= ROUNDING
    assert differ(sheet[:, 0], people(cartoon, 5, 6)) > 10


def test_the_sheet_tells_what_made_it_and_its_command_draws_it_again(file, tmp_path):
    sheet = draw(file, tmp_path, "--seeds", "3", "--psi=-1:1:3", "--cutoff", 4)
    assert told(sheet) == {"seeds": "3", "psi": "-1,0,1", "cutoff": "4", "ckpt": str(file)}
    before = pixels(sheet)
    line = (tmp_path / "command.txt").read_text()
    assert line.startswith("python -m scripts.truncation --ckpt ")
    run(truncation, *shlex.split(line)[3:])
    assert np.array_equal(pixels(sheet), before)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--ckpt", "{missing}"], ["--ckpt {missing}: no such file"]),
        (["--source", "{missing}"], ["--source {missing}: no such file"]),
        (["--source", "{large}"], ["--source {large}", "another size"]),
        (["--psi", "-1,1"], ["--psi", "--flag=-1"]),
        (["--psi=x"], ["--psi", "'x' is not a number"]),
        (["--psi=0,nan"], ["--psi"]),
        (["--psi=0:1"], ["--psi", "FIRST:LAST:COUNT"]),
        (["--psi=0:1:1"], ["--psi", "at least 2"]),
        (["--cutoff", "7"], ["cutoff 7: ", "6 layers"]),
        (["--cutoff=-1"], ["--cutoff", "at least 0"]),
        (["--seeds", "x"], ["--seeds x"]),
        (["--latents", "{large}"], ["--latents {large}", "not a latent file"]),
        (["--batch", "0"], ["--batch", "at least 1"]),
    ],
    ids=" ".join,
)
def test_wrong_input_gets_one_line_and_writes_nothing(file, tmp_path, capsys, flags, words):
    files = {"missing": tmp_path / "missing.pt", "large": saved(tmp_path / "large.pt", size=32)}
    given = [flag.format(**files) for flag in flags]
    message = failure(capsys, truncation, "--ckpt", file, *given, "--outdir", tmp_path / "out")
    for word in words:
        assert word.format(**files) in message
    assert not (tmp_path / "out").exists()


def test_a_sheet_that_no_memory_holds_is_refused_before_drawing(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(canvas, "LARGEST_SHEET", 1_000_000)
    monkeypatch.setattr(latents, "drawn", None)
    message = failure(capsys, truncation, "--ckpt", file, "--seeds", "0-99", "--outdir", tmp_path / "out")
    assert "GiB" in message and "fewer people" in message and not (tmp_path / "out").exists()


@pytest.mark.parametrize("psi", [0, 0.5])
@pytest.mark.parametrize("centre", [None, torch.linspace(-1, 1, 8)], ids=["measured", "of the file"])
def test_every_command_pulls_people_towards_the_same_face(tmp_path, centre, psi):
    network = tiny_generator(seed=1)
    for layer in network.modules():  # evaluate draws other noise than the others
        if isinstance(layer, NoiseInjection):
            torch.nn.init.zeros_(layer.weight)
    checkpoint.write(tmp_path / "a.pt", {"g_ema": network.state_dict()} | ({} if centre is None else {"latent_avg": centre}))
    network.w_avg = centre
    expected = people(network, 3, psi=psi)[0]
    assert centre is None or differ(expected, people(tiny_generator(seed=1), 3, psi=psi)[0]) > 10

    words = ["--device", "cpu", "--outdir", tmp_path / "out"]
    run(generate, "--ckpt", tmp_path / "a.pt", "--seeds", 3, "--truncation", psi, *words)
    generated = pixels(tmp_path / "out" / "seed0003.png")
    assert differ(cells(draw(tmp_path / "a.pt", tmp_path, "--seeds", 3, f"--psi={psi}"), 1, 1)[0, 0], expected) <= ROUNDING
    evaluated = torch.cat([*features.pictures(checkpoint.read(tmp_path / "a.pt").generator(), [3], psi=psi)])
    assert differ(utils.to_pixels(evaluated)[0].numpy(), generated) <= 1
    Image.fromarray(generated.astype(np.uint8)).save(tmp_path / "me.png")
    words = [*words[:3], tmp_path / "cartoon", "--step", 2, "--no_align", "--truncation", psi, "--reach", 100, "--tune", 0]
    run(cartoonize, "--source", tmp_path / "a.pt", "--target", tmp_path / "a.pt", *words, tmp_path / "me.png")
    words = ["--latents", tmp_path / "cartoon" / "latents.pt", "--truncation", psi, "--device", "cpu"]
    run(generate, "--ckpt", tmp_path / "a.pt", *words, "--outdir", tmp_path / "again")
    assert differ(pixels(tmp_path / "cartoon" / "me-cartoon.png"), pixels(tmp_path / "again" / "me.png")) <= 1
    assert psi or differ(pixels(tmp_path / "again" / "me.png"), generated) <= 1

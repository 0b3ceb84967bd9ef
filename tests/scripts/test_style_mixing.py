"""scripts.style_mixing: tables of pairs, and what each layer does."""

import shlex

import numpy as np
import pytest
import torch
from PIL import Image

import canvas
import utils
from editing import latents
from editing import style_mixing as mixing
from scripts import style_mixing
from tests.commands import failure, run
from tests.networks import tiny_generator
from tests.scripts.sheets import cells, differ, people, pixels, saved, shown, told

ROUNDING = 2


def draw(file, folder, *words):
    run(style_mixing, "--ckpt", file, "--outdir", folder, "--device", "cpu", *words)
    return folder


def mixed(network, row, column, layers, psi=1.0):
    first, second = latents.people(network, [row, column], psi)
    return shown(network, mixing.mix(first[None], second[None], layers))[0]


def test_a_table_has_the_people_at_its_sides_and_every_pair_inside(cartoon, file, tmp_path):
    words = ["--rows", "0,1", "--cols", "5-7", "--layers", "0-2,5", "--batch", 2]
    draw(file, tmp_path, *words)
    found = cells(tmp_path / "grid.png", columns=4, rows=3)
    assert (found[0, 0] == utils.PAPER).all()
    assert differ(found[0, 1:], people(cartoon, 5, 6, 7)) <= ROUNDING
    assert differ(found[1:, 0], people(cartoon, 0, 1)) <= ROUNDING
    for i, row in enumerate((0, 1)):
        for j, column in enumerate((5, 6, 7)):
            assert differ(found[1 + i, 1 + j], mixed(cartoon, row, column, [0, 1, 2, 5])) <= ROUNDING
    assert differ(found[1, 1], found[1, 0]) > 10 and differ(found[1, 1], found[0, 1]) > 10


@pytest.mark.parametrize(
    "words, layers", [(["--layers", "1"], [1]), (["--res", "8"], [1, 2]), (["--col_styles", "coarse"], range(4))]
)
def test_layers_may_be_given_in_three_ways(cartoon, file, tmp_path, words, layers):
    draw(file, tmp_path, "--rows", 0, "--cols", "5-7", *words)
    assert differ(cells(tmp_path / "grid.png", columns=4, rows=2)[1, 3], mixed(cartoon, 0, 7, layers)) <= ROUNDING


def test_all_layers_give_the_person_above(cartoon, file, tmp_path):
    draw(file, tmp_path, "--rows", "0-1", "--cols", "5-7", "--layers", "0-5")
    found = cells(tmp_path / "grid.png", columns=4, rows=3)
    assert differ(found[1:, 1:], found[:1, 1:]) <= ROUNDING


def test_a_person_mixed_with_oneself_stays(cartoon, file, tmp_path):
    draw(file, tmp_path, "--rows", 5, "--cols", "5,5,5", "--layers", "0-2")
    assert differ(cells(tmp_path / "grid.png", columns=4, rows=2)[1], people(cartoon, 5)) <= ROUNDING


def test_without_layers_there_is_a_table_for_each_named_range_that_the_network_has(cartoon, file, tmp_path, capsys):
    draw(file, tmp_path, "--rows", "0-1", "--cols", "5-7", "--truncation", 0.7)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["grid-coarse.png", "grid-middle.png"]  # 6 layers
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / f"grid-{name}.png") for name in ("coarse", "middle")]
    for name, layers in (("coarse", range(4)), ("middle", [4, 5])):
        found = cells(tmp_path / f"grid-{name}.png", columns=4, rows=3)
        assert differ(found[2, 1], mixed(cartoon, 1, 5, layers, psi=0.7)) <= ROUNDING
        assert (tmp_path / name / "seed0001-seed0005.png").exists()


def test_single_pictures_are_those_of_the_table_at_their_own_size(file, tmp_path):
    draw(file, tmp_path / "all", "--rows", "0-1", "--cols", "5-7", "--layers", "coarse")
    found = cells(tmp_path / "all" / "grid.png", columns=4, rows=3)
    single = tmp_path / "all" / "seed0001-seed0006.png"
    with Image.open(single) as picture:
        assert picture.size == (16, 16)
        large = np.asarray(picture.resize((128, 128), Image.Resampling.BICUBIC)).astype(int)
    assert np.array_equal(found[2, 2], large)
    assert told(single) == {"row": "seed0001", "column": "seed0006", **made_by(file)}
    draw(file, tmp_path / "sheet", "--rows", "0-1", "--cols", "5-7", "--layers", "coarse", "--sheet_only")
    assert [path.name for path in (tmp_path / "sheet").glob("*.png")] == ["grid.png"]


def made_by(file):
    return {"rows": "0-1", "cols": "5-7", "truncation": "1.0", "ckpt": str(file)}


def test_single_layers_stand_between_the_two_people(cartoon, file, tmp_path):
    draw(file, tmp_path, "--rows", "0-1", "--cols", "7,8", "--single", "--batch", 3)
    found = cells(tmp_path / "layers.png", columns=8, rows=4)
    for line, (row, column) in enumerate([(0, 7), (0, 8), (1, 7), (1, 8)]):
        assert differ(found[line, [0, -1]], people(cartoon, row, column)) <= ROUNDING
        for layer in range(6):
            assert differ(found[line, 1 + layer], mixed(cartoon, row, column, [layer])) <= ROUNDING
    assert [path.name for path in tmp_path.glob("*.png")] == ["layers.png"]


def test_single_layers_may_be_chosen(cartoon, file, tmp_path):
    draw(file, tmp_path, "--rows", 0, "--cols", 7, "--single", "--layers", "1,4")
    found = cells(tmp_path / "layers.png", columns=4, rows=1)
    assert differ(found[0, 2], mixed(cartoon, 0, 7, [4])) <= ROUNDING


@pytest.mark.parametrize("single", [False, True])
def test_a_pair_of_networks_draws_row_below_row(cartoon, file, tmp_path, single):
    photo = tiny_generator(seed=2)
    words = ["--source", saved(tmp_path / "photo.pt", photo), "--rows", "0-1", "--cols", "5-7", "--layers", "2"]
    draw(file, tmp_path, *words, *["--single"] * single)
    if single:
        found = cells(tmp_path / "layers.png", columns=3, rows=12)
        ours, theirs = found[3, 1], found[2, 1]  # the second pair
        row, column = 0, 6
    else:
        found = cells(tmp_path / "grid.png", columns=4, rows=6)
        assert differ(found[0, 1:], people(photo, 5, 6, 7)) <= ROUNDING
        ours, theirs = found[5, 3], found[4, 3]
        row, column = 1, 7
    assert differ(ours, mixed(cartoon, row, column, [2])) <= ROUNDING
    assert differ(theirs, mixed(photo, row, column, [2])) <= ROUNDING


def test_projected_people_are_mixed_with_seeds(cartoon, file, tmp_path):
    w_plus = latents.people(cartoon, [3])
    me = latents.save_latents(tmp_path / "me.pt", w_plus, space="w+", names=["photos/me.png"])
    draw(file, tmp_path / "out", "--rows", me, "--cols", "5-7", "--layers", "coarse")
    found = cells(tmp_path / "out" / "grid.png", columns=4, rows=2)
    assert differ(found[1, 1], mixed(cartoon, 3, 5, range(4))) <= ROUNDING
    assert (tmp_path / "out" / "me-seed0005.png").exists()


def test_the_sheet_tells_what_made_it_and_its_command_draws_it_again(file, tmp_path):
    draw(file, tmp_path, "--rows", "0-1", "--cols", "5-7", "--layers", "coarse")
    assert told(tmp_path / "grid.png") == {"layers": "0-3", **made_by(file)}
    before = pixels(tmp_path / "grid.png")
    line = (tmp_path / "command.txt").read_text()
    assert line.startswith("python -m scripts.style_mixing --ckpt ")
    run(style_mixing, *shlex.split(line)[3:])
    assert np.array_equal(pixels(tmp_path / "grid.png"), before)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--ckpt", "{missing}"], ["--ckpt {missing}: no such file"]),
        (["--source", "{large}"], ["--source {large}", "another size"]),
        (["--rows", "x"], ["--rows x", "0-35,100"]),
        (["--rows", "{missing}"], ["--rows {missing}: no such file"]),
        (["--cols", "{people}"], ["--cols {people}", "8 layers, which are for 32 px"]),
        (["--layers", "6"], ["--layers 6", "0-5"]),
        (["--layers", "fine"], ["--layers fine", "no fine layers"]),
        (["--res", "32"], ["--res 32", "4, 8, 16"]),
        (["--layers", "1", "--res", "8"], ["--res", "not allowed with"]),
        (["--truncation", "inf"], ["--truncation"]),
    ],
    ids=" ".join,
)
def test_wrong_input_gets_one_line_and_writes_nothing(file, tmp_path, capsys, flags, words):
    files = {"missing": tmp_path / "missing.pt", "large": saved(tmp_path / "large.pt", size=32), "people": tmp_path / "p.pt"}
    latents.save_latents(files["people"], torch.zeros(1, 8, 8), space="w+", names=["Anna"])
    given = ["--ckpt", file, "--rows", 0, "--cols", 1, *[flag.format(**files) for flag in flags]]
    message = failure(capsys, style_mixing, *given, "--outdir", tmp_path / "out")
    for word in words:
        assert word.format(**files) in message
    assert not (tmp_path / "out").exists()


def test_a_sheet_that_no_memory_holds_is_refused_before_drawing(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(canvas, "LARGEST_SHEET", 1_000_000)
    monkeypatch.setattr(latents, "drawn", None)
    message = failure(capsys, style_mixing, "--ckpt", file, "--rows", "0-9", "--cols", "0-9", "--outdir", tmp_path / "out")
    assert "GiB" in message and "fewer people" in message and not (tmp_path / "out").exists()

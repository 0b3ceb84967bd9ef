"""studies.methods: the study at a tiny size, in pieces. train.py runs inside the test process."""

import json
import subprocess
import sys
import time

import pytest

from studies import methods
from tests.commands import executed_here, failure, run
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

TWINS_AND_MORE = "baseline,FreezeSG,FreezeG,FreezeSG+map"


@pytest.fixture
def commands(monkeypatch):
    return executed_here(methods, monkeypatch)


def words(networks, tmp_path, *more):
    sizes = ("--iter", 2, "--every", 1, "--faces", 8, "--people", 8, "--training=--batch=2 --mixing=0", "--device", "cpu")
    files = ("--source", networks / "source.pt", "--regressor", networks / "regressor.pt")
    return (*sizes, *files, "--work", tmp_path / "work", "--out", tmp_path / "out", "--seeds", "0,1", *more)


def measured(tmp_path):
    entries = [json.loads(line) for line in (tmp_path / "out/measurements.jsonl").read_text().splitlines()]
    return {(entry["method"], entry["seed"], entry["iteration"]): entry for entry in entries}


def test_every_method_is_trained_measured_and_reported(networks, tmp_path, commands, capsys):
    run(methods, *words(networks, tmp_path, "--methods", TWINS_AND_MORE, "--seeds", 0))
    found = measured(tmp_path)
    expected = {(name, 0, step) for name in ("baseline", "FreezeG", "FreezeSG+map") for step in (1, 2)}
    assert set(found) == expected | {("FreezeSG", 0, 1)}  # as published it is FreezeG, so one measurement is enough
    assert found["FreezeSG", 0, 1]["network"] == found["FreezeG", 0, 1]["network"]
    assert len({found[name, 0, 2]["network"] for name in ("baseline", "FreezeG", "FreezeSG+map")}) == 3
    report = (tmp_path / "out/results.md").read_text()
    assert "| FreezeSG+map | 1 |" in report
    assert "The curve of FreezeG stands for both" in report
    for picture in ("curves.png", "people.webp", "layer_swap.webp"):
        assert f"]({picture})" in report
        assert (tmp_path / "out" / picture).stat().st_size > 1000
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "out/results.md")
    kept = [path.name for path in sorted((tmp_path / "work/FreezeG-seed0/checkpoints").glob("*.pt"))]
    assert kept == ["000002.pt"]

    commands.clear()  # the same again has nothing left to do
    run(methods, *words(networks, tmp_path, "--methods", TWINS_AND_MORE, "--seeds", 0))
    assert commands == []
    assert (tmp_path / "out/results.md").read_text().partition("PyTorch")[2] == report.partition("PyTorch")[2]


def test_a_study_goes_on_where_time_ran_out(networks, tmp_path, commands, capsys):
    run(methods, *words(networks, tmp_path, "--methods", "baseline,plain", "--minutes", 0))
    assert "out of time in baseline, seed 0; the same command goes on" in capsys.readouterr().out
    assert "No run is whole yet" in (tmp_path / "out/results.md").read_text()
    run(methods, *words(networks, tmp_path, "--methods", "baseline"))
    commands.clear()
    run(methods, *words(networks, tmp_path, "--methods", "baseline,plain"))
    assert commands == ["plain, seed 0", "plain, seed 1"]
    assert len(measured(tmp_path)) == 8
    assert "| plain | 2 |" in (tmp_path / "out/results.md").read_text()


def test_what_cannot_be_studied_is_one_line(networks, tmp_path, commands, capsys):
    assert "--methods FreezeX: choose from" in failure(capsys, methods, "--methods", "FreezeX")
    assert "--every 3: must divide --iter 2" in failure(capsys, methods, *words(networks, tmp_path, "--every", 3))
    run(methods, *words(networks, tmp_path, "--minutes", 0))
    message = failure(capsys, methods, *words(networks, tmp_path, "--iter", 4, "--minutes", 0))
    assert message.endswith("began with --iter 2; choose another --work")


def test_a_failing_training_is_told_in_one_line(tmp_path):
    with pytest.raises(methods.InputError, match=r"first try: train.py: --ckpt .*no such file"):
        methods.execute(["train.py", "--ckpt", tmp_path / "none.pt", tmp_path], "first try")


def patient(folder):
    """A program that says when it is ready, and notes that it was asked to stop."""
    program = folder / "patient.py"
    program.write_text(f"""
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(folder / "saved")!r}).touch(), sys.exit(0)))
pathlib.Path({str(folder / "ready")!r}).touch()
time.sleep(3600)
""")
    return program


def test_training_is_asked_to_stop_at_the_deadline(tmp_path):
    methods.execute([patient(tmp_path)], "patience", time.monotonic() + 2)
    assert (tmp_path / "saved").exists() or not (tmp_path / "ready").exists()  # a busy machine may not have begun


def test_stopping_the_study_stops_the_training(tmp_path):
    program = f"from studies import methods; methods.execute([{str(patient(tmp_path))!r}], 'patience')"
    with subprocess.Popen([sys.executable, "-c", program], cwd=methods.ROOT) as study:
        wait_for(tmp_path / "ready", study)
        study.terminate()
        assert study.wait() == 143
    assert (tmp_path / "saved").exists()


def test_methods_differ_in_their_flags_only_as_the_study_says():
    assert len(set(methods.METHODS.values())) == len(methods.METHODS)
    assert all(flags.startswith(methods.AS_PUBLISHED) for name, flags in methods.METHODS.items() if name != "plain")
    assert methods.METHODS["plain"] == ""

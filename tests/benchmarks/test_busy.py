"""The benchmark of waiting threads: what it starts, and what it makes of the figures."""

import contextlib
import json

import pytest

import threads
from benchmarks import busy
from errors import InputError

ASK = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"


def test_neighbours_run_within_and_are_gone_afterwards():
    with busy.neighbours(2) as running:
        assert [process.poll() for process in running] == [None, None]
    assert all(process.poll() is not None for process in running)


@pytest.mark.parametrize("name", busy.SETTINGS)
def test_a_training_gets_its_setting_and_no_other(name, tmp_path, monkeypatch):
    for variable in threads.VARIABLES:
        monkeypatch.setenv(variable, "9")
    busy.run_quietly("-c", ASK, str(tmp_path / "seen.json"), **busy.SETTINGS[name])
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert {key: seen[key] for key in threads.VARIABLES if key in seen} == busy.SETTINGS[name]


def test_a_training_that_fails_ends_the_measurement():
    with pytest.raises(InputError, match="-c failed: ZeroDivisionError"):
        busy.run_quietly("-c", "1 / 0")


def test_the_table_tells_both_companies_and_the_gain(tmp_path, monkeypatch):
    """Figures made up: 10 alone, 80 beside a busy process; half as slow and a quarter where they sleep."""
    seconds = {("300000", 0): 10, ("300000", 1): 80, (None, 0): 15, (None, 1): 20}
    company = []
    monkeypatch.setattr(busy, "run_quietly", lambda *words, **setting: None)
    monkeypatch.setattr(busy, "trained", lambda setting, *_: seconds[setting.get("GOMP_SPINCOUNT"), company[-1]])
    monkeypatch.setattr(busy, "neighbours", lambda count: company.append(count) or contextlib.nullcontext())
    words = ["--rounds", "2", "--only", "PyTorch's own,passive", "--out", str(tmp_path)]
    page = busy.main(busy.parser().parse_args(words)).read_text()
    assert "| PyTorch's own | 10.0 (10.0-10.0) | 1.00x (1.00-1.00) | 80.0 (80.0-80.0) | 1.00x (1.00-1.00) |" in page
    assert "| passive | 15.0 (15.0-15.0) | 1.50x (1.50-1.50) | 20.0 (20.0-20.0) | 4.00x (4.00-4.00) |" in page
    assert "load before" in page


@pytest.mark.parametrize("words, said", [(["--only", "fast"], "--only fast"), (["--iter", "15"], "15: a line of statistics")])
def test_wrong_flags_are_named(words, said, capsys):
    with pytest.raises((InputError, SystemExit)) as stop:
        busy.main(busy.parser().parse_args(words))
    assert said in f"{stop.value} {capsys.readouterr().err}"

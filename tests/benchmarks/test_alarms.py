"""benchmarks.alarms with a handful of images: each kind of run is judged, in a line."""

from benchmarks import alarms
from tests.commands import run


def test_each_kind_of_run_has_a_line(monkeypatch, capsys):
    monkeypatch.setattr(alarms, "PHOTOS", 8)
    monkeypatch.setattr(alarms, "UNSEEN", 20)
    run(alarms, "--sizes", "4,8", "--few", 3, "--runs", 1, "--kimg", 0.016, "--batch", 8)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(line[0], *line[-4:-2]) for line in lines] == [("4", "0", "0"), ("8", "0", "0"), ("3", "0", "0")]
    assert all(-1 <= float(number) <= 1 for line in lines for number in line[-2:])

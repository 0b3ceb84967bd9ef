"""The benchmark of what a user waits for: what it starts, and what it makes of the figures."""

import contextlib
import subprocess

import pytest

from benchmarks import rounds, user
from errors import InputError


def test_a_command_is_timed_from_its_start_to_its_end(tmp_path):
    spin = "import sys, time\nwhile time.process_time() < 0.2: pass\ntime.sleep(0.1); open(sys.argv[1], 'w')"
    measured = user.waited(f'-c "{spin}" OUT', tmp_path, {"OUT": "here"})
    assert (tmp_path / "here").exists()
    assert measured["cpu"] >= 0.2 and measured["wall"] >= 0.3


def test_a_command_that_fails_ends_the_measurement(tmp_path):
    with pytest.raises(InputError, match="-c 1 / 0 failed: ZeroDivisionError"):
        user.waited("-c '1 / 0'", tmp_path, {})


def test_another_commit_lies_beside_ours_and_is_gone_afterwards(tmp_path, monkeypatch):
    def git(*words):
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path / "ours", check=True)

    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "file").write_text("before")
    for words in (["init", "-q"], ["add", "file"], ["commit", "-qm", "before"]):
        git(*words)
    (tmp_path / "ours" / "file").write_text("after")
    monkeypatch.setattr(rounds, "ROOT", tmp_path / "ours")
    with user.checkouts("HEAD", tmp_path) as (ours, other):
        assert [(each.folder / "file").read_text() for each in (ours, other)] == ["after", "before"]
    assert not other.folder.exists()
    with pytest.raises(InputError, match="--against: git worktree"), user.checkouts("nowhere", tmp_path):
        pass


def test_the_table_tells_medians_and_the_gain(tmp_path, monkeypatch):
    """Figures made up: ours takes 2 seconds, that of before 3; and of the processor's 1 and 2.5."""
    monkeypatch.setattr(user, "prepared", lambda folder: {})
    seconds = {"ours": {"wall": 2.0, "cpu": 1.0}, "before": {"wall": 3.0, "cpu": 2.5}}
    monkeypatch.setattr(user, "waited", lambda command, folder, places: seconds[folder])
    both = [rounds.Contestant(name, "ours", name) for name in seconds]
    monkeypatch.setattr(user, "checkouts", lambda commit, folder: contextlib.nullcontext(both))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    words = ["--rounds", "2", "--only", "help,a face", "--out", str(tmp_path)]
    page = user.main(user.parser().parse_args(words)).read_text()
    one = "2.00 s (2.00-2.00) | 1.00 s (1.00-1.00) | 3.00 s (3.00-3.00) | 2.50 s (2.50-2.50) | "
    one += "1.50x (1.50-1.50) | 2.50x (2.50-2.50) |"
    assert "--rounds 2 --only 'help,a face'`" in page and "threads 3, " in page
    assert f"| help | {one}" in page and f"| a face | {one}" in page


def test_a_command_that_an_earlier_commit_lacks_is_left_out_there(tmp_path, monkeypatch, capsys):
    def waited(command, folder, places):
        if folder == "before" and "generate" in command:
            raise InputError("no module named generate")
        return {"wall": 2.0, "cpu": 1.0}

    both = [rounds.Contestant(name, "ours", name) for name in ("ours", "before")]
    monkeypatch.setattr(user, "prepared", lambda folder: {})
    monkeypatch.setattr(user, "waited", waited)
    monkeypatch.setattr(user, "checkouts", lambda commit, folder: contextlib.nullcontext(both))
    words = ["--rounds", "2", "--only", "help,a face", "--out", str(tmp_path)]
    page = user.main(user.parser().parse_args(words)).read_text()
    assert (
        "| a face | 2.00 s (2.00-2.00) | 1.00 s (1.00-1.00) | - | - | - | - |" in page
        and "| - |" not in page.split("| a face")[0]
    )
    assert "before: a face is left out: no module named generate" in capsys.readouterr().err

    both.reverse()
    with pytest.raises(InputError, match="no module named generate"):
        user.main(user.parser().parse_args(words))


def test_unknown_commands_are_named():
    with pytest.raises(InputError, match="--only tea: choose from "):
        user.main(user.parser().parse_args(["--only", "tea"]))

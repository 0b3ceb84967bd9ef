"""Bars are drawn on a terminal only; a log gets a line now and then."""

import ast
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import progress

ROOT = Path(__file__).parent.parent
SOURCES = [
    path for path in sorted(ROOT.rglob("*.py")) if not {".venv", ".venv-oldest", "tests"} & set(path.relative_to(ROOT).parts)
]
LONG = """
import progress
with progress.Bar(3, "steps", "working") as bar:
    for i in range(3):
        bar.show(f"part {i}", f"loss {i}")
        bar.update()
        progress.say(f"said {i}")
for _ in progress.through(range(4), "files"):
    pass
"""


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when told."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_there_is_a_line_every_half_minute_and_one_at_the_end(clock, capsys):
    with progress.Bar(100, "files", "cutting") as bar:
        for _ in range(100):
            clock[0] += 0.7
            bar.update()
    assert capsys.readouterr().err.splitlines() == [
        "cutting: 43 of 100 files after 30.1 s",
        "cutting: 86 of 100 files after 60.2 s",
        "cutting: 100 of 100 files after 70.0 s",
    ]


def test_a_line_tells_what_is_being_done_and_figures(clock, capsys):
    with progress.Bar(None, "steps", done=7) as bar:
        bar.show("me.png", "loss 0.5")
        clock[0] += progress.SECONDS
        bar.update(2)
    first, last = capsys.readouterr().err.splitlines()
    assert first == last == "me.png: 9 steps after 30.0 s, loss 0.5"


def test_nothing_done_writes_nothing(capsys):
    progress.Bar(5, "files").close()
    assert list(progress.through([], "files")) == []
    assert capsys.readouterr().err == ""


def test_what_writes_lines_of_its_own_gets_none(clock, capsys):
    with progress.Bar(5, "it", lines=False) as bar:
        clock[0] += 100
        bar.update(5)
    assert capsys.readouterr().err == ""


def test_items_pass_through_and_are_counted(capsys):
    assert list(progress.through("abc", "letters")) == ["a", "b", "c"]
    assert list(progress.through(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    assert capsys.readouterr().err.count("3 of 3 letters") == 2


def test_who_stops_halfway_reads_how_far_it_came(capsys):
    with pytest.raises(KeyError):
        for item in progress.through("abc", "letters"):
            if item == "b":
                raise KeyError
    assert "1 of 3 letters" in capsys.readouterr().err


def test_a_pipe_gets_lines():
    done = subprocess.run([sys.executable, "-c", LONG], cwd=ROOT, capture_output=True, check=True)
    assert b"\r" not in done.stdout + done.stderr
    assert done.stdout == b"said 0\nsaid 1\nsaid 2\n"
    assert len(done.stderr.splitlines()) == 2


def test_a_terminal_gets_a_bar():
    ours, theirs = pty.openpty()
    done = subprocess.Popen([sys.executable, "-c", LONG], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = io.BytesIO()
    try:
        while data := os.read(ours, 4096):
            shown.write(data)
    except OSError:  # Linux says so that the other side has closed
        pass
    os.close(ours)
    assert done.wait() == 0
    assert shown.getvalue().count(b"\r") > 2
    assert b"part 2" in shown.getvalue()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_else_draws_bars(path):
    """Whoever shows progress does it by this module: it alone imports tqdm, and nobody prints a carriage return."""
    tree = ast.parse(path.read_text())
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imports |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "tqdm" not in imports or path.name == "progress.py"
    prints = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("print", "write"))
    ]
    assert not any("\\r" in ast.unparse(call) for call in prints)

"""benchmarks.soak: what it says of a command that does not end well."""

import sys
import time
from types import SimpleNamespace

import pytest

import cli
from benchmarks import soak


def refuse(args):
    raise cli.InputError("no checkpoint")


ENDS = {
    "well": (lambda args: None, ""),
    "in one line": (refuse, ""),
    "in a traceback": (lambda args: 1 / 0, "status 2"),
    "never": (lambda args: time.sleep(15), "took"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize("main, said", ENDS.values(), ids=ENDS)
def test_a_fork_that_ends(main, said, tmp_path, monkeypatch):
    def parser():
        parser = cli.Parser("A command.", "python command.py FILE")
        parser.add_argument("file")
        return parser

    monkeypatch.setattr(soak, "TIME_LIMIT", 1)
    monkeypatch.setattr(soak, "MEMORY_LIMIT", 64)  # the copy of the tests is large already
    began = time.monotonic()
    outcome = soak.examined_in_fork(SimpleNamespace(main=main, parser=parser), tmp_path / "a.pt")
    assert said in outcome and bool(said) == bool(outcome)
    assert time.monotonic() - began < 10

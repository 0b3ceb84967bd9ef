"""tests.soak.soak: what it says of a command that does not end well."""

import itertools
import sys
import time
from collections import deque
from types import SimpleNamespace

import pytest

import cli
from errors import InputError
from tests.soak import soak


def refuse(args):
    raise InputError("no checkpoint")


ENDS = {
    "well": (lambda args: None, {}, ""),
    "in one line": (refuse, {}, ""),
    "in a traceback": (lambda args: 1 / 0, {}, "status 2"),
    "never, working": (lambda args: deque(itertools.count(), 0), {"TIME_LIMIT": 1}, "took more than 1 s"),
    "never, waiting": (lambda args: time.sleep(3600), {"PATIENCE": 1}, "hangs"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize("main, limits, said", ENDS.values(), ids=ENDS)
def test_a_fork_that_ends(main, limits, said, tmp_path, monkeypatch):
    def parser():
        parser = cli.Parser("A command.", "python command.py FILE")
        parser.add_argument("file")
        return parser

    monkeypatch.setattr(soak, "MEMORY_LIMIT", 64)  # the copy of the tests is large already
    for name, limit in limits.items():
        monkeypatch.setattr(soak, name, limit)
    outcome = soak.examined_in_fork(SimpleNamespace(main=main, parser=parser), tmp_path / "a.pt")
    assert said in outcome and bool(said) == bool(outcome)

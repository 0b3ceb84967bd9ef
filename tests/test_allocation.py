"""Freed memory is kept for the next tensor, unless the user has said otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import allocation

ROOT = Path(__file__).parent.parent
PIECES = 8  # of 4 MiB, which are taken and freed together, as the tensors of a step are; each page may be filled anew each time
FAULTS = f"""
{{first}}
import ctypes, resource
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def step():
    pieces = [libc.malloc(2**22) for _ in range({PIECES})]
    for at in pieces:
        ctypes.memset(at, 1, 2**22)
    for at in pieces:
        libc.free(at)
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = PIECES * 2**22 // os.sysconf("SC_PAGE_SIZE")


def faults(first: str, **given: str) -> int:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(first=first)],
        cwd=ROOT,
        env=bare | given,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


gnu = pytest.mark.skipif(allocation.mallopt() is None, reason="another C library than GNU's")


@gnu
def test_every_command_keeps_what_is_freed():
    assert faults("import cli") < PAGES // 8


@gnu
def test_what_the_user_has_set_stays():
    assert faults("import cli", MALLOC_TRIM_THRESHOLD_="0") > PAGES // 2


@gnu
def test_it_says_whether_it_is_so():
    assert allocation.keep_freed({})
    assert not allocation.keep_freed({"MALLOC_TOP_PAD_": "1"})


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_elsewhere_nothing_happens(error, monkeypatch):
    class Library:
        def __init__(self, name):
            raise error

    monkeypatch.setattr(allocation.ctypes, "CDLL", Library)
    assert not allocation.keep_freed({})

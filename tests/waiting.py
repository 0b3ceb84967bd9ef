"""Wait for what happens, not for how long it takes: a machine may be busy."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 600  # seconds; what must happen has happened by then on any machine, and a test that works never waits in vain


def wait_until(happened: Callable[[], object], over: Callable[[], object] = lambda: False) -> None:
    """Look until something has happened. Fails when it has not and whoever should do it is over, or after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert not over() or happened(), "it was over before"
        assert time.monotonic() < deadline, f"nothing happened in {PATIENCE} s"
        time.sleep(0.01)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    """Until a process has written a file."""
    wait_until(path.exists, lambda: process.poll() is not None)

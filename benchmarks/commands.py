"""Commands of the project as a user runs them, each a process of its own."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from errors import InputError

ROOT = Path(__file__).parent.parent


def deadline_in(minutes: float | None) -> float:
    """When so many are over, on the clock of time.monotonic; None: never."""
    return time.monotonic() + 60 * (float("inf") if minutes is None else minutes)


def execute(words: list, what: str, deadline: float = float("inf")) -> None:
    """Run a command of the project. It is told to stop at the deadline, and when this process is: train.py saves first."""
    print(f"{what} ...", flush=True)
    command, pipes = [sys.executable, *map(str, words)], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process, asked = None, False

    def stop(*_: object) -> None:
        nonlocal asked
        asked = True
        if process:  # else it is being started, and asked below
            sys.exit(143)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
        if asked:
            sys.exit(143)
        output, _ = process.communicate(timeout=min(deadline - time.monotonic(), 10**6))
    except (subprocess.TimeoutExpired, KeyboardInterrupt, SystemExit) as ended:
        if process:
            process.terminate()
            process.communicate()
        if isinstance(ended, subprocess.TimeoutExpired):
            return
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    if process.returncode:
        raise InputError(f"{what}: {output.strip().splitlines()[-1] if output.strip() else 'failed without a word'}")

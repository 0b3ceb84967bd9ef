"""Work that may be stopped between two of its pieces: one file for each, until one result holds all. Imports no torch.

    work = Unfinished(Path("projected/latents.pt"), plan)       # plan: all that decides the outcome
    done = work.pieces(whole)
    with work:
        for number in range(done, count):
            save(work.path(number))
        ...                                                     # all pieces into the result, and then
        work.remove()

The pieces lie in projected/latents.pt.unfinished, beside their plan. A later call of the same plan goes on with them; those of
another plan are thrown away, so ask `goes_on` before. Of what the pieces are made of, plan[PIECES], those that are there
already have to be the same: others may be added behind them, or gone.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

from errors import InputError
from writing import write_text

ENDING = ".unfinished"
PLAN, PIECES = "plan.json", "photos"


class Unfinished:
    """The pieces of one result, locked against other processes.

    result: the file that will hold them
    plan:   {what: plain value}
    """

    def __init__(self, result: Path, plan: dict[str, object]):
        self.result, self.plan = result, plan
        self.folder = _folder(result)

    def path(self, number: int) -> Path:
        return self.folder / f"{number:05d}.pt"

    def pieces(self, whole: Callable[[int], bool]) -> int:
        """How many there are of this plan, from the first on, that `whole(number)` can use."""
        if not goes_on(plan_of(self.result), self.plan):
            return 0
        return next(number for number in count() if not (self.path(number).is_file() and whole(number)))

    def remove(self) -> None:
        """All pieces, once the result holds them; the last one first, so that a kill leaves what a call can go on with."""
        for path in [*sorted(self.folder.glob("*.pt"), reverse=True), *self.folder.glob("*.partial"), self.folder / PLAN]:
            path.unlink(missing_ok=True)

    def __enter__(self) -> "Unfinished":
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = claim(self.folder)
        if not goes_on(plan_of(self.result), self.plan):
            self.remove()
        write_text(self.folder / PLAN, json.dumps(self.plan, indent=1))
        return self

    def __exit__(self, *_) -> None:
        if plan_of(self.result) is None:  # no piece worth keeping
            self.remove()
            with contextlib.suppress(OSError):
                self.folder.rmdir()
        os.close(self._lock)


def plan_of(result: Path) -> dict[str, object] | None:
    """The plan of the pieces that wait for a result, as far as they are there, {} where it cannot be read; None for none."""
    folder = _folder(result)
    if not (pieces := [*folder.glob("*.pt")]):
        return None
    try:
        plan = json.loads((folder / PLAN).read_text("utf-8"))
        return {**plan, PIECES: plan[PIECES][: len(pieces)]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def goes_on(begun: dict[str, object] | None, plan: dict[str, object]) -> bool:
    """Whether a call of this plan may use what was begun by another one.

    >>> goes_on({"--step": 9, "photos": ["a"]}, {"--step": 9, "photos": ["a", "b"]})
    True
    >>> goes_on({"--step": 9, "photos": ["b"]}, {"--step": 9, "photos": ["a", "b"]})
    False
    """
    return bool(begun) and begun == as_far_as(begun, plan)


def as_far_as(begun: dict[str, object], plan: dict[str, object]) -> dict[str, object]:
    """A plan of no more pieces than were begun."""
    return {**plan, PIECES: plan[PIECES][: len(begun.get(PIECES, ()))]}


def claim(folder: Path) -> int:
    """Lock a folder for this process; close the answer to free it. The lock goes with the process, however it ends.

    Raises InputError where another process holds it.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise InputError(f"{folder}: another process is writing it; wait for it, or name another place") from None
    except OSError:  # some network file systems know no locks
        pass
    return lock


def _folder(result: Path) -> Path:
    return result.with_name(result.name + ENDING)

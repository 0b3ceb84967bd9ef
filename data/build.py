"""Build a data set beside its place: OUT.partial grows by committed batches, and is renamed to OUT when it is whole.

    with Build(Path("faces.lmdb"), plan) as build:      # goes on where a killed run of the same plan stopped
        for name in names[build.seen :]:
            build.add({"name": name}, {64: jpeg})       # or {"name": ..., "reason": ...}, {} for a rejected file
        build.finish({"seen": build.seen})

A kill at any instant leaves an OUT.partial without `length`, which training refuses and the same command finishes. Imports
no torch.
"""

import contextlib
import errno
import json
import os
import shutil
import tempfile
from pathlib import Path

import lmdb

from data import store
from errors import InputError
from unfinished import claim
from writing import flush_folder

BATCH = 64  # files a commit; one commit for each would be 50 times slower
SMALLEST = 2**16  # bytes, that a new environment and the pages around any commit need
NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk is full",
    errno.EFBIG: "the limit on the size of files is reached",
}
OURS = {"data.mdb", "lock.mdb", "report.json"}


def plan_of(out: Path) -> str | None:
    """The plan that the data set at OUT was built by, "" where that is not known, None where there is no data set yet.

    Raises InputError when OUT is anything that must not be replaced.
    """
    if not out.exists() or (out.is_dir() and not os.listdir(out)):
        return None
    if not store.is_store(out) or set(os.listdir(out)) - OURS:
        raise InputError(f"{out}: exists and is not a data set alone; choose another place")
    whole = store.read(out, b"length") is not None
    return (store.read(out, b"plan") or b"").decode() if whole else ""


class OtherPlan(Exception):
    """OUT.partial holds pictures of another plan."""

    def __init__(self, partial: Path, plan: str):
        super().__init__(partial)
        self.partial, self.plan = partial, plan


class Build(contextlib.AbstractContextManager):
    """The growing OUT.partial.

    plan: all that determines the result, as text; a partial of another plan raises OtherPlan, if it holds anything
    anew: it is thrown away instead
    log:  the entries so far, one for each file, in order; `seen` and `stored` count them
    """

    def __init__(self, out: Path, plan: str, anew: bool = False):
        self._anew = anew
        self.out = Path(os.path.abspath(out))
        self.partial, self._replaced = (self.out.with_name(self.out.name + end) for end in (".partial", ".replaced"))
        self.partial.mkdir(parents=True, exist_ok=True)
        if set(os.listdir(self.partial)) - OURS:
            raise InputError(f"{self.partial}: holds other files than an unfinished data set; remove it")
        self._lock = claim(self.partial)
        try:
            self._environment = self._open(plan.encode())
        except BaseException:
            os.close(self._lock)
            raise
        self.log, self.stored = self._read_log()
        self._puts: list[tuple[bytes, bytes]] = []
        self._logged = self.seen

    @property
    def seen(self) -> int:
        return len(self.log)

    def add(self, entry: dict, tiles: dict[int, bytes]) -> None:
        """Take the next file: its encoded picture at each size, or no tiles and an entry that holds the "reason"."""
        self._puts += [(store.key(size, self.stored), data) for size, data in tiles.items()]
        self.stored += bool(tiles)
        self.log.append(entry)
        if self.seen - self._logged == BATCH:
            self._commit()

    def finish(self, report: dict) -> None:
        """Commit the rest, mark the data set as whole, and replace the data set that is there."""
        self._commit()
        try:
            (self.partial / "report.json").write_text(json.dumps(report, indent=1) + "\n")
        except OSError as error:
            raise self._cannot_write(NO_ROOM.get(error.errno, error.strerror)) from None
        self._puts = [(b"length", str(self.stored).encode()), (b"format", str(store.FORMAT).encode())]
        self._commit()
        self._environment.close()
        if store.is_store(self.out):
            _remove(self._replaced)
            os.rename(self.out, self._replaced)
        os.rename(self.partial, self.out)
        flush_folder(self.out.parent)
        _remove(self._replaced)

    def discard(self) -> None:
        self._environment.close()
        _remove(self.partial)

    def __exit__(self, *_) -> None:
        self._environment.close()
        os.close(self._lock)

    def _open(self, plan: bytes) -> lmdb.Environment:
        """The environment of this plan; damaged ones, and those that may be thrown away, are deleted first."""
        try:
            with contextlib.ExitStack() as unless_ours:
                environment = lmdb.open(str(self.partial), map_size=2**26, lock=False)
                unless_ours.callback(environment.close)
                with environment.begin(write=True) as transaction:
                    known = transaction.get(b"plan", plan)
                    transaction.put(b"plan", known)
                    begun = _has_log(transaction) and not self._anew
                if known == plan:  # ours, or new
                    unless_ours.pop_all()
                    return environment
                if begun:
                    raise OtherPlan(self.partial, known.decode())
        except (lmdb.InvalidError, lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.VersionMismatchError):
            pass
        except lmdb.Error as error:
            raise self._cannot_write(self._no_room(SMALLEST) or error) from None
        (self.partial / "data.mdb").unlink()
        return self._open(plan)

    def _read_log(self) -> tuple[list[dict], int]:
        with self._environment.begin() as transaction, transaction.cursor() as cursor:
            cursor.set_range(b"log-")
            parts = [json.loads(value) for name, value in cursor if name.startswith(b"log-")]
        log = [entry for part in parts for entry in part]
        return log, sum("reason" not in entry for entry in log)

    def _commit(self) -> None:
        """One transaction: the tiles, and the log entries that belong to them. The map doubles when it is full."""
        if self._logged < self.seen:
            self._puts.append((f"log-{self._logged:09d}".encode(), json.dumps(self.log[self._logged :]).encode()))
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    for name, value in self._puts:
                        transaction.put(name, value)
                break
            except lmdb.MapFullError:
                self._environment.set_mapsize(2 * self._environment.info()["map_size"])
            except lmdb.Error as error:
                raise self._cannot_write(self._no_room(sum(len(value) for _, value in self._puts)) or error) from None
        self._puts, self._logged = [], self.seen

    def _no_room(self, needed: int) -> str:
        """Why a file of ours cannot grow by that many bytes, "" where it can.

        A write that a full disk cuts short is an "Input/output error" to LMDB, which does not look further.
        """
        data = self.partial / "data.mdb"
        try:
            with tempfile.TemporaryFile(dir=self.partial) as file:  # without a name: a kill leaves nothing
                file.seek(data.stat().st_size if data.exists() else 0)
                file.write(bytes(needed + SMALLEST))
        except OSError as error:
            return NO_ROOM.get(error.errno, "")
        return ""

    def _cannot_write(self, why: object) -> InputError:
        return InputError(f"{self.partial}: cannot be written ({why}); free some space and run again to go on")


def _has_log(transaction: lmdb.Transaction) -> bool:
    with transaction.cursor() as cursor:
        return cursor.set_range(b"log-") and cursor.key().startswith(b"log-")


def _remove(folder: Path) -> None:
    """Delete a data set of ours, and no other folder."""
    if folder.is_dir() and not set(os.listdir(folder)) - OURS:
        shutil.rmtree(folder)

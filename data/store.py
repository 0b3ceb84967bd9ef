"""The LMDB layout that training reads: `{size}-{index:05d}` -> encoded picture, `length` -> how many. Imports no torch.

    write: prepare_data.py fills OUT.partial, writes `length` and `format` last, and renames it to OUT
    read:  length("faces.lmdb"), sizes("faces.lmdb"), read("faces.lmdb", key(256, 0))

Data sets of the reference implementation have the same keys without `format`, and are read as well.
"""

import os
import threading
from pathlib import Path

import lmdb

from errors import InputError

FORMAT = 1  # goes up when an older reader would misread a newer data set
AGAIN = "run prepare_data.py again"

_open: dict[tuple[int, int], tuple[int, lmdb.Environment]] = {}  # (device, inode) -> (process, handle)
_opening = threading.Lock()


def key(size: int, index: int) -> bytes:
    """
    >>> key(256, 7)
    b'256-00007'
    """
    return f"{size}-{index:05d}".encode()


def is_store(path: Path) -> bool:
    return (path / "data.mdb").is_file()


def read(path: Path, name: bytes) -> bytes | None:
    """The value under one key, None where there is none. Safe in any thread and in any forked or spawned process."""
    with environment(path).begin() as transaction:
        return transaction.get(name)


def length(path: Path) -> int:
    """How many pictures every size has. Raises InputError for a data set that is unfinished, foreign or too new."""
    count, version = read(path, b"length"), read(path, b"format")
    if count is None:
        raise InputError(f"{path}: an unfinished data set; run prepare_data.py for it again to finish it")
    if version is not None and int(version) > FORMAT:
        raise InputError(f"{path}: written by a newer version (format {int(version)}, known: {FORMAT}); update this program")
    return int(count)


def sizes(path: Path) -> list[int]:
    """The sizes stored, ascending. Looks at one key of each."""
    stored, start = [], b"0"
    with environment(path).begin() as transaction, transaction.cursor() as cursor:
        while cursor.set_range(start):
            prefix, dash, _ = cursor.key().partition(b"-")
            if prefix.isdigit() and dash:
                stored.append(int(prefix))
            start = prefix + b"." if dash else prefix + b"\0"  # "." follows "-": jumps over all keys of this prefix
    return sorted(stored)


def environment(path: Path) -> lmdb.Environment:
    """The read-only environment, opened once in each process and kept.

    LMDB refuses a second handle on one file, and a handle must not cross a fork: so there is one for each file and process.
    """
    try:
        status = os.stat(path / "data.mdb")
        file = (status.st_dev, status.st_ino)
        owner, handle = _open.get(file, (None, None))
        if owner == os.getpid():
            return handle
        with _opening:
            owner, handle = _open.get(file, (None, None))
            if owner != os.getpid():
                if handle is not None:  # inherited by a fork; closing the copy leaves the parent's alone
                    handle.close()
                handle = lmdb.open(str(path), readonly=True, lock=False, readahead=False, meminit=False, max_readers=32)
                _open[file] = os.getpid(), handle
    except (lmdb.Error, OSError) as error:
        raise InputError(f"{path}: not a readable LMDB ({error}); {AGAIN}") from None
    if (handle.info()["last_pgno"] + 1) * handle.stat()["psize"] > status.st_size:  # reading on would be a bus error
        raise InputError(f"{path}: data.mdb is cut short at {status.st_size} bytes; copy it again, or {AGAIN}")
    return handle

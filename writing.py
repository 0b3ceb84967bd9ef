"""Files that are whole or absent. Imports no torch.

with whole_file(Path("sheet.png")) as partial:
    partial.write_bytes(data)
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from errors import InputError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the user's share of it, or a limit of file sizes is full


@contextlib.contextmanager
def whole_file(path: Path, durable: bool = False) -> Iterator[Path]:
    """A name to write under, in the same folder, which is made; the file takes the name `path` when whole, and else is gone.

    durable: it outlasts a power failure, too
    Whatever lay at `path` stays until then. An OSError names `path`, as of a full disk. Raises InputError for a folder, and
    for a device or pipe, which no file may replace.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is {'a folder' if path.is_dir() else 'no ordinary file'}; name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name[-60:]}.partial")  # no longer than a file system allows
    try:
        yield partial
        if durable:
            _flush(partial)
        os.replace(partial, path)
        if durable:  # the new name as well
            flush_folder(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_text(path: Path, text: str) -> None:
    """A `whole_file` in UTF-8, with file names that are none as they are."""
    with whole_file(path) as partial:
        partial.write_text(text, "utf-8", "surrogateescape")


def flush_folder(folder: Path) -> None:
    """Make the names in it last through a power failure."""
    with contextlib.suppress(OSError):  # some file systems flush files only
        _flush(folder)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

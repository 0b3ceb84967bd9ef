"""Pictures from a folder (nested or flat), a zip or a film, in the order of their full paths.

    source = open_source(Path("cartoons.zip"))
    for item in source.items:
        picture, notes = source.picture(item)      # or Unreadable, with the reason

Nothing is unpacked to disk, no link out of a folder is followed, nothing but regular files is opened. What the listing
alone shows to be unusable stays in `items`, so that it can be reported by name. Sources can be sent to other processes.
"""

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple, Protocol

from cli import InputError
from faces.decode import MAX_BYTES, MAX_PIXELS, Decoded, Unreadable, decode, reasons

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
TOO_LONG = f"longer than {MAX_BYTES >> 20} MiB"


class Item(NamedTuple):
    name: str  # path inside the source, "/" between its parts
    refused: str = ""  # the reason, where listing was enough to see one
    version: str = ""  # changes when the content does
    place: int = 0  # zip: number in its directory; film: time stamp


class Source(Protocol):
    path: Path
    items: list[Item]  # sorted by name

    def picture(self, item: Item, max_pixels: int = MAX_PIXELS, background: str = "white") -> Decoded:
        """The RGB picture of an item. Raises Unreadable; options as in `decode`."""


def open_source(path: Path, every: float | None = None, scene_frames: int = 3) -> Source:
    """List a folder, a zip, or (with PyAV) a film. `every` and `scene_frames` as in `video.Film`.

    Raises InputError, beginning with the path, when it is none of these or holds nothing.
    """
    if path.is_dir():
        source = Folder(path)
    elif not path.is_file():
        raise InputError(f"{path}: {'not a regular file' if path.exists() else 'no such file or folder'}")
    elif path.suffix.lower() in SUFFIXES:
        raise InputError(f"{path}: a single picture; give the folder it is in")
    elif path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        source = Archive(path)
    else:
        from faces.video import Film

        source = Film(path, every, scene_frames)
    if not source.items:
        raise InputError(f"{path}: holds no files; give a folder, zip or film with pictures")
    return source


def fingerprint(source: Source) -> str:
    """Equal for equal listings, wherever the source lies: names, lengths, and times or checksums."""
    return hashlib.sha256(ascii(sorted(source.items)).encode()).hexdigest()


class Folder:
    """All files below a folder."""

    def __init__(self, path: Path):
        self.path = path
        self.items = sorted(_below(path.resolve()))

    def picture(self, item: Item, max_pixels: int = MAX_PIXELS, background: str = "white") -> Decoded:
        with reasons():
            _check(item)
            with open(self.path / item.name, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        return decode(_within_limit(data), max_pixels, background)


class Archive:
    """All members of a zip, read one by one in memory."""

    def __init__(self, path: Path):
        self.path = path
        self._opened: tuple[int, zipfile.ZipFile] | None = None
        try:
            members = self._archive().infolist()
        except Exception as error:  # a damaged directory raises from zipfile, struct, the codecs ...
            raise InputError(f"{path}: not a readable zip ({error})") from None
        self.items = sorted(_members(members))

    def picture(self, item: Item, max_pixels: int = MAX_PIXELS, background: str = "white") -> Decoded:
        with reasons():
            _check(item)
            archive = self._archive()
            with archive.open(archive.infolist()[item.place]) as member:
                data = member.read(MAX_BYTES + 1)  # what the directory says of its length may be a lie
        return decode(_within_limit(data), max_pixels, background)

    def _archive(self) -> zipfile.ZipFile:
        """Open, once in each process: a file position must not be shared across a fork."""
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), zipfile.ZipFile(self.path)
        return self._opened[1]

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_opened": None}


def _below(root: Path) -> Iterator[Item]:
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            yield Item(folder.relative_to(root).as_posix(), f"cannot be listed: {error.strerror}")
            continue
        folders += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        yield from (_file(Path(entry.path), root) for entry in entries if not entry.is_dir(follow_symlinks=False))


def _file(path: Path, root: Path) -> Item:
    name = path.relative_to(root).as_posix()
    if path.is_symlink():
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(root):
            return Item(name, "a link that leaves the folder")
        if not target.exists():
            return Item(name, "a broken link")
        if target.is_dir():
            return Item(name, "a link to a folder; what it holds is read in its own place")
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return Item(name, "not a regular file")
    return Item(name, TOO_LONG if status.st_size > MAX_BYTES else "", f"{status.st_size} {status.st_mtime_ns}")


def _members(members: list[zipfile.ZipInfo]) -> Iterator[Item]:
    earlier = set()
    for place, member in enumerate(members):
        if member.is_dir():
            continue
        refused = "a second member of this name" if member.filename in earlier else _refusal(member)
        earlier.add(member.filename)
        yield Item(member.filename, refused, f"{member.file_size} {member.CRC}", place)


def _refusal(member: zipfile.ZipInfo) -> str:
    mode = member.external_attr >> 16
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if ".." in parts or parts[:1] == ("/",) or PureWindowsPath(member.filename).drive:
        return "its path leads out of the archive"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "a link" if stat.S_ISLNK(mode) else "not a regular file"
    if member.flag_bits & 1:
        return "encrypted"
    return TOO_LONG if member.file_size > MAX_BYTES else ""


def _check(item: Item) -> None:
    if item.refused:
        raise Unreadable(item.refused)


def _within_limit(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise Unreadable(TOO_LONG)
    return data

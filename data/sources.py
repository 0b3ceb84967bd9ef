"""Pictures by themselves, in a folder (nested or flat), a zip or a film, in the order of their full paths.

    source = open_source(Path("cartoons.zip"))
    for item in source.items:
        picture, notes = source.picture(item)      # or Unreadable, with the reason

What a picture is, its first bytes decide. Nothing is unpacked to disk, no link out of a folder is followed, nothing but
regular files is opened. What the listing alone shows to be unusable stays in `items`, so that it can be reported by name;
hidden files and those of operating systems are only counted. Sources can be sent to other processes.
"""

import hashlib
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from data import formats
from data.decode import MAX_BYTES, MAX_PIXELS, Decoded, Unreadable, decode, reasons
from errors import InputError

TOO_LONG = f"longer than {MAX_BYTES >> 20} MiB"
OF_THE_SYSTEM = {  # beside what begins with a dot: files and folders that macOS, Windows and file servers leave behind
    *("__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini"),
    *("$recycle.bin", "system volume information", "@eadir", "#recycle", "#snapshot", "lost+found"),
}


class Item(NamedTuple):
    name: str  # path inside the source, "/" between its parts
    refused: str = ""  # the reason, where listing was enough to see one
    version: str = ""  # changes when the content does
    place: int = 0  # zip: number in its directory; film: time stamp


class Source:
    """Pictures as items. A subclass lists them, and reads the picture of one (`_picture`)."""

    items: list[Item]  # sorted by name

    def __init__(self, path: Path):
        self.path = path
        self.passed_over: list[str] = []  # names of hidden files, and of those of the system

    def picture(self, item: Item, max_pixels: int = MAX_PIXELS, background: str = "white") -> Decoded:
        """The RGB picture of an item. Raises Unreadable; options as in `decode`."""
        if item.refused:
            raise Unreadable(item.refused)
        with reasons():
            return self._picture(item, max_pixels, background)

    def refusal(self, item: Item) -> str:
        """Why an item is no picture, as far as its first bytes tell; "" for a picture."""
        return item.refused

    def _picture(self, item: Item, max_pixels: int, background: str) -> Decoded:
        raise NotImplementedError


def open_source(path: Path, every: float | None = None, scene_frames: int = 3) -> Source:
    """A picture, a folder, a zip, or (with PyAV) a film. `every` and `scene_frames` as in `video.Film`.

    Raises InputError, beginning with the path, when it is none of these or holds nothing.
    """
    if (path / "data.mdb").is_file():
        raise InputError(f"{path}: a data set of prepare_data.py, for train.py and scripts.evaluate; name pictures instead")
    if path.is_dir():
        source = Folder(path)
    elif not path.is_file():
        raise InputError(f"{path}: {'not a regular file' if path.exists() else 'no such file or folder'}")
    else:
        source = _open_file(path, every, scene_frames)
    if not source.items:
        over = f" but {hidden(source.passed_over)}" if source.passed_over else ""
        raise InputError(f"{path}: holds no files{over}; give a picture, or a folder, zip or film of them")
    return source


def fingerprint(source: Source) -> str:
    """Equal for equal listings, wherever the source lies: names, lengths, and times or checksums."""
    return hashlib.sha256(ascii(sorted(source.items)).encode()).hexdigest()


def sorted_out(source: Source) -> tuple[list[Item], dict[str, str]]:
    """The items that begin as pictures do, and the reason for each of the others by name."""
    refused = {item.name: reason for item in source.items if (reason := source.refusal(item))}
    return [item for item in source.items if item.name not in refused], refused


def tally(count: int, refused: Iterable[str] = (), passed_over: Sequence[str] = ()) -> str:
    """How many pictures are used, and what else was there.

    >>> tally(2, ["empty file", "empty file"], [".DS_Store"])
    '2 pictures; 2 passed over (2 empty file); 1 hidden or system file passed over (.DS_Store)'
    """
    parts = [f"{count} picture{'s' * (count != 1)}"]
    if refused := list(refused):
        parts.append(f"{len(refused)} passed over ({counted(refused)})")
    return "; ".join([*parts, *([hidden(passed_over)] if passed_over else [])])


def counted(reasons: Iterable[str], most: int = 5) -> str:
    """
    >>> counted(["empty file", "a link", "empty file"])
    '2 empty file, 1 a link'
    """
    why = Counter(reasons).most_common()
    others = [f"{len(why) - most} other reasons"] if len(why) > most else []
    return ", ".join([f"{count} {reason}" for reason, count in why[:most]] + others)


def hidden(passed_over: Sequence[str]) -> str:
    """
    >>> hidden(["__MACOSX/._a.png", "__MACOSX/._b.png"])
    '2 hidden or system files passed over (__MACOSX/._a.png ...)'
    """
    named = passed_over[0] + " ..." * (len(passed_over) > 1)
    return f"{len(passed_over)} hidden or system file{'s' * (len(passed_over) != 1)} passed over ({named})"


class Files(Source):
    """What folders, zips and single pictures have in common: the bytes of an item, of which the first tell."""

    _folder: Path

    def refusal(self, item: Item) -> str:
        try:
            with reasons():
                return item.refused or formats.of(self._read(item, formats.HEAD)).refused
        except Unreadable as reason:
            return str(reason)

    def _picture(self, item: Item, max_pixels: int, background: str) -> Decoded:
        data = self._read(item, MAX_BYTES + 1)  # what a listing says of the length may be a lie
        if len(data) > MAX_BYTES:
            raise Unreadable(TOO_LONG)
        return decode(data, max_pixels, background)

    def _read(self, item: Item, most: int) -> bytes:
        with open(self._folder / item.name, "rb") as file:
            return file.read(most)


class Single(Files):
    """One picture that the user names; a link is followed."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._folder, self.items = path.parent, [_item(path.name, path.stat())]


class Folder(Files):
    """All files below a folder."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._folder, self.items = path, sorted(_below(path.resolve(), self.passed_over))
        self.passed_over.sort()


class Archive(Files):
    """All members of a zip, read one by one in memory."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._opened: tuple[int, zipfile.ZipFile] | None = None
        try:
            members = self._archive().infolist()
        except Exception as error:  # a damaged directory raises from zipfile, struct, the codecs ...
            raise InputError(f"{path}: not a readable zip ({error})") from None
        self.items = sorted(_members(members, self.passed_over))

    def _read(self, item: Item, most: int) -> bytes:
        archive = self._archive()
        with archive.open(archive.infolist()[item.place]) as member:
            return member.read(most)

    def _archive(self) -> zipfile.ZipFile:
        """Open, once in each process: a file position must not be shared across a fork."""
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), zipfile.ZipFile(self.path)
        return self._opened[1]

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_opened": None}


def _open_file(path: Path, every: float | None, scene_frames: int) -> Source:
    try:
        with path.open("rb") as file:
            kind = formats.of(file.read(formats.HEAD))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not kind.refused:
        from data import moving

        return moving.Moving(path, every, scene_frames) if moving.moves(path, kind.name) else Single(path)
    if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        return Archive(path)
    if kind.name == "archive":
        raise InputError(f"{path}: an archive, not a zip; unpack it, and name the folder")
    if kind.name not in ("film", "unknown"):
        raise InputError(f"{path}: {kind.refused}")
    from data.video import Film

    try:
        return Film(path, every, scene_frames)
    except InputError:
        if kind.name == "film":
            raise
        raise InputError(f"{path}: {kind.refused}, nor a zip or a film") from None


def _is_of_the_system(name: str) -> bool:
    """
    >>> [_is_of_the_system(name) for name in (".DS_Store", "Thumbs.db", "a.b.png", "..")]
    [True, True, False, False]
    """
    return name.lower() in OF_THE_SYSTEM or (name[:1] == "." and name not in (".", ".."))


def _below(root: Path, passed_over: list[str]) -> Iterator[Item]:
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            listed = list(os.scandir(folder))
        except OSError as error:
            yield Item(folder.relative_to(root).as_posix(), f"cannot be listed: {error.strerror}")
            continue
        entries = [entry for entry in listed if not _is_of_the_system(entry.name)]
        passed_over += [Path(entry.path).relative_to(root).as_posix() for entry in listed if _is_of_the_system(entry.name)]
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
    return _item(name, status) if stat.S_ISREG(status.st_mode) else Item(name, "not a regular file")


def _item(name: str, status: os.stat_result) -> Item:
    return Item(name, TOO_LONG if status.st_size > MAX_BYTES else "", version_of(status))


def version_of(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"


def _members(members: list[zipfile.ZipInfo], passed_over: list[str]) -> Iterator[Item]:
    earlier = set()
    for place, member in enumerate(members):
        if member.is_dir() or (member.filename.endswith("\\") and not member.file_size):  # a folder, as Windows writes it
            continue
        if any(_is_of_the_system(part) for part in member.filename.replace("\\", "/").split("/")):
            passed_over.append(member.filename)
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

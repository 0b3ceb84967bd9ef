"""Photos named one by one, or by the folder, zip or film that they are in.

album = Album([Path("me.jpg"), Path("friends/")])
for name, photo in album:              # those that can be read
    ...
album.report(used, folder)             # how many were used, and why the others were not
picture = read(Path("me.jpg"))         # or InputError, in one line
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from data.decode import Decoded, Unreadable
from data.moving import Moving
from data.sources import Single, open_source, tally
from errors import InputError
from writing import write_text

LOG = "pictures.txt"
DAY = 86400  # seconds: so far apart, frames are the first one alone
SHOWN = 10  # left-out photos named on the screen; the log names all


class Album:
    """Every photo that was named, in the order given; a folder's in theirs. Raises InputError for a path that leads nowhere.

    A photo that is named itself keeps its path; one in a folder, zip or film is named from there.

    listed:      (name, how to open it) of each
    files:       where each lies; of those in a zip or a film, the zip or the film
    left_out:    (name, reason), of photos that could not be read, and of what the caller adds
    passed_over: names of hidden files, and of those of operating systems
    """

    def __init__(self, paths: Iterable[Path]):
        self.listed: list[tuple[str, Callable[[], Decoded]]] = []
        self.files: list[Path] = []
        self.left_out: list[tuple[str, str]] = []
        self.passed_over: list[str] = []
        for path in paths:
            self._list(path)

    def __len__(self) -> int:
        return len(self.listed)

    def __iter__(self) -> Iterator[tuple[str, Decoded]]:
        return ((name, photo) for _, name, photo in self.numbered())

    def numbered(self) -> Iterator[tuple[int, str, Decoded]]:
        """With the place in `listed`."""
        for number, (name, photo) in enumerate(self.listed):
            try:
                found = photo()
            except Unreadable as reason:
                self.left_out.append((name, str(reason)))
            else:
                yield number, name, found

    def report(self, used: int, folder: Path) -> None:
        """Print who is left out and why, then how many were used; pictures.txt keeps all of it."""
        lines = [f"left out {name}: {reason}" for name, reason in self.left_out]
        closing = tally(used, [reason for _, reason in self.left_out], self.passed_over)
        more = [f"... and {len(lines) - SHOWN} more, listed in {folder / LOG}"] if len(lines) > SHOWN else []
        print("\n".join([*lines[:SHOWN], *more, closing]))
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / LOG, "\n".join([*lines, closing, ""]))

    def _list(self, path: Path) -> None:
        try:
            source = open_source(path)
        except InputError as error:  # one bad file of many is left out, not fatal
            if not path.is_file():
                raise
            self.files.append(path)
            self.listed.append((str(path), partial(_refuse, str(error).removeprefix(f"{path}: "))))
            return
        taken = {name for name, _ in self.listed}
        for item in source.items:
            whole = isinstance(source, Single) or item.name in taken  # two folders may hold a picture of one name
            name = str(path if isinstance(source, Single) else path / item.name) if whole else item.name
            self.listed.append((name, partial(source.picture, item)))
            self.files.append(path / item.name if path.is_dir() else path)
        self.passed_over += source.passed_over


def read(path: Path, flag: str = "") -> Image.Image:
    """The one RGB picture at a path, upright. Raises InputError, one line naming the flag, the file and the reason."""
    try:
        source = open_source(path, every=DAY)
        if not isinstance(source, (Single, Moving)):  # of an animated picture the first frame
            raise InputError(f"{path}: not a picture but a {'folder' if path.is_dir() else 'zip or film'} of them; name one")
        return source.picture(source.items[0]).picture
    except Unreadable as reason:
        raise InputError(f"{flag} {path}: {reason}".lstrip()) from None
    except InputError as error:
        raise InputError(f"{flag} {error}".lstrip()) from None


def _refuse(reason: str) -> Decoded:
    raise Unreadable(reason)

"""Photos named one by one, or by the folder, zip or film that they are in.

album = Album([Path("me.jpg"), Path("friends/")])
for name, photo in album:              # those that can be read
    ...
album.report(used, folder)             # how many were used, and why the others were not
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from data.decode import Decoded, Unreadable
from data.sources import Single, open_source, tally
from errors import InputError
from faces import own
from writing import write_text

SHOWN = 10  # left-out photos named on the screen; the log names all


class Album:
    """Every photo that was named, in the order given; a folder's in theirs. Raises InputError for a path that leads nowhere.

    A photo that is named itself keeps its path; one in a folder, zip or film is named from there.

    listed:      (name, how to open it) of each
    files:       where each lies; of those in a zip or a film, the zip or the film
    left_out:    (name, reason), of photos that could not be read, and of what the caller adds
    unreadable:  those of them that could not be read
    passed_over: names of hidden files, and of those of operating systems
    own:         how many files of earlier calls lie in the folders; they are no photos, but for one that is named itself

    crops: whether faces that were cut out earlier are such files too
    """

    def __init__(self, paths: Iterable[Path], crops: bool = False):
        self.listed: list[tuple[str, Callable[[], Decoded]]] = []
        self.files: list[Path] = []
        self.left_out: list[tuple[str, str]] = []
        self.unreadable: list[tuple[str, str]] = []
        self.passed_over: list[str] = []
        self.own, self._crops = 0, crops
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
                self.unreadable.append((name, str(reason)))
                self.left_out.append((name, str(reason)))
            else:
                yield number, name, found

    def unusable(self, what: str) -> InputError:
        """The error where not one of them can be used, such as `what` = "no face in": it tells of the first."""
        read, (name, reason) = len(self) - len(self.unreadable), [*self.no_use(), *self.unreadable][0]
        which = f"{what} {read} photo{'s' * (read != 1)}" if read else f"none of {len(self)} files is a picture"
        return InputError(f"{which}; " * (len(self) > 1) + f"{name}: {reason}")

    def no_use(self) -> list[tuple[str, str]]:
        """Those of `left_out` that could be read."""
        return [entry for entry in self.left_out if entry not in self.unreadable]

    def remark(self) -> str:
        """On files of earlier calls, "" for none."""
        files = f"{self.own} file{'s' * (self.own != 1)}"
        return f"{files} of earlier calls passed over; name a picture itself to take it" if self.own else ""

    def report(self, used: int, folder: Path) -> None:
        """Print who is left out and why, then how many were used; pictures.txt keeps all of it."""
        lines = [f"left out {name}: {reason}" for name, reason in self.left_out]
        closing = tally(used, [reason for _, reason in self.left_out], self.passed_over)
        more = [f"... and {len(lines) - SHOWN} more, listed in {folder / own.PICTURES}"] if len(lines) > SHOWN else []
        print("\n".join([*lines[:SHOWN], *more, closing, *filter(None, [self.remark()])]))
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / own.PICTURES, "\n".join([*lines, closing, ""]))

    def _list(self, path: Path) -> None:
        try:
            source = open_source(path)
        except InputError as error:  # one bad file of many is left out, not fatal
            if not path.is_file():
                raise
            self.files.append(path)
            self.listed.append((str(path), partial(_refuse, str(error).removeprefix(f"{path}: "))))
            return
        is_own = lambda item: path.is_dir() and not item.refused and own.is_own(path, item.name, self._crops)
        items = [item for item in source.items if not is_own(item)]
        self.own += len(source.items) - len(items)
        if not items:
            raise InputError(f"{path}: holds nothing but files of earlier calls; name a picture itself to take it")
        taken = {name for name, _ in self.listed}
        for item in items:
            whole = isinstance(source, Single) or item.name in taken  # two folders may hold a picture of one name
            name = str(path if isinstance(source, Single) else path / item.name) if whole else item.name
            self.listed.append((name, partial(source.picture, item)))
            self.files.append(path / item.name if path.is_dir() else path)
        self.passed_over += source.passed_over


def _refuse(reason: str) -> Decoded:
    raise Unreadable(reason)

"""Photos named one by one, or by the folder, zip or film that they are in.

for name, photo in listed([Path("me.jpg"), Path("friends/")]):
    picture, notes = photo()               # or Unreadable, with the reason

picture = read(Path("me.jpg"))             # or InputError, in one line
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from cli import InputError
from faces.decode import MAX_BYTES, Decoded, Unreadable, decode, reasons
from faces.sources import SUFFIXES, TOO_LONG, open_source


def listed(paths: Iterable[Path]) -> Iterator[tuple[str, Callable[[], Decoded]]]:
    """(name, how to open it) of every photo, in the order given. Raises InputError for a path that leads nowhere.

    A photo that is named itself keeps its path; one in a folder, zip or film is named from there.
    """
    for path in paths:
        if path.is_file() and path.suffix.lower() in SUFFIXES:
            yield str(path), partial(opened, path)
        else:
            source = open_source(path)
            for item in source.items:
                yield item.name, partial(source.picture, item)


def read(path: Path, flag: str = "") -> Image.Image:
    """The RGB picture, upright. Raises InputError, one line naming the flag, the file and the reason."""
    try:
        return opened(path).picture
    except Unreadable as reason:
        raise InputError(f"{flag} {path}: {reason}".lstrip()) from None


def opened(path: Path) -> Decoded:
    """Raises Unreadable."""
    with reasons():
        if not path.is_file():
            raise Unreadable("not a regular file" if path.exists() else "no such file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise Unreadable(TOO_LONG)
    return decode(data)

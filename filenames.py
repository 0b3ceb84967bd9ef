"""Names of files that every system takes: Windows, macOS, Linux, and the zips between them.

safe("00:01:02?")                       # "00-01-02-"
free("me", taken := set())              # "me", and "me-2" at the next call
"""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')  # by Windows, and halves of letters by zips
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(?=\s*(\.|$))", re.IGNORECASE)  # devices of Windows
ENDING = re.compile(r"\.(jpe?g|jfif|png|apng|webp|bmp|gif|tiff?|avif|hei[cf]|npy|npz|pt|pkl)$", re.IGNORECASE)
MOST_BYTES = 110  # of 255, which leaves room for a second one, and for -projected.png


def safe(name: str) -> str:
    """One part of a path, without its ending: what a system would refuse or change is replaced.

    >>> safe("a:b?"), safe("nul"), safe(" me. "), safe("")
    ('a-b-', 'nul_', 'me', 'unnamed')
    """
    name = FORBIDDEN.sub("-", name).encode()[:MOST_BYTES].decode(errors="ignore").strip(" .")
    return RESERVED.sub(r"\1_", name, count=1) if RESERVED.match(name) else name or "unnamed"


def stem(path: str) -> str:
    """The name without folder, and without the ending of a file.

    >>> stem("a/me.JPG"), stem("IMG_0001.v2"), stem("")
    ('me', 'IMG_0001.v2', '')
    """
    return ENDING.sub("", Path(path).name) or Path(path).stem


def free(stem: str, taken: set[str]) -> str:
    """A `safe` name that is not taken yet, and now is: stem, or stem-2, stem-3, ... Large and small letters are alike.

    >>> free("me", {"me", "me-2"}), free("Me", {"me"})
    ('me-3', 'Me-2')
    """
    stem = name = safe(stem)
    number = 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.casefold())
    return name


def first_free(path: Path, taken: Callable[[Path], bool]) -> Path:
    """`path`, or the first of path-2, path-3, ... that is not taken.

    >>> first_free(Path("expr"), lambda path: path.name in ("expr", "expr-2")).name
    'expr-3'
    """
    numbered = (path.with_name(f"{path.name}-{n}") for n in itertools.count(2))
    return next(way for way in itertools.chain([path], numbered) if not taken(way))

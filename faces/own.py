"""Files that these commands wrote themselves into a folder of photos: a second call must not take them for photos.

    is_own(Path("photos"), "projected/me-strip.png")    # its text says what made it

A picture is known by its text, so that one which was renamed or lies elsewhere is known too; other files by their names.
"""

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path

import unfinished

PICTURES = "pictures.txt"  # the log of `photos.Album`, the first file of a call
OTHERS = (PICTURES, "latents.pt", "latents.npz", "losses.csv", "command.txt", "align.json")
DRAWN = (
    {"photo", "step"},
    {"target", "step"},
    {"photo", "onnx"},
    {"target", "onnx"},
    {"contact sheet"},
)  # keys of the texts of pictures, and of sheets of them
CUT = {"source", "square", "scale"}  # and of faces that were cut out, which are photos for all but the command that cuts
SIGNATURE, HEADER = b"\x89PNG\r\n\x1a\n", 33  # and the bytes until the first chunk after the header
MOST = 2**16  # bytes of texts


def is_own(folder: Path, name: str, crops: bool = False) -> bool:
    """Whether a command wrote this file below a folder. crops: whether faces that were cut out count as such."""
    path = folder / name
    if path.name in OTHERS or any(part.endswith(unfinished.ENDING) for part in Path(name).parts):
        return True
    if path.suffix in (".pt", ".partial"):
        return (path.parent / PICTURES).is_file()
    texts = set(_texts(path))
    return any(keys <= texts for keys in (*DRAWN, *([CUT] if crops else [])))


def _texts(path: Path) -> Iterator[str]:
    """The keys of a PNG's texts, as `utils.save_png` writes them, before the pixels; none for another file."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        data = file.read(HEADER + 8)
        if not data.startswith(SIGNATURE) or data[-4:] != b"iTXt":
            return
        data, at = data + file.read(MOST), HEADER
        while at + 8 <= len(data) and data[at + 4 : at + 8] == b"iTXt":
            yield data[at + 8 :].partition(b"\0")[0].decode("latin-1")
            at += 12 + struct.unpack_from(">I", data, at)[0]

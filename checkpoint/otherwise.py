"""What a file is that is no checkpoint, by its first bytes, and what to do about it. For the line that refuses it.

otherwise(Path("ffhq.pt.gz"))      # "packed by gzip: unpack it, and name the file inside"
"""

import struct
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

HEAD = 512  # bytes that are looked at
NETWORKS = (".pt", ".pth", ".pkl", ".ckpt", ".safetensors", ".bin", ".model", ".tar")

PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
}
OTHERS = {
    **{start: f"packed by {what}: unpack it, and name the file inside" for start, what in PACKED.items()},
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"RIFF": "a picture or a film",
    b"%PDF": "a PDF",
    b"\x93NUMPY": "a NumPy array, not a network",
    b"\x89HDF": "an HDF5 file, as Keras and TensorFlow write it; only PyTorch's networks are read",
    b"TFL3": "a TensorFlow Lite network; only PyTorch's are read",
    b"GGUF": "a GGUF language model",
    b"PAR1": "a Parquet table",
    b"SQLite": "a database",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; `git lfs pull` fetches it",
    b"/annex/": "a git-annex pointer, not the file itself; `git annex get` fetches it",
    b"oid sha256": "a Git LFS pointer, not the file itself; `git lfs pull` fetches it",
}
UNKNOWN = "unknown format"
PAGE = "a web page: the download did not work; open the link in a browser and save the file itself"


def otherwise(path: Path) -> str:
    """One phrase; "unknown format" where nothing is known."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return "the file is empty"
    if head[257:262] == b"ustar":
        return _of_tar(path)
    if what := next((what for start, what in OTHERS.items() if head.startswith(start)), ""):
        return what
    if head[:1] == b"\x08" and any(name in head for name in (b"pytorch", b"onnx", b"tf2onnx", b"keras2onnx")):
        return "an ONNX network; only PyTorch's are read"
    if not any(head):
        return "nothing but zeros, as an unfinished download has them; download it again"
    return _of_text(head) if _is_text(head) else UNKNOWN


def of_zip(names: Sequence[str]) -> str | None:
    """Of a zip with these members, which torch.save did not write; None where it may have written it."""
    if any(name.lower().endswith(("data.pkl", "constants.pkl")) for name in names):
        return None
    inside = [name for name in names if name.lower().endswith(NETWORKS) and "__MACOSX" not in name]
    if inside:
        return f"a zip archive around {inside[0]}: unpack it, and name the file inside"
    if names and all(name.endswith(".npy") for name in names):
        return "a zip of NumPy arrays (.npz), not a network"
    if not names:
        return None
    return f"a zip, but none that torch.save wrote; it holds {names[0]}"


def first_member(file: BinaryIO) -> list[str]:
    """[The name of a zip's first member], from the header before its data, which is there in a file that was cut; else []."""
    file.seek(0)
    head = file.read(HEAD)
    length = struct.unpack_from("<H", head.ljust(30, b"\0"), 26)[0]
    name = head[30 : 30 + length]
    return [name.decode(errors="replace")] if len(name) == length > 0 else []


def _of_tar(path: Path) -> str:
    try:
        with tarfile.open(path, "r:") as archive:
            first = archive.next()
    except (tarfile.TarError, OSError, ValueError):
        first = None
    if first and first.name in ("sys_info", "pickle", "storages", "tensors"):
        return "written by PyTorch 0.1, as a tar; load and save it with PyTorch 1.x"
    return f"a tar archive{f' around {first.name}' if first else ''}: unpack it, and name the file inside"


def _is_text(head: bytes) -> bool:
    try:
        text = head[:-3].decode() if len(head) == HEAD else head.decode()  # a letter may be cut
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t\ufeff" for letter in text)


def _of_text(head: bytes) -> str:
    text = head.decode(errors="replace").lstrip("\ufeff \r\n\t")
    if text.startswith("<"):
        return PAGE
    if '"weight_map"' in text:
        return "the list of a network in several files; load all, and save it as one"
    if text.startswith(("{", "[")):
        return "a text (JSON), perhaps what the server answered in place of the file; download it again"
    if text.startswith(("http:", "https:", "magnet:")) or "URL=" in text:
        return "a link, not the file behind it"
    if "/" in text and len(text) < 300 and "\n" not in text.strip() and " " not in text.strip():
        return "a path or a link, not the file itself"
    return "a text"

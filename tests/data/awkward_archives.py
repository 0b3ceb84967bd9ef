"""Awkward zip archives, made by code.

    for name, case in archives().items(): ...

A case is bytes, and what each member, or the whole, must give.
"""

import io
import stat
import struct
import warnings
import zipfile
from typing import NamedTuple

from tests.data.awkward import pictures

GOOD = pictures()["rgb.png"].data


class Case(NamedTuple):
    data: bytes
    members: dict[str, str] | None = None  # name -> part of the reason, "" for one that is read
    error: str = ""  # part of the message, where the archive as a whole is refused


def archives() -> dict[str, Case]:
    plain = zipped(("good.png", GOOD))
    entry, body = plain.index(b"PK\1\2"), plain.index(GOOD[-40:])
    big = zipped(("good.png", GOOD), ("zeros.png", bytes(2 << 20)))
    odd_paths = {
        "../up.png": "out of",
        "a/../../b.png": "out of",
        "..\\win.png": "out of",
        "/etc/a.png": "out of",
        "C:\\a.png": "out of",
    }
    resources = ("__MACOSX/a/._good.png", "a/.DS_Store")
    return {
        "paths": Case(zipped(("good.png", GOOD), *((name, GOOD) for name in odd_paths)), {"good.png": ""} | odd_paths),
        "link": Case(zipped(("good.png", GOOD), (_link("link.png"), b"/etc/passwd")), {"good.png": "", "link.png": "a link"}),
        "nested": Case(zipped(("good.png", GOOD), ("inner.zip", plain)), {"good.png": "", "inner.zip": "archive inside"}),
        "encrypted": Case(_patched(plain, (6, entry + 8), 1), {"good.png": "^encrypted"}),
        "bomb": Case(_with_length(big, 2**31), {"good.png": "", "zeros.png": "longer than"}),
        "bomb that lies": Case(_with_length(big, 1000), {"good.png": "", "zeros.png": "damaged"}),
        "twice": Case(zipped(("good.png", GOOD), ("good.png", b"other")), {"good.png": "second member"}),
        "checksum": Case(_patched(plain, (body,), 0), {"good.png": "damaged"}),
        "method": Case(_patched(plain, (8, entry + 10), 99), {"good.png": "damaged"}),
        "macintosh": Case(zipped(("a/good.png", GOOD), *((n, b"\0\5\x16\7") for n in resources)), {"a/good.png": ""}),
        "cut directory": Case(plain[: entry + 10], error="not a readable zip"),
        "no zip": Case(b"no zip at all", error="not a readable zip"),
        "empty": Case(zipped(), error="holds no files"),
        "only folders": Case(zipped(("a/", b""), ("a/b/", b"")), error="holds no files"),
    }


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings(action="ignore"):
        for name, data in members:
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if len(data) > 2**20 else zipfile.ZIP_STORED)
    return file.getvalue()


def _link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def _patched(data: bytes, places: tuple[int, ...], value: int) -> bytes:
    patched = bytearray(data)
    for place in places:
        patched[place] = value
    return bytes(patched)


def _with_length(data: bytes, length: int) -> bytes:
    """The last member claims this length, in its own header and in the directory."""
    patched = bytearray(data)
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        struct.pack_into("<I", patched, data.rindex(signature) + offset, length)
    return bytes(patched)

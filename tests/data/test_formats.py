"""First bytes: pictures that are read, others by name, and texts that only begin like one."""

import struct

import pytest
from PIL import Image

from data import formats
from tests.data.awkward import saved


@pytest.mark.parametrize("kind", formats.FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_is_read_is_known_by_its_first_bytes(kind, mode):
    assert formats.of(saved(Image.new(mode, (8, 6)), kind)[: formats.HEAD]) == formats.Kind(kind)


def box(major: bytes, *compatible: bytes) -> bytes:
    return struct.pack(">I4s4sI", 16 + 4 * len(compatible), b"ftyp", major, 0) + b"".join(compatible) + b"\0\0\0\x08mdat"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (box(b"avif", b"mif1"), "AVIF"),
        (box(b"mif1", b"avif", b"miaf"), "AVIF"),
        (box(b"avis", b"msf1"), "AVIF"),
        (box(b"heic", b"mif1"), "HEIC"),
        (box(b"mif1", b"heic"), "HEIC"),
        (box(b"heix"), "HEIC"),
        (box(b"crx ", b"isom"), "a camera's raw"),
        (box(b"isom", b"mp42"), "film"),
        (box(b"qt  "), "film"),
        (b"RIFF\0\0\0\0AVI LIST", "film"),
        (b"\x1a\x45\xdf\xa3" + bytes(40), "film"),
        ((b"G" + bytes(187)) * 2, "film"),
        (b"\xff\x0a" + bytes(40), "JPEG XL"),
        (b"8BPS\0\1" + bytes(40), "Photoshop"),
        (b"PK\3\4" + bytes(40), "archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "text"),
        (b"\n <!DOCTYPE html><html>", "text"),
        (b'<?xml version="1.0"?><svg>', "text"),
        (b"BMW is not a bitmap, and this is a text", "unknown"),
        (b"P3: the third paragraph", "unknown"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", "unknown"),
        (b"", "nothing"),
    ],
)
def test_others_are_called_by_their_names(head, name):
    kind = formats.of(head)
    assert kind.name == name and bool(kind.refused) == (name not in formats.FORMATS)
    if name in ("HEIC", "JPEG XL", "a camera's raw"):
        assert "export it as JPEG" in kind.refused

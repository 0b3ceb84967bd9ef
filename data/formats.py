"""Recognise a file by its first bytes, never by its name.

    of(data[:HEAD])        # Kind("JPEG"), or Kind("HEIC", "HEIC, not an image that is read; export it as JPEG")

Imports nothing.
"""

from typing import NamedTuple

HEAD = 512  # bytes that tell
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "JPEG2000", "PPM")  # as Pillow calls them
NAMES = "JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, JPEG 2000 and PPM/PGM/PBM"

_AVIF, _HEIF = {b"avif", b"avis"}, {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}  # their lengths; "BM" alone begins many a text
_READ = {
    b"\xff\xd8": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  ": "JPEG2000",
    b"\xff\x4f\xff\x51": "JPEG2000",
    **{b"P%d" % number + space: "PPM" for number in range(1, 7) for space in (b"\n", b"\r", b" ", b"\t")},
    b"Pf\n": "PPM",
}
_EXPORT = {  # pictures that another program has to open
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"8BPS": "Photoshop",
    b"gimp xcf": "GIMP",
    b"qoif": "QOI",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"DDS ": "DDS",
    b"\0\0\1\0": "ICO",
    b"PF\n": "PFM in colour",
    b"P7\n": "PAM",
    b"FUJIFILMCCD-RAW": "a camera's raw",
    b"IIRO": "a camera's raw",
    b"IIRS": "a camera's raw",
    b"IIU\0": "a camera's raw",
    b"FOVb": "a camera's raw",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"\xd7\xcd\xc6\x9a": "Windows metafile",
}
_ARCHIVES = (b"PK\3\4", b"PK\5\6", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_FILMS = (b"\x1a\x45\xdf\xa3", b"FLV\1", b"OggS", b"\0\0\1\xba", b"\0\0\1\xb3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")


class Kind(NamedTuple):
    name: str  # of the format: one of FORMATS, or what else it is
    refused: str = ""  # why it gives no picture


def of(head: bytes) -> Kind:
    """The kind of the file that begins so."""
    if not head:
        return Kind("nothing", "empty file")
    if name := _read(head):
        return Kind(name)
    if name := _brand(head) or next((name for start, name in _EXPORT.items() if head.startswith(start)), ""):
        photo = name in ("HEIC", "JPEG XL", "a camera's raw")
        return Kind(name, f"{name}, not an image that is read; export it as {'JPEG' if photo else 'PNG'}")
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        return Kind("archive", "an archive inside; unpack it, or name it by itself")
    if _is_film(head):
        return Kind("film", "a film, not an image; give it by itself")
    if reason := _text(head):
        return Kind("text", reason)
    return Kind("unknown", f"not an image ({NAMES} are read)")


def _read(head: bytes) -> str:
    if head[:4] == b"RIFF":
        return "WEBP" if head[8:12] == b"WEBP" else ""
    if head[:2] == b"BM":
        return "BMP" if int.from_bytes(head[14:18], "little") in _BMP_HEADERS else ""
    if head[4:8] == b"ftyp":
        return "AVIF" if _brands(head) & _AVIF else ""
    return next((name for start, name in _READ.items() if head.startswith(start)), "")


def _brands(head: bytes) -> set[bytes]:
    """The major brand of an ISO base media file, and the compatible ones (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(head[:4]), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}


def _brand(head: bytes) -> str:
    if head[4:8] != b"ftyp":
        return ""
    return "a camera's raw" if head[8:12] == b"crx " else "HEIC" if _brands(head) & _HEIF else ""


def _is_film(head: bytes) -> bool:
    riff = head[:4] == b"RIFF" and head[8:11] == b"AVI"
    transport = head[0] == 0x47 == head[188] if len(head) > 188 else False
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") or riff or transport or head.startswith(_FILMS)


def _text(head: bytes) -> str:
    """The kind of a text file that bears the name of a picture."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not an image; git lfs pull brings the file"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page, not an image"
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        return "SVG, not an image that is read; export it as PNG"
    return ""

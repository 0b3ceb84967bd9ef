"""Convert colours to sRGB where the file of a picture names another colour space.

    picture = to_srgb(picture, profile_of(picture, data), notes)

Networks, screens and the web take numbers for sRGB. A profile that says just this leaves the pixels alone.
"""

import io
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from data import hdr
from data.hdr import D65, PRIMARIES

MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # colour space of a profile -> mode of the pictures it is for
D50 = (0.9642, 1.0, 0.8249)  # XYZ, of the profile connection space
ADOBE = (D65, (0.640, 0.330), (0.210, 0.710), (0.150, 0.060)), 563 / 256
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # transfer characteristics of H.273 that are powers; 0 stands for sRGB's curve
# Parametric curve of type 3 (ICC.1, 10.18): ((x + 0.055) / 1.055)^2.4, and x / 12.92 below 0.04045.
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
PROBE = 9  # levels of each channel in which a profile is compared with sRGB
UNREADABLE = "unreadable colour profile ignored"


class Hdr(NamedTuple):
    """Code points (H.273) of a high dynamic range."""

    primaries: int
    transfer: int


class Conversion(NamedTuple):
    """What a profile does: the transform to sRGB, None where there is nothing to do; and a note."""

    transform: ImageCms.ImageCmsTransform | None = None
    mode: str = ""
    note: str = ""


def to_srgb(picture: Image.Image, profile: bytes | Hdr | None, notes: list[str]) -> Image.Image:
    """The picture in sRGB, its transparency kept. A profile that cannot be used is noted, and the numbers stay as they are."""
    if not profile or picture.mode in ("1", "LAB"):  # Lab is a colour space of its own
        return picture
    conversion = (
        Conversion(None, "RGB", "HDR brought to what a screen shows") if isinstance(profile, Hdr) else _conversion(profile)
    )
    if not conversion.mode:
        notes += [conversion.note] if conversion.note else []
        return picture
    plain, alpha = _opaque(picture)
    if plain.mode != conversion.mode:
        notes.append(f"colour profile of another mode ({conversion.mode}) ignored")
        return picture
    notes.append(conversion.note)
    if isinstance(profile, Hdr):
        converted = Image.fromarray(hdr.to_screen(np.asarray(plain) / np.float32(255), *profile))
    elif plain.mode == "RGB":
        converted = plain
        ImageCms.applyTransform(plain, conversion.transform, inPlace=True)  # a second one of 64 megapixels would take 250 MB
    else:
        converted = ImageCms.applyTransform(plain, conversion.transform)
    if alpha:
        converted.putalpha(alpha)
    return converted


def profile_of(picture: Image.Image, data: bytes, notes: list[str]) -> bytes | Hdr | None:
    """The ICC profile that a file carries or describes; None for sRGB, and where nothing is said.

    Beside embedded profiles: code points (cICP of PNG, nclx of AVIF), gAMA and cHRM of PNG, and the Exif mark of Adobe RGB.
    """
    embedded = picture.info.get("icc_profile") or (_jpeg_2000_profile(data) if picture.format == "JPEG2000" else None)
    if picture.format == "PNG":
        return _by_code_points(_cicp(data)) or embedded or _by_gamma(picture.info, notes)
    if embedded:
        return embedded
    if picture.format == "AVIF":
        return _by_code_points(_nclx(data))
    return matrix_profile(*ADOBE, name="Adobe RGB") if picture.format in ("JPEG", "MPO") and _is_adobe(picture) else None


@lru_cache(maxsize=32)
def matrix_profile(primaries: Sequence[tuple[float, float]], gamma: float = 0, name: str = "primaries of the file") -> bytes:
    """An ICC profile (version 4) of three primaries and a curve: value^gamma, or sRGB's for 0.

    primaries: xy of white, red, green and blue
    Raises ValueError for primaries that span no colours.
    """
    try:
        white, colours = hdr.to_xyz(primaries)
    except np.linalg.LinAlgError:
        raise ValueError("primaries on one line") from None
    adapted = np.linalg.inv(BRADFORD) @ np.diag(BRADFORD @ D50 / (BRADFORD @ white)) @ BRADFORD @ colours
    curve = struct.pack(">4sIHH", b"para", 0, 0 if gamma else 3, 0) + _fixed([gamma] if gamma else SRGB_CURVE)
    text = name.encode("utf-16-be")
    tags = {
        b"desc": struct.pack(">4sIII4sII", b"mluc", 0, 1, 12, b"enUS", len(text), 28) + text,
        b"wtpt": xyz_tag(D50),
        **{channel + b"XYZ": xyz_tag(column) for channel, column in zip((b"r", b"g", b"b"), adapted.T)},
        **{channel + b"TRC": curve for channel in (b"r", b"g", b"b")},
    }
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    rest = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(">IIi4s4s4s12s4s", 128 + len(rest), 0, 0x04300000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp")
    return header + bytes(28) + _fixed(D50) + bytes(48) + rest


@lru_cache(maxsize=32)
def _conversion(profile: bytes) -> Conversion:
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = MODES[opened.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(
            opened,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if _changes_nothing(transform, mode):
            return Conversion()
    except Exception:  # as many kinds as there are ways to write a bad profile
        return Conversion(note=UNREADABLE)
    name = "".join(letter for letter in opened.profile.profile_description or "" if letter.isprintable())
    return Conversion(transform, mode, f"converted to sRGB from {name.strip()[:60] or 'a nameless profile'}")


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a profile is sRGB under any name: it moves no colour by more than rounding does."""
    if mode == "CMYK":
        return False
    levels = np.linspace(0, 255, PROBE).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(PROBE, -1, 3)
    probe = Image.fromarray(grid if mode == "RGB" else np.arange(256, dtype=np.uint8)[None])
    moved = np.asarray(ImageCms.applyTransform(probe, transform)).astype(int) - np.asarray(probe.convert("RGB"))
    return bool(np.abs(moved).max() <= 1)


def _opaque(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Without its transparency (L, RGB or CMYK), and that alone."""
    alpha = None
    if picture.has_transparency_data:
        picture = picture.convert("LA" if picture.mode in ("L", "LA") else "RGBA")
        alpha = picture.getchannel("A")
    if picture.mode in ("L", "RGB", "CMYK"):
        return picture, alpha
    return picture.convert("L" if picture.mode == "LA" else "RGB"), alpha


def _by_code_points(points: tuple[int, int] | None) -> bytes | Hdr | None:
    primaries, transfer = points or (1, 13)
    if transfer in (hdr.PQ, hdr.HLG):
        return Hdr(primaries, transfer)
    if primaries not in PRIMARIES or (primaries == 1 and transfer not in GAMMAS):
        return None
    return matrix_profile(PRIMARIES[primaries], GAMMAS.get(transfer, 0), f"code points {primaries}/{transfer}")


def _cicp(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of a PNG's cICP chunk."""
    at = 8
    while (name := data[at + 4 : at + 8]) and name != b"IDAT":
        if name == b"cICP":
            return data[at + 8], data[at + 9]
        at += 12 + int.from_bytes(data[at : at + 4])
    return None


def _nclx(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer in the colour box of an AVIF."""
    at = data.find(b"colrnclx", 0, 1 << 16)
    return struct.unpack_from(">HH", data, at + 8) if 0 <= at < len(data) - 12 else None


def _jpeg_2000_profile(data: bytes) -> bytes | None:
    """The profile in the colour box of a JP2 file (ISO/IEC 15444-1, I.5.3.3)."""
    at = data.find(b"colr\2", 0, 1 << 16)
    return data[at + 7 : at - 4 + int.from_bytes(data[at - 4 : at])] if at >= 4 else None


def _by_gamma(info: dict, notes: list[str]) -> bytes | None:
    """A PNG's gAMA and cHRM, which sRGB's chunk overrules. A gamma near 1 / 2.2 is how sRGB is written there."""
    if "srgb" in info or not {"gamma", "chromaticity"} & set(info):
        return None
    gamma, xy = info.get("gamma", 0), info.get("chromaticity")
    try:
        primaries = tuple(zip(xy[::2], xy[1::2])) if xy else PRIMARIES[1]
        return matrix_profile(primaries, 0 if abs(2.2 * gamma - 1) < 0.05 or not gamma else 1 / gamma, "gAMA and cHRM")
    except (ValueError, ZeroDivisionError, OverflowError, struct.error):
        notes.append(UNREADABLE)
        return None


def _is_adobe(picture: Image.Image) -> bool:
    """Cameras mark Adobe RGB by the name R03 of the interoperability rules (DCF 2.0), without a profile."""
    try:
        exif = picture.getexif()
        return exif.get_ifd(0x8769).get(0xA001) != 1 and exif.get_ifd(0xA005).get(1) == "R03"
    except Exception:  # as many kinds as there are ways to write bad EXIF
        return False


def xyz_tag(values: Sequence[float]) -> bytes:
    return struct.pack(">4sI", b"XYZ ", 0) + _fixed(values)


def _fixed(values: Sequence[float]) -> bytes:
    """Each in 16.16 bits."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

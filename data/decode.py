"""From the bytes of an image file to an upright RGB picture, or to the reason why there is none.

    picture, notes = decode(data)          # notes: ["transparent parts laid on white"]

docs/pictures.md tells users of it. Pillow and numpy only, so that processes that decode start quickly.
"""

import io
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from data import formats, jpeg
from data.colours import profile_of, to_srgb

MAX_PIXELS = 80_000_000  # decoded, at 4 bytes each: phones of 64 megapixels exceed the number they are called by
HALVED = 4  # times as many pixels a JPEG may have, which can be decoded at half its size
MAX_BYTES = 256 * 2**20  # of a file, before decoding
UPRIGHT = {  # EXIF orientation -> what undoes it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

ORIENTATION, PHOTOMETRIC = 0x0112, 0x0106  # EXIF and TIFF tags
SUBFILE, DNG = 0x00FE, 0xC612  # TIFF: what a page is; the version of a raw format
CODECS = {"AVIF": "avif", "JPEG2000": "jpg_2000", "WEBP": "webp"}  # that some builds of Pillow lack

Image.MAX_IMAGE_PIXELS = None  # decode() has its own limit, which rejects instead of warning


class Unreadable(ValueError):
    """This file gives no picture; the message is the reason, without the name."""


class TooLarge(Unreadable):
    """Over the limit of pixels."""


class Decoded(NamedTuple):
    picture: Image.Image  # sRGB, upright; of its `info`, "shrunk" alone: pixels of the file for one of the picture
    notes: list[str]  # decisions taken on the way, for the report


def decode(data: bytes, max_pixels: int = MAX_PIXELS, background: str = "white") -> Decoded:
    """Decode a file of any of `formats.FORMATS`, whatever its name says; colours of other spaces become sRGB.

    max_pixels: a larger picture is refused before its pixels are decoded; a JPEG of up to HALVED times as many is halved
    background: the colour behind transparent parts, in any spelling that Pillow knows

    Raises Unreadable, and nothing else, for anything that does not become the picture it was meant to be.
    """
    with reasons():
        notes: list[str] = []
        picture = _load(data, max_pixels, notes)
        profile = profile_of(picture, data, notes)
        shallow = _to_8_bits(picture, notes) if picture.mode.startswith(("I", "F")) else picture
        flat = flatten(to_srgb(shallow, profile, notes), background, notes)
        upright = _turn_upright(flat, picture, notes)
        upright.info = {"shrunk": picture.info.get("shrunk", 1)}  # a profile left there would be written into other files
        return Decoded(upright, notes)


@contextmanager
def reasons():
    """Turn any exception into Unreadable: decoders raise every kind of them for hostile bytes."""
    try:
        yield
    except Unreadable:
        raise
    except MemoryError:
        raise Unreadable("takes too much memory") from None
    except Exception as error:
        refused = isinstance(error, OSError) and error.strerror  # by the system; the decoders' own OSErrors lack this
        raise Unreadable(f"cannot be read: {refused}" if refused else f"damaged: {error or type(error).__name__}") from None


def _load(data: bytes, max_pixels: int, notes: list[str]) -> Image.Image:
    kind = formats.of(data[: formats.HEAD])
    if kind.refused:
        raise Unreadable(kind.refused)
    picture = _opened(data, kind.name)
    shrunk = _shrink(picture, max_pixels)
    if picture.format == "PNG":
        Image.open(io.BytesIO(data), formats=["PNG"]).verify()  # load() alone does not look at the checksums
        _scale_transparent_colour(picture)
    if getattr(picture, "is_animated", False):
        notes.append("first page of several" if picture.format in ("TIFF", "MPO") else "first frame of an animation")
    try:
        picture.load()
    except OSError:
        whole = jpeg.restore_end(data) if picture.format in ("JPEG", "MPO") and shrunk == 1 else None
        if whole is None:
            raise
        notes.append("missing end marker supplied")
        picture = Image.open(io.BytesIO(whole), formats=["JPEG"])
        picture.load()
    if shrunk > 1:
        notes.append("decoded at half its size")
        picture.info["shrunk"] = shrunk
    return picture


def _opened(data: bytes, kind: str) -> Image.Image:
    """The header is read, no pixels yet."""
    try:
        picture = Image.open(io.BytesIO(data), formats=[kind])
    except UnidentifiedImageError:
        if kind in CODECS and not features.check(CODECS[kind]):
            raise Unreadable(f"{kind}, which this build of Pillow does not read; pip install -U pillow") from None
        raise Unreadable("damaged header, or an unsupported variant of its format") from None
    tags = getattr(picture, "tag_v2", {})
    if tags.get(SUBFILE, 0) & 1 or DNG in tags:  # what Pillow would show of a raw file is its thumbnail
        raise Unreadable("a camera's raw, not an image that is read; export it as JPEG")
    return picture


def _shrink(picture: Image.Image, max_pixels: int) -> int:
    """Let a JPEG over the limit be decoded at half its size; returns by how much it shrinks. Raises TooLarge."""
    width, height = picture.size
    halvable = picture.format in ("JPEG", "MPO") and min(width, height) > 1
    check_size(width, height, max_pixels * (HALVED if halvable else 1))
    if width * height <= max_pixels:
        return 1
    picture.draft(None, (width // 2, height // 2))
    return 2


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raises TooLarge."""
    if width * height > max_pixels:
        raise TooLarge(f"{width} x {height} is over the limit of {max_pixels / 1e6:g} megapixels")


def _scale_transparent_colour(picture: Image.Image) -> None:
    """Pillow brings the pixels of a PNG of another depth to 8 bits, but leaves the transparent colour as the file has it."""
    scale = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}.get(picture.tile[0].args)
    colour = picture.info.get("transparency")
    if scale and colour is not None:
        picture.info["transparency"] = tuple(int(part * scale) for part in colour) if picture.mode == "RGB" else colour * scale


def _to_8_bits(picture: Image.Image, notes: list[str]) -> Image.Image:
    """16- and 32-bit grey and float -> "L", or "LA" with a transparent value, scaled so that white stays white.

    16 bits have their white at 65535. In 32-bit integers and floats it is a convention: the smallest usual one is taken
    that leaves nothing clipped.
    """
    values = np.asarray(picture)
    low, high = values.min(), values.max()
    if not np.isfinite([low, high]).all():
        raise Unreadable("holds values that are not finite")
    if low < 0:
        raise Unreadable(f"holds negative values ({low:g} ...); what is black in it cannot be known")
    if picture.mode.startswith("I;16") or picture.format == "PPM":  # whose own white Pillow has brought to 65535
        white = 65535
    else:
        usual = (1, 255, 65535) if picture.mode == "F" else (255, 65535)
        white = next((white for white in usual if high <= white), high)
        notes.append(f"{'float' if picture.mode == 'F' else '32-bit'} grey, {white:g} taken as white")
    if getattr(picture, "tag_v2", {}).get(PHOTOMETRIC) == 0:  # a TIFF with white at zero
        values = white - values
    grey = Image.fromarray((values * np.float32(255 / white) + np.float32(0.5)).astype(np.uint8))
    if "transparency" in picture.info:
        grey.putalpha(Image.fromarray(values != picture.info["transparency"]).convert("L"))
    return grey


def flatten(picture: Image.Image, background: str, notes: list[str]) -> Image.Image:
    """Any 8-bit mode -> RGB, with transparent parts on `background`."""
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    picture = picture.convert("RGBA")
    if picture.getextrema()[3][0] == 255:
        return picture.convert("RGB")
    notes.append(f"transparent parts laid on {background}")
    canvas = Image.new("RGB", picture.size, background)
    canvas.paste(picture, mask=picture)
    return canvas


def _turn_upright(flat: Image.Image, original: Image.Image, notes: list[str]) -> Image.Image:
    try:
        orientation = original.getexif().get(ORIENTATION)  # Pillow has turned a TIFF already, and removed the tag
    except Exception:  # as many kinds as there are ways to write bad EXIF
        notes.append("unreadable EXIF data ignored")
        return flat
    return flat.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else flat

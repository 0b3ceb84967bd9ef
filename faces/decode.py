"""From the bytes of an image file to an upright RGB picture, or to the reason why there is none.

    picture, notes = decode(data)          # notes: ["transparent parts laid on white"]
    tile = square(picture, 256)            # short side to 256, then the centre

Pillow and numpy only, so that processes that decode start quickly.
"""

import io
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from faces import jpeg

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
SIGNATURES = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"BM", b"GIF8", b"II*\0", b"MM\0*")
MAX_PIXELS = 64_000_000
MAX_BYTES = 256 * 2**20  # of a file, before decoding
LONGEST = 8  # times the short side; what lies farther out would be cut off anyway

RESAMPLE = {"lanczos": Image.Resampling.LANCZOS, "bilinear": Image.Resampling.BILINEAR}
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

Image.MAX_IMAGE_PIXELS = None  # decode() has its own limit, which rejects instead of warning


class Unreadable(ValueError):
    """This file gives no picture; the message is the reason, without the name."""


class Decoded(NamedTuple):
    picture: Image.Image  # RGB, upright
    notes: list[str]  # decisions taken on the way, for the report


def decode(data: bytes, max_pixels: int = MAX_PIXELS, background: str = "white") -> Decoded:
    """Decode a JPEG, PNG, WebP, BMP, GIF or TIFF file, whatever its name says.

    max_pixels: a larger picture is refused before its pixels are decoded
    background: the colour behind transparent parts, in any spelling that Pillow knows

    Raises Unreadable, and nothing else, for anything that does not become the picture it was meant to be.
    """
    with reasons():
        notes: list[str] = []
        picture = _load(data, max_pixels, notes)
        shallow = _to_8_bits(picture, notes) if picture.mode.startswith(("I", "F")) else picture
        return Decoded(_turn_upright(flatten(shallow, background, notes), picture, notes), notes)


@contextmanager
def reasons():
    """Whatever goes wrong inside becomes Unreadable. Decoders answer hostile bytes with every kind of exception."""
    try:
        yield
    except Unreadable:
        raise
    except MemoryError:
        raise Unreadable("takes too much memory") from None
    except Exception as error:
        refused = isinstance(error, OSError) and error.strerror  # by the system; the decoders' own OSErrors lack this
        raise Unreadable(f"cannot be read: {refused}" if refused else f"damaged: {error or type(error).__name__}") from None


def square(picture: Image.Image, size: int, resample: str = "lanczos") -> Image.Image:
    """Short side to `size`, then the centre `size` x `size`, with the reference's rounding of both."""
    short, long = sorted(picture.size)
    if long > LONGEST * short:  # resized whole, a strip of 2 x 60000 pixels would fill the memory
        picture = _centre(picture, min(picture.width, LONGEST * short), min(picture.height, LONGEST * short))
    scaled = [int(size * side / min(picture.size)) for side in picture.size]
    return _centre(picture.resize(scaled, RESAMPLE[resample]), size, size)


def _centre(picture: Image.Image, width: int, height: int) -> Image.Image:
    left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
    return picture.crop((left, top, left + width, top + height))


def _load(data: bytes, max_pixels: int, notes: list[str]) -> Image.Image:
    if not data:
        raise Unreadable("empty file")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise Unreadable(_foreign(data)) from None
    if picture.width * picture.height > max_pixels:
        raise Unreadable(
            f"{picture.width} x {picture.height} is over the limit of {max_pixels / 1e6:g} megapixels; --max_pixels raises it"
        )
    if picture.format == "PNG":
        Image.open(io.BytesIO(data), formats=["PNG"]).verify()  # load() alone does not look at the checksums
        _scale_transparent_colour(picture)
    if getattr(picture, "is_animated", False):
        notes.append("first page of several" if picture.format in ("TIFF", "MPO") else "first frame of an animation")
    try:
        picture.load()
    except OSError:
        whole = jpeg.restore_end(data) if picture.format in ("JPEG", "MPO") else None
        if whole is None:
            raise
        notes.append("missing end marker supplied")
        picture = Image.open(io.BytesIO(whole), formats=["JPEG"])
        picture.load()
    return picture


def _foreign(data: bytes) -> str:
    if data.startswith(b"PK"):
        return "an archive inside; unpack it, or prepare it by itself"
    if data.startswith(SIGNATURES):
        return "damaged header, or an unsupported variant of its format"
    return f"not an image ({', '.join(FORMATS)} are read)"


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
    if picture.mode.startswith("I;16"):
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
        return picture.convert("RGB")
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

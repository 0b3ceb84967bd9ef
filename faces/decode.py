"""From the bytes of an image file to an upright RGB picture, or to the reason why not. Pillow and numpy only.

picture, notes = decode(data)          # ["transparent parts laid on white"]
tile = square(picture, 256)            # short side to 256, centre crop
"""

import io
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
RESAMPLE = {"lanczos": Image.Resampling.LANCZOS, "bilinear": Image.Resampling.BILINEAR}
Image.MAX_IMAGE_PIXELS = None  # decode() has its own limit, which rejects instead of warning


class Unreadable(ValueError):
    """This file gives no picture; the message is the reason, without the name."""


class Decoded(NamedTuple):
    picture: Image.Image  # RGB, upright
    notes: list[str]  # what was decided on the way, for the report


def decode(data: bytes, max_pixels: int = 64_000_000, background: str = "white") -> Decoded:
    """Bytes of a JPEG, PNG, WebP, BMP, GIF or TIFF file -> an upright RGB picture. Raises Unreadable."""
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        if picture.width * picture.height > max_pixels:
            raise Unreadable(f"{picture.width}x{picture.height} pixels are over the limit; --max_pixels raises it")
        return Decoded(ImageOps.exif_transpose(picture).convert("RGB"), [])
    except UnidentifiedImageError:
        raise Unreadable(f"not an image ({', '.join(FORMATS)} are read)") from None
    except Unreadable:
        raise
    except Exception as error:  # decoders meet hostile bytes with every kind of exception
        raise Unreadable(f"damaged: {error}") from None


def square(picture: Image.Image, size: int, resample: str = "lanczos") -> Image.Image:
    """Short side to `size`, then the centre `size` x `size`, with the reference's rounding."""
    short, long = sorted(picture.size)
    scaled = int(size * long / short)
    width, height = (size, scaled) if picture.width <= picture.height else (scaled, size)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return picture.resize((width, height), RESAMPLE[resample]).crop((left, top, left + size, top + size))

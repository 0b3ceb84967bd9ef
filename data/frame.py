"""From a decoded frame of a film to an upright RGB picture with square pixels, as a player would show it.

    picture, notes = picture_of(frame, stream)         # notes: ["oblong pixels made square"]

A film says of itself what its numbers mean: the shape of a pixel (DVDs, anamorphic films), the turn of the camera (phones),
the matrix and the range of its colours, its brightness (HDR). Where it is silent, what players take is taken.
"""

from fractions import Fraction

import numpy as np
from PIL import Image

from data import hdr
from data.decode import MAX_PIXELS, Decoded, check_size, flatten

UNTAGGED = 2  # in H.273's tables of matrices, primaries and transfers
BT709 = 1  # there
HD = (1280, 576)  # a wider or higher film that names no matrix has that of BT.709, a smaller one that of BT.601
MOST_OBLONG = 5  # times as long as broad; what says more is damaged
TURNS = {  # signs of a display matrix, where the axes of the frame point to -> what does the same
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}


def picture_of(frame, stream, max_pixels: int = MAX_PIXELS, background: str = "white") -> Decoded:
    """frame: a VideoFrame of PyAV; stream: whose it is, just after it was decoded. Raises TooLarge."""
    check_size(*_square_size(frame, stream), max_pixels)  # frames may change their size within a film
    notes: list[str] = []
    picture = _turned(_squared(_coloured(frame, stream, background, notes), stream, notes), frame)
    if frame.interlaced_frame:
        notes.append("interlaced: what moves may show combs")
    return Decoded(picture, notes)


def pixel_shape(stream) -> Fraction:
    """Width over height of a pixel, 1 where the file names none that is possible."""
    said = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1
    return Fraction(said) if 1 / MOST_OBLONG <= said <= MOST_OBLONG else Fraction(1)


def _squared(picture: Image.Image, stream, notes: list[str]) -> Image.Image:
    """Pixels made square by lengthening their short side, so that nothing is lost."""
    if pixel_shape(stream) == 1:
        return picture
    notes.append("oblong pixels made square")
    return picture.resize(_square_size(picture, stream), Image.Resampling.LANCZOS)


def _square_size(frame, stream) -> tuple[int, int]:
    shape = pixel_shape(stream)
    return round(frame.width * max(1, shape)), round(frame.height * max(1, 1 / shape))


def _turned(picture: Image.Image, frame) -> Image.Image:
    """As the display matrix says: by quarters and mirrored exactly, by any other angle about the centre."""
    said = frame.side_data.get("DISPLAYMATRIX")
    matrix = np.sign(np.frombuffer(bytes(said), "=i4")[[0, 1, 3, 4]]).tolist() if said else []
    if tuple(matrix) in TURNS:
        return picture.transpose(TURNS[tuple(matrix)])
    return picture.rotate(frame.rotation, Image.Resampling.BICUBIC, expand=True) if frame.rotation else picture


def _coloured(frame, stream, background: str, notes: list[str]) -> Image.Image:
    """RGB for a screen (sRGB). HDR and wide gamuts are brought to it, transparent parts laid on the background."""
    matrix = _matrix(frame)
    primaries, transfer = (int(getattr(stream.codec_context, name)) for name in ("color_primaries", "color_trc"))
    if hdr.beyond_a_screen(primaries, transfer):
        deep = frame.reformat(format="rgb48le", src_colorspace=matrix).to_ndarray()
        notes.append("HDR or wide colours brought to those of a screen")
        return Image.fromarray(hdr.to_screen(deep, primaries, transfer))
    if frame.format.has_palette or any(component.is_alpha for component in frame.format.components):
        whole = Image.fromarray(frame.reformat(format="rgba", src_colorspace=matrix).to_ndarray())
        return flatten(whole, background, notes)
    return Image.fromarray(frame.reformat(format="rgb24", src_colorspace=matrix).to_ndarray())


def _matrix(frame) -> int | None:
    """Of Y'CbCr to R'G'B', where PyAV would not find it in the frame itself."""
    untagged = frame.colorspace == UNTAGGED and not frame.format.is_rgb
    return BT709 if untagged and (frame.width >= HD[0] or frame.height > HD[1]) else None

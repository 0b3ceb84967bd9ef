"""Films made by code, with what they say of themselves: pixel shape, turn, colours. Needs PyAV, the extra `video`."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest


def film(
    path: Path,
    frames: Iterable[np.ndarray],
    codec: str = "libx264",
    layout: str = "yuv420p",
    given: str = "rgb24",
    shape: Fraction | int = 1,
    matrix: int = 2,
    full: bool = False,
    primaries: int = 2,
    transfer: int = 2,
    start: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """frames: as `VideoFrame.from_ndarray` takes them in the format `given`; 10 a second.

    layout: of the pixels in the file
    matrix, full, primaries, transfer: what the film says of its colours, in the numbers of H.273
    start:  number of the first frame
    """
    av = pytest.importorskip("av", reason="films need PyAV")
    frames = list(frames)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options={"crf": "4"} if codec == "libx264" else {})
        first = av.VideoFrame.from_ndarray(frames[0], format=given)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, layout
        coder = stream.codec_context
        coder.sample_aspect_ratio = shape
        coder.colorspace, coder.color_range = matrix, 2 if full else 1
        coder.color_primaries, coder.color_trc = primaries, transfer
        coder.options = coder.options | (options or {})
        for time, pixels in enumerate(frames, start):
            frame = av.VideoFrame.from_ndarray(pixels, format=given)
            frame.colorspace, frame.color_range = matrix, 2 if full else 1
            frame.pts, frame.time_base = time, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turned(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """The same mp4 with another display matrix in its track header, as phones write it."""
    data = path.read_bytes()
    place = data.index(b"tkhd") + 44  # behind version, times, track, duration, layer, group and volume
    a, b, c, d = (sign << 16 for sign in matrix)
    path.write_bytes(data[:place] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[place + 36 :])
    return path


def flat(colour: Iterable[int], width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def yuv(colours: np.ndarray, red: float, blue: float, full: bool, bits: int = 8) -> np.ndarray:
    """R'G'B' [n, 3] in [0, 1] -> whole Y'CbCr [n, 3] by the definition in H.273: red and blue are the weights of luma."""
    luma = colours @ np.array([red, 1 - red - blue, blue])
    chroma = np.stack([(colours[:, 2] - luma) / (2 - 2 * blue), (colours[:, 0] - luma) / (2 - 2 * red)], 1)
    unit = 1 << (bits - 8)
    if full:
        return np.rint(np.column_stack([luma * (256 * unit - 1), chroma * (256 * unit - 1) + 128 * unit])).astype(int)
    return np.rint(np.column_stack([16 + 219 * luma, 128 + 224 * chroma]) * unit).astype(int)


def planes(values: np.ndarray, width: int = 64, height: int = 48, dtype: type = np.uint8) -> np.ndarray:
    """One flat frame in yuv420p, or yuv420p10le with uint16, from (Y, Cb, Cr)."""
    y, cb, cr = (int(value) for value in values)
    quarter = np.full(height * width // 4, 1, dtype)
    whole = np.concatenate([np.full(height * width, y, dtype), quarter * dtype(cb), quarter * dtype(cr)])
    return whole.reshape(height * 3 // 2, width)

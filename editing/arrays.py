"""NumPy's .npy and .npz files, read without running what they hold, and without believing the sizes that they claim.

load(Path("psp.npy"))                  # {"": [18, 512]}
load(Path("projected_w.npz"))          # {"w": [1, 18, 512]}
"""

import math
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

from checkpoint.values import LARGEST_FILE, MOST_REPEATED
from errors import InputError

NPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
LONGEST_HEADER = 10_000  # characters
NUMBERS, TEXT = "biuf", "U"  # numpy's letters for what is read: numbers, and lists of names


def is_array_file(path: Path) -> bool:
    """By its first bytes. A zip is one where it holds .npy members, and no pickle as torch.save's does."""
    with path.open("rb") as file:
        start = file.read(len(NPY))
    if not start.startswith(ZIP):
        return start == NPY
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return any(name.endswith(".npy") for name in names) and not any(name.endswith("data.pkl") for name in names)


def load(path: Path) -> dict[str, Tensor | list[str]]:
    """{name: numbers, or texts}; of a .npy the name is "". Object arrays are left out of a .npz. Raises InputError."""
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise InputError(f"{size / 2**30:.1f} GiB, more than any latents have ({LARGEST_FILE >> 30} GiB)")
    with path.open("rb") as file:
        start = file.read(len(NPY))
        file.seek(0)
        return {"": _array(file, size)[0]} if start == NPY else _members(file, size + MOST_REPEATED)


def _members(file: BinaryIO, room: int) -> dict[str, Tensor | list[str]]:
    """Of a .npz, whose members may be compressed; together they take `room` bytes at most."""
    arrays, refused = {}, InputError("holds no array")
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise InputError("packed in a way that numpy.savez does not use")
                try:
                    with archive.open(member) as stream:
                        array, taken = _array(stream, room)
                except _OfObjects as error:
                    refused = error
                    continue
                room -= taken
                arrays[member.filename.removesuffix(".npy")] = array
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"damaged ({error})") from None
    if not arrays:
        raise refused
    return arrays


class _OfObjects(InputError):
    """An array of Python objects: a pickle, which may run code."""


def _array(file: BinaryIO, room: int) -> tuple[Tensor | list[str], int]:
    """One array, and its bytes. Nothing is allocated before the claimed size was compared with `room`."""
    shape, fortran, dtype = _header(file)
    if dtype.hasobject:
        raise _OfObjects("holds Python objects, which might run code; save an array of numbers")
    if dtype.kind not in NUMBERS + TEXT:
        raise InputError(f"holds {dtype.name[:30]}, expected numbers")
    taken = math.prod(shape) * dtype.itemsize
    if taken > room:
        raise InputError(f"claims an array {list(shape)}, more than the file holds")
    data = file.read(taken)
    if len(data) != taken:
        raise InputError(f"damaged (the end of an array {list(shape)} is missing)")
    if not taken:
        raise InputError(f"holds an empty array {list(shape)}")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    if dtype.kind == TEXT:
        return [str(value) for value in array.ravel()], taken
    kind = np.dtype(np.float64) if dtype.kind == "f" and dtype.itemsize > 8 else dtype.newbyteorder("=")
    return torch.from_numpy(np.array(array, kind, order="C")), taken


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        read: Callable = HEADERS[npy.read_magic(file)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers of Python 2
            shape, fortran, dtype = read(file, max_header_size=LONGEST_HEADER)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a header is an expression, and fails in many ways
        raise InputError(f"damaged ({str(error).partition(chr(10))[0][:100] or type(error).__name__})") from None
    if not all(type(length) is int and 0 <= length < 2**40 for length in shape) or len(shape) > 32:
        raise InputError("damaged (an impossible shape)")
    return shape, fortran, dtype

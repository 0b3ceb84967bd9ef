"""From a file to plain values (dicts, lists, numbers, tensors) without running anything that the file holds.

    contents = load(Path("550000.pt"))
    contents["g_ema"]["input.input"].shape

Formats: the zip and the older stream that torch.save writes, safetensors, and NVIDIA's pickles (see nvidia.py). Sizes
are compared with the size of the file before anything is read, so that a small file cannot fill the memory.
"""

import argparse
import itertools
import math
from pathlib import Path

import torch
from torch import Tensor

from checkpoint.nvidia_pickle import load_pickle
from checkpoint.otherwise import UNKNOWN, otherwise
from checkpoint.torch_format import STREAM, ZIP, load_stream, load_zip
from checkpoint.vetting import damage
from cli import InputError

LARGEST_FILE = 3 * 2**30  # bytes; a training checkpoint at 1024 px has 0.8 GiB
MOST_REPEATED = 2**28  # bytes that tensors may take beyond what they reach in the file, as those of .expand() do
MOST_VALUES = 1_000_000  # numbers, strings, tensors of one file
DEEPEST = 24  # levels of dicts and lists

PICKLE = b"\x80"


def load(path: Path, lazy: bool = False) -> tuple[dict, str]:
    """The contents of a checkpoint, a dict; otherwise as `load_values`."""
    contents, container = load_values(path, lazy)
    if not isinstance(contents, dict):
        raise InputError(f"expected a dict of networks, found a {type(contents).__name__}")
    return contents, container


def load_values(path: Path, lazy: bool = False) -> tuple[object, str]:
    """The contents as plain values, and the container: "zip", "stream", "safetensors" or "pickle" (NVIDIA's).

    argparse.Namespace becomes a dict.
    lazy: tensors of a zip stay on the disk until they are used (for looking only: the file must not change meanwhile)
    Raises InputError, without the path, for a file that is damaged, hostile or something else.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise InputError(f"{size / 2**30:.1f} GiB, more than any network of this kind has ({LARGEST_FILE >> 30} GiB)")
    with path.open("rb") as file:
        start = file.read(len(STREAM))
        file.seek(0)
        if start.startswith(ZIP):
            contents, container = load_zip(path, lazy), "zip"
        elif start == STREAM:
            contents, container = load_stream(file), "stream"
        elif _is_safetensors(start, size) or (path.suffix == ".safetensors" and otherwise(path) == UNKNOWN):
            contents, container = _load_safetensors(path), "safetensors"
        elif start.startswith(PICKLE):
            contents, container = load_pickle(file), "pickle"
        else:
            raise InputError(f"not a checkpoint: {otherwise(path)}")
    return _plain(contents, size), container


def _is_safetensors(start: bytes, size: int) -> bool:
    """It begins with the length of its table, and the table, which is JSON."""
    return len(start) > 8 and int.from_bytes(start[:8], "little") <= size - 8 and start[8:9] == b"{"


def _load_safetensors(path: Path) -> dict:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise InputError("reading safetensors needs a package: pip install -e .[export]") from None
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return {**tensors, "metadata": file.metadata() or {}}
    except SafetensorError as error:
        raise InputError(damage(error)) from None


def _plain(contents: object, size: int) -> object:
    """A copy in dicts, lists, numbers, strings and tensors. Everything else, and tensors larger than the file, are refused."""
    count = itertools.count()
    total = repeated = 0

    def copy(value: object, level: int):
        nonlocal total, repeated
        if level > DEEPEST or next(count) > MOST_VALUES:
            raise InputError("holds more values, or deeper ones, than any checkpoint")
        if isinstance(value, argparse.Namespace):
            value = vars(value)
        if isinstance(value, dict):
            return {key: copy(item, level + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(copy(item, level + 1) for item in value) if type(value) in (list, tuple) else list(value)
        if isinstance(value, Tensor):
            needed, reached = _bytes(value, size)
            total, repeated = total + needed, repeated + needed - reached
            if total > LARGEST_FILE or repeated > MOST_REPEATED:
                raise InputError("holds more data than any network of this kind")
            return value.detach()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, torch.device):
            return str(value)
        raise InputError(f"holds a {type(value).__name__}, expected numbers, strings and tensors")

    return copy(contents, 0)


def _bytes(tensor: Tensor, size: int) -> tuple[int, int]:
    """What a tensor takes when it is copied, and what it reaches in its storage: less where a stride repeats numbers."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu":
        raise InputError(f"holds a {tensor.layout} tensor on {tensor.device}, expected ordinary ones")
    needed = math.prod(tensor.shape)
    reached = needed and min(
        math.prod(length for length, stride in zip(tensor.shape, tensor.stride()) if stride),
        1 + sum((length - 1) * abs(stride) for length, stride in zip(tensor.shape, tensor.stride())),
    )
    needed, reached = needed * tensor.element_size(), reached * tensor.element_size()
    if reached > min(size, tensor.untyped_storage().nbytes()):
        raise InputError(f"declares a tensor {list(tensor.shape)}, more than the file holds")
    return needed, reached

"""From a file to plain values (dicts, lists, numbers, tensors) without running anything that the file holds.

    contents = load(Path("550000.pt"))
    contents["g_ema"]["input.input"].shape

Formats: the zip and the older stream that torch.save writes, safetensors, and NVIDIA's pickles (see nvidia.py). Sizes
are compared with the size of the file before anything is read, so that a small file cannot fill the memory.
"""

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from checkpoint.nvidia_pickle import load_pickle
from checkpoint.otherwise import UNKNOWN, otherwise
from checkpoint.torch_format import STREAM, ZIP, is_program, load_stream, load_zip
from checkpoint.values import LARGEST_FILE, plain
from checkpoint.vetting import understood
from errors import InputError

PICKLE = b"\x80"


def load(path: Path, lazy: bool = False) -> tuple[dict, str]:
    """The contents of a checkpoint, a dict; otherwise as `load_values`."""
    contents, container = load_values(path, lazy)
    if isinstance(contents, (list, tuple)) and any(isinstance(item, dict) for item in contents):
        contents = {f"item {index}": item for index, item in enumerate(contents)}
    if not isinstance(contents, dict):
        raise InputError(f"expected a dict of networks, found a {type(contents).__name__}")
    return contents, container


def load_values(path: Path, lazy: bool = False) -> tuple[object, str]:
    """The contents as plain values, and the container: "zip", "stream", "safetensors" or "pickle" (NVIDIA's).

    What is neither a number, a text nor a tensor becomes one of these, see values.py; a whole network its state dict.
    lazy: tensors of a zip stay on the disk until they are used (for looking only: the file must not change meanwhile)
    Raises InputError, without the path, for a file that is damaged, hostile or something else.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise InputError(f"{size / 2**30:.1f} GiB, more than any network of this kind has ({LARGEST_FILE >> 30} GiB)")
    with path.open("rb") as file:
        start = file.read(32)
        file.seek(0)
        if start.startswith(ZIP):
            contents, container = load_zip(path, lazy), "zip"
        elif start.startswith(PICKLE) and STREAM in start:
            contents, container = load_stream(file), "stream"
        elif _is_safetensors(start, size) or (path.suffix == ".safetensors" and otherwise(path) == UNKNOWN):
            contents, container = _load_safetensors(path), "safetensors"
        elif start.startswith(PICKLE):
            contents, container = load_pickle(file), "pickle"
        else:
            raise InputError(f"not a checkpoint: {otherwise(path)}")
    with understood():  # the data of some tensors is read only here
        return plain(contents, size), container


def load_weights(path: Path) -> tuple[dict[str, object], bool]:
    """As `load`, also of a TorchScript program, whose tensors are read and whose code is not; and whether it is one."""
    if not is_program(path):
        return load(path)[0], False
    with understood():
        contents = plain(load_zip(path, program=True), path.stat().st_size)
    if not isinstance(contents, dict):
        raise InputError("a TorchScript program without tensors")
    return dict(_flat(contents)), True


def _flat(contents: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Tensors of dicts in dicts, under the names of a state dict."""
    for name, value in contents.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, Tensor):
            yield f"{prefix}{name}", value


def _is_safetensors(start: bytes, size: int) -> bool:
    """It begins with the length of its table, and the table, which is JSON."""
    return len(start) > 8 and int.from_bytes(start[:8], "little") <= size - 8 and start[8:9] == b"{"


def _load_safetensors(path: Path) -> dict:
    try:
        from safetensors import safe_open
    except ImportError:
        raise InputError("reading safetensors needs a package: pip install -e .[export]") from None
    with understood(), safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return {**tensors, "metadata": file.metadata() or {}}

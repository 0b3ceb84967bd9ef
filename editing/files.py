"""Latent and direction files: dicts of tensors and plain values. They are read like checkpoints: no code of a file is run.

Those of others may be bare tensors, lists of them, or NumPy's; latent_formats and direction_formats know what is in them.

save("faces.pt", {"latent": torch.zeros(1, 512), "space": "w"})
load("faces.pt")["latent"].shape
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

import checkpoint
from checkpoint import container
from editing import arrays
from errors import InputError, printable, reading

DIRECTION_KEYS = ("vectors", "eigvec", "lat_comp", "comp", "boundary", "boundaries", "direction", "directions")
KNOWN = ("a direction file", "a checkpoint of networks")  # what no latents are


def save(path: str | Path, contents: dict) -> Path:
    """All or nothing, with the mark of this project's files. Raises InputError for NaN or Inf."""
    path = Path(path)
    checkpoint.write(path, contents, manifest=False)
    return path


def load(path: str | Path) -> dict:
    """{name: plain value or tensor}; of a bare tensor the name is "", of a list "0", "1", ... Raises InputError."""
    path = Path(path)
    with reading(path):
        contents = _values(path)
        if isinstance(contents, (list, tuple)) and not any(isinstance(item, Tensor) for item in contents):
            contents = numbers(contents)
        if isinstance(contents, (list, tuple)):
            return dict(zip(map(str, range(len(contents))), contents))
        return contents if isinstance(contents, dict) else {"": contents}


def _values(path: Path) -> object:
    try:
        return arrays.load(path) if arrays.is_array_file(path) else container.load_values(path)[0]
    except InputError as error:
        if "(JSON)" in str(error):
            raise InputError("numbers in a text (JSON) are not read; save them as .npy") from None
        raise InputError(str(error).replace("not a checkpoint", "no latents or directions")) from None


def numbers(value: object) -> object:
    """A list of tensors of one shape, or of numbers, as one tensor; anything else as it is.

    >>> numbers([[1.0, 2.0], [3.0, 4.0]]).shape, numbers(["a", 1])
    (torch.Size([2, 2]), ['a', 1])
    """
    if not isinstance(value, (list, tuple)) or not value:
        return value
    if all(isinstance(item, float) for item in value):
        return torch.tensor(value)
    items = [numbers(item) for item in value]
    alike = all(isinstance(item, Tensor) for item in items) and len({item.shape for item in items}) == 1
    return torch.stack([item.float() for item in items]) if alike else value


def described(contents: dict) -> str:
    """What a file turned out to be, for the message that it is not what was asked for."""
    if any(isinstance(contents.get(name), Tensor) for name in DIRECTION_KEYS):
        return "a direction file"
    if "latent" in contents or any(isinstance(entry, dict) and "latent" in entry for entry in contents.values()):
        return "a latent file"
    if {"g_ema", "g", "d", "input.input", "G_ema", "D", "state_dict"} & set(map(str, contents)):
        return "a checkpoint of networks"
    return f"it holds {', '.join(printable(str(name)) for name in list(contents)[:6]) or 'nothing'}"


def check_numbers(tensor: Tensor, what: str) -> None:
    """Raises InputError for `what`, such as latents, that are no finite floating point numbers."""
    shape = list(tensor.shape)
    if not tensor.is_floating_point() or not tensor.ndim or not tensor.numel():
        raise InputError(f"damaged ({what} {shape} of {str(tensor.dtype).removeprefix('torch.')}, expected floating point)")
    if not tensor.float().isfinite().all():
        raise InputError(f"damaged ({what} {shape} with NaN or Inf)")


def numbered(stem: str, count: int) -> list[str]:
    return [stem] if count == 1 else [f"{stem} {index}" for index in range(count)]


def shapes(tensors: dict[str, Tensor]) -> str:
    return ", ".join(f"{printable(name)} {list(tensor.shape)}" for name, tensor in [*tensors.items()][:6])


def texts(values: object, count: int, default: str) -> list[str]:
    """`count` printable names: those of the file where they are as many, else "`default` 0", "`default` 1", ..."""
    if isinstance(values, Sequence) and not isinstance(values, str) and len(values) == count:
        return [printable(str(value)) for value in values]
    return [f"{default} {index}" for index in range(count)]

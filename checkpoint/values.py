"""What the records of a pickle mean, as plain values: dicts, lists, numbers, texts, bytes and tensors.

    plain(contents, size=path.stat().st_size)

Objects of a class become dicts of their attributes; sets and queues lists; paths, dates, devices and dtypes texts; numbers of
NumPy numbers, and its arrays tensors. A whole network becomes its state dict, a `Whole`. All else is told in words.
"""

import argparse
import datetime
import itertools
import math
import pathlib
import re
import uuid
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from checkpoint import modules
from checkpoint.records import PATHS, Record
from checkpoint.tensors import Storage, rebuilt
from errors import InputError

LARGEST_FILE = 3 * 2**30  # bytes; a training checkpoint at 1024 px has 0.8 GiB
MOST_REPEATED = 2**28  # bytes that tensors may take beyond what they reach in the file, as those of .expand() do
MOST_VALUES = 1_000_000  # numbers, strings, tensors of one file
DEEPEST = 24  # levels of dicts and lists
LONGEST = 200  # letters of a value told in words

BUSY = object()

Copy = Callable[[object], object]


class Whole(dict):
    """The state dict of a network that was pickled whole. title: its class; module: the record, for what is no tensor."""

    def __init__(self, state: dict[str, object], title: str, module: Record):
        super().__init__(state)
        self.title, self.module = title, module


def plain(contents: object, size: int) -> object:
    """A copy in plain values. Tensors that reach further than `size` bytes, and what is too much or too deep, are refused."""
    return _Copier(size).copy(contents, 0)


def number(value: object) -> object:
    """A number or None of an object's attributes, such as a number of NumPy; else ABSENT."""
    value = plain(value, 0) if isinstance(value, Record) else value
    return value if value is None or isinstance(value, (int, float)) else modules.ABSENT


class _Copier:
    def __init__(self, size: int):
        self.size = size
        self.count = itertools.count()
        self.total = self.repeated = 0
        self.inside: set[int] = set()  # ids of the dicts and lists that are being copied
        self.done: dict[int, object] = {}  # id of a record: what it became; BUSY while that is being found out

    def copy(self, value: object, level: int) -> object:
        if level > DEEPEST or next(self.count) > MOST_VALUES:
            raise InputError("holds more values, or deeper ones, than any checkpoint")
        if isinstance(value, argparse.Namespace):
            value = vars(value)
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            return self._of_container(value, level)
        if isinstance(value, Tensor):
            return self._counted(value)
        if value is None or isinstance(value, (bool, int, float, str, bytes)):
            return value
        if isinstance(value, (torch.device, bytearray)):
            return str(value) if isinstance(value, torch.device) else bytes(value)
        if isinstance(value, Record):
            return self._of_record(value, level)
        if isinstance(value, type) and issubclass(value, Record):
            return _short(value.name)
        if isinstance(value, (Storage, torch.UntypedStorage, torch.TypedStorage)):
            return "a storage, without a tensor"
        raise InputError(f"holds a {type(value).__name__}, expected numbers, strings and tensors")

    def _of_container(self, value: dict | list | tuple | set | frozenset, level: int) -> object:
        """Within itself it is told as "..."."""
        if id(value) in self.inside:
            return "..."
        self.inside.add(id(value))
        if isinstance(value, dict):
            copied = {_key(key): self.copy(item, level + 1) for key, item in value.items()}
        else:
            copied = (tuple if type(value) is tuple else list)(self.copy(item, level + 1) for item in value)
        self.inside.discard(id(value))
        return copied

    def _counted(self, tensor: Tensor) -> Tensor:
        needed, reached = _bytes(tensor, self.size)
        self.total, self.repeated = self.total + needed, self.repeated + needed - reached
        if self.total > LARGEST_FILE or self.repeated > MOST_REPEATED:
            raise InputError("holds more data than any network of this kind")
        return tensor.detach().resolve_conj().resolve_neg()

    def _of_record(self, record: Record, level: int) -> object:
        """Each record once: what refers to it again gets the same, and within itself its name."""
        if id(record) not in self.done:
            self.done[id(record)] = BUSY
            self.done[id(record)] = self._meaning(record, lambda value: self.copy(value, level + 1))
        found = self.done[id(record)]
        return self._counted(found) if isinstance(found, Tensor) else record.name if found is BUSY else found

    def _meaning(self, record: Record, copy: Copy) -> object:
        if modules.is_module(record):
            state = {name: copy(tensor) for name, tensor in modules.tensors(record).items()}
            return Whole({name: tensor for name, tensor in state.items() if tensor is not None}, modules.title(record), record)
        last = record.name.rpartition(".")[2]
        if record.name.startswith(("torch._utils.", "torch._tensor.")):
            return rebuilt(record)
        if record.name.startswith("numpy.") and last in NUMPY:
            return NUMPY[last](record, copy)
        return VALUES.get(_short(record.name), _of_class)(record, copy)


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


def _key(key: object) -> object:
    """Keys of dicts stay as they are; bytes and objects become distinct texts."""
    if isinstance(key, bytes) or (isinstance(key, Record) and key.name == "_codecs.encode"):
        return (_bytes_of(key) or b"").decode(errors="replace")
    return f"{key.name} {id(key):x}" if isinstance(key, Record) else key


def _of_class(record: Record, copy: Copy) -> object:
    """An object of an unknown class: the entries of a dict or list, else its attributes, else its name."""
    if record.pairs:
        return copy(record.pairs)
    if record.items:
        return copy(record.items)
    if isinstance(attributes := _attributes(record.state), dict):
        for inner in ("_content", "_val"):  # OmegaConf's trees
            if inner in attributes:
                return copy(attributes[inner])
        return {name: copy(value) for name, value in attributes.items()}
    if len(record.args) == 1 and isinstance(record.args[0], (dict, list)):
        return copy(record.args[0])
    return told(record)


def _attributes(state: object) -> object:
    """Of a class with __slots__, pickle stores a pair of dicts."""
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
        return {**(state[0] if isinstance(state[0], dict) else {}), **state[1]}
    return state


def told(record: Record) -> str:
    """In words: the name, and the arguments that are words and numbers.

    A member of an Enum, for instance, is "modes.Mode('fast')".
    """
    known = [_word(value) for value in record.args if value is None or isinstance(value, (bool, int, float, str, bytes))]
    return f"{_short(record.name)}({', '.join(known)})" if record.args else _short(record.name)


def _short(name: str) -> str:
    return name.removeprefix("builtins.").removeprefix("__builtin__.").removeprefix("exceptions.")


def _word(value: object) -> str:
    if isinstance(value, (str, bytes)):
        return repr(value[:LONGEST])
    return "..." if isinstance(value, int) and abs(value) >= 2**64 else repr(value)


def _entries(record: Record, copy: Copy) -> object:
    """OrderedDict, Counter, defaultdict."""
    return copy(modules.entries(record))


def _members(record: Record, copy: Copy) -> object:
    """set, frozenset, deque."""
    return copy(modules.members(record))


def _encoded(record: Record, copy: Copy) -> object:
    """bytes, as protocol 2 stores them."""
    if len(record.args) != 2 or not isinstance(record.args[0], str) or record.args[1] not in ("latin1", "latin-1"):
        raise InputError("wants to call _codecs.encode for another code than latin1; nothing of it was run")
    return record.args[0].encode("latin1")


def _bytes_of(value: object) -> bytes | None:
    """Bytes of either protocol."""
    if isinstance(value, Record) and value.name == "_codecs.encode":
        value = _encoded(value, None)
    if isinstance(value, Record) and _short(value.name) == "bytes" and not value.args:
        return b""  # as protocol 2 stores it
    return bytes(value) if isinstance(value, (bytes, bytearray)) else None


def _path(record: Record, copy: Copy) -> object:
    kind = pathlib.PureWindowsPath if "Windows" in record.name else pathlib.PurePosixPath
    return str(kind(*(part for part in record.args if isinstance(part, str))))


def _date(record: Record, copy: Copy) -> object:
    """Their bytes, behind them the time zone."""
    kind = getattr(datetime, record.name.rpartition(".")[2])
    data = _bytes_of(record.args[0]) if record.args else None
    try:
        return kind(data).isoformat() + "".join(f" {copy(zone)}" for zone in record.args[1:])
    except (TypeError, ValueError):
        return told(record)


def _duration(record: Record, copy: Copy) -> object:
    try:
        return str(datetime.timedelta(*record.args))
    except (TypeError, ValueError, OverflowError):
        return told(record)


def _first(record: Record, copy: Copy) -> object:
    return copy(record.args[0]) if record.args else told(record)


def _complex(record: Record, copy: Copy) -> object:
    known = len(record.args) == 2 and all(isinstance(value, float) for value in record.args)
    return str(complex(*record.args)) if known else told(record)


def _uuid(record: Record, copy: Copy) -> object:
    number = record.state.get("int") if isinstance(record.state, dict) else None
    return str(uuid.UUID(int=number)) if type(number) is int and 0 <= number < 2**128 else told(record)


def _partial(record: Record, copy: Copy) -> object:
    """A function of somebody's with some of its arguments."""
    function = (record.args or (None,))[0]
    return f"{_short(function.name)}(...)" if isinstance(function, type) and issubclass(function, Record) else told(record)


def _device(record: Record, copy: Copy) -> object:
    return ":".join(str(part) for part in record.args if isinstance(part, (str, int)))


def _constructed(record: Record, copy: Copy) -> object:
    """copyreg's way of making an object: (class, base, its value), then the attributes."""
    kind, *_, value = (*record.args, None, None)[:3] if record.args else (None, None)
    if record.state is None and not record.pairs and value is not None:
        return copy(value)
    made = kind() if isinstance(kind, type) and issubclass(kind, Record) else record
    made.state, made.pairs, made.items = record.state, record.pairs, record.items
    return copy(made) if made is not record else told(record)


def _dtype(record: object) -> np.dtype | None:
    """NumPy's type of numbers or texts; None for others (objects, records)."""
    code = record.args[0] if isinstance(record, Record) and record.args else None
    if not isinstance(code, str) or not re.fullmatch(r"[biufcSU]\d{1,9}", code):
        return None
    state = record.state if isinstance(record.state, tuple) else ()
    order = state[1] if len(state) > 1 and state[1] in ("<", ">", "|") else "<"
    try:
        return np.dtype(order + code)
    except TypeError:
        return None


def _numpy_scalar(record: Record, copy: Copy) -> object:
    dtype, data = (_dtype(record.args[0]), _bytes_of(record.args[1])) if len(record.args) == 2 else (None, None)
    if dtype is None or data is None or len(data) != dtype.itemsize:
        return told(record)
    value = np.frombuffer(data, dtype)[0].item()
    return value if isinstance(value, (bool, int, float, str, bytes)) else str(value)


def _numpy_array(record: Record, copy: Copy) -> object:
    """_reconstruct(kind, shape, code), then the state (version, shape, dtype, whether columns come first, data)."""
    if not isinstance(record.state, tuple) or len(record.state) != 5:
        return told(record)
    _, shape, dtype, columns_first, data = record.state
    return _array(data, dtype, shape, "F" if columns_first is True else "C", copy)


def _numpy_buffer(record: Record, copy: Copy) -> object:
    """_frombuffer(data, dtype, shape, order), of protocol 5."""
    return _array(*record.args, copy) if len(record.args) == 4 else told(record)


def _array(data: object, dtype: object, shape: object, order: object, copy: Copy) -> object:
    if isinstance(data, list):  # of objects
        return copy(data)
    kind, raw = _dtype(dtype), _bytes_of(data)
    if kind is None or raw is None or not isinstance(shape, tuple) or not all(type(length) is int for length in shape):
        return "a NumPy array"
    if any(length < 0 for length in shape) or math.prod(shape) * kind.itemsize != len(raw):
        raise InputError("damaged (a NumPy array that does not fit its data)")
    array = np.frombuffer(raw, kind).reshape(shape, order="F" if order == "F" else "C")
    if kind.kind in "SU":
        return copy(array.tolist())
    if kind.kind == "f" and kind.itemsize > 8:
        array = array.astype(np.float64)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), order="C", copy=True))


NUMPY = {
    "scalar": _numpy_scalar,
    "_reconstruct": _numpy_array,
    "_frombuffer": _numpy_buffer,
    "dtype": lambda record, copy: str(_dtype(record) or told(record)),
}
VALUES = {  # those of Python's builtins by their short names
    **{f"collections.{name}": _entries for name in ("OrderedDict", "defaultdict", "Counter")},
    **dict.fromkeys(("set", "frozenset", "collections.deque", "torch.Size"), _members),
    **dict.fromkeys(("bytearray", "decimal.Decimal", "torch.serialization._get_layout"), _first),
    **{f"{module}.{name}": _path for module in ("pathlib", "pathlib._local") for name in PATHS},
    **{f"datetime.{name}": _date for name in ("datetime", "date", "time")},
    **dict.fromkeys(("copyreg._reconstructor", "copy_reg._reconstructor"), _constructed),
    **dict.fromkeys(("functools.partial", "types.GenericAlias"), _partial),
    "bytes": lambda record, copy: told(record) if record.args else b"",
    "complex": _complex,
    "datetime.timedelta": _duration,
    "_codecs.encode": _encoded,
    "torch.device": _device,
    "fractions.Fraction": lambda record, copy: "/".join(_word(part).strip("'") for part in record.args),
    "uuid.UUID": _uuid,
}

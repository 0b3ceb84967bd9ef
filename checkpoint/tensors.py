"""Tensors from the records of a pickle, whichever way their data came: a zip's member, a stream's tail, a file within the file.

storage = Storage("float32", 4, read=lambda: bytes(16))
rebuilt(record)       # of torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)
"""

import io
import math
from collections.abc import Callable

import torch
from torch import Tensor

from checkpoint.records import UNREAD, Record
from errors import InputError

KINDS = {  # names of torch.save's storages
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
    "Untyped": torch.uint8,
    "QInt8": torch.qint8,
    "QUInt8": torch.quint8,
    "QInt32": torch.qint32,
}
DTYPES = {str(dtype): dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)}
DEEPEST = 8  # of the wrappers around one tensor


class Unread(str):
    """A tensor that is no plain numbers, in words."""


class Storage:
    """The numbers that tensors point into: `count` of them, read when they are first needed."""

    def __init__(self, dtype: torch.dtype, count: int, read: Callable[[], bytes | bytearray | memoryview]):
        self.dtype, self.count, self._read = dtype, count, read
        self.data: torch.UntypedStorage | None = None

    def untyped(self) -> torch.UntypedStorage:
        if self.data is None:
            data = self._read()
            if len(data) != self.count * self.dtype.itemsize:
                raise InputError("damaged (a tensor's data has another length than declared)")
            data = bytearray(data) if isinstance(data, bytes) else data
            numbers = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
            self.data = numbers.untyped_storage()
        return self.data


class Storages:
    """The storages that a file's persistent ids point at, by their keys. read: key -> bytes."""

    def __init__(self, read: Callable[[str], bytes | bytearray | memoryview]):
        self.read = read
        self.found: dict[str, Storage] = {}

    def __call__(self, pid: object) -> object:
        if isinstance(pid, tuple) and pid[:1] == ("module",) and len(pid) > 1:  # (.., class, file, source text)
            return pid[1]
        if not isinstance(pid, tuple) or len(pid) < 5:
            raise InputError("damaged (a tensor that points at no data)")
        what, kind, key, _, count, *view = pid
        if what != "storage" or not isinstance(key, str) or type(count) is not int or any(view):
            raise InputError("damaged (a tensor that points at no data)")
        if key not in self.found:
            self.found[key] = Storage(kind_of(kind), count, lambda: self.read(key))
        return self.found[key]


def kind_of(value: object) -> torch.dtype:
    """The dtype of torch.FloatStorage and its like, as a class of the file."""
    name = value.name if isinstance(value, type) and issubclass(value, Record) else ""
    kind = name.rpartition(".")[2].lstrip("_").removesuffix("Storage")
    if not name.startswith("torch.") or kind not in KINDS:
        raise InputError(f"damaged (a storage of {name or type(value).__name__})")
    return KINDS[kind]


def rebuilt(record: object, level: int = 0) -> Tensor | Unread:
    """The tensor or parameter that a record stands for; in words where it is no ordinary dense one."""
    if isinstance(record, Tensor):
        return record
    if not isinstance(record, Record) or level > DEEPEST:
        raise InputError("damaged (a parameter without a tensor)")
    last, args = record.name.rpartition(".")[2], record.args
    if last in ("_rebuild_parameter", "_rebuild_parameter_with_state") and args:
        return rebuilt(args[0], level + 1)
    if last == "_rebuild_from_type_v2" and len(args) >= 3 and isinstance(args[2], tuple):  # function, class, its arguments
        function = args[0]
        if isinstance(function, type) and issubclass(function, Record) and function.name.startswith("torch._utils."):
            return rebuilt(function(*args[2]), level + 1)
    if last in UNREAD:
        return Unread(UNREAD[last])
    if last in ("_rebuild_tensor", "_rebuild_tensor_v2") and len(args) >= 4:
        return _marked(_strided(*args[:4]), *args[6:7])
    if last == "_rebuild_tensor_v3" and len(args) >= 7:
        dtype = DTYPES.get(getattr(args[6], "name", ""))
        return _marked(_strided(*args[:4], dtype=dtype), *args[7:8])
    raise InputError(f"damaged (a tensor made by {record.name})")


def _marked(tensor: Tensor, marks: object = None) -> Tensor:
    """Views of numbers that are stored with the other sign, or conjugate: nothing is copied before its size is judged."""
    marks = marks if isinstance(marks, dict) else {}
    tensor = tensor.conj() if marks.get("conj") is True else tensor
    return torch._neg_view(tensor) if marks.get("neg") is True else tensor


def _strided(storage: object, offset: object, size: object, stride: object, dtype: torch.dtype | None = None) -> Tensor:
    if isinstance(storage, Record) and storage.name == "torch.storage._load_from_bytes":
        storage = _of_file(storage)
    size, stride = (numbers.args[0] if isinstance(numbers, Record) and numbers.args else numbers for numbers in (size, stride))
    sound = isinstance(storage, Storage) and all(
        isinstance(numbers, tuple) and all(type(number) is int and 0 <= number < 2**48 for number in numbers)
        for numbers in (size, stride, (offset,))
    )
    if not sound or len(size) != len(stride):
        raise InputError("damaged (a tensor that cannot be)")
    dtype, data = dtype or storage.dtype, storage.untyped()
    last = offset + sum((length - 1) * step for length, step in zip(size, stride)) if math.prod(size) else offset - 1
    if (last + 1) * dtype.itemsize > data.nbytes():
        raise InputError(f"declares a tensor {list(size)}, more than the file holds")
    return torch.empty(0, dtype=dtype).set_(data, offset, size, stride)


def _of_file(record: Record) -> Storage:
    """A storage that torch.save wrote as a file of its own, within a pickle."""
    from checkpoint.torch_format import load_stream

    if record.state is None:  # once for all tensors that share it
        data = record.args[0] if record.args else None
        if isinstance(data, Record) and data.name == "_codecs.encode" and isinstance(data.args[0], str):
            data = data.args[0].encode("latin1")
        if not isinstance(data, (bytes, bytearray)):
            raise InputError("damaged (a tensor without data)")
        storage = load_stream(io.BytesIO(data))
        if not isinstance(storage, Storage):
            raise InputError(f"damaged (a {type(storage).__name__} in place of a storage)")
        record.state = storage
    return record.state

"""The two formats of torch.save, read as records after a look at their sizes and at the pickle inside.

contents = load_zip(Path("550000.pt"))          # since torch 1.6: a zip, one member for each tensor
contents = load_stream(open("old.pt", "rb"))    # before: pickles, then the data
"""

import io
import mmap
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from checkpoint.otherwise import first_member, of_zip
from checkpoint.records import Reader
from checkpoint.tensors import Storages
from checkpoint.vetting import first_line, understood, vet
from errors import InputError

ZIP = b"PK\x03\x04"  # how the formats begin
STREAM = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # a pickled number, behind the protocol

LARGEST_DIRECTORY = 8 * 2**20  # bytes of the list of a zip's members
LARGEST_PICKLE = 64 * 2**20  # bytes of the pickle inside a zip, which holds names and shapes only


def load_zip(path: Path, lazy: bool = False, program: bool = False) -> object:
    """lazy: tensors stay on the disk until they are used. program: a TorchScript program, of which the tensors are read."""
    with path.open("rb") as file:
        name = _check_zip(file, path.stat().st_size, program)
        archive, view = zipfile.ZipFile(file), memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        folder = name[: -len("data.pkl")]
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise InputError("written on a machine of the other byte order; load and save it there as plain state dicts")
        pickled = io.BytesIO(archive.read(name))

    def stored(key: str) -> memoryview | bytearray:
        member = archive.getinfo(f"{folder}data/{key}")
        start = member.header_offset + 30 + sum(struct.unpack_from("<HH", view, member.header_offset + 26))  # behind two names
        numbers = view[start : start + member.file_size]
        return numbers if lazy else bytearray(numbers)

    return _records(pickled, Storages(stored))


def load_stream(file: BinaryIO) -> object:
    """torch.save's format before 1.6: five pickles (a number, a version, the machine, the object, names), then the data."""
    position = file.tell()
    view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if hasattr(file, "name") else file
    for _ in range(5):
        vet(view)
    file.seek(position)
    data: dict[str, bytes] = {}
    storages = Storages(lambda key: data[key])
    for _ in range(3):
        _records(file, None)
    contents, keys = _records(file, storages), _records(file, None)
    with understood():
        for key in keys if isinstance(keys, list) else ():
            storage = storages.found[key]
            length = int.from_bytes(file.read(8), "little")
            data[key] = file.read(storage.count * storage.dtype.itemsize)
            if len(data[key]) < storage.count * storage.dtype.itemsize:
                raise EOFError
            if length != storage.count:
                raise InputError("damaged (a tensor's data has another length than declared)")
    return contents


def _records(file: BinaryIO, storages: Storages | None) -> object:
    with understood():
        return Reader(file, storages).load()


def is_program(path: Path) -> bool:
    """Whether it is a TorchScript program, which keeps its tensors as torch.save does, and code beside them."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.lower().endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _check_zip(file: BinaryIO, size: int, program: bool = False) -> str:
    """The name of the pickle, which must be harmless. All members must be stored as they are, lie inside the file, and match
    their checksums. Of a program its code, which is not read, may be packed.
    """
    try:
        _check_zip_end(file, size)
    except InputError as error:
        raise InputError(of_zip(first_member(file)) or str(error)) from None
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if other := of_zip([member.filename for member in members]):
                raise InputError(other)
            names = [member.filename.lower() for member in members]
            if len(set(names)) != len(names):
                raise InputError("damaged (two members of one name)")
            if not program and any(name.endswith("/constants.pkl") for name in names):
                raise InputError("a TorchScript program, not a checkpoint; save its state_dict() instead")
            if program:
                members = [member for member in members if "/code/" not in member.filename]
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise InputError("compressed zip; torch.save writes uncompressed ones")
            if sum(member.file_size for member in members) > size:
                raise InputError("damaged (members larger than the file)")
            name = _check_pickle_member(archive)
            for member in members:
                _check_sum(archive, member)
            return name
    except (zipfile.BadZipFile, EOFError, OSError, struct.error, ValueError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"damaged ({first_line(error)})") from None


def _check_zip_end(file: BinaryIO, size: int) -> None:
    """The directory and its description must be the last bytes, and short: then all zip readers agree on the contents."""
    file.seek(max(0, size - 98))
    tail = file.read().rjust(98)
    signature, *_, length, offset, comment = struct.unpack("<4s4H2LH", tail[-22:])
    if signature != b"PK\x05\x06" or comment:
        raise InputError("damaged (the end is missing); copy or download it again")
    end = size - 22
    if tail[-42:-38] == b"PK\x06\x07":  # the same numbers once more, in 64 bits
        end = size - 98
        if tail[:4] != b"PK\x06\x06" or struct.unpack("<QQ", tail[40:56]) != (length, offset):
            raise InputError("damaged (contradictory zip directory)")
    if length > LARGEST_DIRECTORY or offset + length != end:
        raise InputError("damaged (zip directory of the wrong size)")


def _check_pickle_member(archive: zipfile.ZipFile) -> str:
    pickles = [member for member in archive.infolist() if member.filename.lower().endswith("data.pkl")]
    if len(pickles) != 1:
        raise InputError("a zip, but none that torch.save wrote")
    if pickles[0].file_size > LARGEST_PICKLE:
        raise InputError("damaged (pickle too large)")
    vet(io.BytesIO(archive.read(pickles[0])))
    return pickles[0].filename


def _check_sum(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """A sum of zero means that the writer left it out."""
    if not member.CRC:
        return
    with archive.open(member) as data:
        while data.read(2**20):
            pass

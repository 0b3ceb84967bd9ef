"""Write a checkpoint so that a reader finds either all of it or none, and find the newest one that is whole.

    write("expr/checkpoints/000200.pt", {"g": g.state_dict(), "g_ema": g_ema.state_dict(), "iteration": 200})
    path, notes = newest_good("expr/checkpoints")

Beside the checkpoints lies manifest.jsonl: one line for each file written, with its SHA-256.
"""

import argparse
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from checkpoint import container
from errors import InputError
from writing import whole_file

STAMP = "cartoon-stylegan2"  # under the key `written_by` of our files
MANIFEST = "manifest.jsonl"
SPARE = 2**20  # bytes for names, shapes and the manifest


class NotFinite(InputError):
    """A tensor holds NaN or Inf."""


def write(path: str | Path, contents: dict, manifest: bool = True, stamp: bool = True) -> None:
    """Write a temporary file in the same folder, flush it to the disk, rename it, note it in the manifest.

    contents: dicts, lists, numbers, strings and tensors; written as plain dicts, with tensors on the CPU
    stamp:    add the key that marks a file as this project's own
    Raises NotFinite for tensors that hold NaN or Inf, and InputError for a full disk; the folder stays as it was. Raises
    TypeError for anything that could not be read back safely.
    """
    path = Path(path)
    contents = _plain({**contents, "written_by": STAMP} if stamp else contents)
    for name, tensor in _tensors(contents):
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise NotFinite(f"{path}: not written, {name} holds NaN or Inf")
    path.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(tensor.nbytes for _, tensor in _tensors(contents)) + SPARE
    if shutil.disk_usage(path.parent).free < needed:
        raise InputError(f"{path}: not written, needs {_readable(needed)} and the disk has {_free(path)} free")
    digest = _save(path, contents)
    if manifest:
        _note(path, digest, contents.get("iteration"))


def _save(path: Path, contents: dict) -> str:
    """As torch.save; returns the SHA-256 of what was written."""
    try:
        with whole_file(path, durable=True) as partial, partial.open("wb") as file:
            hashing = _HashingFile(file)
            hashing.run(lambda file: torch.save(contents, file))
    except OSError as error:
        raise InputError(f"{path}: not written ({error.strerror or error}), {_free(path)} free") from None
    return hashing.digest.hexdigest()


def newest_good(folder: str | Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint that is as it was written, and a line for each newer one that is not.

    None where the folder holds no checkpoint. Raises InputError where it holds only damaged ones.
    """
    folder = Path(folder)
    written = _manifest(folder)
    damaged = []
    for path in sorted(folder.glob("*.pt"), key=lambda path: _age(path, written), reverse=True):
        reason = _damage(path, written.get(path.name))
        if reason is None:
            return path, [f"{bad}: {why}; falling back to {path}" for bad, why in damaged]
        damaged.append((path, reason))
    if damaged:
        raise InputError(f"{folder}: no checkpoint is whole: {'; '.join(f'{path.name}: {why}' for path, why in damaged)}")
    return None, []


def iteration_of(path: Path) -> int:
    """The iteration that a checkpoint was saved at, by its name or the manifest beside it; -1 where neither tells."""
    return _age(path, _manifest(path.parent))[0]


def fingerprint(state: dict[str, Tensor]) -> str:
    """Short SHA-256 of names, shapes and bytes: the same for the same network, whatever file it came from."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {list(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:12]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _HashingFile:
    """A file to write to that hashes what passes, and remembers the first failure, which torch.save replaces by its own."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.digest = hashlib.sha256()
        self.failure: BaseException | None = None

    def write(self, data) -> int:
        self.digest.update(data)
        try:
            return self.file.write(data)
        except BaseException as error:
            self.failure = self.failure or error
            raise

    def flush(self) -> None:
        self.file.flush()

    def run(self, save: Callable[[BinaryIO], object]) -> None:
        try:
            save(self)
        except BaseException as error:
            raise self.failure or error from None


def _plain(value):
    """Dicts, lists, tuples, numbers, strings and tensors, the last without graph, on the CPU and no larger than they look."""
    if isinstance(value, argparse.Namespace):
        value = vars(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, Tensor):
        tensor = value.detach().cpu().contiguous()
        return tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor
    if isinstance(value, Path):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}: {value!r}")


def _tensors(value, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor with its dotted name."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, (dict, list, tuple)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _tensors(item, f"{name}.{key}" if name else str(key))


def _free(path: Path) -> str:
    return _readable(shutil.disk_usage(path.parent).free)


def _readable(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _note(path: Path, digest: str, iteration: int | None) -> None:
    """Append one line, in one piece. It begins on a fresh line even after a kill left half of one."""
    line = json.dumps({"name": path.name, "sha256": digest, "bytes": path.stat().st_size, "iteration": iteration})
    with (path.parent / MANIFEST).open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            line = line if file.read(1) == b"\n" else "\n" + line
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _manifest(folder: Path) -> dict[str, dict]:
    """The last entry of each file name; lines that are not whole are passed over."""
    entries = {}
    path = folder / MANIFEST
    for line in path.read_text(errors="replace").splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
            entries[entry["name"]] = entry
        except (ValueError, KeyError, TypeError):
            continue
    return entries


def _age(path: Path, written: dict[str, dict]) -> tuple[int, float]:
    """Sorts by iteration: the file name, else the manifest; then by time."""
    iteration = int(path.stem) if path.stem.isdecimal() else written.get(path.name, {}).get("iteration")
    return iteration if isinstance(iteration, int) else -1, path.stat().st_mtime


def _damage(path: Path, entry: dict | None) -> str | None:
    """What is wrong with a file. One that a kill kept out of the manifest is judged by its own checksums."""
    if entry is None:
        try:
            container.load(path, lazy=True)
        except InputError as error:
            return str(error)
        return None
    return None if file_hash(path) == entry["sha256"] else f"damaged (its SHA-256 is not the one in {MANIFEST})"

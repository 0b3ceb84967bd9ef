"""Recorded reference numbers, as test cases that are found by listing.

The environment variable VECTORS names another folder of them; without it they lie in tests/recorded.

    @for_each_folder("g*")
    def test_vectors_of_the_generator(folder): ...
"""

import os
from pathlib import Path

import pytest
import torch

DATA = Path(__file__).parent / "recorded"


def root(collection: str = "stylegan2") -> Path:
    """$VECTORS or tests/recorded; its sub-folder `collection` where there is one."""
    given = Path(os.environ.get("VECTORS") or DATA)
    return given / collection if (given / collection).is_dir() else given


def folders(kind: str, collection: str = "stylegan2") -> list[Path]:
    """The folders whose name matches a pattern such as "ada" or "g*", sorted; none is no error."""
    return sorted(path for path in root(collection).glob(kind) if path.is_dir())


def for_each_folder(kind: str, collection: str = "stylegan2") -> pytest.MarkDecorator:
    """Run a test once per such folder, given as its argument `folder`; skip it, with the reason, where there is none."""
    missing = pytest.param(None, id="none", marks=pytest.mark.skip(reason=f"no folder {kind} in {root(collection)}"))
    found = [pytest.param(path, id=path.name) for path in folders(kind, collection)]
    return pytest.mark.parametrize("folder", found or [missing])


def part(folder: Path, file: str, name: str) -> object:
    """Of a record; skips the test, with the reason, where a set lacks it."""
    record = torch.load(folder / file, weights_only=True) if (folder / file).is_file() else {}
    if name not in record:
        pytest.skip(f"{file} of this set holds no {name}")
    return record[name]

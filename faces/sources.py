"""Pictures from a folder (nested or flat) or a zip, in the order of their full paths.

source = open_source(Path("cartoons.zip"))
for item in source.items:
    picture, notes = source.picture(item)
"""

import os
import zipfile
from pathlib import Path
from typing import NamedTuple

from cli import InputError
from faces.decode import Decoded, decode


class Item(NamedTuple):
    name: str


def open_source(path: Path) -> "Folder | Archive":
    if path.is_dir():
        return Folder(path)
    if zipfile.is_zipfile(path):
        return Archive(path)
    raise InputError(f"{path}: neither a folder nor a zip")


class Folder:
    def __init__(self, path: Path):
        self.path = path
        names = [os.path.relpath(os.path.join(folder, name), path) for folder, _, files in os.walk(path) for name in files]
        self.items = [Item(name) for name in sorted(names)]

    def picture(self, item: Item, **options) -> Decoded:
        return decode((self.path / item.name).read_bytes(), **options)


class Archive:
    def __init__(self, path: Path):
        self.path = path
        with zipfile.ZipFile(path) as archive:
            self.items = [Item(name) for name in sorted(archive.namelist()) if not name.endswith("/")]

    def picture(self, item: Item, **options) -> Decoded:
        with zipfile.ZipFile(self.path) as archive:
            return decode(archive.read(item.name), **options)

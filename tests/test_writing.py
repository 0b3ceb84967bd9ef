"""Files that are whole or absent, and those that outlast a power failure."""

import os
from pathlib import Path

import pytest

import writing
from errors import InputError
from writing import whole_file, write_text


@pytest.mark.parametrize("make, word", [(Path.mkdir, "a folder"), (os.mkfifo, "no ordinary file")])
def test_a_whole_file_replaces_nothing_but_files(tmp_path, make, word):
    make(tmp_path / "there")
    with pytest.raises(InputError, match=f"there: is {word}"), whole_file(tmp_path / "there"):
        raise AssertionError("refused before the work")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_is_not_written_to_the_end_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "menu.txt"
    path.write_text("bread")
    with pytest.raises(type(error)) as caught, whole_file(path) as partial:
        partial.write_text("so")
        raise error
    assert path.read_text() == "bread" and os.listdir(tmp_path) == ["menu.txt"]
    assert not isinstance(error, OSError) or caught.value.filename == str(path)


@pytest.mark.parametrize("durable", [False, True])
def test_a_durable_file_is_on_the_disk_before_its_name_is_and_then_the_name(tmp_path, monkeypatch, durable):
    events, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(writing.os, "fsync", lambda file: (events.append(os.readlink(f"/proc/self/fd/{file}")), fsync(file)))
    monkeypatch.setattr(writing.os, "replace", lambda old, new: (events.append("renamed"), replace(old, new)))
    with whole_file(tmp_path / "a.pt", durable) as partial:
        partial.write_bytes(b"weights")
    assert events == ([str(partial), "renamed", str(tmp_path)] if durable else ["renamed"])


def test_a_text_holds_names_of_files_that_are_no_text(tmp_path):
    write_text(tmp_path / "new" / "menu.txt", "soup\udcff")
    assert (tmp_path / "new" / "menu.txt").read_bytes() == b"soup\xff"

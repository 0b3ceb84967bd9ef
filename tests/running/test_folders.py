"""Which folder a run gets, and what becomes of what lies in it."""

import pytest

from errors import InputError
from running.folders import open_folder


def test_a_run_without_a_name_gets_the_first_free_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("expr", "expr-2", "expr-3"):
        assert open_folder(None).name == name
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        assert open_folder(None).name == name  # holds no run yet
        (tmp_path / name / "checkpoints" / "000001.pt").write_text("")


def test_only_overwrite_replaces_a_run_and_spares_files_of_others(tmp_path):
    for name in ("checkpoints/000001.pt", "samples/000001.png", "stats.jsonl", "log.txt", "options.json", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=f"--outdir {tmp_path}: .*--resume.*--overwrite"):
        open_folder(tmp_path)
    assert open_folder(tmp_path, overwrite=True) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["samples/me.png", "checkpoints/notes.txt", "checkpoints/mine.pt", "log.txt", "stats.jsonl"])
def test_what_is_no_run_is_never_replaced(tmp_path, monkeypatch, name, overwrite):
    theirs = tmp_path / "expr" / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    with pytest.raises(InputError, match=r"^--outdir .*expr: holds "):
        open_folder(tmp_path / "expr", overwrite)
    assert theirs.read_text() == "mine"
    monkeypatch.chdir(tmp_path)
    assert open_folder(None).name == "expr-2"


def test_a_run_that_was_killed_before_it_wrote_a_word_is_no_obstacle(tmp_path):
    (tmp_path / "log.txt").write_text("")
    assert open_folder(tmp_path) == tmp_path


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a.png").write_text("")
    with pytest.raises(InputError, match="is a file; name a folder"):
        open_folder(tmp_path / "a.png", overwrite=True)

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

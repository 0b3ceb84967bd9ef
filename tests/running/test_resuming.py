"""Which run goes on, and from which of its files."""

from types import SimpleNamespace

import pytest

import checkpoint
from errors import InputError
from running import parallel, resuming
from running.folders import GROUP_FILE
from tests.networks import tiny_generator


def saved(folder, iteration=1, **more):
    """A run with a checkpoint."""
    path = folder / "checkpoints" / f"{iteration:06d}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write(path, {"g_ema": tiny_generator().state_dict(), "statistics": {}, "iteration": iteration} | more)
    return path


@pytest.fixture
def restarted(monkeypatch):
    """As in a process that torchrun has started again, of the group of this name."""

    def as_group(name):
        monkeypatch.setattr(parallel, "attempt", lambda: 1)
        monkeypatch.setattr(parallel, "group_name", lambda: name)

    return as_group


def test_a_restarted_group_finds_its_own_run_and_no_other(tmp_path, monkeypatch, restarted):
    monkeypatch.chdir(tmp_path)
    files = {}
    for name, group in (("expr", "mine"), ("expr-2", "another"), ("expr-3", None)):
        files[name] = saved(tmp_path / name)
        if group:
            (tmp_path / name / GROUP_FILE).write_text(group)
    assert resuming.find("latest", None).path.resolve() == files["expr-3"]
    restarted("mine")
    assert resuming.find(None, None).path.resolve() == files["expr"]
    for name, path in files.items():
        found = resuming.find(None, tmp_path / name)
        assert found.path == path if name == "expr" else found is None, "the run of others in --outdir is not gone on with"
    restarted("new")
    assert resuming.find(None, None) is None


def test_only_who_asks_goes_on(tmp_path):
    saved(tmp_path / "run")
    assert resuming.find(None, tmp_path / "run") is None


def test_the_newest_of_a_folder_is_found_or_the_file_that_is_named(tmp_path):
    files = [saved(tmp_path / "run", iteration) for iteration in (1, 3, 2)]
    assert resuming.find("latest", tmp_path / "run").path == files[1]
    assert resuming.find(str(files[0]), tmp_path / "run").path == files[0]
    assert resuming.find("latest", tmp_path / "empty") is None


def test_a_file_without_a_run_names_the_flag_that_takes_it(tmp_path):
    path = tmp_path / "plain.pt"
    checkpoint.write(path, {"g_ema": tiny_generator().state_dict()})
    with pytest.raises(InputError, match=f"--resume {path}: holds no run to continue; a new one can start"):
        resuming.find(str(path), None)


def test_every_process_must_read_the_same_file(tmp_path, monkeypatch):
    """The first of two tells what it has read; another disk may hold another file under this name."""
    path = saved(tmp_path / "run")
    for digest, agrees in ((checkpoint.file_hash(path), True), ("0" * 64, False)):
        monkeypatch.setattr(parallel, "from_first", lambda work, digest=digest: (path, digest, []))
        if agrees:
            assert resuming.find(str(path), None).path == path
        else:
            with pytest.raises(InputError, match="process 0 reads another file"):
                resuming.find(str(path), None)


@pytest.mark.parametrize("pictures, kept", [(5, []), (6, [{"kid": 1.0}]), (7, [])])
def test_scores_are_compared_with_earlier_ones_of_as_many_pictures_only(pictures, kept):
    saved = SimpleNamespace(contents={"pictures": 6, "evaluations": [{"kid": 1.0}]})
    run = SimpleNamespace(start=SimpleNamespace(saved=saved), images=range(pictures))
    assert resuming.scores_so_far(run) == kept

"""Saving is all or nothing, and what is found again is what was saved."""

import argparse
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import checkpoint
from errors import InputError
from tests.checkpoint.files import networks, saved, training_contents
from tests.waiting import wait_until


def manifest(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_what_is_written_is_read_again(tmp_path):
    contents = training_contents()
    rng = {"torch": torch.get_rng_state(), "python": (3, tuple(range(625)), None), "position": 12}
    checkpoint.write(tmp_path / "sub" / "000012.pt", {**contents, "iteration": 12, "rng": rng})
    source = checkpoint.read(tmp_path / "sub" / "000012.pt")
    for name in ("g", "d", "g_ema"):
        assert all(torch.equal(source.networks[name][key], tensor) for key, tensor in contents[name].items())
    assert source.extra["rng"]["python"] == rng["python"]
    assert torch.equal(source.extra["rng"]["torch"], rng["torch"])
    assert source.extra["args"] == vars(contents["args"])


def test_manifest_names_hash_size_and_iteration(tmp_path):
    for iteration in (1, 2):
        checkpoint.write(tmp_path / f"{iteration:06d}.pt", {**networks(), "iteration": iteration})
    lines = manifest(tmp_path)
    assert [line["name"] for line in lines] == ["000001.pt", "000002.pt"]
    assert [line["iteration"] for line in lines] == [1, 2]
    for line in lines:
        data = (tmp_path / line["name"]).read_bytes()
        assert (line["sha256"], line["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.pt", "000002.pt", "manifest.jsonl"]


def test_no_manifest_unless_wanted(tmp_path):
    checkpoint.write(tmp_path / "a.pt", networks(), manifest=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_never_written(tmp_path, value):
    contents = training_contents()
    contents["g_optim"]["state"][3]["exp_avg_sq"].view(-1)[0] = value
    with pytest.raises(InputError, match=r"g_optim\.state\.3\.exp_avg_sq holds NaN or Inf$"):
        checkpoint.write(tmp_path / "a.pt", contents)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, np.float32(1), object(), 1j])
def test_values_that_could_not_be_read_back_are_refused(tmp_path, value):
    with pytest.raises(TypeError, match="a checkpoint cannot hold"):
        checkpoint.write(tmp_path / "a.pt", {"g": networks()["g"], "extra": [{"deep": value}]})
    assert not list(tmp_path.iterdir())


def test_views_and_graphs_are_left_behind(tmp_path):
    big = torch.zeros(2**20, requires_grad=True)
    checkpoint.write(tmp_path / "a.pt", {"view": big[:4], "flags": argparse.Namespace(out=Path("expr"))})
    assert (tmp_path / "a.pt").stat().st_size < 10_000
    contents = torch.load(tmp_path / "a.pt", weights_only=True)
    assert not contents["view"].requires_grad
    assert contents["flags"] == {"out": "expr"}


def fail_after(monkeypatch, size: int, error: BaseException) -> None:
    """Let temporary files raise `error` once they would hold more than `size` bytes."""

    class Failing(io.FileIO):
        def write(self, data):
            if self.tell() + len(data) > size:
                raise error
            return super().write(data)

    ordinary = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode="r", **options: (Failing if path.suffix == ".partial" else ordinary)(path, mode, **options),
    )


@pytest.mark.parametrize("after", [0, 1000, 20_000])
def test_full_disk_leaves_the_last_good_file(tmp_path, monkeypatch, after):
    checkpoint.write(tmp_path / "000001.pt", networks())
    before = (tmp_path / "000001.pt").read_bytes()
    error = OSError(errno.ENOSPC, "No space left on device")
    fail_after(monkeypatch, after, error)
    for name in ("000001.pt", "000002.pt"):
        with pytest.raises(InputError) as caught:
            checkpoint.write(tmp_path / name, networks())
        assert str(caught.value).startswith(f"{tmp_path / name}: not written (No space left on device), ")
        assert "MiB free" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (tmp_path / "000001.pt").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.pt", "manifest.jsonl"]


def test_space_is_checked_before(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(InputError, match=r"needs 1 MiB and the disk has 0 MiB free$"):
        checkpoint.write(tmp_path / "a.pt", networks())
    assert not list(tmp_path.iterdir())


def test_interruption_leaves_no_trace(tmp_path, monkeypatch):
    fail_after(monkeypatch, 100, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        checkpoint.write(tmp_path / "a.pt", networks())
    assert not list(tmp_path.iterdir())


def write_and_be_killed(folder, turn, share):
    """A child writes file after file; it is killed a part of the time after its first one that this one took."""
    child = os.fork()
    if not child:
        for i in range(100):
            checkpoint.write(folder / f"{turn:03d}{i:03d}.pt", {**networks(), "iteration": i})
        os._exit(0)
    begun = time.monotonic()
    wait_until((folder / f"{turn:03d}000.pt").exists, over=lambda: os.waitpid(child, os.WNOHANG)[0])
    time.sleep(share * (time.monotonic() - begun))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_kill_at_any_instant_leaves_only_whole_files(tmp_path):
    """Whatever has a final name is whole."""
    for turn, share in enumerate(torch.rand(6, generator=torch.Generator().manual_seed(0)).tolist()):
        write_and_be_killed(tmp_path, turn, share)
    written = list(tmp_path.glob("*.pt"))
    assert len(written) >= 6
    for path in written:
        checkpoint.read(path)
    newest, notes = checkpoint.newest_good(tmp_path)
    assert (newest, notes) == (max(written), [])


@pytest.fixture
def three(tmp_path):
    for iteration in (99, 100, 1000):
        checkpoint.write(tmp_path / f"{iteration:06d}.pt", {**networks(), "iteration": iteration})
    return tmp_path


def test_newest_is_the_highest_iteration(three):
    os.utime(three / "000099.pt")
    assert checkpoint.newest_good(three) == (three / "001000.pt", [])


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("listed", [True, False], ids=["in the manifest", "not in the manifest"])
@pytest.mark.parametrize("damage", [truncate, flip, zero])
def test_a_damaged_newest_falls_back_and_both_are_named(three, damage, listed):
    if not listed:
        (three / "manifest.jsonl").unlink()
    damage(three / "001000.pt")
    path, notes = checkpoint.newest_good(three)
    assert path == three / "000100.pt"
    assert len(notes) == 1
    assert str(three / "001000.pt") in notes[0]
    assert str(three / "000100.pt") in notes[0]


def test_nothing_whole(three):
    for path in three.glob("*.pt"):
        flip(path)
    with pytest.raises(InputError, match=r"no checkpoint is whole: 001000\.pt: damaged .*; 000100\.pt: damaged .*; 000099"):
        checkpoint.newest_good(three)


def test_empty_folder(tmp_path):
    assert checkpoint.newest_good(tmp_path) == (None, [])
    assert checkpoint.newest_good(tmp_path / "none") == (None, [])


def test_half_a_line_in_the_manifest_spoils_no_other(three):
    with (three / "manifest.jsonl").open("a") as file:
        file.write('{"name": "0010')
    checkpoint.write(three / "001001.pt", {**networks(), "iteration": 1001})
    assert checkpoint.newest_good(three) == (three / "001001.pt", [])
    flip(three / "001001.pt")
    assert checkpoint.newest_good(three)[0] == three / "001000.pt"


def test_a_name_written_twice_is_judged_by_its_last_line(three):
    checkpoint.write(three / "001000.pt", {**networks(), "iteration": 1000, "again": True})
    assert checkpoint.newest_good(three) == (three / "001000.pt", [])


def test_fingerprint_is_of_the_numbers_not_of_the_file(tmp_path):
    state = networks()["g_ema"]
    expected = checkpoint.fingerprint(state)
    for stream in (False, True):
        source = checkpoint.read(saved(tmp_path, {f"module.{key}": t for key, t in state.items()}, stream=stream))
        assert checkpoint.fingerprint(source.networks["g_ema"]) == expected
        assert checkpoint.fingerprint(source.generator().state_dict()) == expected
    assert checkpoint.fingerprint(dict(reversed(state.items()))) == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state["input.input"].view(-1)[:1].add_(1e-6),
        lambda state: state.update({"other": state.pop("input.input")}),
        lambda state: state.update({"input.input": state["input.input"].reshape(-1)}),
        lambda state: state["conv1.noise.weight"].copy_(-state["conv1.noise.weight"]),
    ],
)
def test_fingerprint_changes_with_any_number_name_or_shape(change):
    state = {name: tensor.clone() for name, tensor in networks()["g_ema"].items()}
    before = checkpoint.fingerprint(state)
    change(state)
    assert checkpoint.fingerprint(state) != before

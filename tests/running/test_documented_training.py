"""The training of docs/adding-a-training.md works as printed: alone, stopped, killed, resumed, in two processes."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys

import pytest
import torch
from PIL import Image

from running import loop
from tests.commands import assert_same, failure, run, stopped_in_call
from tests.house import ROOT
from tests.pictures import random_pictures
from tests.waiting import PATIENCE, wait_for

DOCUMENT = ROOT / "docs" / "adding-a-training.md"
TINY = ["--size", 16, "--batch", 4, "--n_sample", 3, "--sample_every", 4, "--save_every", 5, "--device", "cpu"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder where the two files of the document lie."""
    folder = tmp_path_factory.mktemp("documented")
    what, command = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (folder / "colouring").mkdir()
    (folder / "colouring" / "colours.py").write_text(what)
    (folder / "train_colours.py").write_text(command)
    return folder


@pytest.fixture(scope="module")
def command(written):
    """The command as a module."""
    sys.path.insert(0, str(written))
    yield importlib.import_module("train_colours")
    sys.path.remove(str(written))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return random_pictures(tmp_path_factory.mktemp("pictures"), 12)


@pytest.fixture(scope="module")
def whole(command, pictures, tmp_path_factory):
    """The folder of an undisturbed run of 13 iterations."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(command, pictures, *TINY, "--iter", 13, "--outdir", folder)
    return folder


def process(written, *words, torchrun: bool = False) -> subprocess.Popen:
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"] if torchrun else []
    words = [sys.executable, *start, written / "train_colours.py", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{written}"}
    return subprocess.Popen(list(map(str, words)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def contents(folder, iteration=13) -> dict:
    saved = torch.load(folder / "checkpoints" / f"{iteration:06d}.pt", weights_only=True)
    saved["args"].pop("outdir")
    return saved


def statistics(folder) -> list[dict]:
    timing = {"sec_per_kimg", "seconds", "gib"}
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in timing} for line in lines]


def assert_as_undisturbed(folder, whole) -> None:
    assert_same(contents(folder), contents(whole))
    assert statistics(folder) == statistics(whole)
    for name in sorted(path.name for path in (whole / "samples").iterdir()):
        assert (folder / "samples" / name).read_bytes() == (whole / "samples" / name).read_bytes()


def test_a_run_leaves_everything_behind(whole):
    files = {str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()}
    assert files >= {
        *("options.json", "log.txt", "stats.jsonl", "loss.png", "progress.gif", "reals.png"),
        *("samples/000000.png", "samples/000012.png", "checkpoints/000005.pt", "checkpoints/000013.pt"),
    }
    options = json.loads((whole / "options.json").read_text())
    assert (options["lr"], options["iter"], options["outdir"]) == (0.001, 13, str(whole))
    with Image.open(whole / "samples" / "000000.png") as sheet:
        assert sheet.width > 3 * 128
    told, rest = statistics(whole)
    assert told["terms"] == ["l1"] and 0 < told["l1"] < 2 and told["colourful"] > 0
    assert (told["kimg"], told["epoch"], rest["iteration"]) == (0.04, round(40 / 12, 3), 13)


def test_only_a_long_run_tries_cudnns_ways(command, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)  # as it was, afterwards
    monkeypatch.setattr(loop, "LONG", 2)
    for left, iterations in ((1, 1), (2, 3)):  # the second call goes on
        run(command, pictures, *TINY, "--iter", iterations, "--resume", "--outdir", tmp_path)
        assert torch.backends.cudnn.benchmark is (left >= 2)


def test_it_learns(command, pictures, tmp_path):
    run(command, pictures, *TINY, "--iter", 60, "--lr", 0.01, "--outdir", tmp_path)
    losses = [line["l1"] for line in statistics(tmp_path)]
    assert losses[-1] < 0.95 * losses[0]
    assert not (tmp_path / "trace.json").exists()  # long enough to be profiled, and nobody asked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_saves_and_goes_on_exactly(command, pictures, whole, tmp_path, monkeypatch, number):
    with stopped_in_call(7, number, loop, "now_and_then", monkeypatch):
        run(command, pictures, *TINY, "--iter", 13, "--outdir", tmp_path / "run")
    assert contents(tmp_path / "run", 7)["iteration"] == 7
    assert f"Stopped by {number.name} after iteration 7" in (tmp_path / "run" / "log.txt").read_text()
    run(command, "--resume", "--outdir", tmp_path / "run")
    assert_as_undisturbed(tmp_path / "run", whole)


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_newest_checkpoint(written, command, pictures, whole, tmp_path):
    killed = process(written, pictures, *TINY, "--iter", 100_000, "--outdir", tmp_path / "run")
    wait_for(tmp_path / "run" / "checkpoints" / "000005.pt", killed)
    killed.kill()
    killed.communicate(timeout=PATIENCE)
    for path in (tmp_path / "run" / "checkpoints").glob("*.pt"):  # however far it came
        if path.stem != "000005":
            path.unlink()
    run(command, "--resume", "--outdir", tmp_path / "run", "--iter", 13)
    assert_as_undisturbed(tmp_path / "run", whole)


@pytest.mark.slow
def test_two_processes_train_one_network_and_go_on_exactly(written, command, pictures, tmp_path, capsys):
    words = [pictures, *TINY, "--iter", 13]
    for outdir, iterations in (("whole", [13]), ("parts", [7, 13])):
        for number in iterations:
            resume = ["--resume"] if number != iterations[0] else []
            group = process(written, *words[:-1], number, "--outdir", tmp_path / outdir, *resume, torchrun=True)
            output, _ = group.communicate(timeout=PATIENCE)
            assert group.returncode == 0, output
    assert_as_undisturbed(tmp_path / "parts", tmp_path / "whole")
    saved = contents(tmp_path / "whole")
    assert saved["position"] == 13 * 8
    assert not torch.equal(saved["rng"][0]["device"], saved["rng"][1]["device"])
    message = failure(capsys, command, "--resume", "--outdir", tmp_path / "whole", "--iter", 14)
    assert "rng: saved by 2 processes, and this run has 1" in message


def test_what_is_changed_is_said_and_what_cannot_change_is_refused(command, pictures, whole, tmp_path, capsys):
    run(command, pictures, *TINY, "--iter", 2, "--outdir", tmp_path / "run")
    run(command, "--resume", "--outdir", tmp_path / "run", "--iter", 3, "--lr", 0.5)
    assert "Changed: --lr 0.5 (was 0.001)" in capsys.readouterr().out
    assert contents(tmp_path / "run", 3)["optimizer"]["param_groups"][0]["lr"] == 0.5
    assert "began with --seed 0" in failure(capsys, command, "--resume", "--outdir", tmp_path / "run", "--seed", 1)
    run(command, "--resume", "--outdir", tmp_path / "run")
    assert "finished at 3 of 3" in capsys.readouterr().out
    assert "no pictures" in failure(capsys, command, "--resume", "--outdir", tmp_path / "none")


def test_a_dry_run_writes_nothing(command, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(command, pictures, *TINY, "--dry_run")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_training_is_refused_by_its_key(command, pictures, tmp_path, capsys):
    run(command, pictures, *TINY, "--iter", 1, "--outdir", tmp_path / "run")
    newest = tmp_path / "run" / "checkpoints" / "000001.pt"
    saved = torch.load(newest, weights_only=True)
    saved["other"] = saved.pop("network")
    torch.save(saved, newest)
    (tmp_path / "run" / "checkpoints" / "manifest.jsonl").unlink()
    message = failure(capsys, command, "--resume", newest, "--iter", 2)
    assert f"--resume {newest}: network: missing from the checkpoint" in message
    del saved["args"]["pictures"]
    torch.save(saved, newest)
    message = failure(capsys, command, "--resume", newest, "--iter", 2)
    assert f"--resume {newest}: a run of another command, which names no pictures" in message


def test_help_comes_without_torch(written):
    program = "import sys, train_colours; train_colours.parser().format_help(); assert 'torch' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{written}"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)

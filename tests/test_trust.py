"""train.py when things go wrong: kills, signals, a full disk, numbers that explode. What is killed is a process of its own."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import checkpoint
import train
from tests.commands import assert_same, failure, run, stopped_in_call
from tests.pictures import random_pictures
from tests.waiting import PATIENCE, wait_for
from training import steps

pytestmark = pytest.mark.slow

TRAIN = Path(train.__file__)
TINY = ["--device", "cpu", "--size", 16, "--channel_base", 64, "--channel_max", 8, "--style_dim", 8, "--n_mlp", 2]
TINY += ["--batch", 2, "--n_sample", 4]
TIMING = {"sec_per_kimg", "seconds", "gib"}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return random_pictures(tmp_path_factory.mktemp("faces"), 9)


def start(faces, *words, **options) -> subprocess.Popen:
    command = [sys.executable, TRAIN, faces, *TINY, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [str(word) for word in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def statistics(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in TIMING} for line in lines]


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a checkpoint, by its place."""
    found, rest = {}, [("", torch.load(path, weights_only=True))]
    while rest:
        name, value = rest.pop()
        if isinstance(value, torch.Tensor):
            found[name] = value
        elif isinstance(value, dict | list | tuple):
            rest += [(f"{name}/{key}", item) for key, item in (value.items() if isinstance(value, dict) else enumerate(value))]
    return found


def test_killed_and_resumed_runs_end_bit_equal_to_an_undisturbed_one(faces, tmp_path):
    flags = ["--iter", 60, "--save_every", 7, "--sample_every", 20, "--augment", "--keep", 2]
    run(train, faces, *TINY, *flags, "--outdir", tmp_path / "whole")
    moments = random.Random(0)
    killed = tmp_path / "killed"
    for kill in range(3):
        process = start(faces, *flags, "--outdir", killed, "--resume")
        wait_for(killed / "checkpoints" / f"{7 * (2 * kill + 1):06d}.pt", process)
        time.sleep(0.3 * moments.random())
        process.kill()
        process.communicate()
    run(train, faces, *TINY, *flags, "--outdir", killed, "--resume")
    assert_same(*[tensors(folder / "checkpoints" / "000060.pt") for folder in (killed, tmp_path / "whole")])
    assert statistics(killed) == statistics(tmp_path / "whole")
    samples = [sorted(path.name for path in (folder / "samples").iterdir()) for folder in (killed, tmp_path / "whole")]
    assert samples[0] == samples[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_saves_says_how_to_go_on_and_leaves_in_time(faces, tmp_path, number):
    process = start(faces, "--iter", 100_000, "--save_every", 5, "--outdir", tmp_path / "run")
    wait_for(tmp_path / "run" / "checkpoints" / "000005.pt", process)
    process.send_signal(number)
    status, out, err = finish(process)  # in its limit; all the iterations would take far longer
    assert status == 0, err
    assert "continue with --resume" in out
    newest, _ = checkpoint.newest_good(tmp_path / "run" / "checkpoints")
    assert out.splitlines()[-1] == str(newest)
    assert f"after iteration {int(newest.stem)};" in out


def test_a_second_ctrl_c_leaves_at_once(faces, tmp_path, monkeypatch, capsys):
    """In the middle of an iteration: nobody waits for its end, nor for a checkpoint."""
    first, second = (
        stopped_in_call(2, signal.SIGINT, steps, name, monkeypatch) for name in ("discriminator_step", "generator_step")
    )
    with first, second:
        message = failure(capsys, train, faces, *TINY, "--iter", 4, "--outdir", tmp_path / "run")
    assert message == "train.py: interrupted"
    assert not [*(tmp_path / "run" / "checkpoints").glob("*")]


def test_numbers_that_explode_stop_the_run_without_a_nan_on_disk(faces, tmp_path, capsys):
    words = [faces, *TINY, "--lr", 1e30, "--iter", 100, "--save_every", 1, "--keep", 2, "--outdir", tmp_path / "run"]
    message = failure(capsys, train, *words)
    assert "NaN or Inf" in message and "--lr" in message
    for path in (tmp_path / "run" / "checkpoints").glob("*.pt"):
        assert all(torch.isfinite(tensor).all() for tensor in tensors(path).values() if tensor.is_floating_point()), path


def test_a_file_size_limit_ends_in_one_line_and_leaves_the_last_good_file(faces, tmp_path):
    """A limit on the size of files stands in for a full disk: write() fails in the same place."""
    folder = tmp_path / "run"
    run(train, faces, *TINY, "--iter", 2, "--outdir", folder)
    size = (folder / "checkpoints" / "000002.pt").stat().st_size

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    status, _, err = finish(start(faces, "--iter", 4, "--resume", "--outdir", folder, preexec_fn=limit))
    assert status == 1
    message = err.strip().splitlines()[-1]
    assert "000004.pt: not written" in message and "free" in message
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["000002.pt", "manifest.jsonl"]
    run(train, faces, *TINY, "--iter", 4, "--resume", "--outdir", folder)

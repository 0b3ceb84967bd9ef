"""train.py under torchrun: two processes train as one with the whole batch, and outlive the loss of one."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import checkpoint
import train
from running import parallel
from tests.commands import assert_same, failure, free_port
from tests.networks import tiny_discriminator, tiny_generator
from tests.pictures import random_pictures
from tests.waiting import PATIENCE, wait_for
from training import steps
from training.state import Settings, new_state
from training.transfer import FreezeG, StructureLoss

TRAIN = Path(train.__file__)
TINY = ["--device=cpu", "--batch=2", "--n_sample=4", "--sample_every=1000", "--save_every=5", "--augment"]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return random_pictures(tmp_path_factory.mktemp("faces"), 12)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "source.pt"
    states = {"g_ema": tiny_generator(seed=1).state_dict(), "d": tiny_discriminator(seed=2).state_dict()}
    checkpoint.write(path, states)
    return path


def torchrun(*words: object, restarts: int = 2) -> subprocess.Popen:
    group = ["--standalone", "--nproc_per_node=2", f"--max-restarts={restarts}"]
    command = [sys.executable, "-m", "torch.distributed.run", *group, TRAIN]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("TORCHELASTIC_RESTART_COUNT", None)
    return subprocess.Popen(
        [str(word) for word in (*command, *TINY, *words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    return output


def workers(process: subprocess.Popen) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if str(TRAIN) in Path(f"/proc/{pid}/cmdline").read_text()]


def networks(path: Path) -> dict:
    contents = torch.load(path, weights_only=True)
    return {f"{which}.{name}": tensor for which in ("g", "d", "g_ema") for name, tensor in contents[which].items()}


@pytest.fixture(scope="module")
def command(faces, source):
    """With every method at once."""
    methods = ["--freezeD=1", "--freezeG=1", "--train_mapping", "--freezeStyle=2", "--structure_loss=2"]
    return [faces, f"--ckpt={source}", *methods]


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    """The folder of an undisturbed run of 25 iterations, and what was said in it."""
    outdir = tmp_path_factory.mktemp("whole") / "run"
    return outdir, finish(torchrun(*command, "--iter=25", f"--outdir={outdir}"))


def test_every_method_trains_in_two_processes_and_says_the_total_batch(source, whole):
    outdir, output = whole
    assert "4 images in all, 2 for each of 2 processes" in output
    assert output.count("000025.pt") == 1, "every process reports"
    given, found = checkpoint.read(source), checkpoint.read(outdir / "checkpoints" / "000025.pt")
    for name in ("conv1.conv.weight", "convs.0.conv.weight"):
        assert torch.equal(found.networks["g"][name], given.networks["g_ema"][name])
    assert not torch.equal(found.networks["g"]["convs.2.conv.weight"], given.networks["g_ema"]["convs.2.conv.weight"])
    assert len(found.extra["rng"]) == 2
    assert not torch.equal(found.extra["rng"][0]["device"], found.extra["rng"][1]["device"])


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the workers in /proc")
def test_a_run_outlives_a_killed_process_and_ends_as_if_nothing_had_happened(command, whole, tmp_path):
    process = torchrun(*command, "--iter=25", f"--outdir={tmp_path / 'killed'}")
    checkpoints = tmp_path / "killed" / "checkpoints"
    wait_for(checkpoints / "000010.pt", process)
    with contextlib.suppress(ProcessLookupError):
        os.kill(workers(process)[-1], signal.SIGKILL)
    finish(process)
    assert "Resuming" in (tmp_path / "killed" / "log.txt").read_text()
    assert_same(networks(checkpoints / "000025.pt"), networks(whole[0] / "checkpoints" / "000025.pt"))


def test_a_group_that_is_asked_to_stop_saves_and_goes_on_exactly(command, tmp_path):
    """Ctrl-C, and SIGTERM after a resume: what is saved then is what an undisturbed run of so many iterations saves."""
    outdir, stopped = tmp_path / "run", 0
    for number in (signal.SIGINT, signal.SIGTERM):
        process = torchrun(*command, f"--outdir={outdir}", "--iter=100000", "--resume")
        wait_for(outdir / "checkpoints" / f"{stopped - stopped % 5 + 5:06d}.pt", process)
        process.send_signal(number)
        process.communicate(timeout=PATIENCE)
        stopped = int(re.search(rf"Stopped by {number.name} after iteration (\d+)", (outdir / "log.txt").read_text())[1])
        assert (outdir / "checkpoints" / f"{stopped:06d}.pt").exists()
    finish(torchrun(*command, f"--outdir={tmp_path / 'whole'}", f"--iter={stopped}"))
    found, expected = (networks(run / "checkpoints" / f"{stopped:06d}.pt") for run in (outdir, tmp_path / "whole"))
    assert_same(found, expected)


def test_what_the_first_process_refuses_every_one_refuses_in_a_line(tmp_path):
    output, _ = (process := torchrun("--resume", tmp_path, restarts=0)).communicate(timeout=PATIENCE)
    assert process.returncode != 0 and f"--resume {tmp_path}: holds no checkpoints" in output
    assert 'train.py", line' not in output and "[rank1]" not in output  # torchrun's own traceback is there


def test_resuming_with_another_number_of_processes_is_refused(whole, capsys):
    message = failure(capsys, train, "--resume", "--iter", 26, "--outdir", whole[0])
    assert "rng: saved by 2 processes, and this run has 1" in message


def test_two_processes_take_the_steps_of_one_with_the_whole_batch(tmp_path):
    """The four steps, two iterations. Minibatch-stddev groups stay with a process, so the one process groups alike."""
    expected = after_two_iterations(order=[0, 2, 1, 3], group=2)
    torch.save(expected, tmp_path / "expected.pt")
    torch.multiprocessing.spawn(one_of_two, (free_port(), tmp_path / "expected.pt"), nprocs=2)


def one_of_two(rank: int, port: int, expected: Path) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), WORLD_SIZE="2", RANK=str(rank), LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    parallel.start(torch.device("cpu"))
    found = after_two_iterations(order=[2 * rank, 2 * rank + 1], group=4)
    for name, tensor in torch.load(expected, weights_only=True).items():
        torch.testing.assert_close(found[name], tensor, atol=1e-9, rtol=1e-7, msg=lambda m, name=name: f"{name}: {m}")
    parallel.stop()


def after_two_iterations(order: list[int], group: int) -> dict[str, torch.Tensor]:
    """All parameters after two iterations on the images `order` of a batch of four."""
    source, generator = tiny_generator(seed=1).double(), tiny_generator(seed=1).double()
    discriminator = tiny_discriminator(seed=2, stddev_group=group).double()
    methods = [FreezeG(1, train_mapping=True), StructureLoss(2)]
    state = new_state(Settings(), generator, discriminator, methods, source=source)
    random = torch.Generator().manual_seed(7)
    for _ in range(2):
        real = torch.randn(4, 3, 16, 16, generator=random).double()[order]
        z = [torch.randn(4, 8, generator=random).double()[order] for _ in range(2)]
        noise = [maps.double()[order] for maps in state.generator.make_noise(4, random)]
        y = torch.randn(4, 3, 16, 16, generator=random).double()[order]
        latents = [steps.Latents(z, 2, noise)]
        steps.discriminator_step(state, [real], latents)
        steps.r1_step(state, [real])
        steps.generator_step(state, latents)
        steps.path_length_step(state, latents, y)
        state.update_ema()
    return {**state.generator.state_dict(), **{f"d.{name}": t for name, t in state.discriminator.state_dict().items()}}

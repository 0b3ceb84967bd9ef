"""Hours of bad luck: kills, lost processes and damaged files, counted. Too long for `make test`, where a little of each runs.

    python -m tests.soak.soak --minutes 30
    python -m tests.soak.soak --minutes 120 --only kills,ranks

Every trial has a share of the time. A figure is the number of trials that ended well out of those that ran.
"""

import argparse
import itertools
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import cli
from errors import InputError

ROOT = Path(__file__).parent.parent.parent
TRAIN = ROOT / "train.py"
TINY = [
    "--device=cpu",
    "--size=16",
    "--channel_base=64",
    "--channel_max=8",
    "--style_dim=8",
    "--n_mlp=2",
    "--n_sample=4",
    "--augment",
]
TIME_LIMIT, MEMORY_LIMIT = 30, 4  # seconds of work and GiB, for one hostile file
PATIENCE = 600  # seconds to wait for what must happen, on a machine that others keep busy
MEETING_ANEW = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}  # see docs/multi-gpu.md
OUT_OF_TIME = (-signal.SIGXCPU, -signal.SIGKILL)  # how a process ends that has worked for longer than it may

Outcome = str  # "" for a trial that ended well, else what went wrong


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m tests.soak.soak [flags]")
    add = parser.add_argument_group("soak").add_argument
    add("--minutes", type=cli.number(float, above=0), default=30, metavar="N", help="in all (default: 30)")
    add("--only", metavar="LIST", help=f"some of {','.join(TRIALS)}")
    add("--seed", type=cli.number(int, least=0), default=0, metavar="N", help="of the kills and the damage (default: 0)")
    return parser


def main(args: argparse.Namespace) -> None:
    names = cli.some_of(TRIALS, "--only", args.only)
    failures = 0
    print(f"{'trial':<12}{'ended well':>12}   what it is")
    for name in names:
        deadline = time.monotonic() + 60 * args.minutes / len(names)
        with tempfile.TemporaryDirectory(prefix=f"soak-{name}-") as folder:
            outcomes = []
            for outcome in TRIALS[name](Path(folder), random.Random(args.seed)):
                outcomes.append(outcome)
                if time.monotonic() > deadline:
                    break
        bad = [outcome for outcome in outcomes if outcome]
        failures += len(bad)
        print(f"{name:<12}{len(outcomes) - len(bad):>6} / {len(outcomes):<4}  {TRIALS[name].__doc__}", flush=True)
        for outcome in bad[:5]:
            print(f"    {outcome}")
    if failures:
        raise InputError(f"{failures} trials ended badly")


def kills(folder: Path, luck: random.Random) -> Iterator[Outcome]:
    """kill -9 of a training run at a random moment; the resumed run must end bit-equal to an undisturbed one (200)"""
    faces = make_faces(folder / "faces")
    command = [sys.executable, TRAIN, faces, *TINY, "--batch=2", "--iter=400", "--save_every=5", "--keep=3", "--resume"]
    run([*command, f"--outdir={folder / 'whole'}"])
    expected = final_tensors(folder / "whole", 400)
    killed = 0
    while killed < 200:
        outdir = folder / f"run-{killed}"
        for _ in itertools.count():
            earlier = starts(outdir)
            process = start([*command, f"--outdir={outdir}"])
            if luck.random() < 0.8:  # the others are killed while they start
                while starts(outdir) == earlier and process.poll() is None:
                    time.sleep(0.02)
            try:
                process.wait(luck.uniform(0, 3))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed += 1
                yield unreadable(outdir / "checkpoints")
                continue
            break
        if process.returncode:
            yield f"{outdir}: restart ended with {process.returncode}"
        elif not same_tensors(final_tensors(outdir, 400), expected):
            yield f"{outdir}: ends differently"
        shutil.rmtree(outdir, ignore_errors=True)


def saves(folder: Path, luck: random.Random) -> Iterator[Outcome]:
    """kill -9 inside a save; no unreadable file may stand under a final name (30)"""
    program = "import tests.soak.soak; tests.soak.soak.save_for_ever()"
    for trial in range(30):
        target = folder / f"{trial}"
        process = start([sys.executable, "-c", program, target])
        wait_for(target / "000001.pt", process)
        time.sleep(luck.uniform(0, 0.5))
        process.kill()
        process.wait()
        yield unreadable(target)
        shutil.rmtree(target)


def ranks(folder: Path, luck: random.Random) -> Iterator[Outcome]:
    """kill -9 of a random process of a group of two under torchrun; the run must finish, bit-equal (20)"""
    faces = make_faces(folder / "faces")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--max-restarts=3"]
    command = [*launcher, TRAIN, faces, *TINY, "--batch=2", "--iter=40", "--save_every=5"]
    run([*command, f"--outdir={folder / 'whole'}"])
    expected = final_tensors(folder / "whole", 40)
    for trial in range(20):
        outdir = folder / f"run-{trial}"
        process = start([*command, f"--outdir={outdir}"])
        wait_for(outdir / "checkpoints" / f"{5 * luck.randint(1, 6):06d}.pt", process)
        victims = descendants(process.pid, str(TRAIN))
        if victims:
            os.kill(luck.choice(victims), signal.SIGKILL)
        yield finished(process, outdir, 40, expected)


def agents(folder: Path, luck: random.Random) -> Iterator[Outcome]:
    """two torchrun agents on this host, one killed and started again; the group must rejoin and finish (5)"""
    faces = make_faces(folder / "faces")
    for trial in range(5):
        outdir, port = folder / f"run-{trial}", luck.randint(20000, 40000)
        meeting = ["--nnodes=2", "--nproc_per_node=1", "--rdzv_backend=c10d", f"--rdzv_endpoint=127.0.0.1:{port}"]
        launcher = [sys.executable, "-m", "torch.distributed.run", *meeting, f"--rdzv_id=soak{trial}", "--max-restarts=3"]
        command = [*launcher, TRAIN, faces, *TINY, "--batch=2", "--iter=60", "--save_every=5", f"--outdir={outdir}"]
        first = start(command, MEETING_ANEW)
        wait_until_open(port, first)  # the first agent keeps the meeting point; without that one no group would find itself
        second = start(command, MEETING_ANEW)
        wait_for(outdir / "checkpoints" / "000010.pt", first)
        for pid in [*descendants(second.pid, str(TRAIN)), second.pid]:
            os.kill(pid, signal.SIGKILL)
        second.wait()
        second = start(command, MEETING_ANEW)
        outcome = finished(first, outdir, 60, None)
        finished(second, outdir, 60, None)
        yield outcome


def checkpoints(folder: Path, luck: random.Random) -> Iterator[Outcome]:
    """a checkpoint with random damage, read by scripts.inspect: one line, within 30 s and 4 GiB (1000)"""
    import checkpoint
    from scripts import inspect
    from tests.networks import tiny_discriminator, tiny_generator

    good = folder / "good.pt"
    states = {
        "g": tiny_generator().state_dict(),
        "g_ema": tiny_generator().state_dict(),
        "d": tiny_discriminator().state_dict(),
    }
    checkpoint.write(good, states)
    data = good.read_bytes()
    for trial in range(1000):
        path = folder / f"{trial}.pt"
        path.write_bytes(damaged(data, luck))
        yield examined_in_fork(inspect, path)
        path.unlink()


def pictures(folder: Path, luck: random.Random) -> Iterator[Outcome]:
    """a folder of randomly damaged pictures through prepare_data.py: every one stored or named (100 folders of 20)"""
    from tests.data.awkward import pictures as awkward

    originals = [case.data for case in awkward().values() if case.data]
    for trial in range(100):
        source, out = folder / f"{trial}", folder / f"{trial}.lmdb"
        source.mkdir()
        for i in range(20):
            (source / f"{i}.png").write_bytes(damaged(luck.choice(originals), luck))
        outcome = examined([sys.executable, ROOT / "prepare_data.py", "--size=16", "--out", out, source])
        if not outcome and (out / "report.json").exists():
            report = json.loads((out / "report.json").read_text())
            outcome = "" if report["seen"] == 20 == report["stored"] + len(report["rejected"]) else f"{source}: does not add up"
        yield outcome
        shutil.rmtree(source)
        shutil.rmtree(out, ignore_errors=True)


TRIALS: dict[str, Callable[[Path, random.Random], Iterator[Outcome]]] = {
    trial.__name__: trial for trial in (kills, saves, ranks, agents, checkpoints, pictures)
}


def save_for_ever() -> None:
    """Write checkpoint after checkpoint into the folder on the command line."""
    import torch

    import checkpoint

    for i in itertools.count():
        contents = {"g": {"w": torch.randn(2_000_000)}, "iteration": i}
        checkpoint.write(Path(sys.argv[1]) / f"{i % 5:06d}.pt", contents)


def make_faces(folder: Path) -> Path:
    import utils
    from faces.rendered.synthetic import render, sample_attributes

    for i, picture in enumerate(utils.to_pictures(render(sample_attributes(9, seed=0), 16, "B"))):
        utils.save_png(picture, folder / f"{i}.png")
    return folder


def damaged(data: bytes, luck: random.Random) -> bytes:
    """Flip, zero, cut or repeat a part."""
    changed = bytearray(data)
    for _ in range(luck.randint(1, 4)):
        at, length = luck.randrange(len(changed)), luck.choice((1, 1, 8, 512))
        kind = luck.choice(("flip", "zero", "cut", "repeat", "noise"))
        if kind == "flip":
            changed[at] ^= 1 << luck.randrange(8)
        elif kind == "cut":
            del changed[at : at + (length if luck.random() < 0.7 else len(changed))]
        else:
            part = changed[at : at + length]
            new = {"zero": bytes(len(part)), "repeat": part * 2, "noise": luck.randbytes(len(part))}[kind]
            changed[at : at + length] = new
        changed = changed or bytearray(b"\0")
    return bytes(changed)


def start(command: list, more: dict[str, str] | None = None) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} | (more or {})
    words = [str(word) for word in command]
    return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(command: list) -> None:
    if start(command).wait():
        raise InputError(f"the undisturbed run failed: {' '.join(map(str, command))}")


def examined(command: list) -> Outcome:
    """Status 0 or one line on stderr, within the limits."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (TIME_LIMIT, TIME_LIMIT))

    try:
        done = subprocess.run(
            [str(word) for word in command], cwd=ROOT, capture_output=True, timeout=PATIENCE, preexec_fn=limit
        )
    except subprocess.TimeoutExpired:
        return f"{command[-1]}: hangs"
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode in OUT_OF_TIME:
        return f"{command[-1]}: took more than {TIME_LIMIT} s"
    if peak > MEMORY_LIMIT:
        return f"{command[-1]}: took {peak:.1f} GiB"
    if done.returncode not in (0, 1) or any("Traceback" in line for line in lines):
        return f"{command[-1]}: status {done.returncode}, {lines[-1] if lines else 'silent'}"
    return ""


def examined_in_fork(command: ModuleType, path: Path) -> Outcome:
    """The same for a command with this one argument, in a copy of this process, which has started PyTorch already."""
    log = path.with_suffix(".log")
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        with log.open("w") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
        resource.setrlimit(resource.RLIMIT_CPU, (TIME_LIMIT, TIME_LIMIT))
        signal.alarm(PATIENCE)  # who waits for ever uses no CPU
        os._exit(status_of(command, path))  # nothing of the copy may run on: it would tidy up here
    _, status, used = os.wait4(pid, 0)
    said = log.read_text(errors="replace")
    log.unlink()
    code = os.waitstatus_to_exitcode(status)
    if code in OUT_OF_TIME:
        return f"{path}: took more than {TIME_LIMIT} s"
    if code == -signal.SIGALRM:
        return f"{path}: hangs"
    if used.ru_maxrss / 2**20 > MEMORY_LIMIT:
        return f"{path}: took {used.ru_maxrss / 2**20:.1f} GiB"
    return "" if code in (0, 1) and "Traceback" not in said else f"{path}: status {code}, {said.strip()[-200:] or 'silent'}"


def status_of(command: ModuleType, path: Path) -> int:
    """As the shell sees it."""
    try:
        cli.run(command.main, command.parser(), [str(path)])
    except SystemExit as end:
        print(end.code, flush=True)
        return int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        return 2
    return 0


def unreadable(folder: Path) -> Outcome:
    """A file under a final name that cannot be read whole."""
    from checkpoint import container

    for path in sorted(folder.glob("*.pt")) if folder.exists() else []:
        try:
            container.load(path, lazy=False)
        except InputError as error:
            return f"{path}: {error}"
    return ""


def final_tensors(outdir: Path, iteration: int) -> dict:
    import torch

    contents = torch.load(outdir / "checkpoints" / f"{iteration:06d}.pt", weights_only=True)
    return {f"{which}.{name}": tensor for which in ("g", "d", "g_ema") for name, tensor in contents[which].items()}


def same_tensors(found: dict, expected: dict) -> bool:
    import torch

    return found.keys() == expected.keys() and all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def finished(process: subprocess.Popen, outdir: Path, iteration: int, expected: dict | None) -> Outcome:
    try:
        status = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"{outdir}: hangs"
    if status:
        return f"{outdir}: ended with {status}"
    if not (outdir / "checkpoints" / f"{iteration:06d}.pt").exists():
        return f"{outdir}: not finished"
    if expected and not same_tensors(final_tensors(outdir, iteration), expected):
        return f"{outdir}: ends differently"
    return ""


def wait_for(path: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def wait_until_open(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)


def starts(outdir: Path) -> int:
    """How often a run has begun or gone on."""
    log = outdir / "log.txt"
    return sum(line.startswith(("Writing to", "Resuming")) for line in log.read_text().splitlines()) if log.exists() else 0


def descendants(pid: int, word: str) -> list[int]:
    """Processes below `pid` whose command line holds the word."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    own = [child for child in children if word in Path(f"/proc/{child}/cmdline").read_text().split("\0")]
    return own + [found for child in children for found in descendants(child, word)]


if __name__ == "__main__":
    cli.run(main, parser())

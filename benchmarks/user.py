"""How long somebody waits for a command: help, a face, a projection, a cartoon, the demo's training; on this machine.

    python -m benchmarks.user
    python -m benchmarks.user --against v0.4 --only "help,a face" --rounds 9

Each is a process of its own, from its start to its end, with the networks that come along. With --against the commands of
another commit, in a checkout beside this one, take turns with ours; what fails there, as a command that came later does, is
left out. The first turn, in which operators may be built, is not counted. On a quiet machine the clock counts; on a busy one,
whose load the page tells, only the processor's seconds of both can be compared.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import cli
import progress
import threads
from benchmarks import machine, rounds, tables
from errors import InputError

PHOTO64 = "demo/photo64.pt"
COMMANDS = {
    "import torch": "-c 'import torch'",
    "help": "train.py --help",
    "list of commands": "-m scripts",
    "a face": f"-m scripts.generate --ckpt {PHOTO64} --seeds 0 --outdir OUT",
    "a projection": f"projector.py --ckpt {PHOTO64} --outdir OUT PHOTO",
    "a cartoon": "-m scripts.cartoonize --outdir OUT PORTRAIT",
    "a cartoon of 128 px": "-m scripts.cartoonize --source demo/photo128.pt --target demo/drawn128.pt --outdir OUT PORTRAIT",
    "a cartoon at once": "-m scripts.cartoonize --onnx demo/cartoon64.onnx --outdir OUT PORTRAIT",
    "50 iterations": f"train.py --ckpt {PHOTO64} --freezeD 3 --augment --augment_p 0.3 --batch 8 --iter 50 --n_sample 4 "
    "--outdir OUT CARTOONS",
}


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.user [flags]")
    add = parser.add_argument_group("measurement").add_argument
    add("--against", metavar="COMMIT", help="also time the commands of this commit, in turns")
    add("--only", metavar="NAME,NAME", help=f"some of the commands: {', '.join(COMMANDS)} (default: all)")
    add("--rounds", type=cli.number(int, least=1), default=5, metavar="N", help="turns of each (default: 5)")
    add("--out", type=Path, default=rounds.RESULTS, metavar="DIR", help="for table and numbers (default: benchmarks/results)")
    return parser


def main(args: argparse.Namespace) -> Path:
    names = cli.some_of(COMMANDS, "--only", args.only)
    about = machine.facts("cpu", threads.used()) | {"load before": f"{os.getloadavg()[0]:.1f}"}
    with tempfile.TemporaryDirectory() as folder, checkouts(args.against, Path(folder)) as chosen:
        places = prepared(Path(folder))
        turns = [(number, name, each) for number in range(-1, args.rounds) for name in names for each in chosen]
        lacking = set()
        for number, name, each in progress.through(turns, "turns"):
            if (name, each.name) in lacking:
                continue
            out = Path(folder, "out", f"{each.name}{number}{name}")
            try:
                measured = waited(COMMANDS[name], each.folder, places | {"OUT": str(out)})
            except InputError as error:
                if each is chosen[0] or number >= 0:
                    raise
                lacking.add((name, each.name))
                print(f"{each.name}: {name} is left out: {error}", file=sys.stderr)
                continue
            if number >= 0:
                each.measured.setdefault(name, []).append(measured)
    about["load after"] = f"{os.getloadavg()[0]:.1f}"
    text = tables.table(*rows(names, chosen))
    print(text)
    return rounds.write(args, "user", text, chosen, about)


def rows(names: list[str], chosen: list[rounds.Contestant]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table: seconds by the clock and of the processor, and how many times as many the others take.

    Where another commit lacks a command there is a dash.
    """
    others = chosen[1:]
    clocks = [f"{each.name}, {what}" for each in chosen for what in ("clock", "processor")]
    head = ["command", *clocks, *(f"{each.name} / ours, {what}" for each in others for what in ("clock", "processor"))]
    body = []
    for name in names:
        values = [each.values(name, what) if name in each.measured else [] for each in chosen for what in ("wall", "cpu")]
        times = [tables.seconds(each) if each else "-" for each in values]
        ratios = [tables.ratio(theirs, own) if theirs else "-" for theirs, own in zip(values[2:], cycle(values[:2]))]
        body.append([name, *times, *ratios])
    return head, body


@contextmanager
def checkouts(commit: str | None, folder: Path) -> Iterator[list[rounds.Contestant]]:
    """Ours, and that of the commit for as long as it is needed. Raises InputError where git knows no such commit."""
    ours, there = rounds.Contestant("ours", "ours", rounds.ROOT), folder / "other"
    if commit is None:
        yield [ours]
        return
    git("worktree", "add", "--detach", str(there), commit)
    try:
        yield [ours, rounds.Contestant(commit, "ours", there)]
    finally:
        git("worktree", "remove", "--force", str(there))


def git(*words: str) -> None:
    done = subprocess.run(["git", *words], cwd=rounds.ROOT, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"--against: git {words[0]} {words[1]} says {done.stderr.strip().splitlines()[-1]}")


def prepared(folder: Path) -> dict[str, str]:
    """What stands for PHOTO, PORTRAIT and CARTOONS: a rendered face, a photo of a person, and 64 rendered cartoons."""
    for domain, count in (("A", 1), ("B", 64)):
        render = f"-m scripts.render_faces --domain {domain} --n {count} --seed 2 --out OUT"
        waited(render, rounds.ROOT, {"OUT": str(folder / domain)})
    face, person = next((folder / "A").glob("*.png")), rounds.ROOT / "demo" / "people" / "P007.jpg"
    return {"PHOTO": str(face), "PORTRAIT": str(person), "CARTOONS": str(folder / "B")}


def waited(command: str, folder: Path, places: dict[str, str]) -> dict[str, float]:
    """Seconds of a command, by the clock and of the processor. Raises InputError with its last line if it fails."""
    words = [places.get(word, word) for word in shlex.split(command)]
    with tempfile.TemporaryFile("w+") as said:
        begin = time.perf_counter()
        process = subprocess.Popen([sys.executable, *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if process.returncode:
            raise InputError(f"{' '.join(words[:3])} failed: {(said.read().strip().splitlines() or ['without a word'])[-1]}")
    return {"wall": wall, "cpu": used.ru_utime + used.ru_stime}


if __name__ == "__main__":
    cli.run(main, parser())

"""Train the demo's network alone and beside busy processes, under each way in which threads can wait for one another.

    python -m benchmarks.busy
    python -m benchmarks.busy --neighbours 2 --rounds 5

Each setting is a training of its own, a short one of a network such as `make demo`'s, and the settings take turns. Run it on
a quiet machine: the first column is that of a machine without other work only if it has none. See threads.py for what is
chosen and why.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cli
import progress
import threads
from benchmarks import machine, rounds, tables
from errors import InputError

DEMO = "--ckpt demo/source64.pt --freezeD 3 --freezeG 3 --augment --augment_p 0.3 --r1 0.5 --batch 8 --lr 0.002 --n_sample 1"
WARM = 10  # iterations that are not counted
SETTINGS = {  # GNU's OpenMP: 300000 is what it takes when nothing is set
    "PyTorch's own": {"GOMP_SPINCOUNT": "300000"},
    "spin 10000": {"GOMP_SPINCOUNT": "10000"},
    "spin 3000": {"GOMP_SPINCOUNT": "3000"},
    "spin 1000": {"GOMP_SPINCOUNT": "1000"},
    "spin 300": {"GOMP_SPINCOUNT": "300"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "as chosen": {},
}


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.busy [flags]")
    count = cli.number(int, least=1)
    add = parser.add_argument_group("measurement").add_argument
    add("--neighbours", type=count, default=1, metavar="N", help="busy processes of the second column (default: 1)")
    add("--iter", type=_tens, default=30, metavar="N", help="iterations that are measured, in tens (default: 30)")
    add("--rounds", type=count, default=3, metavar="N", help="trainings of each setting in each company (default: 3)")
    add("--only", metavar="NAME,NAME", help=f"some of the settings: {', '.join(SETTINGS)} (default: all)")
    add("--out", type=Path, default=rounds.RESULTS, metavar="DIR", help="for the table (default: benchmarks/results)")
    return parser


def main(args: argparse.Namespace) -> Path:
    with cli.sigterm_interrupts():  # no neighbour must outlive it
        return measured(args)


def measured(args: argparse.Namespace) -> Path:
    """Run all trainings in turns and write the table."""
    chosen = [rounds.Contestant(name, "ours", rounds.ROOT) for name in cli.some_of(SETTINGS, "--only", args.only)]
    about = machine.facts("cpu", threads.granted()) | {"load before": f"{os.getloadavg()[0]:.1f}"}
    turns = [(busy, setting) for _ in range(args.rounds) for busy in (0, args.neighbours) for setting in chosen]
    with tempfile.TemporaryDirectory() as folder:
        faces = Path(folder, "faces")
        run_quietly("-m", "scripts.render_faces", "--domain", "B", "--n", "64", "--seed", "2", "--out", str(faces))
        for number, (busy, setting) in enumerate(progress.through(turns, "trainings")):
            with neighbours(busy):
                seconds = trained(SETTINGS[setting.name], faces, Path(folder, str(number)), args.iter)
            setting.measured.setdefault("beside" if busy else "alone", []).append({"wall": seconds})
    text = tables.table(*rows(chosen, args.neighbours))
    print(text)
    return rounds.write(args, f"busy-{args.neighbours}-neighbours", text, chosen, about)


def rows(chosen: list, busy: int) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table: s/kimg in both companies, and how they compare with the first setting's."""
    first = chosen[0]
    head = ["s/kimg of the demo's training", "alone", f"/ {first.name}", f"beside {busy} busy", f"{first.name} / it"]
    body = []
    for setting in chosen:
        alone, beside = setting.values("alone", "wall"), setting.values("beside", "wall")
        slower = tables.ratio(alone, first.values("alone", "wall"))
        faster = tables.ratio(first.values("beside", "wall"), beside)
        body.append([setting.name, spread(alone), slower, spread(beside), faster])
    return head, body


def spread(values: list[float]) -> str:
    """
    >>> spread([40.04, 37.0, 38.0])
    '38.0 (37.0-40.0)'
    """
    return "{:.1f} ({:.1f}-{:.1f})".format(*tables.median_with_interval(values))


def trained(setting: dict[str, str], faces: Path, outdir: Path, iterations: int) -> float:
    """Seconds for a thousand images, over the iterations after the warm ones."""
    total = str(WARM + iterations)
    run_quietly("train.py", *DEMO.split(), "--device", "cpu", "--iter", total, "--outdir", str(outdir), str(faces), **setting)
    lines = [json.loads(line) for line in (outdir / "stats.jsonl").read_text().splitlines()]
    speeds = [line["sec_per_kimg"] for line in lines if line["iteration"] > WARM]
    return sum(speeds) / len(speeds)


def run_quietly(*words: str, **setting: str) -> None:
    """One of our commands with no setting of threads but the given one. Raises InputError with its last line if it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in threads.VARIABLES} | setting
    done = subprocess.run([sys.executable, *words], cwd=rounds.ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"{words[0]} failed: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}")


@contextmanager
def neighbours(count: int) -> Iterator[list[subprocess.Popen]]:
    """Start `count` processes that keep a core busy each, and end them."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield busy
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _tens(text: str) -> int:
    value = cli.number(int, least=10)(text)
    if value % 10:
        raise argparse.ArgumentTypeError(f"{text}: a line of statistics is ten iterations; give a multiple of ten")
    return value


if __name__ == "__main__":
    cli.run(main, parser())

"""Several processes on paper, and beside it what they take here: bytes of gradients, time to add them up, efficiency.

    python -m benchmarks.scaling
    python -m benchmarks.scaling --seconds 0.06 --gpus 8,16 --rates 300
    python -m benchmarks.scaling --size 32 --channel_base 512 --batch 4 --processes 1,2,4

An iteration sends the gradients of D and of G once, those of R1 and path length every 16 and every 4 iterations, in float32.
Added up in a ring each process sends and receives 2 (N - 1) / N of them; nothing is computed meanwhile (running/parallel.py).
--processes measures that with gloo: the message alone, and the iteration, by the clock and of one process's processor time.
"""

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
from typing import NamedTuple

import cli
from benchmarks import tables
from benchmarks.machine import ROOT
from benchmarks.train_step import SHARES
from errors import InputError

LATENCY = 20e-6  # seconds of a message without bytes, for each doubling of the processes


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.scaling [flags]")
    count, numbers, positive = cli.number(int, least=1), cli.numbers(int, least=1), cli.number(float, above=0)
    add = parser.add_argument_group("network").add_argument
    add("--size", type=int, default=256, metavar="PX", help="resolution (default: 256)")
    add("--batch", type=count, default=16, metavar="N", help="images of a process per step (default: 16)")
    add("--channel_base", type=count, default=32768, metavar="N", help="N / resolution channels (default: 32768) ...")
    add("--channel_max", type=count, default=512, metavar="N", help="... but at most N (default: 512)")
    add = parser.add_argument_group("on paper").add_argument
    add("--seconds", type=positive, default=0.144, metavar="S", help="of an iteration on one GPU (default: 0.144, an H100's)")
    add("--gpus", type=numbers, default="8,64,512", metavar="LIST", help="how many (default: 8,64,512)")
    add("--rates", type=numbers, default="25,400", metavar="LIST", help="GB/s in and out of each (default: 25,400)")
    add = parser.add_argument_group("measured here").add_argument
    add("--processes", type=numbers, default=[], metavar="LIST", help="how many, one thread each, e.g. 1,2,4 (default: none)")
    add("--repeats", type=count, default=15, metavar="N", help="iterations and messages that are timed (default: 15)")
    parser.needs("--repeats", "--processes")
    return parser


class Parameters(NamedTuple):
    """How many of each network are trained."""

    generator: int
    discriminator: int

    def bytes(self) -> float:
        """Of the gradients of an iteration, on average."""
        return 4 * (self.discriminator * (SHARES["D"] + SHARES["R1"]) + self.generator * (SHARES["G"] + SHARES["path"]))


def main(args: argparse.Namespace) -> None:
    held = parameters(args)
    megabytes = ", ".join(f"{name} {4 * count / 1e6:.1f}" for name, count in zip(("G", "D"), held))
    print(f"gradients in MB: {megabytes}; an iteration {held.bytes() / 1e6:.1f}\n")
    head = ["GPUs", "GB/s", "adding up, ms", "efficiency", "images/s", "uncompressed MB/s"]
    print(tables.table(head, [on_paper(args, held, n, rate) for n in args.gpus for rate in args.rates]))
    if args.processes:
        print(f"\n{measured(args, held)}")


def parameters(args: argparse.Namespace) -> Parameters:
    import torch

    from benchmarks.contestant_step import our_networks

    with torch.device("meta"):
        networks = our_networks(vars(args))
    return Parameters(*(sum(p.numel() for p in network.parameters()) for network in networks))


def on_paper(args: argparse.Namespace, held: Parameters, processes: int, rate: float) -> list[str]:
    adding = seconds_of_adding(held.bytes(), processes, rate)
    images = processes * args.batch / (args.seconds + adding)
    share = args.seconds / (args.seconds + adding)
    return [f"{processes}", f"{rate:g}", f"{1e3 * adding:.1f}", f"{share:.0%}", f"{images:,.0f}",
            f"{images * 3 * args.size**2 / 1e6:,.0f}"]  # fmt: skip


def seconds_of_adding(size: float, processes: int, rate: float) -> float:
    """In a ring, at `rate` GB/s; `size` bytes in the messages of an iteration.

    >>> round(seconds_of_adding(1e9, 2, 100) * 1e3, 1)
    10.0
    """
    messages = sum(SHARES[name] for name in ("D", "R1", "G", "path"))
    return 2 * (processes - 1) / processes * size / (1e9 * rate) + messages * LATENCY * math.log2(processes)


def measured(args: argparse.Namespace, held: Parameters) -> str:
    """The rate is that of two processes; what more of them should take follows from it."""
    found = {n: run(args, n) for n in args.processes}
    per_step = 4 * held.discriminator
    rows, rate = [], None
    for processes, times in found.items():
        (adding, _), (iteration, of_processor) = (map(statistics.median, zip(*times[what])) for what in ("adding", "iteration"))
        least = {what: 1e3 * min(wall for wall, _ in taken) for what, taken in times.items()}
        forecast = "" if rate is None else f"{1e3 * 2 * (processes - 1) / processes * per_step / rate:.2f}"
        if processes > 1 and rate is None:
            rate = 2 * (processes - 1) / processes * per_step / adding
        rows.append([processes, f"{1e3 * adding:.2f}", f"{least['adding']:.2f}", forecast,
                     f"{1e3 * iteration:.0f}", f"{least['iteration']:.0f}", f"{1e3 * of_processor:.0f}"])  # fmt: skip
    summed = f"adding up {per_step / 1e6:.1f} MB, ms"
    head = ["processes", summed, "least", "forecast", "iteration, ms", "least", "processor, ms"]
    return tables.table(head, rows)


def run(args: argparse.Namespace, processes: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of the wall and of the processor, of the first of so many processes. Raises InputError when they fail."""
    setting = {name: getattr(args, name) for name in ("size", "batch", "channel_base", "channel_max", "repeats")}
    words = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", "-m", "benchmarks.scaling_process"]
    command = [sys.executable, *words, json.dumps(setting)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"--processes {processes}: {reason(done.stderr)}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def reason(told: str) -> str:
    """Why a process failed: torchrun closes with a frame of its own, below the traceback of the process.

    >>> reason("[rank1]: RuntimeError: Connection closed by peer\\n==== FAILED ====\\n")
    '[rank1]: RuntimeError: Connection closed by peer'
    """
    lines = told.strip().splitlines() or ["they ended"]
    return next((line for line in lines if re.search(r"\w(Error|Exception): ", line)), lines[-1])


if __name__ == "__main__":
    cli.run(main, parser())

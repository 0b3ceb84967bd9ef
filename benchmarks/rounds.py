"""Contestants in turns: each a process of its own, one piece at a time, so that a busy moment of the machine hits all alike."""

import argparse
import datetime
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cli
import progress
from benchmarks.machine import ROOT
from errors import InputError

CONTESTANT = Path(__file__).with_name("contestant.py")
RESULTS = ROOT / "benchmarks" / "results"
KINDS = {"rosinality": "op/upfirdn2d.py", "ada": "torch_utils/ops/upfirdn2d.py"}  # and a file by which a checkout is known


@dataclass
class Contestant:
    """One implementation in a process, and what was measured of it: seconds and bytes by piece and kind, one for each round."""

    name: str
    kind: str
    folder: Path
    measured: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    own: dict = field(default_factory=dict)  # what is set otherwise for it alone

    def start(self, setting: dict) -> None:
        """Raises InputError when the implementation does not start."""
        command = [sys.executable, str(CONTESTANT), self.kind, str(self.folder), json.dumps(setting | self.own)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.folder)
        self.pieces = self._answer()["pieces"]

    def run(self, piece: str) -> dict[str, float]:
        print(piece, file=self.process.stdin, flush=True)
        return self._answer()

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise InputError(f"{self.name}: ended with code {self.process.wait()}; what it said stands above")
        return json.loads(line)

    def values(self, piece: str, what: str) -> list[float]:
        return [measured[what] for measured in self.measured[piece]]


def add_flags(parser: cli.Parser, rounds: int, repeats: int) -> Callable:
    """The flags that every benchmark has. Returns what adds further ones to them."""
    count = cli.number(int, least=1)
    add = parser.add_argument_group("measurement").add_argument
    peers = f"also time the checkout in DIR; NAME: {', '.join(KINDS)}"
    add("--peer", action="append", default=[], metavar="NAME=DIR", help=peers)
    add("--alone", action="store_true", help="without the definitions in plain PyTorch")
    add("--rounds", type=count, default=rounds, metavar="N", help=f"turns that each takes (default: {rounds})")
    add("--repeats", type=count, default=repeats, metavar="N", help=f"runs of a piece in one turn (default: {repeats})")
    add("--threads", type=count, default=1, metavar="N", help="of each contestant on the CPU (default: 1)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    add("--out", type=Path, default=RESULTS, metavar="DIR", help="for table and numbers (default: benchmarks/results)")
    return add


def contestants(args: argparse.Namespace) -> list[Contestant]:
    """Ours, plain PyTorch, and the checkouts of --peer. Raises InputError where a folder holds no checkout."""
    chosen = [Contestant(name, name, ROOT) for name in ("ours", *([] if args.alone else ["plain"]))]
    for text in args.peer:
        name, _, folder = text.partition("=")
        if name not in KINDS or not folder:
            raise InputError(f"--peer {text}: expected NAME=DIR with NAME one of {', '.join(KINDS)}")
        if not (Path(folder) / KINDS[name]).is_file():
            raise InputError(f"--peer {text}: no checkout of it, since {Path(folder) / KINDS[name]} is missing")
        chosen.append(Contestant(name, name, Path(folder).resolve()))
    return chosen


def play(chosen: Sequence[Contestant], setting: dict, rounds: int) -> None:
    """Run each piece of each contestant once to warm up, then `rounds` times in turns."""
    try:
        for contestant in chosen:
            contestant.start(setting)
        pieces = list(dict.fromkeys(piece for contestant in chosen for piece in contestant.pieces))
        turns = [(r, piece, c) for r in range(-1, rounds) for piece in pieces for c in chosen if piece in c.pieces]
        for number, piece, contestant in progress.through(turns, "turns"):
            measured = contestant.run(piece)
            if number >= 0:
                contestant.measured.setdefault(piece, []).append(measured)
    finally:
        for contestant in chosen:
            if hasattr(contestant, "process"):
                contestant.stop()


def write(args: argparse.Namespace, name: str, text: str, chosen: Sequence[Contestant], about: dict[str, str]) -> Path:
    """NAME.md with the table and NAME.json with every single measurement, dated; returns the former."""
    stem = f"{datetime.date.today():%Y-%m-%d}-{name}"
    args.out.mkdir(parents=True, exist_ok=True)
    command = f"{args.command} {shlex.join(hidden_folders(args.argv))}".strip()
    facts = ", ".join(f"{key} {value}" for key, value in about.items())
    page = args.out / f"{stem}.md"
    page.write_text(f"`{command}`\n\n{facts}\n\n{text}\n")
    numbers = {"command": command, "machine": about, "rounds": {c.name: c.measured for c in chosen}}
    page.with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")
    return page


def hidden_folders(words: Sequence[str]) -> list[str]:
    """The command line without the paths of checkouts and results.

    >>> hidden_folders(["--peer", "ada=/home/me/ada", "--out", "/home/me/results", "--rounds", "9"])
    ['--peer', 'ada=DIR', '--rounds', '9']
    """
    kept = [word for before, word in zip(["", *words], words) if "--out" not in (before, word, word.split("=")[0])]
    return [f"{word.split('=')[0]}=DIR" if word.split("=")[0] in KINDS else word for word in kept]

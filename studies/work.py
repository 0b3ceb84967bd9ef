"""What a study of many trainings leaves in --work: their folders, and measurements.jsonl, a line for each measurement."""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import cli
from benchmarks.commands import ROOT
from errors import InputError


def add_output(parser: cli.Parser, name: str) -> None:
    """--work and --out, of the study that writes docs/study/NAME.md."""
    add = parser.add_argument_group("output").add_argument
    add("--work", type=Path, default=ROOT / "demo/work" / name, metavar="DIR", help=f"runs (default: demo/work/{name})")
    add("--out", type=Path, default=ROOT / "docs/study", metavar="DIR", help=f"{name}.md and its sheet (default: docs/study)")


class Work:
    def __init__(self, args: argparse.Namespace, settings: Sequence[str]):
        """settings: of args, which must not change between two calls that share --work."""
        self.args, self.work, self.log = args, args.work, args.work / "measurements.jsonl"
        self.work.mkdir(parents=True, exist_ok=True)
        self._keep_settings({name: getattr(args, name) for name in settings} | self.facts())

    def facts(self) -> dict[str, object]:
        """More that must not change."""
        return {}

    def advance(self, name: str, seed: int, deadline: float) -> bool:
        """Train a run to its end, or to the deadline, and measure it. False: out of time."""
        raise NotImplementedError

    def advance_all(self, runs: Iterable[tuple[str, int]], deadline: float) -> None:
        """In turn; once it is out of time, what is trained already is measured all the same."""
        for name, seed in runs:
            if not self.advance(name, seed, deadline) and deadline:
                print(f"out of time in {name}, seed {seed}; the same command goes on", flush=True)
                deadline = 0

    def logged(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def keep(self, entry: dict) -> None:
        with self.log.open("a") as file:
            print(json.dumps(entry), file=file)

    def folder(self, name: str, seed: int) -> Path:
        return self.work / f"{name}-seed{seed}"

    def checkpoint(self, name: str, seed: int, iteration: int) -> Path:
        return self.folder(name, seed) / "checkpoints" / f"{iteration:06d}.pt"

    def _keep_settings(self, now: dict) -> None:
        path = self.work / "settings.json"
        before = json.loads(path.read_text()) if path.exists() else now
        if changed := [name for name in now if before[name] != now[name]]:
            raise InputError(f"--work {self.work}: began with --{changed[0]} {before[changed[0]]}; choose another --work")
        path.write_text(json.dumps(now))

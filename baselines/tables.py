"""Numbers of a run as tables and figures: a line of losses.csv for each iteration, one of scores.csv for each evaluation."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import utils
from writing import write_text


class Losses:
    """losses.csv, which goes on with the run, and losses.png."""

    def __init__(self, names: Sequence[str]):
        self.names = tuple(names)
        self.file = None

    def add(self, folder: Path, iteration: int, logs: Mapping[str, object]) -> None:
        """A line. The first one cuts off what an earlier try has written of this iteration and later ones."""
        if self.file is None:
            write_csv(
                folder / "losses.csv", [line for line in read_csv(folder / "losses.csv") if line["iteration"] < iteration]
            )
            self.file = (folder / "losses.csv").open("a", newline="")
            if not self.file.tell():
                print("iteration", *self.names, sep=",", file=self.file)
        print(iteration, *(f"{float(logs[name]):.6g}" for name in self.names), sep=",", file=self.file, flush=True)

    def draw(self, folder: Path) -> Path:
        """folder/losses.png: of every iteration."""
        lines = read_csv(folder / "losses.csv")
        return draw_curves(folder / "losses.png", lines, self.names, "losses")


def draw_curves(path: Path, lines: Sequence[Mapping[str, float]], names: Sequence[str], title: str) -> Path:
    """Over iterations; lines that lack a number are passed over."""
    curves = {name: [(line["iteration"], line[name]) for line in lines if name in line] for name in names}
    return utils.save_png(
        utils.line_chart({name: tuple(zip(*c)) for name, c in curves.items() if c}, title, "iterations"), path
    )


def write_csv(path: Path, lines: Sequence[Mapping[str, float]]) -> None:
    """With the names of the first line; an empty file where there is none."""
    names = list(lines[0]) if lines else []
    rows = [names, *([f"{line.get(name, float('nan')):.6g}" for name in names] for line in lines)] if lines else []
    write_text(path, "".join(",".join(row) + "\n" for row in rows))


def read_csv(path: Path) -> list[dict[str, float]]:
    """The whole lines of numbers; a kill leaves half of one. None of a file that is not there."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        header, *rows = [*csv.reader(file)] or [[]]
    lines = []
    for row in rows:
        try:
            lines.append(dict(zip(header, map(float, row), strict=True)))
        except ValueError:
            continue
    return lines

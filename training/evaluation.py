"""Whether the pictures still get better: a number for each evaluation, and the iteration at which it was best."""

from collections.abc import Callable, Sequence
from pathlib import Path

import utils
from model import Generator

PATIENCE = 5  # evaluations without improvement, after which the advice is to stop


class Evaluation:
    """Scores the averaged generator from time to time. Lower is better.

    name:    of the score, for people and stats.jsonl
    score:   generator -> number
    history: [iteration, score] of each evaluation of the run
    """

    def __init__(self, name: str, score: Callable[[Generator], float], history: Sequence[Sequence[float]] = ()):
        self.name, self.score = name, score
        self.history = [list(entry) for entry in history]

    @property
    def best(self) -> tuple[int, float]:
        """(iteration, score) of the best evaluation. Raises ValueError before the first one."""
        iteration, score = min(self.history, key=lambda entry: entry[1])
        return int(iteration), score

    @property
    def since_best(self) -> int:
        """Evaluations after the best one."""
        return sum(iteration > self.best[0] for iteration, _ in self.history)

    def add(self, iteration: int, score: float) -> str:
        """Take down a score; what to say of it."""
        self.history.append([iteration, score])
        text = f"{self.name} {score:.5g} at iteration {iteration}"
        if not self.since_best:
            return f"{text}, the best so far: checkpoints/best.pt"
        text += f"; the best was {self.best[1]:.5g} at {self.best[0]}"
        return text + (f", {self.since_best} evaluations ago: stopping costs nothing" if self.since_best >= PATIENCE else "")

    def summary(self) -> str:
        """For the end of the run."""
        text = f"Best {self.name}: {self.best[1]:.5g} at iteration {self.best[0]}, kept as checkpoints/best.pt"
        return text + (f"; no better in {self.since_best} evaluations after it" if self.since_best else "")

    def draw(self, folder: Path) -> Path:
        """folder/NAME.png: the curve."""
        iterations, scores = zip(*self.history)
        chart = utils.line_chart({self.name: (iterations, scores)}, f"{self.name}, lower is better", "iterations")
        return utils.save_png(chart, folder / f"{self.name}.png")

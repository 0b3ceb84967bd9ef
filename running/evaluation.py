"""Whether the pictures still get better: numbers for each evaluation, and when they were best."""

from collections.abc import Callable, Sequence
from pathlib import Path

import utils

PATIENCE = 5  # evaluations without improvement, after which the advice is to stop


class Evaluation:
    """Scores a network from time to time.

    name:    of the score that decides, lower is better
    score:   a function () -> {name: score, "spread": of the data set's, "nearness": to training images}
    every:   iterations between two of them
    history: {"iteration": ..., and the scores} of each evaluation of the run
    """

    def __init__(self, name: str, score: Callable[[], dict[str, float]], every: int, history: Sequence[dict[str, float]] = ()):
        self.name, self.score, self.every = name, score, every
        self.history = [dict(entry) for entry in history]

    @property
    def latest(self) -> dict[str, float]:
        """The scores of the latest evaluation; none before the first one."""
        return {name: value for name, value in self.history[-1].items() if name != "iteration"} if self.history else {}

    @property
    def best(self) -> dict[str, float]:
        """The entry with the best score. Raises ValueError before the first evaluation."""
        return min(self.history, key=lambda entry: entry[self.name])

    @property
    def since_best(self) -> int:
        """Evaluations after the best one."""
        return sum(entry["iteration"] > self.best["iteration"] for entry in self.history)

    def add(self, iteration: int, scores: dict[str, float]) -> str:
        """Take down the scores of an iteration; what to say of them."""
        self.history.append({"iteration": iteration, **scores})
        text = f"{self.name} {scores[self.name]:.5g} at iteration {iteration}"
        if not self.since_best:
            return f"{text}, the best so far: checkpoints/best.pt"
        text += f"; the best was {self.best[self.name]:.5g} at {self.best['iteration']}"
        return text + (f", {self.since_best} evaluations ago: stopping costs nothing" if self.since_best >= PATIENCE else "")

    def summary(self) -> str:
        """For the end of the run."""
        best, after = self.best, self.since_best
        text = f"Best {self.name}: {best[self.name]:.5g} at iteration {best['iteration']}, kept as checkpoints/best.pt"
        return text + (f"; no better in {after} evaluations after it" if after else "")

    def draw(self, folder: Path) -> Path:
        """folder/NAME.png: the curve."""
        curve = [entry["iteration"] for entry in self.history], [entry[self.name] for entry in self.history]
        chart = utils.line_chart({self.name: curve}, f"{self.name}, lower is better", "iterations")
        return utils.save_png(chart, folder / f"{self.name}.png")

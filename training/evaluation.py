"""Whether the pictures still get better: numbers for each evaluation, when they were best, and what is wrong with them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import utils
from model import Generator

PATIENCE = 5  # evaluations without improvement, after which the advice is to stop
LEAST_SPREAD = 0.5  # of the data set's; below it the pictures are all alike
LEAST_NEARNESS = 0.5  # times as far from the training images as those are from each other; below it they are copies
MOST_OVERFITTING = 0.9  # r_t: the discriminator knows nearly all training images by heart


class Evaluation:
    """Scores the averaged generator from time to time.

    name:    of the score that decides, lower is better
    score:   generator -> {name: score, "spread": of the data set's, "nearness": to training images}
    history: {"iteration": ..., and the scores} of each evaluation of the run
    """

    def __init__(self, name: str, score: Callable[[Generator], dict[str, float]], history: Sequence[dict[str, float]] = ()):
        self.name, self.score = name, score
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


def warnings(line: dict[str, float], augmented: bool) -> dict[str, str]:
    """{indicator: advice} for what a line of statistics shows to go wrong."""
    found = {}
    if line.get("spread", 1) < LEAST_SPREAD:
        found["spread"] = (
            f"the pictures vary {line['spread']:.2f} times as much as the data set: the generator collapses; "
            "go back to checkpoints/best.pt, with a lower --lr or a higher --r1"
        )
    if line.get("nearness", 1) < LEAST_NEARNESS:
        found["nearness"] = (
            f"the pictures are {line['nearness']:.2f} times as far from training images as those from each other: they become "
            "copies; stop at checkpoints/best.pt, or keep more of the source (--freezeG, --structure_loss)"
        )
    if line.get("r_t", 0) > MOST_OVERFITTING:
        remedy = "raise --augment_p or --r1, freeze more of it (--freezeD)" if augmented else "add --augment"
        found["r_t"] = f"the discriminator knows the training images by heart (r_t {line['r_t']:.2f}); {remedy}"
    return found

"""What the statistics of few-shot groups show to go wrong."""

import math
from pathlib import Path

from running.symptoms import Symptoms

BEGUN = 500  # iterations, by which groups should be told apart
MOST_GUESSING = 0.9  # of the cross entropy of a guess among the groups


class GroupSymptoms(Symptoms):
    """Classifiers that have not learned to tell the groups: what they say to the generator is worth nothing then.

    groups: how many there are; remedy: flags with which the run should go on
    """

    def __init__(self, command: str, folder: Path, groups: int, remedy: str):
        super().__init__(command, folder)
        self.guess, self.remedy = math.log(groups), remedy

    def of(self, line: dict[str, float]) -> dict[str, str]:
        symptoms = super().of(line)
        losses = [value for name, value in line.items() if name.startswith("D_group_")]
        if losses and line["iteration"] >= BEGUN and min(losses) > MOST_GUESSING * self.guess:
            symptoms["groups"] = (
                f"the discriminators cannot tell the groups (their loss is {min(losses):.2f}, that of a guess "
                f"{self.guess:.2f}): so far the group loss does nothing; try {self.resumed(self.remedy)}"
            )
        return symptoms

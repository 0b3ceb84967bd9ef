"""What the statistics of a run show to go wrong, and what helps: said when it begins, and again when it comes back."""

import shlex
from pathlib import Path

LEAST_SPREAD = 0.5  # of the data set's; below it the pictures are all alike
LEAST_NEARNESS = 0.5  # times as far from the training images as those are from each other; below it they are copies


class Symptoms:
    """Watches the lines of a run's statistics for what the scores show. A training adds its own symptoms, and its remedies.

    command: how this program is called, such as "python train.py", for the commands that are advised
    folder:  the run's
    """

    def __init__(self, command: str, folder: Path):
        self.command, self.folder, self.best = command, folder, folder / "checkpoints" / "best.pt"
        self.present: set[str] = set()

    def new(self, line: dict[str, float]) -> list[str]:
        """What to say after one more line: the symptoms that were not there before, each with what helps."""
        symptoms = self.of(line)
        said = [text for name, text in symptoms.items() if text and name not in self.present]
        self.present = set(symptoms)
        return said

    def of(self, line: dict[str, float]) -> dict[str, str]:
        """{symptom: text} of a line; the text is empty for one that is nearly over, and not to be said when it comes back."""
        symptoms = {}
        if line.get("spread", 1) < LEAST_SPREAD:
            symptoms["spread"] = (
                f"the pictures vary {line['spread']:.2f} times as much as the data set: the generator collapses; "
                f"{self.against_collapse()}"
            )
        if line.get("nearness", 1) < LEAST_NEARNESS:
            symptoms["nearness"] = (
                f"the pictures are {line['nearness']:.2f} times as far from training images as those from each other: "
                f"they become copies; {self.against_copies()}"
            )
        return symptoms

    def against_collapse(self) -> str:
        return f"go back to {self.best}"

    def against_copies(self) -> str:
        return f"stop and take {self.best}"

    def resumed(self, flags: str, checkpoint: Path | None = None) -> str:
        """The command line that goes on with other flags."""
        file = f" {shlex.quote(str(checkpoint))}" if checkpoint else ""
        return f"`{self.command} --outdir {shlex.quote(str(self.folder))} --resume{file} {flags}`"

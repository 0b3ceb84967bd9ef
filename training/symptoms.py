"""What the statistics of a run show to go wrong, and what helps: said when it begins, and again when it comes back.

The signs of D's logits jump from batch to batch, and at first D tells reals from fakes without knowing a single one by heart.
So r_t and p are averaged over a thousand images, and r_t counts once every image was seen often, unless ADA answers it already.
"""

import shlex
from collections import deque
from pathlib import Path
from typing import NamedTuple

from training.options import Options
from training.transfer.presets import preset_flags

WINDOW = 1000  # real images that r_t and p are averaged over, at least
FIRST_EPOCHS = 50  # in which D, where it is sure, is rather far ahead than knows images by heart
MOST_OVERFITTING = 0.9  # r_t: D knows nearly all training images by heart
MOST_AUGMENTING = 0.8  # p: beyond it the generator learns to draw what the augmentation does (Karras et al. 2020, ADA)
UNTIL = 0.1  # as far an average falls below its limit before that is said again
LEAST_SPREAD = 0.5  # of the data set's; below it the pictures are all alike
LEAST_NEARNESS = 0.5  # times as far from the training images as those are from each other; below it they are copies


class Seen(NamedTuple):
    """A line of statistics: how many real images it tells of, their r_t, and p at its end (0 without augmentation)."""

    images: float
    r_t: float
    p: float


class Symptoms:
    """Watches the lines of a run's statistics.

    options: of the run
    command: how this program is called, such as "python train.py", for the commands that are advised
    folder:  the run's
    shown:   real images before the first line
    """

    def __init__(self, options: Options, command: str, folder: Path, shown: int = 0):
        self.options, self.command, self.folder, self.shown = options, command, folder, shown
        self.window: deque[Seen] = deque()
        self.present: set[str] = set()

    def new(self, line: dict[str, float]) -> list[str]:
        """What to say after one more line: the symptoms that were not there before, each with what helps."""
        found = self._scored(line) | (self._averaged(line) if "r_t" in line else {})
        said = [text for name, text in found.items() if text and name not in self.present]
        self.present = set(found)
        return said

    def _averaged(self, line: dict[str, float]) -> dict[str, str]:
        """{symptom: text}; the text is empty where the average has only come down a little."""
        shown = 1000 * line["kimg"]
        self.window.append(Seen(shown - self.shown, line["r_t"], line.get("p", 0)))
        self.shown = shown
        while len(self.window) > 2 and sum(seen.images for seen in list(self.window)[1:]) >= WINDOW:
            self.window.popleft()
        images = sum(seen.images for seen in self.window)
        if images < WINDOW or len(self.window) < 2:
            return {}
        r_t, p = (sum(seen.images * seen[i] for seen in self.window) / images for i in (1, 2))
        found = {}
        if line["epoch"] >= FIRST_EPOCHS and self.window[-1].p <= self.window[0].p:
            found |= self._beyond("r_t", r_t, MOST_OVERFITTING, self._overfitting)
        return found | self._beyond("p", p, MOST_AUGMENTING, self._augmenting)

    def _beyond(self, name: str, value: float, limit: float, text) -> dict[str, str]:
        if value > limit:
            return {name: text(value)}
        return {name: ""} if name in self.present and value > limit - UNTIL else {}

    def _overfitting(self, r_t: float) -> str:
        if not self.options.augment:
            flags = "--augment"
        elif 0 < self.options.augment_p < MOST_AUGMENTING:
            flags = "--augment_p 0"  # adaptive from there on
        else:
            flags = f"--r1 {2 * self.options.r1:g}" if self.options.r1 else "--r1 auto"
        return (
            f"the discriminator knows the training images by heart, or is far ahead of the generator (r_t {r_t:.2f}); "
            f"use more pictures, or stop and go on with {self._resumed(flags)}"
        )

    def _augmenting(self, p: float) -> str:
        return (
            f"p is {p:.2f}, and above {MOST_AUGMENTING} turns and colours of the augmentation begin to show in the pictures; "
            f"use more pictures, stop at the best one, or go on with {self._resumed('--augment_p 0.6')}"
        )

    def _scored(self, line: dict[str, float]) -> dict[str, str]:
        found, best = {}, self.folder / "checkpoints" / "best.pt"
        if line.get("spread", 1) < LEAST_SPREAD:
            found["spread"] = (
                f"the pictures vary {line['spread']:.2f} times as much as the data set: the generator collapses; "
                f"go back with {self._resumed(f'--lr {self.options.lr / 2:g}', best)}"
            )
        if line.get("nearness", 1) < LEAST_NEARNESS:
            found["nearness"] = (
                f"the pictures are {line['nearness']:.2f} times as far from training images as those from each other: "
                f"they become copies; stop and take {best}{self._kept()}"
            )
        return found

    def _kept(self) -> str:
        """How a run with a source can keep more of it."""
        if not self.options.ckpt or self.options.start_from == "g" or self.options.methods["structure_loss"] > 0:
            return ""
        levels = preset_flags("structure", self.options.size)["structure_loss"]
        return f", or keep more of the source with {self._resumed(f'--structure_loss {levels}')}"

    def _resumed(self, flags: str, checkpoint: Path | None = None) -> str:
        """The command line that goes on with other flags."""
        file = f" {shlex.quote(str(checkpoint))}" if checkpoint else ""
        return f"`{self.command} --outdir {shlex.quote(str(self.folder))} --resume{file} {flags}`"

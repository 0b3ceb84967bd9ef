"""What the statistics of an adversarial training show to go wrong, and which flags help.

The signs of D's logits jump from batch to batch, and at first D tells reals from fakes without knowing a single one by heart.
So r_t and p are averaged over a thousand images, and r_t counts once every image was seen often, unless ADA answers it already.
"""

from collections import deque
from pathlib import Path
from typing import NamedTuple

from errors import spelled
from running.symptoms import Symptoms
from training.options import Options
from training.transfer.presets import preset_flags

WINDOW = 1000  # real images that r_t and p are averaged over, at least
FIRST_EPOCHS = 50  # in which D, where it is sure, is rather far ahead than knows images by heart
MOST_OVERFITTING = 0.9  # r_t: D knows nearly all training images by heart
MOST_AUGMENTING = 0.8  # p: beyond it the generator learns to draw what the augmentation does (Karras et al. 2020, ADA)
UNTIL = 0.1  # as far an average falls below its limit before that is said again


class Seen(NamedTuple):
    """A line of statistics: how many real images it tells of, their r_t, and p at its end (0 without augmentation)."""

    images: float
    r_t: float
    p: float


class TransferSymptoms(Symptoms):
    """Those of D's logits and of the augmentation as well.

    options: of the run
    shown:   real images before the first line
    """

    def __init__(self, options: Options, command: str, folder: Path, shown: int = 0):
        super().__init__(command, folder)
        self.options, self.shown = options, shown
        self.window: deque[Seen] = deque()

    def of(self, line: dict[str, float]) -> dict[str, str]:
        return super().of(line) | (self._averaged(line) if "r_t" in line else {})

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
        symptoms = {}
        if line["epoch"] >= FIRST_EPOCHS and self.window[-1].p <= self.window[0].p:
            symptoms |= self._beyond("r_t", r_t, MOST_OVERFITTING, self._overfitting)
        return symptoms | self._beyond("p", p, MOST_AUGMENTING, self._augmenting)

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
            f"use more pictures, or stop and go on with {self.resumed(flags)}"
        )

    def _augmenting(self, p: float) -> str:
        return (
            f"p is {p:.2f}, and above {MOST_AUGMENTING} turns and colours of the augmentation begin to show in the pictures; "
            f"use more pictures, stop at the best one, or go on with {self.resumed('--augment_p 0.6')}"
        )

    def against_collapse(self) -> str:
        return f"go back with {self.resumed(f'--lr {self.options.lr / 2:g}', self.best)}"

    def against_copies(self) -> str:
        """A run with a source can keep more of it."""
        stop = super().against_copies()
        if not self.options.ckpt or self.options.start_from == "g" or self.options.methods["structure_loss"] > 0:
            return stop
        flags = preset_flags("structure", self.options.size, self.options.arch)
        flags = " ".join(spelled(name, value) for name, value in flags.items() if name.startswith("structure"))
        return f"{stop}, or keep more of the source with {self.resumed(flags)}"

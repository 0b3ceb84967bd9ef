"""Move people until they fit words: latent optimisation with CLIP (StyleCLIP, Patashnik et al. 2021, arXiv 2103.17249, Sec. 4).

    found = find(generator, clip.eyes, clip.words(["a smiling face"])[0], start)
    directions = as_directions({"a smiling face": found.moved}, ["0", "1"])     # a slider, for these people and for others
    w_plus = directions.apply(start, ...)                                      # strength 0: as they were, 1: as found

People never touch one another, and the directions that are found for some are means over them, in one file with all their own.
"""

import csv
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

import utils
from drawer import Drawer
from editing import latents, sheets
from editing.adam import Adam
from editing.directions import Directions, Edit
from editing.people import nobody
from editing.projection import Schedule
from editing.sweeps import Scene
from errors import InputError, printable
from model import weights_stay
from vision.clip import Eyes
from writing import whole_file

TIMED = 2  # steps that tell how long the others take; the first of them warms up
NAME = 60  # letters of a slider's name


@dataclass(frozen=True)
class Search:
    """The published numbers. l2: weight of |w+ - start|^2, summed over all numbers of a person."""

    steps: int = 300
    lr: float = 0.1
    l2: float = 0.008

    def learning_rate(self, step: int) -> float:
        """As of a projection: up in the first 5 % of the time, down in the last 25 %; 0 in the very first step."""
        return Schedule(self.steps, self.lr).learning_rate(step)


@dataclass
class Found:
    """moved: w+ - start, [people, n_latent, style_dim]; fits: the cosine of pictures and words before each step and at the
    end, [steps + 1, people]."""

    moved: Tensor
    fits: Tensor


@weights_stay()
def find(
    generator: Drawer,
    eyes: Eyes,
    wanted: Tensor,
    start: Tensor,
    *,
    noise: Sequence[Tensor] | None = None,
    layers: Sequence[int] | None = None,
    search: Search = Search(),
    stepped: Callable[[float], object] = nobody,
) -> Found:
    """Minimise 1 - cos(pictures, words) + l2 |w+ - start|^2, for each person alone.

    wanted:  [dims], of length 1
    start:   [people, n_latent, style_dim]
    noise:   for each convolution [1 or people, 1, res, res]; None: the noise stored in the network
    layers:  that may move, the others stay bit-equal; None: all
    stepped: called after each step with the mean cosine
    """
    layers = list(range(start.shape[1]) if layers is None else layers)
    noise = [layer.to(start.device) for layer in noise or generator.stored_noise()]
    own = start[:, layers].detach()
    chosen = own.clone().requires_grad_()
    optimizer, fits = Adam([chosen], search.lr), []

    def fit() -> Tensor:
        w_plus = start.detach().clone()
        w_plus[:, layers] = chosen
        fits.append(eyes(generator.synthesis(w_plus, noise).float()) @ wanted)
        if not fits[-1].isfinite().all():
            raise InputError(f"the fit is NaN or Inf after {len(fits) - 1} steps; search with a lower learning rate")
        return fits[-1]

    for step in range(search.steps):
        optimizer.lr = search.learning_rate(step)
        loss = 1 - fit() + search.l2 * (chosen - own).square().sum((1, 2))
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        fits[-1] = fits[-1].detach()
        stepped(fits[-1].mean().item())
    with torch.no_grad():
        fit()
        moved = torch.zeros_like(start)
        moved[:, layers] = chosen - own
    return Found(moved, torch.stack(fits).cpu())


def find_each(
    generator: Drawer, eyes: Eyes, wanted: Mapping[str, Tensor], start: Tensor, noise: Sequence[Tensor], at_once: int, **options
) -> Iterator[tuple[str, Found]]:
    """For each of the words what is found of all people, `at_once` of them searched together; as `find`."""
    portions = [slice(first, first + at_once) for first in range(0, len(start), at_once)]
    for words, target in wanted.items():
        found = [
            find(generator, eyes, target, start[some], noise=latents.noise_of(noise, some), **options) for some in portions
        ]
        yield words, Found(torch.cat([one.moved for one in found]), torch.cat([one.fits for one in found], 1))


def seconds_of_a_step(generator: Drawer, eyes: Eyes, wanted: Tensor, start: Tensor, noise: Sequence[Tensor]) -> float:
    """How long a step of a search for these people takes, tried."""
    ends = []
    ended = lambda fit: ends.append(time.perf_counter())
    find(generator, eyes, wanted, start, noise=latents.noise_of(noise, slice(len(start))), search=Search(TIMED), stepped=ended)
    return ends[-1] - ends[-2]


def as_directions(
    moved: Mapping[str, Tensor], people: Sequence[str], layers: Sequence[int] | None = None, reach: float = 1.5, ckpt: str = ""
) -> Directions:
    """First for each of the words the mean over its people, then, of several, everybody's own; a degree is strength 1.

    moved: {words: [people, n_latent, style_dim]}
    reach: both ends of the sliders
    """
    names = slider_names([*moved])
    means = [everybody.mean(0) for everybody in moved.values()]
    if len(people) > 1:
        names = {**names, **{(words, who): f"{names[words]} ({who})" for words in moved for who in people}}
    own = [one for everybody in moved.values() for one in everybody] if len(people) > 1 else []
    vectors = torch.stack([*means, *own]).cpu()
    lengths = vectors.flatten(1).norm(dim=1)
    edits = {names[words]: Edit(index, None, -reach, reach) for index, words in enumerate(moved)}
    return Directions(
        vectors / lengths.clamp(min=1e-12).view(-1, 1, 1),
        layers=None if layers is None else list(layers),
        scale=lengths,
        names=[*names.values()],
        method="styleclip",
        ckpt=ckpt,
        edits=edits,
    )


def index_of(words: int, person: int, people: int, sentences: int) -> int:
    """Where in `as_directions` somebody's own direction stands."""
    return words if people == 1 else sentences + words * people + person


def sheet(scenes: Mapping[str, Scene], found: Directions, words: Sequence[str], strengths: Sequence[float]) -> Image.Image:
    """For each of the words and people a row in each network, a column for each strength along their own direction."""
    captions, rows = next(iter(scenes.values())).who.captions, []
    for number, text in enumerate(words):
        for person, name in enumerate(captions):
            edit = Edit(index_of(number, person, len(captions), len(words)))
            for network, scene in scenes.items():
                pictures = [scene.pictures(found, edit, strength, person)[0] for strength in strengths]
                rows.append((f"{text}: {name} {network}".strip(), pictures))
    return sheets.stacked(rows, [f"strength {strength:g}" for strength in strengths])


def save_fits(folder: Path, people: Sequence[str], fits: Mapping[str, Tensor]) -> None:
    """fits.csv and fits.png: how well everybody fits the words, step by step. fits: {words: [steps + 1, people]}"""
    with whole_file(folder / "fits.csv") as partial, partial.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["words", "step", *people])
        for words, steps in fits.items():
            table.writerows([words, step, *(f"{fit:.5f}" for fit in row.tolist())] for step, row in enumerate(steps))
    curves = {words[:30]: (list(range(len(steps))), steps.mean(1).tolist()) for words, steps in fits.items()}
    utils.save_png(utils.line_chart(curves, "fit of pictures and words (cosine)", "steps"), folder / "fits.png")


def slider_names(sentences: Sequence[str]) -> dict[str, str]:
    """{words: a name that can stand in a list with others, and in FILE:NAME=DEGREE}, no two alike.

    >>> slider_names(["old, with a beard", "old with a beard", "7"])
    {'old, with a beard': 'old with a beard', 'old with a beard': 'old with a beard 2', '7': 'words 7'}
    """
    names: dict[str, str] = {}
    for words in sentences:
        name = printable(" ".join(re.sub(r"[,:=]", " ", words).split()), NAME - 10) or "words"
        name = f"words {name}" if name.replace("-", "").isdecimal() else name
        taken = [other for other in names.values() if other == name or other.startswith(f"{name} ")]
        names[words] = name if name not in taken else f"{name} {len(taken) + 1}"
    return names

"""The score of a training: how near the pictures come to the data set, and how varied they are; prepared once, asked often."""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from drawer import Drawer
from errors import InputError
from metrics import distances
from metrics.features import Features, of_generator, of_images
from metrics.table import METRICS, Subject


def scorer(
    name: str,
    look: Features,
    images: Sequence[Tensor],
    n: int = 1000,
    batch: int = 16,
    device: torch.device | str = "cpu",
    also: Sequence[str] = (),
) -> Callable[[Drawer], dict[str, float]]:
    """A function generator -> {name: distance, "spread": ..., "nearness": ...}, the latter two relative to the data set.

    name: one of `metrics.table.SCORES`; lower is better
    look: the feature function, of `metrics.features.choose`
    n:    generated pictures, of the seeds from 0 on, the same ones each time
    also: further scores, of the same pictures

    Raises InputError, at once and not at the first score, where the features fail, or there is too little to compare.
    """
    metrics = [METRICS[name] for name in (name, *also)]
    fewest = max(metric.fewest for metric in metrics)
    if len(images) < fewest:
        raise InputError(f"compares sets of at least {fewest} pictures, and there is {len(images)}; add some")
    trial = of_images([images[index] for index in range(fewest)], look, fewest, device)
    for metric in metrics:
        metric.measure(Subject(trial, trial))  # what cannot be looked at fails here

    @cache
    def real() -> Tensor:
        return of_images(images, look, batch, device)

    def score(generator: Drawer) -> dict[str, float]:
        fake = of_generator(generator, range(n), look, batch)
        scores = [metric.measure(Subject(fake, real())) for metric in metrics]
        return {name: number for found in scores for name, number in found.items()} | {
            "spread": distances.relative_spread(fake, real()),
            "nearness": distances.relative_nearness(fake, real()),
        }

    return score

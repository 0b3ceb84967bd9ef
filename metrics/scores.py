"""How near a generator's pictures come to a data set, and how varied they are; made ready once, asked often in a training."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

import checkpoint
from errors import InputError
from metrics import distances
from metrics.features import choose, of_generator, of_images
from model import Generator

DISTANCES = {
    "kid": lambda fake, real: distances.kernel_distance(fake, real).mean,
    "fid": distances.frechet_distance,
}


def scorer(
    name: str,
    features: str,
    source: Path | None,
    images: Sequence[Tensor],
    n: int = 1000,
    batch: int = 16,
    device: torch.device | str = "cpu",
) -> Callable[[Generator], dict[str, float]]:
    """A function generator -> {name: distance, "spread": ..., "nearness": ...}, the latter two relative to the data set.

    name:     "kid" or "fid"; lower is better
    features: what they look at, as in `metrics.features.choose`
    source:   the checkpoint whose discriminator sees for "disc"
    n:        generated pictures, of the seeds from 0 on, the same ones each time

    Raises InputError, at once and not at the first score, where there is nothing to look through, or too little to compare.
    """
    least = distances.LEAST[name]
    if len(images) < least:
        raise InputError(
            f"--eval {name}: compares sets of at least {least} pictures, and there is {len(images)}; "
            "add some, or leave --eval_every out"
        )
    start = checkpoint.read(source, "--ckpt") if features == "disc" and source else None
    if features == "disc" and not (start and "d" in start.networks):
        raise InputError("--eval_features disc: looks through the discriminator of --ckpt, which is missing; choose pixels")
    look = choose(features, start, device=device, flag="--eval_features")
    few = of_images([images[index] for index in range(least)], look, least, device)
    DISTANCES[name](few, few)  # what cannot be looked at fails here
    real: list[Tensor] = []

    def score(generator: Generator) -> dict[str, float]:
        if not real:
            real.append(of_images(images, look, batch, device))
        fake = of_generator(generator, range(n), look, batch)
        return {
            name: DISTANCES[name](fake, real[0]),
            "spread": distances.relative_spread(fake, real[0]),
            "nearness": distances.relative_nearness(fake, real[0]),
        }

    return score

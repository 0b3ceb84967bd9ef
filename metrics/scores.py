"""One number for how near a generator's pictures come to a data set, made ready once and asked for often during a training."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

import checkpoint
from cli import InputError
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
) -> Callable[[Generator], float]:
    """A function generator -> score; lower is better.

    name:     "kid" or "fid"
    features: what they look at, as in `metrics.features.choose`
    source:   the checkpoint whose discriminator sees for "disc"
    n:        generated pictures, of the seeds from 0 on, the same ones each time

    Raises InputError when "disc" has no discriminator to look through.
    """
    start = checkpoint.read(source, "--ckpt") if features == "disc" and source else None
    if features == "disc" and not (start and "d" in start.networks):
        raise InputError("--eval_features disc: looks through the discriminator of --ckpt, which is missing; choose pixels")
    look = choose(features, start, device=device)
    real: list[Tensor] = []

    def score(generator: Generator) -> float:
        if not real:
            real.append(of_images(images, look, batch, device))
        return DISTANCES[name](of_generator(generator, range(n), look, batch), real[0])

    return score

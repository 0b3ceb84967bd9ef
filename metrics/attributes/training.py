"""Train the regressor of attributes on rendered faces, and measure which attributes it reads well.

faces = render_both(count=16000, seed=100)
regressor = Regressor()
for step, loss in train(regressor, faces, steps=9000):
    ...
truth = truth_correlations(regressor)
"""

import math
from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

import utils
from faces.rendered.synthetic import render, sample_attributes
from metrics.attributes.regressor import OUTPUTS, SIZE, Regressor, Truth, outputs_of
from metrics.attributes.ruler import believed, pearson

UNSEEN_SEED = 7_000_000  # of the people that only the test sees
CHUNK = 250  # faces rendered, or read, at a time


class Faces(NamedTuple):
    """Pictures, uint8 [n, 3, 64, 64], with the attributes they were painted from, [n, outputs]."""

    pixels: Tensor
    truth: Tensor


def render_both(count: int, seed: int, drawn: Callable[[int], object] = lambda count: None) -> Faces:
    """`count` faces of each domain, of different people."""
    both = [render_faces(count, seed + i, domain, drawn) for i, domain in enumerate("AB")]
    return Faces(*map(torch.cat, zip(*both)))


def render_faces(count: int, seed: int, domain: str, drawn: Callable[[int], object] = lambda count: None) -> Faces:
    """`count` faces of one domain; drawn(n) is called whenever n more are done."""
    attributes = sample_attributes(count, seed)
    pixels = torch.empty(count, 3, SIZE, SIZE, dtype=torch.uint8)
    for first in range(0, count, CHUNK):
        chunk = {name: values[first : first + CHUNK] for name, values in attributes.items()}
        pixels[first : first + CHUNK] = utils.eight_bits(render(chunk, SIZE, domain, seed, first))
        drawn(len(chunk["yaw"]))
    return Faces(pixels, outputs_of(attributes))


def train(
    regressor: Regressor,
    faces: Faces,
    steps: int,
    batch: int = 64,
    lr: float = 2e-3,
    weight_decay: float = 0.05,
    seed: int = 0,
    progress: Callable[[], float] = lambda: 0.0,
) -> Iterator[tuple[int, float]]:
    """AdamW on the mean squared error of the standardised outputs, with a warm-up and a cosine; yields (step, loss).

    progress: the share of another budget, such as time, that is spent; the cosine follows the larger of both shares
    """
    random = torch.Generator().manual_seed(seed)
    regressor.mean.copy_(faces.truth.mean(0))
    regressor.std.copy_(faces.truth.std(0))
    optimizer = torch.optim.AdamW(regressor.parameters(), lr, weight_decay=weight_decay)
    order = chain.from_iterable(torch.randperm(len(faces.truth), generator=random).tolist() for _ in count())
    regressor.train()
    for step in range(1, steps + 1):
        done = max(step / steps, progress())
        if done > 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1, step / 100) * 0.5 * (1 + math.cos(math.pi * done))
        index = torch.tensor([next(order) for _ in range(batch)])
        images = disturb(utils.from_pixels(faces.pixels[index]), random)
        loss = ((regressor(images) - faces.truth[index]) / regressor.std).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield step, loss.item()
    regressor.eval()


def disturb(images: Tensor, random: torch.Generator) -> Tensor:
    """Each picture of [batch, 3, size, size] in [-1, 1] a little brighter or darker, softer and noisier, as generated ones."""
    gain, offset, blur, noise = torch.rand(4, len(images), 1, 1, 1, generator=random)
    images = images * (0.9 + 0.2 * gain) + 0.2 * (offset - 0.5)
    soft = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    images = images.lerp(soft, (1.2 * blur - 0.6).clamp(min=0))
    return images + 0.15 * (noise - 0.4).clamp(min=0) * torch.randn(images.shape, generator=random)


@torch.no_grad()
def truth_correlations(regressor: Regressor, count: int = 2000) -> Truth:
    """Pearson correlation of each output with the truth, on faces that no training saw."""
    truth = {}
    for domain, seed in (("A", UNSEEN_SEED), ("B", UNSEEN_SEED + 1)):
        faces = render_faces(count, seed, domain)
        read = torch.cat([regressor(utils.from_pixels(pixels)) for pixels in faces.pixels.split(CHUNK)])
        truth[domain] = dict(zip(OUTPUTS, pearson(read, faces.truth).tolist()))
    return truth


def table(truth: Truth) -> str:
    """For people: each output, its correlations, and whether it counts as structure."""
    counted = believed(truth)
    lines = [f"{'output':<16}{'A':>7}{'B':>7}"]
    for name in OUTPUTS:
        note = "  counts" if name in counted else ""
        lines.append(f"{name:<16}{truth['A'][name]:7.3f}{truth['B'][name]:7.3f}{note}")
    return "\n".join(lines)

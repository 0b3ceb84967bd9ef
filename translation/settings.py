"""What a training of U-GAT-IT is told, as plain numbers. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass

BOTTLENECKS = ("train", "freeze", "base_group")
GROUPS = 4  # classes of the group classifier, as published, whichever of them are trained on
MOST_P = 0.8  # of an augmentation: above it, what it does to pictures shows in those that are drawn (ADA, Sec. 2.2)


@dataclass(frozen=True)
class Weights:
    """Of the losses; group 0: no group loss."""

    adv: float = 1
    cycle: float = 10
    identity: float = 10
    cam: float = 1000
    group: float = 0


@dataclass(frozen=True)
class Settings:
    """
    size:       of the pictures; ch, n_res, light: see `networks.Generator`
    iterations: in all, of which the second half lowers the learning rate to 0, where `decay` says so
    ema:        decay of averaged generators; 0: none
    bf16:       convolutions in bfloat16, statistics and losses in float32
    groups:     of few-shot training, in order; none: ordinary training
    group_scale: of the group logits, see `losses.group_loss`
    bottleneck: of these, who updates the generators' encoder blocks: every group, none, or the first group alone
    batch:      pictures of each domain in a step of one process
    ada:        augment what the discriminators see; p begins at `strength`, and `kimg` thousand pictures can take it to 1
    """

    size: int = 256
    ch: int = 64
    n_res: int = 4
    light: bool = False
    lr: float = 0.0001
    weight_decay: float = 0.0001
    iterations: int = 1_000_000
    decay: bool = True
    weights: Weights = Weights()
    ema: float = 0
    bf16: bool = False
    groups: Sequence[int] = ()
    group_scale: float = 1
    bottleneck: str = "train"
    batch: int = 1
    ada: bool = False
    strength: float = 0
    kimg: float = 500


def learning_rate(settings: Settings, iteration: int) -> float:
    """Of this iteration, counted from 1: constant for the first half, then linearly to 0 at the last one, never below.

    >>> [learning_rate(Settings(lr=1, iterations=5), t) for t in (1, 2, 3, 4, 5)]
    [1, 1, 0.5, 0.0, 0.0]
    """
    half = settings.iterations // 2
    if not settings.decay or iteration <= half:
        return settings.lr
    return settings.lr * max(0.0, 1 - (iteration - half) / max(half, 1))

"""What a training of an encoder is told, as plain numbers. Imports no torch."""

from dataclasses import dataclass

FALLS = 0.5  # the part of all iterations, at the end, in which the learning rate falls to 0


@dataclass(frozen=True)
class Weights:
    """Of the losses of the encoder.

    features:    the perceptual distance of picture and drawing
    pixels:      their mean squared difference
    adversarial: softplus(-D(drawing)); 0: no discriminator is trained
    latents:     |w - w of the face|^2 of drawn faces, in squared spreads of w
    near_w:      `offset_penalty`, in squared spreads of w: how far w+ is from w
    near_mean:   |w - mean w|^2, in squared spreads of w
    """

    features: float = 1.0
    pixels: float = 1.0
    adversarial: float = 0.05
    latents: float = 0.3
    near_w: float = 0.1
    near_mean: float = 0.0


@dataclass(frozen=True)
class Settings:
    """
    batch:       pictures a step, of this process; photos: how many of them are photos
    lr:          of Adam, for both networks; it falls to 0 in the second half of the iterations
    jitter:      strength of `jittered`, of photos
    ema:         decay of the averaged encoder
    r1:          weight of the discriminator's gradient penalty, taken every `r1_every` iterations
    """

    batch: int = 8
    photos: int = 4
    lr: float = 0.001
    iterations: int = 20_000
    jitter: float = 1.0
    ema: float = 0.998
    r1: float = 10.0
    r1_every: int = 16
    weights: Weights = Weights()


def learning_rate(settings: Settings, iteration: int) -> float:
    """
    >>> [learning_rate(Settings(lr=1.0, iterations=8), iteration) for iteration in (0, 4, 6, 8, 9)]
    [1.0, 1.0, 0.5, 0.0, 0.0]
    """
    return settings.lr * min(1.0, max(0.0, (1 - iteration / settings.iterations) / FALLS))

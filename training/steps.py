"""The four updates of StyleGAN2 training (Karras et al. 2020, App. B), one function each.

Each takes the state and the micro-batches of one batch (one, unless gradients are accumulated), changes the state by one
optimizer step, and returns what to log as tensors on the device. Nothing in them waits for a GPU (but for the margins of an
augmentation that is not being recorded), and all that the next step depends on is a tensor that is updated in place, so that
a CUDA graph can repeat them (training/graphs.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import utils
from model import Generator
from running import parallel
from running.base import Logs, Statistic
from training import losses
from training.state import TrainingState
from training.transfer.base import GeneratorBatch


@dataclass
class Latents:
    """The random part of a batch of images.

    z:            one [batch, style_dim], or two to mix
    inject_index: the first layer that takes the second z, a number or [] on the device; n_latent mixes nothing
    noise:        one [batch, 1, res, res] for each convolution
    """

    z: list[Tensor]
    inject_index: Tensor | int
    noise: list[Tensor]


def micro_batches(state: TrainingState, pixels: Tensor) -> list[Tensor]:
    """uint8 [batch, 3, size, size] -> the parts that a step takes one by one: in [-1, 1], on the device."""
    images = utils.from_pixels(pixels.to(state.device, non_blocking=True))
    return list(images.split(state.settings.batch // state.settings.accumulate))


def draw_micro_batches(state: TrainingState, shrink: int = 1) -> list[Latents]:
    """As many micro-batches of latents, each `shrink` times smaller."""
    batch = max(1, state.settings.batch // state.settings.accumulate // shrink)
    return [draw_latents(state, batch) for _ in range(state.settings.accumulate)]


def draw_latents(state: TrainingState, batch: int) -> Latents:
    """Fresh random numbers for `batch` images; the second z is used with the probability of style mixing."""
    n_latent, shape = state.generator.n_latent, (batch, state.generator.style_dim)
    mixes = torch.rand((), generator=state.host_rng).item() < state.settings.mixing
    inject_index = torch.randint(1, n_latent, (), generator=state.host_rng).item() if mixes else n_latent
    z = [torch.randn(*shape, generator=state.rng, device=state.device) for _ in range(2)]
    # Filled where it lies: a copy from the host would wait for the GPU.
    return Latents(z, torch.full((), inject_index, device=state.device), state.generator.make_noise(batch, state.rng))


def discriminator_step(state: TrainingState, reals: Sequence[Tensor], latents: Sequence[Latents]) -> Logs:
    """Tell real from generated images. reals: [batch, 3, size, size] each, in [-1, 1]."""

    def loss(real: Tensor, drawn: Latents) -> tuple[Tensor, Logs]:
        with torch.no_grad():
            w, _ = style_codes(state, state.generator, drawn)
            fake = state.generator.synthesis(w, drawn.noise)
        both = torch.cat([augmented(state, fake), augmented(state, real)])
        fake_pred, real_pred = state.discriminator(both, batches=2).chunk(2)
        state.augmentation.update(real_pred)
        d = losses.discriminator_loss(real_pred, fake_pred)
        overfitting = real_pred.sign().mean()  # r_t of Karras et al. 2020 (ADA), Eq. 1
        scores = {Statistic("real_score"): real_pred.mean(), Statistic("fake_score"): fake_pred.mean()}
        return d, {"d": d, **scores, Statistic("r_t"): overfitting}

    return state.update("discriminator", state.d_optim, loss, zip(reals, latents))


def r1_step(state: TrainingState, reals: Sequence[Tensor]) -> Logs:
    """Penalise the discriminator's gradient on real images, once for `d_reg_every` iterations."""
    weight = state.settings.r1 / 2 * state.settings.d_reg_every

    def loss(real: Tensor) -> tuple[Tensor, Logs]:
        real = real.detach().requires_grad_(True)
        real_pred = state.discriminator(augmented(state, real))
        r1 = losses.r1_penalty(real_pred, real)
        return losses.r1_term(real_pred, r1, weight), {"r1": r1}

    return state.update("R1", state.d_optim, loss, ((real,) for real in reals))


def generator_step(state: TrainingState, latents: Sequence[Latents]) -> Logs:
    """Fool the discriminator, under the extra terms of the transfer methods; without pictures these alone."""

    def loss(drawn: Latents) -> tuple[Tensor, Logs]:
        w, w_source = style_codes(state, state.generator, drawn)
        stages = list(state.generator.stages(w, drawn.noise))
        total, logs = stages[-1].image.new_zeros(()), {}
        if state.adversarial:
            with held(state.discriminator):
                fake_pred = state.discriminator(augmented(state, stages[-1].image))
            total = losses.generator_loss(fake_pred)
            logs = {"g": total}
        batch = GeneratorBatch(w, w_source, drawn.noise, stages, state.source)
        for method in state.methods:
            for name, term in method.generator_losses(batch).items():
                total = total + term.weight * term.value
                logs[name] = term.value
        return total, logs

    return state.update("generator", state.g_optim, loss, ((drawn,) for drawn in latents))


def path_length_step(state: TrainingState, latents: Sequence[Latents], image_noise: Tensor | None = None) -> Logs:
    """Even out how far a step in w moves the image, once for `g_reg_every` iterations.

    image_noise: N(0, 1) as the images, to repeat a step; else drawn
    """
    weight = state.settings.path_regularize * state.settings.g_reg_every
    means = []

    def loss(drawn: Latents) -> tuple[Tensor, Logs]:
        w, _ = style_codes(state, state.generator, drawn)
        # The mapping network may be frozen, so w can lack a graph: make it a leaf before differentiating.
        w = w if w.requires_grad else w.detach().requires_grad_(True)
        image = state.generator.synthesis(w, drawn.noise)
        y = torch.randn(image.shape, generator=state.rng, device=state.device) if image_noise is None else image_noise
        lengths = losses.path_lengths(image, w, y)
        average = parallel.mean(lengths.mean())
        path, mean = losses.path_length_penalty(lengths, state.mean_path_length, average=average)
        means.append(mean)
        # The zero gives the ToRGB biases a gradient, so that Adam counts a step for them as for all others.
        return weight * path + 0 * image.sum(), {"path": path, Statistic("path_length"): lengths.mean()}

    logs = state.update("path-length", state.g_optim, loss, ((drawn,) for drawn in latents))
    mean = torch.stack(means).mean()
    state.mean_path_length.copy_(torch.where(torch.isfinite(mean), mean, state.mean_path_length))
    return logs


def style_codes(state: TrainingState, generator: Generator, drawn: Latents) -> tuple[Tensor, Tensor | None]:
    """(w, w_source), [batch, n_latent, style_dim] each: both mixed at the same layer, then blended by the methods."""
    w, w_source = _mixed(generator, drawn), None
    if any(method.needs_source for method in state.methods):
        with torch.no_grad():
            w_source = _mixed(state.source, drawn)
    for method in state.methods:
        w = method.blend_latents(w, w_source)
    return w, w_source


def augmented(state: TrainingState, images: Tensor) -> Tensor:
    """The images as the discriminator sees them."""
    return state.augmentation(images, state.rng)


@contextmanager
def held(network: nn.Module) -> Iterator[None]:
    """A network in whose parameters nothing is differentiated, for once."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    network.requires_grad_(False)
    try:
        yield
    finally:  # a step that breaks off while it is recorded is taken again
        for parameter in trainable:
            parameter.requires_grad_(True)


def _mixed(generator: Generator, drawn: Latents) -> Tensor:
    codes = generator.mapping(torch.cat(drawn.z)).chunk(len(drawn.z))  # in one pass over the weights
    first, *second = [generator.broadcast(w) for w in codes]
    if not second:
        return first
    layers = torch.arange(generator.n_latent, device=first.device)[:, None]
    return torch.where(layers < drawn.inject_index, first, *second)  # mix_styles, at an index that need not be known here

"""Find the latent of a photo by gradient descent on the picture (StyleGAN2, App. D; Abdal et al. 2019 for w+).

    distance, note = perceptual.choose(None, source)
    for found in find(generator, distance, photos, "w+", Schedule(steps=300, wplus_reg=0.1)):
        images = latents.draw(generator, generator.broadcast(found.latent), noise=found.noise)

Photos never touch one another: losses are sums over the batch, random numbers are the same for each photo, noise maps are
normalised one by one, and Adam treats every number on its own.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drawer import Drawer
from editing import files, graphs, latents
from editing.adam import Adam
from errors import InputError
from model import computing_in, weights_stay
from vision.perceptual import Distance

COARSEST_NOISE = 8  # pixels; noise maps are compared with themselves down to this side


@dataclass(frozen=True)
class Schedule:
    """How long, how fast, and how much is added to the distance. Times are parts of all steps.

    steps:            of Adam; 0: the start is the answer
    lr:               its highest learning rate
    lr_rampup:        time in which it rises from 0, linearly
    lr_rampdown:      time in which it falls to 0 at the end, as half a cosine
    noise:            jitter of the latent at the start, in units of the spread of w
    noise_ramp:       time in which the jitter falls to 0, quadratically
    noise_regularize: weight of `noise_regularizer`
    mse:              weight of the mean squared difference of the pixels
    wplus_reg:        weight of `offset_penalty`, in w+
    """

    steps: int = 1000
    lr: float = 0.1
    lr_rampup: float = 0.05
    lr_rampdown: float = 0.25
    noise: float = 0.05
    noise_ramp: float = 0.75
    noise_regularize: float = 1e5
    mse: float = 0.0
    wplus_reg: float = 0.0

    def learning_rate(self, step: int) -> float:
        """0 in the very first step, as published."""
        t = step / self.steps
        up = min(1.0, t / self.lr_rampup) if self.lr_rampup else 1.0
        down = min(1.0, (1 - t) / self.lr_rampdown) if self.lr_rampdown else 1.0
        return self.lr * up * (0.5 - 0.5 * math.cos(math.pi * down))

    def jitter(self, step: int) -> float:
        """Standard deviation of what is added to the latent, in units of the spread of w."""
        left = max(0.0, 1 - step / self.steps / self.noise_ramp) if self.noise_ramp else 0.0
        return self.noise * left**2


@dataclass
class Projection:
    """What was found.

    latent:    [photos, style_dim] or [photos, n_latent, style_dim]
    noise:     for each convolution [photos, 1, res, res]; None: the noise stored in the network
    distances: [steps, photos], of the jittered picture, as it was minimised
    mse:       [steps, photos], of its pixels
    snapshots: {steps done: images [photos, 3, size, size]}, without jitter
    """

    latent: Tensor
    noise: list[Tensor] | None
    distances: Tensor
    mse: Tensor
    snapshots: dict[int, Tensor] = field(default_factory=dict)

    def each(self) -> Iterator["Projection"]:
        """A projection for each photo."""
        for i in range(len(self.latent)):
            one = slice(i, i + 1)
            noise = self.noise and [layer[one] for layer in self.noise]
            snapshots = {step: images[one] for step, images in self.snapshots.items()}
            yield Projection(self.latent[one], noise, self.distances[:, one], self.mse[:, one], snapshots)

    def save(self, path: Path) -> None:
        """All or nothing; `load` reads it."""
        contents = {"latent": self.latent, "distances": self.distances, "mse": self.mse, "noise": self.noise or []}
        files.save(path, contents | {"steps": list(self.snapshots), "images": list(self.snapshots.values())})


def load(path: Path) -> Projection:
    """What `Projection.save` wrote. Raises InputError for anything else."""
    contents = files.load(path)
    try:
        snapshots = dict(zip(contents["steps"], contents["images"], strict=True))
        return Projection(contents["latent"], contents["noise"] or None, contents["distances"], contents["mse"], snapshots)
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: not a projection") from None


def is_whole(path: Path) -> bool:
    """Whether `load` can read it."""
    try:
        load(path)
    except InputError:
        return False
    return True


def joined(found: Sequence[Projection]) -> Projection:
    """The same people as one."""
    steps = found[0].snapshots
    return Projection(
        torch.cat([one.latent for one in found]),
        found[0].noise and [torch.cat(layers) for layers in zip(*[one.noise for one in found], strict=True)],
        torch.cat([one.distances for one in found], 1),
        torch.cat([one.mse for one in found], 1),
        {step: torch.cat([one.snapshots[step] for one in found]) for step in steps},
    )


def find(
    generator: Drawer,
    distance: Distance,
    photos: Iterable[Tensor],
    space: str,
    schedule: Schedule = Schedule(),
    *,
    start: Tensor | Callable[[Tensor], Tensor] | None = None,
    noise: Sequence[Tensor] | None = None,
    batch: int = 1,
    **options,
) -> Iterator[Projection]:
    """Photo by photo, or `batch` of them at a time: a projection for each batch, found when it is asked for.

    photos:  each [3, size, size] in [-1, 1], read when its turn comes
    space:   "w", or "w+" where every layer has its own w
    start:   `starting_points`, [1 or photos, ...], or what gives them for some photos, as an encoder does; None: w_avg
    noise:   to begin with, for each convolution [1 or photos, 1, res, res]; None: the noise stored in the network
    options: of `project`: fixed_noise, within, dtype, recorded, seed, snapshots, stepped
    Raises InputError at once where w_avg does not fit the space.
    """
    if start is None:
        start = starting_points(generator.broadcast(generator.w_avg[None]), space)
    options |= {"spread": latent_spread(generator) if schedule.steps else 1.0, "schedule": schedule}  # else nothing is searched
    return _found(generator, distance, iter(photos), start, noise or [], batch, options)


def _found(
    generator: Drawer,
    distance: Distance,
    photos: Iterator[Tensor],
    start: Tensor | Callable[[Tensor], Tensor],
    noise: Sequence[Tensor],
    batch: int,
    options: dict,
) -> Iterator[Projection]:
    first = 0
    while together := [photo[None] for photo in islice(photos, batch)]:
        targets = torch.cat(together).to(generator.device)
        some = slice(first, first := first + len(targets))
        begin = start(targets) if callable(start) else _own(start, some, len(targets))
        yield project(generator, distance, targets, begin, noise=latents.noise_of(noise, some) or None, **options)


def _own(start: Tensor, some: slice, count: int) -> Tensor:
    """Where these photos begin: each at a point of its own, or all at the only one."""
    return start.expand(count, *start.shape[1:]) if len(start) == 1 else start[some]


class Look(nn.Module):
    """How far the generator's pictures of latents are from the targets; `graphs.recorded` makes a graph of it.

    noise: for each convolution, where a look is not given other maps. dtype: see `project`
    """

    def __init__(
        self, generator: Drawer, distance: Distance, targets: Tensor, noise: Sequence[Tensor], dtype: torch.dtype | None
    ):
        super().__init__()
        self.generator, self.distance, self.targets, self.noise, self.dtype = generator, distance, targets, noise, dtype
        with torch.no_grad(), computing_in(dtype, distance):
            self.wanted = distance.features(targets)

    def forward(self, latent: Tensor, *maps: Tensor) -> tuple[Tensor, Tensor]:
        """(distance, mean squared difference of pixels), each [photos]."""
        with computing_in(self.dtype, self.generator, self.distance):
            images = self.generator.synthesis(self.generator.broadcast(latent), maps or self.noise)
            apart = self.distance.between(self.distance.features(images), self.wanted)
        return apart, (images - self.targets).square().mean((1, 2, 3))


@weights_stay()
def project(
    generator: Drawer,
    distance: Distance,
    targets: Tensor,
    start: Tensor,
    *,
    spread: float,
    noise: Sequence[Tensor] | None = None,
    fixed_noise: bool = False,
    within: Callable[[Tensor], Tensor] | None = None,
    schedule: Schedule = Schedule(),
    dtype: torch.dtype | None = None,
    recorded: bool = False,
    seed: int = 0,
    snapshots: Sequence[int] = (),
    stepped: Callable[[float, float], object] = lambda loss, noise: None,
) -> Projection:
    """Move latents, and noise maps, until the generator draws the targets.

    targets:     [photos, 3, size, size] in [-1, 1]
    start:       [photos, style_dim], or [photos, n_latent, style_dim] to let every layer have its own w
    spread:      of w, see `latent_spread`
    noise:       to begin with, for each convolution [1 or photos, 1, res, res]; None: the noise stored in the network
    fixed_noise: leave it as it is
    within:      brings latents, shaped as `start`, back to where they may be, after each step; see `Reach.within`
    dtype:       in which generator and discriminator compute while it searches, e.g. torch.bfloat16; None: their own
    recorded:    on a GPU as CUDA graphs, see `graphs.recorded`; not where another thread uses it
    seed:        of the jitter, which is the same for each photo
    snapshots:   after how many steps to draw; 0 is the start
    stepped:     called after each step, for a progress bar, with the mean loss and the mean of what noise maps add to it
    Raises InputError for a loss that is NaN or Inf.
    """
    latent = start.detach().clone().requires_grad_()
    noise = [layer.to(latent.device) for layer in noise or generator.stored_noise()]
    stored = all(torch.equal(*layers) for layers in zip(noise, generator.stored_noise()))
    maps = [] if fixed_noise else [_each(layer, len(latent)).requires_grad_() for layer in noise]
    random = torch.Generator().manual_seed(seed)
    optimizer = Adam([latent, *maps], schedule.lr)
    look = Look(generator, distance, targets, noise, dtype)
    drawn, distances, errors = {}, [], []

    def snapshot(step: int) -> None:
        if step in snapshots:
            kept = [layer.detach() for layer in maps] or noise
            drawn[step] = latents.draw(generator, generator.broadcast(latent.detach()), noise=kept)

    snapshot(0)
    look = graphs.recorded(look, latent, *maps, wanted=recorded and schedule.steps > 0)
    for step in range(schedule.steps):
        optimizer.lr = schedule.learning_rate(step)
        jitter = torch.randn(1, *latent.shape[1:], generator=random).to(latent.device) * (spread * schedule.jitter(step))
        apart, mse = look(latent + jitter, *maps)
        loss = apart + schedule.mse * mse
        if schedule.wplus_reg and latent.ndim == 3:
            loss = loss + schedule.wplus_reg * offset_penalty(latent) / spread**2
        regularizer = schedule.noise_regularize * noise_regularizer(maps) if maps else torch.zeros_like(loss)
        optimizer.zero_grad()
        (loss + regularizer).sum().backward()
        optimizer.step()
        if within is not None:
            latent.data.copy_(within(latent.detach()))
        normalize_noise(maps)
        for values, value in ((distances, apart), (errors, mse)):
            values.append(value.detach().cpu())
        costs = loss.detach().mean().item(), regularizer.detach().mean().item()
        check_loss(sum(costs), step)
        stepped(*costs)
        snapshot(step + 1)
    kept = [layer.detach() for layer in maps] or (None if stored else [_each(layer, len(latent)) for layer in noise])
    told = (torch.stack(values) if values else torch.zeros(0, len(latent)) for values in (distances, errors))
    return Projection(latent.detach(), kept, *told, drawn)


def check_loss(loss: float, step: int) -> None:
    """Raises InputError for NaN and Inf. step: counts from 0"""
    if not math.isfinite(loss):
        raise InputError(f"the loss is {loss} at step {step + 1}; search with a lower learning rate, or lower weights")


@torch.no_grad()
def latent_spread(generator: Drawer) -> float:
    """The spread of w, sqrt(E |w - mean|^2): the same at every call."""
    total, squares = 0.0, 0.0
    for w in map(Tensor.double, latents.sampled(generator)):
        total, squares = total + w.sum(0), squares + w.square().sum(0)
    mean, mean_square = total / latents.SAMPLES, squares / latents.SAMPLES
    variance = (mean_square - mean.square()).clamp(min=0)
    return variance.sum(-1).mean().sqrt().item()


def starting_points(w_plus: Tensor, space: str, photos: int | None = None) -> Tensor:
    """Latents [1 or photos, n_latent, style_dim] as `find` begins with them: [..., style_dim] in "w".

    photos: how many there are, each with a latent of its own, where there is not one for all
    Raises InputError for another number of latents, and in "w" for those that have several w.
    """
    if len(w_plus) not in (1, photos or 1):
        raise InputError(f"holds {len(w_plus)} latents, for {photos} photos; give one for all, or one for each")
    if space == "w+":
        return w_plus
    if not torch.equal(w_plus, w_plus[:, :1].expand_as(w_plus)):
        raise InputError("has a w of its own for each layer here; use the space w+")
    return w_plus[:, 0]


def offset_penalty(w_plus: Tensor) -> Tensor:
    """Mean over layers of |w_l - mean w|^2, [batch]: how far w+ has left w, where faces can be edited (Tov et al. 2021).

    w_plus: [batch, n_latent, style_dim]
    """
    return (w_plus - w_plus.mean(1, keepdim=True)).square().sum(2).mean(1)


def noise_regularizer(noise: Sequence[Tensor]) -> Tensor:
    """How much noise maps resemble themselves one pixel on, at every scale, [batch] (StyleGAN2, App. D).

    noise: for each convolution [batch, 1, res, res]. Pictures hidden in the noise would be found at once, and be useless.
    """
    return noise_correlations(noise).square().sum(1)


def noise_correlations(noise: Sequence[Tensor]) -> Tensor:
    """[batch, terms]: the mean product of each map with itself, rolled by one pixel across and down, halved down to 8 px."""
    own, terms, halved = {}, [], []
    for layer in noise:
        own.setdefault(layer.shape[-1], []).append(layer)
    while own or halved:  # all maps of one side together
        side = halved[0].shape[-1] if halved else max(own)
        maps = torch.cat(halved + own.pop(side, []), 1)
        terms += [(maps * maps.roll(1, axis)).mean((2, 3)) for axis in (3, 2)]
        halved = [F.avg_pool2d(maps, 2)] if side > COARSEST_NOISE else []
    return torch.cat(terms, 1)


@torch.no_grad()
def normalize_noise(noise: Sequence[Tensor]) -> None:
    """Each map of each photo to mean 0 and standard deviation 1, in place."""
    for layer in noise:
        layer.sub_(layer.mean((1, 2, 3), keepdim=True)).div_(layer.std((1, 2, 3), keepdim=True))


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB, of a mean squared error of pixels in [-1, 1].

    >>> psnr(0.004)
    30.0
    """
    return 10 * (math.log10(4) - math.log10(mse)) if mse else math.inf


def _each(layer: Tensor, count: int) -> Tensor:
    return layer.detach().expand(count, *layer.shape[1:]).clone()

"""Two networks in one: low resolutions from the first, high ones from the second (Pinkney and Adler 2020, arXiv 2010.05334).

    toon = blend(photo, cartoon, 32)                      # a photo's structure, a cartoon's texture from 32 px up
    skin = blend(cartoon, photo, 32)                      # the other way round
    between = interpolate(photo, cartoon, 0.5)            # halfway at every resolution
    images = swap_features(photo, cartoon, w_plus, 16)    # the photo's feature maps, finished by the cartoon network

The weights of two networks mean the same only while one was fine-tuned from the other, and not too far from it:
`level_distances` measures that, `look_unrelated` judges it. Weights lie on a ladder of positions, two to each resolution 2^k:
2k - 4 for the first convolution (at 4x4 the constant), 2k - 3 for the second and ToRGB.
"""

import copy
import dataclasses
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from checkpoint import Blended, Checkpoint, layouts
from errors import InputError
from model import Generator, Stage

MAPPINGS = ("low", "high", "blend")
USUAL_WIDTH = 1.0  # of the sigmoid, in a film
MARGIN = 5  # widths of the sigmoid beyond the ladder: there the share is below 1 %
UNRELATED = 0.7  # half of sqrt(2), where independent networks are; fine-tuning moved weights by 0.02 to 0.4 in all our runs


def blend(
    low: Generator,
    high: Generator,
    swap_resolution: int,
    width: float | None = None,
    level: int = 0,
    mapping: str = "low",
) -> Generator:
    """A new network: `low` below swap_resolution, `high` from there up.

    width:   None swaps at once; otherwise of the sigmoid over positions that goes from one to the other, say 0.5 to 2
    level:   0 swaps before the first convolution of the resolution, 1 between the first and the second
    mapping: whose mapping network; "blend" is the mean of both, in the proportion of the positions

    The published hard swap asks for x > 1 where this one has x >= 0 (see `share`), so its 32 is 64 here. Smooth ones agree.
    Raises InputError for networks of different shapes, and for a resolution that they do not have.
    """
    return blend_at(low, high, position(low, swap_resolution) + level, width, mapping)


def blend_at(low: Generator, high: Generator, at: float, width: float | None = None, mapping: str = "low") -> Generator:
    """As `blend`, at any position of the ladder, also between and beyond the rungs: for films of the swap point."""
    return _mixture(low, high, lambda rung: share(rung - at, width), mapping)


def interpolate(low: Generator, high: Generator, t: float, mapping: str = "blend") -> Generator:
    """(1 - t) low + t high for every weight: 0 is low, 1 is high, beyond them exaggerates."""
    return _mixture(low, high, lambda rung: t, mapping)


def share(x: float, width: float | None = None) -> float:
    """The part y that `high` has in a weight x positions above the swap: y high + (1 - y) low.

    Hard: y = 1 for x >= 0. Smooth: y = 1 / (1 + exp(-x / width)).

    >>> [share(x) for x in (-1, 0, 1)], share(0, width=1)
    ([0.0, 1.0, 1.0], 0.5)
    """
    if width is None:
        return float(x >= 0)
    return 0.5 * (1 + math.tanh(x / (2 * width)))  # the same sigmoid, without overflow


def position(generator: Generator, resolution: int) -> int:
    """Of the first convolution of a resolution on the ladder: 0 for 4, 2 for 8, 4 for 16, ..."""
    if resolution not in generator.resolutions:
        raise InputError(f"{resolution}: these networks have {', '.join(map(str, generator.resolutions))}")
    return 2 * generator.resolutions.index(resolution)


@torch.no_grad()
def swap_features(
    giver: Generator,
    receiver: Generator,
    w_plus: Tensor,
    resolution: int,
    noise: Sequence[Tensor | None] | None = None,
    rgb: str = "receiver",
) -> Tensor:
    """Images of `receiver`, whose feature map after the second convolution of a resolution is replaced by the giver's.

    w_plus: [batch, n_latent, style_dim], for both (layer swapping in Cartoon-StyleGAN; its swap_layer_num 1 is 8 px)
    noise:  for both, as in `Generator.stages`; without it each network's stored noise
    rgb:    "receiver" or "giver": whose image of the lower resolutions the new ToRGB layers are added to
    """
    check_alike(giver, receiver)
    rung = position(receiver, resolution) // 2
    given = list(islice(giver.stages(w_plus, noise or giver.stored_noise()), rung + 1))
    below = given if rgb == "giver" else list(islice(receiver.stages(w_plus, noise or receiver.stored_noise()), rung))
    image = below[rung - 1].image if rung else None
    start = Stage(given[rung].features, receiver.painted(given[rung].features, w_plus, resolution, image))
    return [start, *receiver.stages(w_plus, noise or receiver.stored_noise(), start, resolution)][-1].image


@dataclass(frozen=True)
class Way:
    """From one network to the other, over stops in between: resolutions, or for "interpolate" parts of the way.

    kind:    "weights" takes the low resolutions of one and the high ones of the other, see `blend`; "features" does it to
             feature maps, see `swap_features`; "interpolate" takes a part of every weight, see `interpolate`
    reverse: low resolutions from the target
    mapping: None: "low", and of "interpolate" "blend"
    """

    kind: str = "weights"
    reverse: bool = False
    width: float | None = None
    level: int = 0
    mapping: str | None = None
    rgb: str = "receiver"

    @property
    def whose_mapping(self) -> str:
        return self.mapping or ("blend" if self.kind == "interpolate" else "low")

    def ends(self, source: Generator, target: Generator) -> tuple[Generator, Generator]:
        """Which one gives the low resolutions, and which one the high ones."""
        return (target, source) if self.reverse else (source, target)

    def stops(self, between: Sequence[float] | None, generator: Generator) -> list[float | str]:
        """ "low", those between in their order, "high". between: None is each resolution"""
        if self.kind == "interpolate":
            return [{0: "low", 1: "high"}.get(t, t) for t in sorted({0, 1, *between})]
        return ["low", *sorted(set(between or generator.resolutions[1:]), reverse=True), "high"]

    def network(self, low: Generator, high: Generator, stop: float | str) -> Generator:
        """The one at a stop."""
        if isinstance(stop, str):
            return {"low": low, "high": high}[stop]
        if self.kind == "interpolate":
            return interpolate(low, high, stop, self.whose_mapping)
        return blend(low, high, stop, self.width, self.level, self.whose_mapping)

    def passing(self, low: Generator, high: Generator, t: float) -> tuple[Generator, str]:
        """The network at a time from 0 to 1, and its title: the swap point goes from beyond one end to beyond the other."""
        if self.kind == "interpolate":
            return self.network(low, high, t), f"{t:.2f}"
        width, rungs = self.width or USUAL_WIDTH, 2 * len(low.resolutions)
        at = rungs + MARGIN * width - t * (rungs + 2 * MARGIN * width)
        resolution = 4 * 2 ** (min(max(at, 0), rungs) / 2)
        return blend_at(low, high, at, width, self.whose_mapping), f"from {resolution:.0f} px"

    def caption(self, stop: float | str) -> str:
        if isinstance(stop, str):
            return "target" if (stop == "high") != self.reverse else "source"
        return {"interpolate": f"{stop:g}", "features": f"features {stop}"}.get(self.kind, f"from {stop}")


def level_distances(source: Generator, target: Generator) -> dict[str, float]:
    """|target - source| / |source| of each part: {"mapping": ..., "4": ..., ...}; unrelated ones are about sqrt(2) apart."""
    check_alike(source, target)
    parts = {"mapping": (source.style, target.style)}
    parts |= {str(resolution): (source.level(resolution), target.level(resolution)) for resolution in source.resolutions}
    weights = {name: [parameters_to_vector(part.parameters()).detach() for part in pair] for name, pair in parts.items()}
    return {name: ((b - a).norm() / a.norm()).item() for name, (a, b) in weights.items()}


def look_unrelated(distances: dict[str, float]) -> bool:
    """Whether `level_distances` are those of networks that were not fine-tuned from one another: a blend is no face then."""
    return statistics.median(distance for name, distance in distances.items() if name != "mapping") > UNRELATED


def warning_of(distances: dict[str, float], source: str, target: str, so: str) -> str:
    """One line for networks that `look_unrelated`, with what follows from it; else nothing."""
    if not look_unrelated(distances):
        return ""
    return f"warning: {target} looks unrelated to {source}: fine-tuning leaves 0.02 to 0.4; {so}"


def report(source: str, target: str, photo: Generator, cartoon: Generator) -> str:
    """How far each part of a target is from its source, for people; a second line where they are strangers."""
    distances = level_distances(photo, cartoon)
    parts = [f"{part}{' px' * part.isdecimal()} {distance:.3f}" for part, distance in distances.items()]
    lines = [f"{target}: relative distance of its weights: {', '.join(parts)}"]
    return "\n".join([*lines, *filter(None, [warning_of(distances, source, target, "expect no faces in between")])])


def told_of_strangers(source: str, target: str, photo: Generator, cartoon: Generator) -> str:
    """What to say where one network was not fine-tuned from the other, else nothing: both draw, but not the same people."""
    so = "one latent is another person in each"
    try:
        return warning_of(level_distances(photo, cartoon), source, target, so)
    except InputError:
        return f"warning: {target} looks unrelated to {source}: their weights have other shapes; {so}"


def warn_of_strangers(source: str, target: str, photo: Generator, cartoon: Generator) -> None:
    """`told_of_strangers` as a line on stderr."""
    if warning := told_of_strangers(source, target, photo, cartoon):
        print(warning, file=sys.stderr)


def contents(network: Generator, low: Checkpoint, high: Checkpoint, mapping: str) -> dict:
    """What a file in our layout holds of a mixture of two files: g_ema, latent_avg, the styles of a source if any."""
    mapped_by = dataclasses.replace(high if mapping == "high" else low, networks={"g_ema": network.state_dict()})
    return layouts.own(mapped_by) | ({"latent_avg": network.w_avg} if mapping == "blend" else {})


def check_alike(low: Generator, high: Generator) -> None:
    """Raises InputError naming the first tensor whose shapes differ."""
    ours, theirs = ({name: list(tensor.shape) for name, tensor in net.state_dict().items()} for net in (low, high))
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            shapes = " and ".join(str(shapes.get(name, "missing")) for shapes in (ours, theirs))
            raise InputError(f"{name}: {shapes}; only networks of equal shapes can be blended, one fine-tuned from the other")
    scales = [[getattr(layer, "scale", None) for layer in net.style[1:]] for net in (low, high)]
    if scales[0] != scales[1]:
        raise InputError("style: mapping networks of different lr_mlp; one must be fine-tuned from the other")


@torch.no_grad()
def _mixture(low: Generator, high: Generator, share_at: Callable[[int], float], mapping: str) -> Generator:
    """share_at(position) -> part of `high` there."""
    check_alike(low, high)
    if mapping not in MAPPINGS:
        raise ValueError(f"mapping {mapping!r}: expected one of {MAPPINGS}")
    if mapping == "blend" and any(isinstance(network, Blended) for network in (low, high)):
        raise InputError("mapping blend: a network of FreezeStyle has two mapping networks already; take low or high")
    mixture = copy.deepcopy(high if mapping == "high" else low)
    for (rung, module), (_, a), (_, b) in zip(_rungs(mixture), _rungs(low), _rungs(high)):
        _set_between(module, a, b, share_at(rung))
    for layer, (noise, a, b) in enumerate(zip(*(network.stored_noise() for network in (mixture, low, high)))):
        # A draw and no weight: the mean of two draws would be weaker noise.
        noise.copy_(a if share_at(layer + 1) < 0.5 else b)
    if mapping == "blend":
        mixture.w_avg = None
        shares = [share_at(rung) for rung in range(2 * len(low.resolutions))]
        _set_between(mixture.style, low.style, high.style, statistics.mean(shares))
    return mixture


def _rungs(generator: Generator) -> Iterator[tuple[int, nn.Module]]:
    """Every module of the synthesis network with its position."""
    for k, resolution in enumerate(generator.resolutions):
        first, second, to_rgb = generator.level(resolution)
        yield from ((2 * k, first), (2 * k + 1, second), (2 * k + 1, to_rgb))


def _set_between(module: nn.Module, low: nn.Module, high: nn.Module, y: float) -> None:
    """(1 - y) low + y high. `lerp` gives exactly low for 0, high for 1, and equal weights for any y."""
    other = high.state_dict()
    module.load_state_dict({name: torch.lerp(tensor, other[name], y) for name, tensor in low.state_dict().items()})

"""From a photo to a cartoon: its latent in the network of photos, drawn by the network of cartoons, both bent to the person.

    target = open_target("cartoon.pt", source, "ffhq.pt")
    for person in cartoonize(source, target, [face], distance):
        person.cartoon.save("me.png")
Several photos come out one by one, each as if it were alone.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

import checkpoint
import utils
from data.squares import square
from editing import latents, layer_swap, projection, tuning
from editing.defaults import CARRY, PACE, PSI, REACH, SPACE, STEPS, TUNE, WPLUS_REG
from editing.projection import Projection, Schedule
from editing.reach import Reach
from errors import InputError
from model import Generator
from vision.perceptual import Distance

SCHEDULE = Schedule(STEPS, wplus_reg=WPLUS_REG, **PACE)


@dataclass
class Person:
    """Pictures of somebody, what was found of them, and source and target, bent to them."""

    found: Projection
    photo: Image.Image
    projected: Image.Image
    cartoon: Image.Image
    networks: tuple[Generator, Generator]


def open_target(path: str | Path, source: Generator, source_path: str | Path, related: bool = False) -> Generator:
    """The network of cartoons, on the device of the network of photos that it was fine-tuned from.

    Raises InputError for one that takes other latents; a line on stderr points out one that looks unrelated.
    related: it must not look so, InputError where it does
    """
    target = checkpoint.read_aloud(path).generator().to(source.device)
    if (target.size, target.style_dim) != (source.size, source.style_dim):
        theirs, ours = (f"{network.size} px and {network.style_dim} numbers of style" for network in (target, source))
        raise InputError(f"{path}: has {theirs}, {source_path} {ours}; it is no child of that")
    if related and layer_swap.told_of_strangers(str(source_path), str(path), source, target):
        raise InputError(f"{path}: is not fine-tuned from {source_path}; name the network that it was fine-tuned from")
    layer_swap.warn_of_strangers(str(source_path), str(path), source, target)
    return target


def cartoonize(
    source: Generator,
    target: Generator,
    photos: Iterable[Image.Image],
    distance: Distance,
    space: str = SPACE,
    schedule: Schedule = SCHEDULE,
    *,
    start: Callable[[Tensor], Tensor] | None = None,
    seed: int = 0,
    **painting,
) -> Iterator[Person]:
    """A person for each photo, found when it is asked for.

    photos:   faces, cut as the source's were; their centre square is taken
    start:    gives latents to begin with, see `projection.find`
    painting: of `Painter`: psi, most, tune, carry, dtype, recorded, stepped
    Raises InputError at once where the average face does not fit the space.
    """
    painter = Painter(source, target, distance, **painting)
    cut: list[Image.Image] = []

    def targets() -> Iterator[Tensor]:
        for photo in photos:
            cut[:] = [square(photo, source.size)]
            yield utils.from_pictures(cut)[0]

    options = {"fixed_noise": True, "seed": seed, "within": painter.within} | painter.looking
    search = projection.find(source, distance, targets(), space, schedule, start=start, **options)

    def person(found: Projection) -> Person:
        networks = painter.bent(found.latent, utils.from_pictures(cut))
        return Person(found, cut[0], *painter.paint(found.latent, networks), networks)

    return map(person, search)


@dataclass
class Painter:
    """Draws who was found in the source: as it can draw them, and as cartoons of the target.

    psi:   of the cartoon, see `model.truncate`; of the average cartoon nothing is bent
    most:  how far latents may be from the average face of the source, see `Reach.within`; None: anywhere
    tune:  steps that bend the source until it draws the photo, see `tuning`; 0: none
    carry: how much of that the target takes; nothing where its weights have other shapes
    dtype, recorded, stepped: as in `projection.project`
    """

    source: Generator
    target: Generator
    distance: Distance
    psi: float = PSI
    most: float | None = REACH
    tune: int = TUNE
    carry: float = CARRY
    dtype: torch.dtype | None = None
    recorded: bool = False
    stepped: Callable[[float, float], object] = lambda loss, noise: None

    def __post_init__(self) -> None:
        self._reach = None if self.most is None else Reach.of(self.source)

    @property
    def looking(self) -> dict[str, object]:
        """How it searches, for `projection.project` and `tuning.tune`."""
        return {"dtype": self.dtype, "recorded": self.recorded, "stepped": self.stepped}

    def within(self, latent: Tensor) -> Tensor:
        return latent if self._reach is None else self._reach.within(latent, self.most)

    def bent(self, latent: Tensor, photo: Tensor) -> tuple[Generator, Generator]:
        """Source and target, bent to the person of a photo.

        latent: [1, style_dim] or [1, n_latent, style_dim], found in the source
        photo:  [1, 3, size, size] in [-1, 1]
        """
        source, target = self.source, self.target
        if not self.tune:
            return source, target
        pivot, photo = self.within(source.broadcast(latent)), photo.to(source.device)
        tuned = tuning.tune(source, self.distance, photo, pivot, self.tune, **self.looking)
        share = self.carry * self.psi if tuning.fits(target, source) else 0.0
        return tuned, tuning.carry(target, source, tuned, share) if share else target

    def paint(self, latent: Tensor, networks: tuple[Generator, Generator]) -> tuple[Image.Image, Image.Image]:
        """By networks of `bent`: what the source draws, and the cartoon."""
        source, target = networks
        found = self.source.broadcast(latent)
        pivot = self.within(found)  # the same after a search, not of what an encoder says
        (projected,) = utils.to_pictures(latents.draw(source, pivot if self.tune else found))
        (cartoon,) = utils.to_pictures(latents.draw(target, latents.truncated(self.source, pivot, self.psi)))
        return projected, cartoon

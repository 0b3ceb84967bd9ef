"""From a photo to a cartoon: its latent in the network of photos, drawn by the network of cartoons.

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
from editing import latents, layer_swap, projection
from editing.defaults import PACE, REACH, SPACE, STEPS, WPLUS_REG
from editing.projection import Projection, Schedule
from editing.reach import Reach
from errors import InputError
from model import Generator
from vision.perceptual import Distance

SCHEDULE = Schedule(STEPS, wplus_reg=WPLUS_REG, **PACE)


@dataclass
class Person:
    """Pictures of somebody, and what was found of them."""

    found: Projection
    photo: Image.Image
    projected: Image.Image
    cartoon: Image.Image


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
    psi: float = 1.0,
    most: float = REACH,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    stepped: Callable[[float, float], object] = lambda loss, noise: None,
) -> Iterator[Person]:
    """A person for each photo, found when it is asked for.

    photos: faces, cut as the source's were; their centre square is taken
    start:  gives latents to begin with, see `projection.find`
    psi:    of the cartoon, see `model.truncate`
    most:   of the cartoon, see `Reach.within`
    others: as in `projection.find`
    Raises InputError at once where the average face does not fit the space.
    """
    cut: list[Image.Image] = []
    reach = Reach.of(source)

    def targets() -> Iterator[Tensor]:
        for photo in photos:
            cut[:] = [square(photo, source.size)]
            yield utils.from_pictures(cut)[0]

    options = {"fixed_noise": True, "dtype": dtype, "seed": seed, "snapshots": [schedule.steps], "stepped": stepped}
    search = projection.find(source, distance, targets(), space, schedule, start=start, **options)

    def person(found: Projection) -> Person:
        (cartoon,) = draw(source, target, found.latent, psi, most, reach)
        return Person(found, cut[0], utils.to_pictures(found.snapshots[schedule.steps])[0], cartoon)

    return map(person, search)


def draw(
    source: Generator, target: Generator, latent: Tensor, psi: float = 1.0, most: float = REACH, reach: Reach | None = None
) -> list[Image.Image]:
    """Latents that were found in the source, [people, style_dim] or [people, n_latent, style_dim], as cartoons.

    psi:   below 1 pulls them towards the average face of the source
    most:  how far they may be from it along each axis of W, in standard deviations
    reach: that of the source, where it is known already
    """
    w_plus = (reach or Reach.of(source)).within(source.broadcast(latent), most)
    return utils.to_pictures(latents.draw(target, latents.truncated(source, w_plus, psi)))

"""Who is drawn: people by seed, or from latent files, in one network or in several.

    who = by_seed("0-3,100")                        # or from_file("faces.pt"), or together([...]) of several
    w_plus = who.w_plus(cartoon, psi=0.7)           # [people, n_latent, style_dim]
    drawn = [*pictures(cartoon, w_plus, noise=who.noise(cartoon))]

A seed, or a latent in z, goes through the mapping network of whoever draws it; w and w+ are taken as they are.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

import checkpoint
import filenames
import lettering
import utils
from drawer import Drawer
from editing import latents
from editing.latents import Latents
from editing.looks import AS_THEY_ARE, Look
from errors import InputError, named

PORTION = 32  # batches whose latents are found at a time


def nobody(*_: object, **__: object) -> None:
    """For whoever wants to know nothing."""


@dataclass(frozen=True)
class Brush:
    """How people are drawn: their truncation, how many at a time, and drawn(n), called when n more are done, as by a bar.

    look: what else is changed in them, for `everybody`
    """

    psi: float = 1.0
    batch: int = 8
    drawn: Callable[[int], object] = nobody
    look: Look = AS_THEY_ARE


BRUSH = Brush()


@dataclass
class People:
    """Either seeds, or latents that were found, or groups of both.

    names:  of each
    path:   of their file, "" for seeds
    groups: the people of several files, one after another
    """

    names: list[str]
    seeds: list[int] | None = None
    found: Latents | None = None
    path: str = ""
    groups: list["People"] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def captions(self) -> list[str]:
        """The names as a sheet can show them."""
        return lettering.readable(self.names)

    def w_plus(self, generator: Drawer, psi: float = 1.0) -> Tensor:
        """[people, n_latent, style_dim], truncated to psi. Raises InputError for latents that do not fit the network."""
        if self.groups:
            return torch.cat([group.w_plus(generator, psi) for group in self.groups])
        if self.found is None:
            return latents.people(generator, self.seeds, psi)
        with named(self.path):
            w_plus = self.found.w_plus(generator)
        return latents.truncated(generator, w_plus, psi)

    def z(self, generator: Drawer) -> Tensor:
        """[people, style_dim]. Raises InputError where only w is known."""
        if self.groups:
            return torch.cat([group.z(generator) for group in self.groups])
        if self.found is None:
            return utils.seeded_normal(self.seeds, generator.style_dim, device=generator.device)
        if self.found.space != "z":
            raise InputError(f"{self.path}: holds latents in {self.found.space}, which have no z; use the space w")
        with named(self.path):
            latents.check_fits(self.found, generator)
        return self.found.latent.to(generator.device)

    def noise(self, generator: Drawer, person: int | None = None) -> list[Tensor] | None:
        """The noise found with the latents (of one person), for the network it was found in; None: use its stored noise."""
        if self.groups:
            return _noise_of_groups(self.groups, generator, person)
        if self.found is None or self.found.noise is None:
            return None
        at_home = not self.found.ckpt or self.found.ckpt == checkpoint.fingerprint(generator.state_dict())
        if person is None or not at_home:
            return self.found.noise if at_home else None
        return latents.noise_of(self.found.noise, slice(person, person + 1))

    def file_names(self) -> list[str]:
        """One for each, without folder and ending, no two alike on any system: seed0007, or the name of the photo."""
        if self.seeds is not None:
            return [f"seed{seed:04d}" for seed in self.seeds]
        names = [filenames.safe(filenames.stem(name) or "latent") for name in self.names]
        if self.groups:
            labels = [filenames.safe(label.replace("/", "-")) if label else "" for label in _labels(self.groups)]
            names = _apart([group.file_names() for group in self.groups], labels, "-")
        apart = len({name.casefold() for name in names}) == len(names)
        return names if apart else [f"{index:04d}-{name}" for index, name in enumerate(names)]


def by_seed(text: str) -> People:
    """ "0-35,100": one person for each."""
    seeds = utils.parse_seeds(text)
    return People([str(seed) for seed in seeds], seeds=seeds)


def from_file(path: str | Path, network: Drawer | None = None) -> People:
    """The people of a latent file, see `latents.read_latents`."""
    found = latents.read_latents(path, network)
    return People([Path(name).name or name for name in found.names], found=found, path=str(path))


def by_seed_or_file(text: str, network: Drawer | None = None) -> People:
    """Seeds, or the path of a latent file."""
    return from_file(text, network) if Path(text).suffix or Path(text).is_file() else by_seed(text)


def together(groups: Sequence[People]) -> People:
    """Several groups as one. Names that occur in more than one get that of their file in front."""
    if len(groups) == 1:
        return groups[0]
    names = _apart([group.names for group in groups], _labels(groups), " ")
    return People(names, groups=list(groups))


def chosen(seeds: str, paths: Sequence[str] | None, network: Drawer) -> People:
    """Those of latent files where some are named, else by seed. Prints what each file holds."""
    return told(together([from_file(path, network) for path in paths])) if paths else by_seed(seeds)


def told(who: People) -> People:
    """Prints a line for each latent file: how many people, in which space, of how many layers. Returns the people."""
    for group in who.groups or [who]:
        if group.found is not None:
            print(f"{group.path}: {group.found}")
    return who


def _labels(groups: Sequence[People]) -> list[str]:
    """What tells files apart: their names, else folder and name, else their paths; "" for seeds.

    >>> _labels([People([], path="a/latents.pt"), People([], path="b/latents.pt"), People([])])
    ['a/latents', 'b/latents', '']
    """
    paths = {group.path: Path(group.path).with_suffix("") for group in groups if group.path}
    for parts in (1, 2):
        labels = {path: "/".join(short.parts[-parts:]) for path, short in paths.items()}
        if len(set(labels.values())) == len(paths):
            break
    else:
        labels = {path: path for path in paths}
    return [labels.get(group.path, "") for group in groups]


def _apart(names: Sequence[Sequence[str]], labels: Sequence[str], between: str) -> list[str]:
    """Everybody's name, no two alike: with the label where it occurs in several groups, and numbered if need be.

    >>> _apart([["anna"], ["anna", "bert"]], ["a", "b"], " ")
    ['a anna', 'b anna', 'bert']
    """
    groups = Counter(name for group in names for name in set(group))
    longer = lambda name, label: label if label.endswith(name) else f"{label}{between}{name}"
    labelled = [(name, label) for group, label in zip(names, labels) for name in group]
    labelled = [name if groups[name] == 1 or not label else longer(name, label) for name, label in labelled]
    times = Counter(labelled)
    return [name if times[name] == 1 else f"{index:04d}{between}{name}" for index, name in enumerate(labelled)]


def _noise_of_groups(groups: Sequence[People], generator: Drawer, person: int | None) -> list[Tensor] | None:
    """As `People.noise`; where some have noise, the others take that of the network."""
    if person is not None:
        for group in groups:
            if person < len(group):
                return group.noise(generator, person)
            person -= len(group)
    noises = [group.noise(generator) for group in groups]
    if all(noise is None for noise in noises):
        return None
    stored, each = generator.stored_noise(), zip(groups, noises)
    own = [[layer.to(generator.device).expand(len(group), -1, -1, -1) for layer in noise or stored] for group, noise in each]
    return [torch.cat(layers) for layers in zip(*own, strict=True)]


def pictures(
    generator: Drawer, w_plus: Tensor, brush: Brush = BRUSH, noise: Sequence[Tensor] | None = None
) -> Iterator[Image.Image]:
    """What `latents.draw` draws, as pictures that are drawn as they are asked for, a batch at a time."""
    for images in latents.drawn(generator, w_plus, brush.batch, noise):
        yield from utils.to_pictures(images)
        brush.drawn(len(images))


def everybody(generator: Drawer, who: People, brush: Brush = BRUSH) -> Iterator[Image.Image]:
    """One picture each, as they are asked for; of thousands of seeds, few latents are held at a time."""
    size = len(who) if who.seeds is None else PORTION * brush.batch  # those of a file are in memory already
    for start in range(0, len(who), size or 1):
        part = who if who.seeds is None else People(who.names[start : start + size], seeds=who.seeds[start : start + size])
        w_plus, noise = brush.look.w_plus(part, generator, brush.psi), brush.look.noise_of(part, generator)
        yield from pictures(generator, w_plus, brush, noise)

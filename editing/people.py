"""Who is drawn: people by seed, or from a latent file, in one network or in several.

    who = by_seed("0-3,100")                        # or from_file("faces.pt")
    w_plus = who.w_plus(cartoon, psi=0.7)           # [people, n_latent, style_dim]
    drawn = pictures(cartoon, w_plus, noise=who.noise(cartoon))

A seed, or a latent in z, goes through the mapping network of whoever draws it; w and w+ are taken as they are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

import checkpoint
import filenames
import lettering
import utils
from cli import InputError
from editing import latents
from editing.latents import Latents
from model import Generator

PORTION = 32  # batches whose latents are found at a time


@dataclass
class People:
    """Either seeds, or latents that were found.

    names: of each
    flag:  that named them, for messages
    """

    names: list[str]
    flag: str
    seeds: list[int] | None = None
    found: Latents | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def captions(self) -> list[str]:
        """The names as a sheet can show them."""
        return lettering.readable(self.names)

    def w_plus(self, generator: Generator, psi: float = 1.0) -> Tensor:
        """[people, n_latent, style_dim], truncated to psi. Raises InputError for latents that do not fit the network."""
        if self.found is None:
            return latents.people(generator, self.seeds, psi)
        w_plus = self.found.w_plus(generator, self.flag)
        return w_plus if psi == 1 else latents.truncate(w_plus, latents.mean_latent(generator), psi)

    def z(self, generator: Generator) -> Tensor:
        """[people, style_dim]. Raises InputError where only w is known."""
        if self.found is None:
            return utils.seeded_normal(self.seeds, generator.style_dim, device=generator.input.input.device)
        if self.found.space != "z":
            raise InputError(f"{self.flag}: holds latents in {self.found.space}, which have no z; use the space w")
        latents.check_fits(self.found, generator, self.flag)
        return self.found.latent.to(generator.input.input.device)

    def noise(self, generator: Generator, person: int | None = None) -> list[Tensor] | None:
        """The noise found with the latents (of one person), for the network it was found in; None: use its stored noise."""
        if self.found is None or self.found.noise is None:
            return None
        at_home = not self.found.ckpt or self.found.ckpt == checkpoint.fingerprint(generator.state_dict())
        if person is None or not at_home:
            return self.found.noise if at_home else None
        return [layer if len(layer) == 1 else layer[person : person + 1] for layer in self.found.noise]

    def file_names(self) -> list[str]:
        """One for each, without folder and ending, no two alike on any system: seed0007, or the name of the photo."""
        if self.seeds is not None:
            return [f"seed{seed:04d}" for seed in self.seeds]
        stems = [filenames.safe(Path(name).stem or "latent") for name in self.names]
        if len({stem.casefold() for stem in stems}) == len(stems):
            return stems
        return [f"{index:04d}-{stem}" for index, stem in enumerate(stems)]


def by_seed(text: str, flag: str = "--seeds") -> People:
    """ "0-35,100": one person for each."""
    try:
        seeds = utils.parse_seeds(text)
    except InputError as error:
        raise InputError(str(error).replace("--seeds", flag, 1)) from None
    return People([str(seed) for seed in seeds], flag, seeds=seeds)


def from_file(path: str | Path, flag: str = "--latents") -> People:
    """The people of a latent file, see `latents.read_latents`."""
    found = latents.read_latents(path, flag)
    return People([Path(name).name or name for name in found.names], f"{flag} {path}", found=found)


def by_seed_or_file(text: str, flag: str) -> People:
    """Seeds, or the path of a latent file."""
    return from_file(text, flag) if Path(text).suffix or Path(text).is_file() else by_seed(text, flag)


def pictures(
    generator: Generator,
    w_plus: Tensor,
    batch: int = 8,
    noise: Sequence[Tensor] | None = None,
    drawn: Callable[[int], object] = lambda count: None,
) -> list[Image.Image]:
    """What `latents.draw` draws, as pictures; drawn(n) is called whenever n more are done, for a progress bar."""
    return list(each_picture(generator, w_plus, batch, noise, drawn))


def each_picture(
    generator: Generator,
    w_plus: Tensor,
    batch: int = 8,
    noise: Sequence[Tensor] | None = None,
    drawn: Callable[[int], object] = lambda count: None,
) -> Iterator[Image.Image]:
    """As `pictures`, as they are asked for: no more than `batch` are held."""
    for start in range(0, len(w_plus), batch):
        some = slice(start, start + batch)
        part = noise and [layer if len(layer) == 1 else layer[some] for layer in noise]
        yield from utils.to_pictures(latents.draw(generator, w_plus[some], batch, part))
        drawn(len(w_plus[some]))


def everybody(
    generator: Generator, who: People, psi: float = 1.0, batch: int = 8, drawn: Callable[[int], object] = lambda count: None
) -> Iterator[Image.Image]:
    """One picture each, as they are asked for; of thousands of seeds, few latents are held at a time."""
    for some in _portions(who, PORTION * batch):
        yield from each_picture(generator, some.w_plus(generator, psi), batch, some.noise(generator), drawn)


def _portions(who: People, size: int) -> Iterator[People]:
    """Seeds in their order; the latents of a file are in memory already, and stay together."""
    if who.seeds is None:
        yield who
        return
    for start in range(0, len(who), size):
        some = slice(start, start + size)
        yield People(who.names[some], who.flag, seeds=who.seeds[some])

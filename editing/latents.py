"""Latents of people, and their pictures.

    w_plus = people(generator, seeds=[0, 1, 2], psi=0.7)       # [3, n_latent, style_dim]
    images = draw(generator, w_plus)                           # [3, 3, size, size], in [-1, 1]
The same seed is the same person in every generator that shares a mapping network, and at every psi.

Latents are kept in files that every editing command reads:
    save_latents("faces.pt", w_plus, space="w+", names=["0", "1", "2"])
    w_plus = read_latents("faces.pt").w_plus(generator)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

import utils
from drawer import Drawer
from editing import files, latent_formats
from editing.latent_formats import is_noise
from errors import InputError, named
from model import truncate

SAMPLES, SEED = 10_000, 123  # of z, for the spread of w
SPACES = {"z": (2,), "w": (2,), "w+": (3,)}  # and how many dimensions their latents have


@dataclass
class Latents:
    """What a latent file holds.

    latent:    [N, style_dim], or [N, n_latent, style_dim] in "w+"
    space:     "z", "w" or "w+"
    names:     N, of the photos or the seeds
    noise:     for each convolution [1 or N, 1, res, res]; None: the noise stored in the network
    ckpt:      fingerprint of the network they were found in, "" where unknown
    truncated: whether they were pulled towards the average already
    note:      what had to be decided when the file of another program was read
    """

    latent: Tensor
    space: str
    names: list[str]
    noise: list[Tensor] | None = None
    ckpt: str = ""
    truncated: bool = False
    note: str = ""

    def __len__(self) -> int:
        return len(self.latent)

    def __str__(self) -> str:
        """
        >>> print(Latents(torch.zeros(2, 18, 512), "w+", ["a", "b"]))
        2 people in w+ (18 layers of 512 numbers)
        """
        *layers, size = self.latent.shape[1:]
        each = f"{layers[0]} layers of {size} numbers" if layers else f"{size} numbers"
        who = "1 person" if len(self) == 1 else f"{len(self)} people"
        return f"{who} in {self.space} ({each})" + (f"; {self.note}" if self.note else "")

    @torch.no_grad()
    def w_plus(self, generator: Drawer) -> Tensor:
        """[N, n_latent, style_dim], on the generator's device. Raises InputError where they do not fit."""
        check_fits(self, generator)
        latent = self.latent.to(generator.device)
        return generator.broadcast(generator.mapping(latent) if self.space == "z" else latent)


@torch.no_grad()
def people(generator: Drawer, seeds: Sequence[int], psi: float = 1.0) -> Tensor:
    """w_plus [seeds, n_latent, style_dim] of one person for each seed, truncated to psi."""
    z = utils.seeded_normal(seeds, generator.style_dim, device=generator.device)
    return truncated(generator, generator.broadcast(generator.mapping(z)), psi)


def truncated(generator: Drawer, w_plus: Tensor, psi: float) -> Tensor:
    """w_plus [people, n_latent, style_dim] pulled towards the centre of the network that draws it; the same at psi 1."""
    return w_plus if psi == 1 else truncate(w_plus, generator.w_avg, psi)


@torch.no_grad()
def sampled(generator: Drawer) -> Iterator[Tensor]:
    """The w of SAMPLES random people, the same at each call: batches [1000, style_dim], or w_plus where layers differ."""
    z = torch.randn(SAMPLES, generator.style_dim, generator=torch.Generator().manual_seed(SEED))
    for some in z.to(generator.device).split(1000):
        yield generator.mapping(some)


def draw(generator: Drawer, w_plus: Tensor, batch: int = 8, noise: Sequence[Tensor] | None = None) -> Tensor:
    """w_plus [people, n_latent, style_dim] -> images on the CPU. noise: [1 or people, 1, res, res] each; None: the stored"""
    return torch.cat([*drawn(generator, w_plus, batch, noise)])


@torch.no_grad()
def drawn(generator: Drawer, w_plus: Tensor, batch: int = 8, noise: Sequence[Tensor] | None = None) -> Iterator[Tensor]:
    """As `draw`, a batch at a time, as they are asked for. Raises InputError for what no picture can show."""
    noise = [layer.to(w_plus.device) for layer in noise or generator.stored_noise()]
    for start in range(0, len(w_plus), batch):
        people = slice(start, start + batch)
        images = generator.synthesis(w_plus[people], noise_of(noise, people)).float().cpu()
        if not images.isfinite().all():
            raise InputError("so far from the average face the network draws no numbers (NaN or Inf); go less far")
        yield images


def noise_of(noise: Sequence[Tensor], people: slice) -> list[Tensor]:
    """Of some people: for each convolution [1, 1, res, res], which is everybody's, or [people, 1, res, res]."""
    return [layer if len(layer) == 1 else layer[people] for layer in noise]


def save_latents(
    path: str | Path,
    latent: Tensor,
    *,
    space: str,
    names: Sequence[str],
    noise: Sequence[Tensor] | None = None,
    ckpt: str = "",
    truncated: bool = False,
) -> Path:
    """Write a latent file; the arguments are the fields of `Latents`. Returns the path."""
    contents = {"latent": latent, "space": space, "source": [str(name) for name in names]}
    contents |= {"ckpt": ckpt, "truncated": truncated}
    return files.save(path, contents | ({} if noise is None else {"noise": list(noise)}))


def read_latents(path: str | Path, network: Drawer | None = None) -> Latents:
    """Ours, and those of other programs, see latent_formats.py; the network decides what is open, and has to fit them."""
    contents = files.load(path)
    with named(str(path)):
        latents = _checked(latent_formats.understood(contents, Path(path).stem, network))
        if network is not None:
            check_fits(latents, network)
    return latents


def check_fits(latents: Latents, generator: Drawer) -> None:
    """Raises InputError for latents, or noise, of a network of another size."""
    *layers, size = latents.latent.shape[1:]
    if size != generator.style_dim:
        raise InputError(f"latents of {size} numbers, but this network's have {generator.style_dim}; project with it")
    if layers not in ([], [generator.n_latent]):
        ours = f"this network has {generator.n_latent} layers ({generator.size} px)"
        raise InputError(f"latents of {latent_formats.of_layers(*layers)}, but {ours}; project with it")
    if latents.noise is not None:
        theirs, ours = ([layer.shape[-1] for layer in noise] for noise in (latents.noise, generator.stored_noise()))
        if theirs != ours:
            raise InputError(f"noise of the resolutions {theirs}, but this network has {ours}")


def _checked(contents: dict) -> Latents:
    latent, noise, space = contents["latent"], contents.get("noise"), str(contents["space"])
    files.check_numbers(latent, "latents")
    if latent.ndim not in SPACES.get(space, ()):
        raise InputError(f"damaged (latents {list(latent.shape)} in space {files.printable(space)!r})")
    if noise is not None and not (isinstance(noise, list) and all(is_noise(layer, len(latent)) for layer in noise)):
        raise InputError("damaged (noise that is not one [1 or N, 1, res, res] for each convolution)")
    return Latents(
        latent.float(),
        space,
        files.texts(contents.get("source"), len(latent), "latent"),
        None if noise is None else [layer.float() for layer in noise],
        files.printable(str(contents.get("ckpt", ""))),
        bool(contents.get("truncated", False)),
        files.printable(str(contents.get("note", "")), 200),
    )

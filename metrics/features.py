"""What a distance between sets of pictures looks at: a feature function, [batch, 3, size, size] in [-1, 1] -> [batch, dims].

features = choose("disc", source=checkpoint.read("ffhq256.pt"))
real = of_images(images, features)                                # of a data set
fake = of_generator(generator, range(5000), features)             # of one person for each seed
print(kernel_distance(fake, real).mean)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

import utils
from checkpoint import Checkpoint
from drawer import Drawer
from errors import InputError
from metrics.attributes import regressor
from metrics.table import FEATURES
from model import truncate
from vision.features import INCEPTION_FILE, DiscriminatorFeatures, InceptionFeatures, pixels

Features = Callable[[Tensor], Tensor]
Counter = Callable[[int], object]  # called with the number of pictures that were done, for a progress bar


def choose(
    name: str,
    source: Checkpoint | None = None,
    inception: Path | None = None,
    ruler: Path | None = None,
    device: torch.device | str = "cpu",
) -> Features:
    """The feature function of one of the names in `metrics.table.FEATURES`.

    source:    whose discriminator sees for "disc": the network that the fine-tuning began from, never one in training, whose
               features would move with what they measure
    inception: the weights for "inception" (default: networks/weights-inception-2015-12-05-6726825d.pth)
    ruler:     the attribute regressor for "structure" (default: the shipped one)
    Raises InputError, one line with the remedy, for what is missing.
    """
    if name == "pixels":
        return pixels
    if name == "disc":
        if source is None or "d" not in source.networks:
            raise InputError("looks through the discriminator of the source network, which is missing; choose pixels")
        return DiscriminatorFeatures(source.discriminator().to(device))
    if name == "structure":
        return regressor.read(ruler or regressor.SHIPPED)[0].to(device).features
    if name == "inception":
        return InceptionFeatures(inception or INCEPTION_FILE, device)
    raise ValueError(f"features {name!r}: expected one of {FEATURES}")


@torch.no_grad()
def of_images(
    images: Sequence[Tensor],
    features: Features,
    batch: int = 16,
    device: torch.device | str = "cpu",
    done: Counter = lambda count: None,
) -> Tensor:
    """Features of a data set of uint8 pictures [3, size, size]: [n, dims]."""
    return _of((utils.from_pixels(pixels.to(device)) for pixels in batches(images, batch)), features, done)


@torch.no_grad()
def of_generator(
    generator: Drawer,
    seeds: Sequence[int],
    features: Features,
    batch: int = 16,
    psi: float = 1.0,
    done: Counter = lambda count: None,
) -> Tensor:
    """Features of one generated picture for each seed, in 8 bits as a file would hold it: [n, dims]."""
    return _of(map(utils.as_stored, pictures(generator, seeds, batch, psi)), features, done)


def _of(batches: Iterable[Tensor], features: Features, done: Counter) -> Tensor:
    parts = []
    for images in batches:
        parts.append(features(images))
        done(len(images))
    return torch.cat(parts)


def batches(images: Sequence[Tensor], size: int) -> Iterator[Tensor]:
    """The pictures of a data set, uint8 [3, side, side], as [batch, 3, side, side]."""
    for start in range(0, len(images), size):
        yield torch.stack([images[index] for index in range(start, min(start + size, len(images)))])


@torch.no_grad()
def pictures(generator: Drawer, seeds: Sequence[int], batch: int = 16, psi: float = 1.0) -> Iterator[Tensor]:
    """Batches [batch, 3, size, size]. A seed draws z and the noise of every layer, so its picture is the same in any batch."""
    for start in range(0, len(seeds), batch):
        random = [torch.Generator().manual_seed(seed) for seed in seeds[start : start + batch]]
        z = drawn(random, (generator.style_dim,), generator.device)
        noise = [drawn(random, layer.shape[1:], generator.device) for layer in generator.stored_noise()]
        w_plus = generator.broadcast(generator.mapping(z))
        yield generator.synthesis(w_plus if psi == 1 else truncate(w_plus, generator.w_avg, psi), noise)


def drawn(random: Sequence[torch.Generator], shape: Sequence[int], device: torch.device) -> Tensor:
    """N(0, 1) of this shape from each generator, stacked."""
    return torch.stack([torch.randn(*shape, generator=seeded) for seeded in random]).to(device)

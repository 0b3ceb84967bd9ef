"""What a distance between sets of pictures looks at: a feature function, [batch, 3, size, size] in [-1, 1] -> [batch, dims].

    features = choose("disc", source=checkpoint.read("ffhq256.pt"))
    real = of_images(images, features)                                # of a data set
    fake = of_generator(generator, range(5000), features)             # of one person for each seed
    print(kernel_distance(fake, real).mean)

Inception's features are the published standard, and need a file. The others need none, and compare only with themselves.
"""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

import utils
from checkpoint import Checkpoint, container
from checkpoint.read import printable
from errors import InputError
from metrics import regressor
from model import Discriminator, Generator

CHOICES = ("inception", "disc", "structure", "pixels")
INCEPTION_FILE = Path("networks") / "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE.name}"
PIXELS_SIDE = 16  # pixels, to which pictures are averaged down

Features = Callable[[Tensor], Tensor]
Counter = Callable[[int], object]  # called with the number of pictures that were done, for a progress bar


def choose(
    name: str,
    source: Checkpoint | None = None,
    inception: Path | None = None,
    ruler: Path = regressor.SHIPPED,
    device: torch.device | str = "cpu",
    flag: str | None = None,
) -> Features:
    """The feature function for --features `name`.

    source:    whose discriminator sees for "disc": the network that the fine-tuning began from, never one in training, whose
               features would move with what they measure
    inception: the weights for "inception" (default: networks/weights-inception-2015-12-05-6726825d.pth)
    ruler:     the attribute regressor for "structure"
    flag:      how messages call this choice, in a command without --features, --inception and --regressor
    Raises InputError, one line with the remedy, for what is missing.
    """
    if name == "pixels":
        return pixels
    if name == "disc":
        if source is None:
            raise InputError(f"{flag or '--features'} disc: looks through the source's discriminator, and no source is named")
        return DiscriminatorFeatures(source.discriminator().to(device))
    if name == "structure":
        return regressor.read(ruler, f"{flag} structure:" if flag else "--regressor")[0].to(device).features
    if name == "inception":
        return InceptionFeatures(inception or INCEPTION_FILE, device, f"{flag} inception:" if flag else "--inception")
    raise ValueError(f"features {name!r}: expected one of {CHOICES}")


def pixels(images: Tensor) -> Tensor:
    """The picture itself, averaged down to 16x16: [batch, 768]."""
    return F.adaptive_avg_pool2d(images, min(PIXELS_SIDE, images.shape[-1])).flatten(1)


class DiscriminatorFeatures:
    """Mean over all places of each feature map of a frozen discriminator, from FromRGB to 4x4: [batch, sum of channels].

    The layers behind it compare the pictures of a batch, so they would depend on the company.
    """

    def __init__(self, discriminator: Discriminator):
        self.discriminator = discriminator.eval().requires_grad_(False)

    def __call__(self, images: Tensor) -> Tensor:
        return torch.cat([maps.mean((2, 3)) for maps in self.discriminator.features(images)], dim=1)


class InceptionFeatures:
    """Inception-v3 as in the published FID: 8-bit pictures, its 2048 pooled features, by torch-fidelity (extra `metrics`)."""

    def __init__(self, path: Path, device: torch.device | str = "cpu", flag: str = "--inception"):
        if not path.is_file():
            raise InputError(f"{flag} {path}: no such file; python -m scripts.download inception fetches it ({INCEPTION_URL})")
        if importlib.util.find_spec("torch_fidelity") is None:
            raise InputError(f"{flag} {path}: needs a package: pip install -e .[metrics]; disc needs none")
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        try:
            container.load(path, lazy=True)  # refuses what holds code; torch-fidelity would run it
            network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
        except (InputError, RuntimeError) as error:
            reason = printable(str(error).splitlines()[0])
            raise InputError(f"{flag} {path}: not the weights of torch-fidelity ({reason}); see {INCEPTION_URL}") from None
        self.network = network.to(device).eval().requires_grad_(False)

    def __call__(self, images: Tensor) -> Tensor:
        return self.network(_eight_bits(images))[0]


@torch.no_grad()
def of_images(
    images: Sequence[Tensor],
    features: Features,
    batch: int = 16,
    device: torch.device | str = "cpu",
    done: Counter = lambda count: None,
) -> Tensor:
    """Features of a data set of uint8 pictures [3, size, size]: [n, dims]."""
    found = []
    for start in range(0, len(images), batch):
        some = torch.stack([images[index] for index in range(start, min(start + batch, len(images)))])
        found.append(features(utils.from_pixels(some.to(device))))
        done(len(some))
    return torch.cat(found)


@torch.no_grad()
def of_generator(
    generator: Generator,
    seeds: Sequence[int],
    features: Features,
    batch: int = 16,
    psi: float = 1.0,
    done: Counter = lambda count: None,
) -> Tensor:
    """Features of one generated picture for each seed, in 8 bits as a file would hold it: [n, dims]."""
    found = []
    for images in pictures(generator, seeds, batch, psi):
        found.append(features(utils.from_pixels(_eight_bits(images))))
        done(len(images))
    return torch.cat(found)


@torch.no_grad()
def pictures(generator: Generator, seeds: Sequence[int], batch: int = 16, psi: float = 1.0) -> Iterator[Tensor]:
    """Batches [batch, 3, size, size]. A seed draws z and the noise of every layer, so its picture is the same in any batch."""
    device = generator.input.input.device
    centre = generator.mean_latent(4096, torch.Generator(device).manual_seed(0)) if psi != 1 else None
    for start in range(0, len(seeds), batch):
        random = [torch.Generator().manual_seed(seed) for seed in seeds[start : start + batch]]
        z = _drawn(random, (generator.style_dim,), device)
        noise = [_drawn(random, layer.shape[1:], device) for layer in generator.stored_noise()]
        w = generator.mapping(z)
        yield generator.synthesis(generator.broadcast(w if centre is None else centre + psi * (w - centre)), noise)


def _drawn(random: Sequence[torch.Generator], shape: Sequence[int], device: torch.device) -> Tensor:
    return torch.stack([torch.randn(*shape, generator=one) for one in random]).to(device)


def _eight_bits(images: Tensor) -> Tensor:
    """[-1, 1] -> uint8 of the same shape and place."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)

"""DCGAN (Radford et al. 2016, arXiv 1511.06434) at 64 px, with the layers and names of PyTorch's tutorial.

    generator = Generator()                                     # 3,576,704 parameters
    images = generator.synthesis(torch.randn(4, 1, 100))        # [4, 3, 64, 64], -1 to 1

    training = DCGAN(Settings(), device=torch.device("cpu"))
    logs = training.step(pixels)                                # {"d": ..., "g": ...}

A generator is a `Drawer` whose w is z: what measures and draws people takes it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

import utils
from checkpoint import container
from errors import InputError, named, reading
from running import parallel
from running.base import Logs, Statistic, Trainable

SIZE = 64
LAYERS = 5  # convolutions of each network


@dataclass(frozen=True)
class Settings:
    """The published ones. nz: length of z; ngf, ndf: feature maps at 32 px, of the generator and of the discriminator.

    precision: of convolutions, "fp32" or "bf16"; losses and weights are float32
    """

    nz: int = 100
    ngf: int = 64
    ndf: int = 64
    batch: int = 128
    lr: float = 0.0002
    beta1: float = 0.5
    precision: str = "fp32"


class Generator(nn.Module):
    """z -> image by transposed convolutions, 4x4 first."""

    size, n_latent = SIZE, 1

    def __init__(self, nz: int = 100, ngf: int = 64):
        super().__init__()
        self.style_dim = nz
        widths = [nz, 8 * ngf, 4 * ngf, 2 * ngf, ngf]
        layers: list[nn.Module] = []
        for i, (below, width) in enumerate(pairwise(widths)):
            stride, padding = (1, 0) if i == 0 else (2, 1)
            layers += [nn.ConvTranspose2d(below, width, 4, stride, padding, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)]
        self.main = nn.Sequential(*layers, nn.ConvTranspose2d(ngf, 3, 4, 2, 1, bias=False), nn.Tanh())
        self.apply(draw_weights)

    def forward(self, z: Tensor) -> Tensor:
        """[batch, nz], or [batch, nz, 1, 1] -> [batch, 3, 64, 64]."""
        return self.main(z.reshape(len(z), self.style_dim, 1, 1))

    @property
    def device(self) -> torch.device:
        return self.main[0].weight.device

    @property
    def w_avg(self) -> Tensor:
        return torch.zeros(self.style_dim, device=self.device)

    def mapping(self, z: Tensor) -> Tensor:
        return z

    def broadcast(self, w: Tensor) -> Tensor:
        return w if w.ndim == 3 else w[:, None]

    def synthesis(self, w_plus: Tensor, noise: Sequence[Tensor | None] | None = None) -> Tensor:
        return self(w_plus[:, 0])

    def stored_noise(self) -> list[Tensor]:
        return []


class Discriminator(nn.Module):
    """Image [batch, 3, 64, 64] -> logit [batch]; the tutorial's ends with a sigmoid, which is in the loss here."""

    def __init__(self, ndf: int = 64):
        super().__init__()
        widths = [ndf, 2 * ndf, 4 * ndf, 8 * ndf]
        layers: list[nn.Module] = [nn.Conv2d(3, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
        for above, width in pairwise(widths):
            layers += [nn.Conv2d(above, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU(0.2, True)]
        self.main = nn.Sequential(*layers, nn.Conv2d(8 * ndf, 1, 4, 1, 0, bias=False))
        self.apply(draw_weights)

    def forward(self, image: Tensor) -> Tensor:
        return self.main(image).flatten()


def draw_weights(layer: nn.Module) -> None:
    """Convolutions from N(0, 0.02), the gains of batch norm from N(1, 0.02)."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


class DCGAN(Trainable):
    """Two networks, two optimizers, an update of each in an iteration."""

    def __init__(self, settings: Settings, device: torch.device, seed: int = 0):
        super().__init__(device, seed)
        torch.manual_seed(seed)  # the weights
        self.settings = settings
        self.generator, self.discriminator = Generator(settings.nz, settings.ngf), Discriminator(settings.ndf)
        self.g_optim, self.d_optim = (
            torch.optim.Adam(network.to(device).parameters(), settings.lr, (settings.beta1, 0.999), fused=True)
            for network in (self.generator, self.discriminator)
        )

    def networks(self) -> dict[str, nn.Module]:
        return {"g": self.generator, "d": self.discriminator}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"g_optim": self.g_optim, "d_optim": self.d_optim}

    def step(self, pixels: Tensor) -> Logs:
        """An update of the discriminator, then of the generator, on the same generated images. pixels: uint8 [N, 3, 64, 64]."""
        real = utils.from_pixels(pixels.to(self.device))
        fake = self.seen(self.generator, torch.randn(len(real), self.settings.nz, generator=self.rng, device=self.device))

        def judged(real: Tensor, fake: Tensor) -> tuple[Tensor, Logs]:
            # Apart: batch norm takes its statistics of one kind.
            real_pred, fake_pred = self.seen(self.discriminator, real), self.seen(self.discriminator, fake.detach())
            d = cross_entropy(real_pred, 1) + cross_entropy(fake_pred, 0)
            return d, {"d": d, Statistic("D(x)"): real_pred.sigmoid().mean(), Statistic("D(G(z))"): fake_pred.sigmoid().mean()}

        def fooled(fake: Tensor) -> tuple[Tensor, Logs]:
            g = cross_entropy(self.seen(self.discriminator, fake), 1)
            return g, {"g": g}

        logs = self.update("discriminator", self.d_optim, judged, [(real, fake)])
        logs |= self.update("generator", self.g_optim, fooled, [(fake,)])
        self._share_statistics()
        return logs

    def seen(self, network: nn.Module, inputs: Tensor) -> Tensor:
        """What a network makes of them, float32."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
            return network(inputs).float()

    def sheet(self, count: int) -> Image.Image:
        """The pictures of the z of seeds 0, 1, ..."""
        with self.drawing() as generator:
            images = generator(utils.seeded_normal(range(count), generator.style_dim, device=self.device))
        return utils.sheet(utils.to_pictures(images), max(1, int(count**0.5)))

    @contextmanager
    def drawing(self) -> Iterator[Generator]:
        """The generator with the statistics that it has gathered, so that a picture does not depend on its batch."""
        self.generator.eval()
        try:
            with torch.no_grad():
                yield self.generator
        finally:
            self.generator.train()

    @torch.no_grad()
    def _share_statistics(self) -> None:
        """Every process has seen other images: their networks go on with the mean of what they gathered."""
        if parallel.world_size() > 1:
            for network in self.networks().values():
                for buffer in network.buffers():
                    if buffer.is_floating_point():
                        buffer.copy_(parallel.mean(buffer))


def cross_entropy(logits: Tensor, truth: float) -> Tensor:
    """Binary, of logits with one number (Goodfellow et al. 2014, Eq. 1; for the generator its form that does not saturate)."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))


def read(path: str | Path) -> Generator:
    """The generator in a file of this training, or in a state dict of the tutorial's, ready to draw.

    Raises InputError, one line naming the file, where there is none.
    """
    path = Path(path)
    with reading(path, missing="scripts.train_dcgan writes them"):
        state = _generator_in(container.load(path)[0])
        first, last = state["main.0.weight"], state[f"main.{3 * (LAYERS - 1)}.weight"]
        generator = Generator(first.shape[0], last.shape[0])
        expected = generator.state_dict()
        for name, tensor in expected.items():
            with named(name):
                found = list(state[name].shape) if name in state else "no such tensor"
                if found != list(tensor.shape):
                    raise InputError(f"expected {list(tensor.shape)}, found {found}")
        generator.load_state_dict({name: state[name] for name in expected})
        return generator.eval().requires_grad_(False)


def _generator_in(contents: dict) -> dict[str, Tensor]:
    """The first state dict, on its own or under a key, whose ends are those of a generator."""
    for holder in (contents, *(value for value in contents.values() if isinstance(value, dict))):
        state = {str(name).removeprefix("module."): tensor for name, tensor in holder.items() if isinstance(tensor, Tensor)}
        ends = [state.get(name) for name in ("main.0.weight", f"main.{3 * (LAYERS - 1)}.weight")]
        if all(end is not None and end.ndim == 4 for end in ends) and ends[1].shape[1] == 3:
            return state
    raise InputError("holds no generator of a DCGAN (main.0.weight to main.12.weight)")

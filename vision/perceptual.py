"""How far apart two images are, for the projector: by LPIPS, by a discriminator's features, or by pixels.

    distance, note = choose(None, checkpoint.read("ffhq.pt"))
    target = distance.features(photos)                             # once
    distance.between(distance.features(images), target)            # [batch], in every step

No weights are ever downloaded, or replaced by random ones: where those of LPIPS are missing, `choose` says what it took.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from checkpoint import Checkpoint, container
from errors import InputError, reading
from model import Discriminator

VGG_FILE = "vgg16-397923af.pth"
VGG_LAYERS = (3, 8, 15, 22, 29)  # the last ReLU of each stage, as torchvision numbers them
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # from [-1, 1] to the statistics of ImageNet
LPIPS_SIDE = 256  # pixels; larger images are averaged down first, as published
LEAST_SIDE = 16  # pixels, which VGG16 halves four times


class Distance(nn.Module):
    """One number for each pair of images, which must not depend on the rest of the batch."""

    def features(self, images: Tensor) -> list[Tensor]:
        """[batch, 3, size, size] in [-1, 1] -> maps [batch, channels, height, width]."""
        raise NotImplementedError

    def between(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
        """The distance [batch] of images that have these features."""
        raise NotImplementedError

    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        return self.between(self.features(images), self.features(others))


class PixelDistance(Distance):
    """Mean squared difference of the pixels."""

    def features(self, images: Tensor) -> list[Tensor]:
        return [images]

    def between(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
        return (ours[0] - theirs[0]).square().mean((1, 2, 3))


class DiscriminatorDistance(Distance):
    """Mean absolute difference of a discriminator's feature maps, summed over its levels; it knows the generator's domain."""

    def __init__(self, discriminator: Discriminator):
        super().__init__()
        self.discriminator = discriminator

    def features(self, images: Tensor) -> list[Tensor]:
        return self.discriminator.features(images)

    def between(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
        # A mean's gradient would be written out, without channels_last, and slow down all that it meets.
        means = (
            (a - b).abs().sum((1, 2, 3), dtype=_at_least_float32(a)) / a[0].numel() for a, b in zip(ours, theirs, strict=True)
        )
        return sum(means)


class LPIPS(Distance):
    """Learned perceptual distance (Zhang et al. 2018, Eq. 1) on VGG16, with the linear heads "v0.1".

    vgg:   state dict of torchvision's VGG16; only its convolutions are used
    heads: five non-negative weights [1, channels, 1, 1], one for the last convolution of each stage
    """

    def __init__(self, vgg: dict[str, Tensor], heads: Sequence[Tensor]):
        super().__init__()
        self.vgg = _vgg16(vgg)
        for i, head in enumerate(heads):
            self.register_buffer(f"head{i}", head)
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def features(self, images: Tensor) -> list[Tensor]:
        """The output of each stage, every pixel of unit length over its channels."""
        if images.shape[-1] > LPIPS_SIDE:
            images = F.avg_pool2d(images, images.shape[-1] // LPIPS_SIDE)
        x = (images - self.shift) / self.scale
        maps = []
        for number, layer in enumerate(self.vgg):
            x = layer(x)
            if number in VGG_LAYERS:
                maps.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return maps

    def between(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
        heads = [getattr(self, f"head{i}") for i in range(len(VGG_LAYERS))]
        return sum(((a - b).square() * head).sum(1).mean((1, 2)) for a, b, head in zip(ours, theirs, heads, strict=True))


def _at_least_float32(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def choose(name: str | None, source: Checkpoint, vgg: Path | None = None) -> tuple[Distance, str]:
    """The distance "lpips", "disc" or "mse", None: the first whose weights are at hand; and a line that says which one it is.

    vgg: torchvision's VGG16; without it the places of `vgg_places` are searched
    Raises InputError, one line with the remedy, for weights that were asked for and are not there.
    """
    reason = ""
    if name in (None, "lpips"):
        file = vgg or next((path for path in vgg_places() if path.is_file()), None)
        missing = _missing_for_lpips(file, source.architecture.size)
        if not missing:
            with reading(file, missing="python -m scripts.download vgg16 fetches it"):
                return LPIPS(container.load(file)[0], _read_heads()), f"lpips (VGG16 of {file})"
        if name or vgg:
            raise InputError(f"{missing}; the distance disc needs no further file")
        reason = f" ({missing})"
    if name == "disc" or (name is None and "d" in source.networks):
        return DiscriminatorDistance(source.discriminator()), f"disc, features of the discriminator in {source.path}{reason}"
    return PixelDistance(), f"mse, pixels{reason}"


def vgg_places() -> list[Path]:
    """Where VGG16 is looked for: the folder of scripts.download, and the cache of torch.hub."""
    return [Path("networks") / VGG_FILE, Path(torch.hub.get_dir()) / "checkpoints" / VGG_FILE]


def _missing_for_lpips(vgg: Path | None, size: int) -> str:
    """What LPIPS lacks, "" for nothing."""
    if vgg is None:
        places = " nor ".join(map(str, vgg_places()))
        return f"no VGG16 in {places}: python -m scripts.download vgg16, or name its file"
    if importlib.util.find_spec("lpips") is None:
        return "its linear heads come with a package: pip install -e .[metrics]"
    return f"needs images of at least {LEAST_SIDE} px" if size < LEAST_SIDE else ""


def _read_heads() -> list[Tensor]:
    """From the folder of the lpips package, which is not imported: it would build networks of its own."""
    folder = Path(importlib.util.find_spec("lpips").origin).parent
    heads = container.load(folder / "weights" / "v0.1" / "vgg.pth")[0]
    return [heads[f"lin{i}.model.1.weight"].float() for i in range(len(VGG_LAYERS))]


def _vgg16(state: dict[str, Tensor]) -> nn.Sequential:
    """The layers that LPIPS looks at, with these weights. Raises InputError where they are others'."""
    from torchvision.models import vgg16  # needed for LPIPS alone

    with torch.device("meta"):
        layers = vgg16(init_weights=False).features[: VGG_LAYERS[-1] + 1]
    try:
        layers.load_state_dict({name: state[f"features.{name}"].float() for name in layers.state_dict()}, assign=True)
    except (KeyError, AttributeError, RuntimeError):
        raise InputError("not torchvision's VGG16: a layer is missing, or has another shape") from None
    return layers

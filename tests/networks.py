"""Small networks for tests, and recorded ones."""

import copy
from pathlib import Path

import torch

import checkpoint
from checkpoint import stylegan1
from inversion.encoder import Encoder
from model import Discriminator, Generator
from stylegan1 import Discriminator1, Generator1
from tests.kinks import in_dtype

CHANNELS = {4: 8, 8: 8, 16: 4}


def tiny_generator(seed: int = 0, size: int = 16, **options) -> Generator:
    """16 px, 8 dimensions, with noise and biases of visible size."""
    torch.manual_seed(seed)
    options = {"style_dim": 8, "n_mlp": 2, "channels": {res: CHANNELS.get(res, 4) for res in _resolutions(size)}} | options
    return _visible(Generator(size, **options))


def child_of(source: Generator) -> Generator:
    """A network that was fine-tuned from it, as far as its weights tell."""
    child = copy.deepcopy(source)
    for parameter in child.parameters():
        parameter.data *= 1.1
    return child


def tiny_discriminator(seed: int = 0, size: int = 16, **options) -> Discriminator:
    torch.manual_seed(seed)
    return _visible(Discriminator(size, channels={res: CHANNELS.get(res, 4) for res in _resolutions(size)}, **options))


def tiny_encoder(n_codes: int = 6, seed: int = 0, size: int = 16, **options) -> Encoder:
    """Of a `tiny_generator`."""
    torch.manual_seed(seed)
    return Encoder(size, 8, CHANNELS, n_codes, **options).eval().requires_grad_(False)


CHANNELS1 = {4: 8, 8: 8, 16: 4, 32: 4}  # of stages up to 32 px, whatever the size


def tiny_generator1(seed: int = 0, size: int = 16, channels: dict[int, int] = CHANNELS1) -> Generator1:
    """A StyleGAN1 of 16 px, whose stages above it are as they began."""
    torch.manual_seed(seed)
    generator = Generator1(size, 8, 2, channels)
    _visible(generator, {id(parameter) for parameter in generator.idle.parameters()})
    return generator


def tiny_discriminator1(seed: int = 0, size: int = 16, channels: dict[int, int] = CHANNELS1, **options) -> Discriminator1:
    torch.manual_seed(seed)
    discriminator = Discriminator1(size, channels, **options)
    _visible(discriminator, {id(parameter) for parameter in discriminator.idle.parameters()})
    return discriminator


def write_source1(path: Path, size: int = 16) -> Path:
    """As `write_source`, in the layout of the public files of StyleGAN1."""
    g, g_ema, d = tiny_generator1(1, size), tiny_generator1(2, size), tiny_discriminator1(3, size)
    architecture = checkpoint.Architecture(size, 8, 2, CHANNELS1, kind="stylegan1")
    networks = {"g": g.state_dict(), "d": d.state_dict(), "g_ema": g_ema.state_dict()}
    torch.save(stylegan1.public(architecture, networks), path)
    return path


def write_source(path: Path) -> Path:
    """A checkpoint with g, g_ema and d, all three different."""
    g, g_ema, d = tiny_generator(seed=1), tiny_generator(seed=2), tiny_discriminator(seed=3)
    checkpoint.write(path, {"g": g.state_dict(), "g_ema": g_ema.state_dict(), "d": d.state_dict()})
    return path


def recorded_generator(folder: Path, dtype: torch.dtype = torch.float32) -> tuple[Generator, dict]:
    """The generator of a vectors folder with its parameters, and the whole record."""
    record = in_dtype(torch.load(folder / "generator.pt", weights_only=True), dtype)
    config = record["config"]
    generator = Generator(
        config["size"],
        config["style_dim"],
        config["n_mlp"],
        blur_kernel=config["blur_kernel"],
        lr_mlp=config["lr_mlp"],
        channels=config["channels"],
    )
    generator.to(dtype).load_state_dict(record["state_dict"])
    return generator, record


def recorded_swap(folder: Path) -> tuple[dict, Path]:
    """The record of a cartoon folder, and the folder of its source: that of the same set whose generator has equal shapes.

    Of several, the one that draws the recorded images. Skips the test, with the reason, where a set lacks either.
    """
    import pytest  # here, as benchmarks take networks from this file and need no pytest

    path = folder / "swap_and_freeze_style.pt"
    if not path.is_file():
        pytest.skip(f"{folder} holds no {path.name}")
    record = torch.load(path, weights_only=True)
    shapes = {name: tensor.shape for name, tensor in record["target_state_dict_params"].items()}
    fitting = {}
    for other in sorted(folder.parent.glob("*/generator.pt")):
        generator, latents = recorded_generator(other.parent)
        if shapes == {name: parameter.shape for name, parameter in generator.named_parameters()}:
            fitting[other.parent] = (generator, latents)
    if not fitting:
        pytest.skip(f"no folder beside {folder} holds the generator that {path.name} was made from")
    return record, min(fitting, key=lambda name: _error(*fitting[name], record))


@torch.no_grad()
def _error(source: Generator, latents: dict, record: dict) -> float:
    images = [case["image_source"] for case in record.get("swap", {}).values() if "image_source" in case]
    people = max((len(image) for image in images), default=1)
    drawn = source.synthesis(source.broadcast(source.mapping(latents["z1"][:people])), latents["noise"])
    return sum((drawn - image).square().mean().item() for image in images)


def recorded_discriminator(folder: Path, dtype: torch.dtype = torch.float32) -> tuple[Discriminator, dict]:
    record = in_dtype(torch.load(folder / "discriminator.pt", weights_only=True), dtype)
    config = record["config"]
    discriminator = Discriminator(config["size"], blur_kernel=config["blur_kernel"], channels=config["channels"])
    discriminator.to(dtype).load_state_dict(record["state_dict"])
    return discriminator, record


def _resolutions(size: int) -> list[int]:
    return [2**k for k in range(2, size.bit_length())]


@torch.no_grad()
def _visible(network, but: set[int] = frozenset()):
    for name, parameter in network.named_parameters():
        if id(parameter) in but or "adain" in name:
            continue
        if "noise" in name or (name.endswith("bias") and "modulation" not in name):
            parameter.normal_(std=0.2)
    return network

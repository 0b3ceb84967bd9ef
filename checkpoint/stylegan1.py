"""StyleGAN1 in files: what its tensors tell, and the public layout (style-based-gan-pytorch, FreezeD).

    state = without_kernels(state)
    architecture = from_generator(state)                            # or from_discriminator
    contents = public(architecture, {"g_ema": state})               # {"g_running": ...}, as those programs read

A file holds the stages of all sizes, whatever was trained. A stage that never trained still has the zeros that biases and
noise begin with: so the size is that of the highest stage with another number. Our own files state it.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from checkpoint.architecture import WHOLE_BATCH, Architecture, State, Undrawn, checked_total, dimension, numbered
from errors import InputError
from model import make_kernel
from stylegan1 import Blur

GENERATOR = "generator.progression.0.conv1.input"  # by which they are known
DISCRIMINATOR = "progression.0.conv1.0.conv.weight_orig"
PUBLIC = {"g": "generator", "d": "discriminator", "g_ema": "g_running"}
FLIPPED = ".weight_flip"


def is_one(state: State) -> bool:
    return GENERATOR in state or DISCRIMINATOR in state


def without_kernels(state: State) -> State:
    """The same without the fixed filters. Raises InputError where one is not [1, 2, 1] in both directions."""
    blurs = {name.removesuffix(FLIPPED) for name in state if name.endswith(FLIPPED)}
    fixed = {f"{blur}{end}" for blur in blurs for end in (".weight", FLIPPED)} & state.keys()
    kernel = make_kernel((1, 2, 1))
    for name in fixed:
        tensor = state[name]
        if tensor.shape[2:] != kernel.shape or not torch.allclose(tensor.float(), kernel, atol=1e-3):
            raise InputError(f"{name}: expected the filter [1, 2, 1], found another one")
    return {name: tensor for name, tensor in state.items() if name not in fixed}


def from_generator(state: State) -> Architecture:
    """As `checkpoint.architecture.from_generator`."""
    prefix = "generator.progression"
    channels = {
        4 * 2**i: dimension(state, f"{prefix}.{i}.conv2.conv.weight_orig", 0, ndim=4)
        for i in range(_stages(numbered(state, r"generator\.progression\.(\d{1,3})\.", first=0)))
    }
    parts = ("noise1.weight_orig", "noise2.weight_orig", "conv2.conv.bias")
    trained = [
        _trained(state, [f"generator.to_rgb.{i}.conv.bias", *(f"{prefix}.{i}.{part}" for part in parts)])
        for i in range(len(channels))
    ]
    style_dim = dimension(state, f"{prefix}.0.adain1.style.linear.weight_orig", 1, ndim=2)
    n_mlp = (numbered(state, r"style\.(\d{1,3})\.linear\.", first=1) + 1) // 2
    return _architecture(channels, trained, style_dim=style_dim, n_mlp=n_mlp)


def from_discriminator(state: State) -> Architecture:
    """As `checkpoint.architecture.from_discriminator`."""
    last = _stages(numbered(state, r"progression\.(\d{1,3})\.", first=0)) - 1
    own = "0.conv" if f"from_rgb.{last}.0.conv.weight_orig" in state else "conv"
    channels = {4 * 2 ** (last - j): dimension(state, f"from_rgb.{j}.{own}.weight_orig", 0, ndim=4) for j in range(last + 1)}
    trained = [
        _trained(state, [f"from_rgb.{j}.{own}.bias", f"progression.{j}.conv1.0.conv.bias"]) for j in reversed(range(last + 1))
    ]
    return _architecture(dict(sorted(channels.items())), trained, from_rgb_activate=own != "conv")


def public(architecture: Architecture, networks: dict[str, State]) -> dict[str, State]:
    """Under the keys of those programs, with the filters that they hold and without the noise that they draw."""
    with Undrawn():
        built = {name: architecture.discriminator() if name == "d" else architecture.generator() for name in networks}
    contents = {}
    for name, state in networks.items():
        blurs = [path for path, module in built[name].named_modules() if isinstance(module, Blur)]
        kernels = {path: make_kernel((1, 2, 1)).expand(_width(built[name], path), 1, 3, 3) for path in blurs}
        contents[PUBLIC[name]] = {key: tensor for key, tensor in state.items() if not key.startswith("noises.")} | {
            f"{path}{end}": kernel for path, kernel in kernels.items() for end in (".weight", FLIPPED)
        }
    return contents


def _width(network: torch.nn.Module, blur: str) -> int:
    """Channels that a blur passes through: of the generator those of its block, of the discriminator those before it."""
    block = network.get_submodule(blur.split(".conv")[0])
    return len((block.conv2.conv if blur.startswith("generator.") else block.conv1[0].conv).bias)


def _architecture(channels: dict[int, int], trained: list[bool], **more: object) -> Architecture:
    """trained: of each stage, 4x4 first. Where none was, all count."""
    sizes = [size for size, so in zip(channels, trained) if so] or [*channels]
    return checked_total(
        Architecture(
            **{"size": max(8, sizes[-1]), "style_dim": 512, "n_mlp": 8, "channels": channels}
            | {"kind": "stylegan1", "stddev_group": WHOLE_BATCH}
            | more
        )
    )


def _trained(state: State, names: Iterable[str]) -> bool:
    """Whether one of them is another number than the zero that it began with."""
    return any(bool(state[name].any()) for name in names if isinstance(state.get(name), Tensor))


def _stages(count: int) -> int:
    if not 2 <= count <= 9:
        raise InputError(f"expected a StyleGAN1 with 2 to 9 stages, of 4 to 8 or up to 1024 px, found {count}")
    return count


def stated_size(architecture: Architecture, size: object) -> int:
    """The size that a file states. Raises InputError where the network has none such."""
    sizes = [res for res in architecture.channels if res >= 8]
    if type(size) is not int or size not in sizes:
        raise InputError(f"architecture: size: expected one of {', '.join(map(str, sizes))}, found {size!r}")
    return size


def remarks(architecture: Architecture) -> list[str]:
    """How the size was told, where the network has stages above it."""
    if architecture.size == max(architecture.channels):
        return []
    return [f"size {architecture.size} px: the stages above it, to {max(architecture.channels)} px, have never been trained"]

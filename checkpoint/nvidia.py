"""NVIDIA's names for the tensors of the same networks (stylegan2-ada-pytorch), and ours, in one table for both directions.

    ours, w_avg = generator_from_nvidia(their_state)
    theirs = generator_to_nvidia(ours, w_avg)             # bit for bit what it was

The numbers are equal in both: only names differ, and axes of length 1. NVIDIA stores the filter [1, 3, 3, 1] beside each
layer, used or not; ours stores it where it is used, times its gain.
"""

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from checkpoint.architecture import State, kernel_of
from errors import InputError
from model import BLUR_TAPS, make_kernel

# Layer: (NVIDIA's tensor, ours, axes of length 1 that ours adds in front, and behind).
TENSORS = {
    "ConstantInput": (("const", "input", 1, 0),),
    "EqualLinear": (("weight", "weight", 0, 0), ("bias", "bias", 0, 0)),
    "StyledConv": (
        ("weight", "conv.weight", 1, 0),
        ("noise_strength", "noise.weight", 1, 0),
        ("bias", "activate.bias", 0, 0),
        ("affine.weight", "conv.modulation.weight", 0, 0),
        ("affine.bias", "conv.modulation.bias", 0, 0),
    ),
    "Noise": (("noise_const", "", 2, 0),),
    "ToRGB": (
        ("weight", "conv.weight", 1, 0),
        ("bias", "bias", 1, 2),
        ("affine.weight", "conv.modulation.weight", 0, 0),
        ("affine.bias", "conv.modulation.bias", 0, 0),
    ),
    "ConvLayer": (("weight", "0.weight", 0, 0), ("bias", "1.bias", 0, 0)),
    "ConvLayer down": (("weight", "1.weight", 0, 0), ("bias", "2.bias", 0, 0)),
    "ConvLayer skip": (("weight", "1.weight", 0, 0),),
}
FILTER = "resample_filter"
ONLY = "only skip generators and resnet discriminators without labels, with z and w of one length, can be converted"


def generator_layers(size: int, n_mlp: int) -> Iterator[tuple[str, str, str]]:
    """(NVIDIA's module, ours, layer), in the order of our parameters."""
    for i in range(n_mlp):
        yield f"mapping.fc{i}", f"style.{i + 1}", "EqualLinear"
    yield "synthesis.b4", "input", "ConstantInput"
    yield "synthesis.b4.conv1", "conv1", "StyledConv"
    yield "synthesis.b4.conv1", "noises.noise_0", "Noise"
    yield "synthesis.b4.torgb", "to_rgb1", "ToRGB"
    for j, res in enumerate(_resolutions(8, size)):
        for k in (0, 1):
            yield f"synthesis.b{res}.conv{k}", f"convs.{2 * j + k}", "StyledConv"
            yield f"synthesis.b{res}.conv{k}", f"noises.noise_{2 * j + k + 1}", "Noise"
        yield f"synthesis.b{res}.torgb", f"to_rgbs.{j}", "ToRGB"


def discriminator_layers(size: int) -> Iterator[tuple[str, str, str]]:
    """(NVIDIA's module, ours, layer), in the order of our parameters."""
    yield f"b{size}.fromrgb", "convs.0", "ConvLayer"
    for i, res in enumerate(reversed(_resolutions(8, size)), start=1):
        yield f"b{res}.conv0", f"convs.{i}.conv1", "ConvLayer"
        yield f"b{res}.conv1", f"convs.{i}.conv2", "ConvLayer down"
        yield f"b{res}.skip", f"convs.{i}.skip", "ConvLayer skip"
    yield "b4.conv", "final_conv", "ConvLayer"
    yield "b4.fc", "final_linear.0", "EqualLinear"
    yield "b4.out", "final_linear.1", "EqualLinear"


def generator_filters(size: int) -> list[str]:
    """NVIDIA's modules that hold a copy of the filter."""
    upper = [f"synthesis.b{res}{layer}" for res in _resolutions(8, size) for layer in ("", ".conv0", ".conv1")]
    return ["synthesis.b4", "synthesis.b4.conv1", *upper]


def discriminator_filters(size: int) -> list[str]:
    blocks = [f"b{res}{layer}" for res in _resolutions(8, size) for layer in ("", ".conv0", ".conv1", ".skip")]
    return [*blocks, f"b{size}.fromrgb", "b4.conv"]


def generator_from_nvidia(theirs: State) -> tuple[State, Tensor | None]:
    """NVIDIA's generator -> ours, and w_avg [style_dim], the centre for truncation."""
    _refuse_labels(theirs, "mapping.embed.")
    size = _size(theirs, r"synthesis\.b(\d+)\.")
    n_mlp = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in theirs)
    if not n_mlp:
        raise InputError("synthesis.* without mapping.*, which makes w from z; save the whole generator")
    theirs = dict(theirs)
    w_avg = theirs.pop("mapping.w_avg", None)
    ours = _to_ours(theirs, list(generator_layers(size, n_mlp)), generator_filters(size))
    first = ours.get("style.1.weight")
    if first is not None and first.shape[0] != first.shape[-1]:
        raise InputError(f"mapping.fc0.weight: found {list(first.shape)}, z and w of different lengths; {ONLY}")
    places = [f"{place}.kernel" for j in _blocks(size) for place in (f"convs.{2 * j}.conv.blur", f"to_rgbs.{j}.upsample")]
    return ours | _kernels(places), w_avg


def discriminator_from_nvidia(theirs: State) -> State:
    """NVIDIA's discriminator -> ours."""
    _refuse_labels(theirs, "mapping.")
    size = _size(theirs, r"b(\d+)\.")
    ours = _to_ours(theirs, list(discriminator_layers(size)), discriminator_filters(size))
    return ours | _kernels([f"convs.{j + 1}.{layer}.0.kernel" for j in _blocks(size) for layer in ("conv2", "skip")])


def generator_to_nvidia(ours: State, w_avg: Tensor | None = None) -> State:
    """Ours -> NVIDIA's. Raises InputError for other blur taps than [1, 3, 3, 1], which NVIDIA's networks do not have."""
    n_mlp = sum(re.fullmatch(r"style\.\d+\.weight", name) is not None for name in ours)
    size = 4 * 2 ** sum(re.fullmatch(r"to_rgbs\.\d+\.bias", name) is not None for name in ours)
    theirs = _to_nvidia(ours, generator_layers(size, n_mlp), generator_filters(size))
    return theirs if w_avg is None else {**theirs, "mapping.w_avg": w_avg}


def discriminator_to_nvidia(ours: State) -> State:
    size = 4 * 2 ** sum(re.fullmatch(r"convs\.\d+\.skip\.1\.weight", name) is not None for name in ours)
    return _to_nvidia(ours, discriminator_layers(size), discriminator_filters(size))


def _refuse_labels(theirs: State, where: str) -> None:
    """Networks with labels map them first."""
    name = next((name for name in theirs if name.startswith(where)), None)
    if name:
        raise InputError(f"with labels (conditional); {name}: unexpected tensor {list(theirs[name].shape)}; {ONLY}")


def _to_ours(theirs: State, layers: list[tuple[str, str, str]], filters: list[str]) -> State:
    ours, used = {}, {f"{module}.{FILTER}" for module in filters}
    for their_name, our_name, front, behind in _pairs(layers):
        if their_name not in theirs:
            raise InputError(f"{their_name}: no such tensor; {ONLY}")
        tensor = theirs[their_name]
        ours[our_name] = tensor.reshape((1,) * front + tensor.shape + (1,) * behind)
        used.add(their_name)
    for name, tensor in theirs.items():
        if name not in used:
            raise InputError(f"{name}: unexpected tensor {list(tensor.shape)}; {ONLY}")
        if name.endswith(FILTER) and not _is_filter(tensor, make_kernel(BLUR_TAPS)):
            raise InputError(f"{name}: expected the filter of the taps [1, 3, 3, 1], found another")
    return ours


def _to_nvidia(ours: State, layers: Iterator[tuple[str, str, str]], filters: list[str]) -> State:
    for name, tensor in ours.items():
        if name.endswith(".kernel") and not _is_filter(tensor, kernel_of(name, BLUR_TAPS)):
            raise InputError(f"{name}: NVIDIA's networks have the taps [1, 3, 3, 1] only")
    theirs = {}
    for their_name, our_name, front, behind in _pairs(layers):
        tensor = ours[our_name]
        theirs[their_name] = tensor.reshape(tensor.shape[front : tensor.ndim - behind])
    return theirs | {f"{module}.{FILTER}": make_kernel(BLUR_TAPS) for module in filters}


def _pairs(layers) -> Iterator[tuple[str, str, int, int]]:
    """(NVIDIA's tensor, ours, axes added in front, axes added behind) for every parameter and noise buffer."""
    for their_module, our_module, layer in layers:
        for their_name, our_name, front, behind in TENSORS[layer]:
            yield f"{their_module}.{their_name}", f"{our_module}.{our_name}".rstrip("."), front, behind


def _is_filter(kernel: Tensor, expected: Tensor) -> bool:
    return kernel.shape == expected.shape and torch.allclose(kernel.float(), expected, rtol=0, atol=1e-6)


def _size(state: State, pattern: str) -> int:
    return max((int(match[1]) for name in state if (match := re.match(pattern, name))), default=4)


def _kernels(names: list[str]) -> State:
    return {name: kernel_of(name, BLUR_TAPS) for name in names}


def _blocks(size: int) -> range:
    return range(len(_resolutions(8, size)))


def _resolutions(first: int, last: int) -> list[int]:
    return [2**k for k in range(first.bit_length() - 1, last.bit_length())]

"""Which networks a checkpoint holds, read from the shapes of its tensors.

    architecture = from_generator(state_dict)      # or from_discriminator
    generator = architecture.generator()           # fresh weights
    architecture.generator_shapes()                # name -> shape, in the order of the public checkpoints

Depth, widths, style size and blur taps follow from the tensors, and need no flag. What leaves no trace in them (lr_mlp,
conv_clamp, stddev_group) has the published value unless the file states another.
"""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from checkpoint import kinds
from errors import InputError
from model import BLUR_TAPS, Discriminator, Generator, StyleGenerator, channel_table, make_kernel
from stylegan1 import NOISE_SEED, Discriminator1, Generator1

State = dict[str, Tensor]
WIDEST = 4096  # feature maps of a layer, or numbers of a latent
LARGEST = 2**28  # numbers of a network; the published ones have up to 3 * 2**23

WHOLE_BATCH = 2**31 - 1  # stddev_group for NVIDIA's "None"
NETWORKS = {"stylegan2": (Generator, Discriminator), "stylegan1": (Generator1, Discriminator1)}
KINDS = tuple(NETWORKS)  # of networks that can be built; files that name none are of the first


@dataclass
class Architecture:
    """Everything needed to build the two networks.

    channels:     {resolution: feature maps} from 4 to `size`; of StyleGAN1 up to the highest stage that there is
    blur_kernel:  taps of the generator's upsampling filter; the other filters are always [1, 3, 3, 1]
    conv_clamp:   limit on the outputs of the layers, None for none
    stddev_group: images compared by the minibatch standard deviation; WHOLE_BATCH for as many as there are
    kind:         one of KINDS
    from_rgb_activate: of StyleGAN1's discriminator, see there
    """

    size: int
    style_dim: int
    n_mlp: int
    channels: dict[int, int]
    blur_kernel: tuple[float, ...] = BLUR_TAPS
    lr_mlp: float = 0.01
    conv_clamp: float | None = None
    stddev_group: int = 4
    kind: str = KINDS[0]
    from_rgb_activate: bool = True

    @property
    def compared(self) -> str:
        """stddev_group in words.

        >>> Architecture(16, 8, 2, {}).compared, Architecture(16, 8, 2, {}, stddev_group=WHOLE_BATCH).compared
        ('4 images', 'the whole batch')
        """
        return "the whole batch" if self.stddev_group >= WHOLE_BATCH else f"{self.stddev_group} images"

    def generator(self, subclass: type[StyleGenerator] | None = None, **options) -> StyleGenerator:
        """With fresh weights. A subclass, of that of its kind, takes further `options`."""
        if self.kind == "stylegan2":
            options |= {"blur_kernel": self.blur_kernel, "lr_mlp": self.lr_mlp, "conv_clamp": self.conv_clamp}
        build = subclass or NETWORKS[self.kind][0]
        return build(self.size, self.style_dim, self.n_mlp, channels=self.channels, **options)

    def discriminator(self) -> Discriminator | Discriminator1:
        if self.kind == "stylegan1":
            return Discriminator1(self.size, self.channels, self.from_rgb_activate)
        return Discriminator(self.size, channels=self.channels, conv_clamp=self.conv_clamp, stddev_group=self.stddev_group)

    def generator_shapes(self) -> dict[str, torch.Size]:
        return _shapes(self.generator)

    def discriminator_shapes(self) -> dict[str, torch.Size]:
        return _shapes(self.discriminator)

    def expect(self, size: int | None = None, channel_multiplier: float | None = None) -> None:
        """Raises InputError where what a command was told of the network contradicts the file."""
        if size not in (None, self.size):
            raise InputError(f"the network draws {self.size} px; leave that out")
        if channel_multiplier is not None and channel_table(self.size, channel_multiplier) != self.channels:
            found = ", ".join(f"{res}: {width}" for res, width in self.channels.items())
            raise InputError(f"the network has {found}; leave that out")

    def as_dict(self) -> dict:
        """Plain values, for the key `architecture` of our checkpoints."""
        return {**dataclasses.asdict(self), "blur_kernel": list(self.blur_kernel)}


class Undrawn(TorchFunctionMode):
    """Within it, networks are built with whatever lies in the memory: faster, and the random state stays as it is."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.randn:
            return torch.empty(*args, **{name: value for name, value in kwargs.items() if name != "generator"})
        return func(*args, **kwargs)


def _shapes(build: Callable[[], nn.Module]) -> dict[str, torch.Size]:
    with Undrawn():
        return {name: tensor.shape for name, tensor in build().state_dict().items()}


def from_generator(state: State) -> Architecture:
    """Raises InputError where the tensors that tell the architecture are missing or have the wrong number of dimensions."""
    if peculiarity := kinds.peculiar_generator(state):
        raise InputError(peculiarity)
    levels = numbered(state, r"to_rgbs\.(\d{1,3})\.", first=0)
    size = _size(levels)
    channels = {4: dimension(state, "input.input", 1, ndim=4)}
    for i in range(levels):
        channels[8 * 2**i] = dimension(state, f"convs.{2 * i + 1}.conv.weight", 1, ndim=5)
    architecture = Architecture(
        size=size,
        style_dim=dimension(state, "conv1.conv.modulation.weight", 1, ndim=2),
        n_mlp=numbered(state, r"style\.(\d{1,3})\.", first=1),
        channels=channels,
        blur_kernel=_taps(state),
    )
    return checked_total(architecture)


def from_discriminator(state: State) -> Architecture:
    """As `from_generator`; style_dim and n_mlp, which a discriminator does not show, are the published 512 and 8."""
    if peculiarity := kinds.peculiar_discriminator(state):
        raise InputError(peculiarity)
    blocks = numbered(state, r"convs\.(\d{1,3})\.conv\d\.", first=1)
    size = _size(blocks)
    channels = {size: dimension(state, "convs.0.0.weight", 0, ndim=4)}
    for i in range(1, blocks + 1):
        channels[size // 2**i] = dimension(state, f"convs.{i}.conv2.1.weight", 0, ndim=4)
    return checked_total(Architecture(size=size, style_dim=512, n_mlp=8, channels=dict(sorted(channels.items()))))


def complete(state: State, shapes: dict[str, torch.Size], taps: tuple[float, ...] = BLUR_TAPS) -> tuple[State, list[str]]:
    """The state dict in the public order, with every name it should have, in float32; and notes on what was filled in.

    Only noise buffers, which are drawn the same at every reading, and filter kernels may be missing, and only filter kernels
    superfluous. Anything else raises InputError naming the tensor, what was expected and what was found.
    """
    filled, result = [], {}
    noise = torch.Generator().manual_seed(NOISE_SEED)
    for name, shape in shapes.items():
        if name in state:
            result[name] = _checked(name, state[name], shape)
        elif name.startswith("noises."):
            result[name] = torch.randn(shape, generator=noise)
            filled.append("noises.*")
        elif name.endswith(".kernel"):
            result[name] = kernel_of(name, taps)
            filled.append("*.kernel")
        else:
            raise InputError(f"{name}: expected {list(shape)}, found no such tensor")
    superfluous = [name for name in state if name not in shapes]
    for name in superfluous:
        if not name.endswith(".kernel"):
            raise InputError(f"{name}: unexpected tensor {list(state[name].shape)}")
    notes = [f"{filled.count(kind)} missing {kind} filled in" for kind in sorted(set(filled))]
    notes += [f"{len(superfluous)} superfluous *.kernel left out"] * bool(superfluous)
    return result, [*notes, *_narrowed(state)]


def _narrowed(state: State) -> list[str]:
    """A note on numbers of another precision."""
    stored = {tensor.dtype for tensor in state.values()} - {torch.float32}
    if not stored:
        return []
    if stored <= {torch.float16, torch.bfloat16}:
        return ["stored in half precision, widened to float32"]
    names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in stored))
    wide = any(dtype.itemsize > 4 for dtype in stored)
    return [f"stored in {names}, {'narrowed' if wide else 'widened'} to float32"]


def _checked(name: str, tensor: Tensor, shape: torch.Size) -> Tensor:
    if tensor.shape != shape:
        raise InputError(f"{name}: expected {list(shape)}, found {list(tensor.shape)}")
    tensor = _floating(name, tensor)
    if not torch.isfinite(tensor).all():
        raise InputError(f"{name}: expected finite numbers, found NaN or Inf")
    return tensor


def _floating(name: str, tensor: Tensor) -> Tensor:
    if not tensor.dtype.is_floating_point:
        found = str(tensor.dtype).removeprefix("torch.")
        quantised = "" if tensor.is_complex() else "; quantised networks cannot be used"
        raise InputError(f"{name}: expected floating-point numbers, found {found}{quantised}")
    return tensor.detach().float()


def dimension(state: State, name: str, axis: int, ndim: int) -> int:
    """How long a tensor is along an axis, 1 to WIDEST. Raises InputError where it is missing, or shaped otherwise."""
    if name not in state:
        raise InputError(f"{name}: expected {ndim} dimensions, found no such tensor")
    shape = state[name].shape
    if len(shape) != ndim or not 1 <= shape[axis] <= WIDEST:
        raise InputError(f"{name}: expected {ndim} dimensions of 1 to {WIDEST}, found {list(shape)}")
    return shape[axis]


def numbered(state: State, pattern: str, first: int) -> int:
    """How many there are of what is numbered from `first`; gaps count, so that a missing one is named later."""
    return max((int(match[1]) - first + 1 for name in state if (match := re.match(pattern, name))), default=0)


def _size(levels: int) -> int:
    """Of a network with so many resolutions above 4x4."""
    if not 1 <= levels <= 8:
        raise InputError(f"expected a network of 8 to 1024 px, 1 to 8 levels above 4x4, found {levels}")
    return 4 * 2**levels


def checked_total(architecture: Architecture) -> Architecture:
    """Refuse shapes whose mere building would fill the memory."""
    convolutions = sum(2 * 9 * width**2 for width in architecture.channels.values())
    if convolutions + architecture.n_mlp * architecture.style_dim**2 > LARGEST:
        raise InputError(f"expected at most {LARGEST:,} weights, found {architecture.channels} feature maps")
    return architecture


def _taps(state: State) -> tuple[float, ...]:
    """The generator's blur taps from its first stored kernel, 4 outer(t, t) / sum(t)^2; [1, 3, 3, 1] where none is stored."""
    name = next((name for name in state if re.fullmatch(r"convs\.\d+\.conv\.blur\.kernel", name)), None)
    if name is None:
        return BLUR_TAPS
    kernel = _floating(name, state[name]).double()
    if kernel.ndim != 2 or not 2 <= len(kernel) <= 32 or not torch.isfinite(kernel).all():
        raise InputError(f"{name}: expected a finite square filter of 2 to 32 taps, found {list(kernel.shape)}")
    taps = kernel.sum(1) / 4
    if (
        kernel.shape[0] != kernel.shape[1]
        or not taps.any()
        or not torch.allclose(4 * torch.outer(taps, taps), kernel, atol=1e-3)
    ):
        raise InputError(f"{name}: expected 4 outer(taps, taps) with taps that sum to 1, found another filter")
    whole = taps / taps[taps != 0].abs().min()
    nearest = whole.round()
    whole = torch.allclose(whole, nearest, atol=1e-3)
    return tuple(int(tap) for tap in nearest) if whole else tuple(float(tap) for tap in taps)


def kernel_of(name: str, taps: tuple[float, ...]) -> Tensor:
    """The filter that belongs to a name. taps: of the generator's blur."""
    return make_kernel(taps if "blur" in name else BLUR_TAPS) * (4 if "blur" in name or "upsample" in name else 1)

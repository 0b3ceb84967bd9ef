"""StyleGAN2's generator and discriminator (Karras et al. 2020, arXiv 1912.04958, "config F" and narrower).

Names, shapes and order of the parameters are those of the public PyTorch checkpoints, so that their state dicts load.

    generator = Generator(256)
    w = generator.mapping(torch.randn(4, 512))           # [4, 512]
    image, _ = generator([w], input_is_latent=True)      # [4, 3, 256, 256], about -1 to 1
    logits = Discriminator(256)(image)                   # [4, 1], above 0: real

A resolution 2^k is one `level`: two convolutions and one ToRGB layer of the generator, one residual block of the discriminator.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from op import FusedLeakyReLU, conv2d, conv_transpose2d, fused_leaky_relu, modulate, upfirdn2d

BLUR_TAPS = (1, 3, 3, 1)
W_AVG_SAMPLES = 10_000
_prepared: ContextVar[dict[tuple[nn.Module, torch.dtype], Any] | None] = ContextVar("prepared", default=None)


def channel_table(size: int, channel_multiplier: float = 2, base: int | None = None, maximum: int = 512) -> dict[int, int]:
    """Feature maps at each resolution from 4 to `size`.

    Without `base`: 512 up to 32 px, then 256, 128, ... times the multiplier. With it: min(base / resolution, maximum);
    base 32768 and maximum 512 are multiplier 2.

    >>> channel_table(64, base=1024, maximum=96)
    {4: 96, 8: 96, 16: 64, 32: 32, 64: 16}
    """
    if size not in (8, 16, 32, 64, 128, 256, 512, 1024):
        raise ValueError(f"size {size}: expected a power of two from 8 to 1024")
    resolutions = [2**k for k in range(2, size.bit_length())]
    if base is not None:
        return {res: max(1, min(base // res, maximum)) for res in resolutions}
    return {res: 512 if res <= 32 else int(16384 / res * channel_multiplier) for res in resolutions}


class Stage(NamedTuple):
    """What the synthesis network holds after one resolution."""

    features: Tensor  # [batch, channels, res, res], before ToRGB
    image: Tensor | None  # [batch, 3, res, res], the sum of the ToRGB layers so far; StyleGAN1 has the last one alone


class StyleGenerator(nn.Module):
    """What the generators of the StyleGANs have in common: z -> w -> image, with a mapping network `style`.

    A subclass has `size`, `style_dim`, `n_latent`, `resolutions`, `num_layers` maps of noise, `stages` and `level`.

    Attribute compute_dtype: the type of feature maps and convolutions where it is not that of the parameters, e.g.
    torch.bfloat16. Parameters, mapping network and images keep theirs.
    Attribute w_avg: the centre for truncation. Set it to None where the mapping network is another than that of the file.
    """

    kind = ""  # of checkpoint.architecture.KINDS
    every_rgb = True  # whether there is an image of each resolution
    mapping_lr = 1.0  # of the mapping network's learning rate, where its layers do not slow it down

    def __init__(self):
        super().__init__()
        self.compute_dtype: torch.dtype | None = None
        self.register_buffer("known_w_avg", None, persistent=False)

    @property
    def idle(self) -> nn.ModuleList:
        """What takes no part at this size; no parameter of StyleGAN2."""
        return nn.ModuleList()

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def mapping(self, z: Tensor) -> Tensor:
        """z [batch, style_dim] -> w, of the same shape."""
        return self.style(z)

    def synthesis(self, w_plus: Tensor, noise: Sequence[Tensor | None] | None = None) -> Tensor:
        """w_plus [batch, n_latent, style_dim] -> images [batch, 3, size, size], about -1 to 1, not clamped."""
        for stage in self.stages(w_plus, noise):
            image = stage.image
        return image

    def features(self, w_plus: Tensor, noise: Sequence[Tensor | None] | None = None) -> list[Tensor]:
        """The feature maps before each ToRGB layer, 4x4 first."""
        return [stage.features for stage in self.stages(w_plus, noise)]

    def forward(
        self,
        styles: Sequence[Tensor],
        return_latents: bool = False,
        inject_index: int | None = None,
        truncation: float = 1,
        truncation_latent: Tensor | None = None,
        input_is_latent: bool = False,
        noise: Sequence[Tensor | None] | None = None,
        randomize_noise: bool = True,
    ) -> tuple[Tensor, Tensor | None]:
        """One or two styles -> (images, w_plus if return_latents else None).

        styles:       one z, or two to mix; with input_is_latent, w [batch, style_dim] or w_plus [batch, n_latent, style_dim]
        inject_index: the first layer that takes the second style; drawn from 1 to n_latent - 1 when None
        truncation:   psi; below 1 it pulls towards truncation_latent, a w or w_plus, w_avg when None
        noise:        see `stages`; without it fresh noise, or the stored buffers with randomize_noise=False
        """
        if len(styles) not in (1, 2):
            raise ValueError(f"styles: expected one or two, got {len(styles)}")
        if not input_is_latent:
            styles = [self.mapping(z) for z in styles]
        w_plus = [self.broadcast(w) for w in styles]
        if truncation < 1:
            centre = self.w_avg[None] if truncation_latent is None else torch.atleast_2d(truncation_latent)
            w_plus = [truncate(w, self.broadcast(centre), truncation) for w in w_plus]
        if len(w_plus) == 2 and inject_index is None:
            inject_index = random.randint(1, self.n_latent - 1)
        w_plus = w_plus[0] if len(w_plus) == 1 else mix_styles(*w_plus, inject_index)
        if noise is None and not randomize_noise:
            noise = self.stored_noise()
        return self.synthesis(w_plus, noise), w_plus if return_latents else None

    def broadcast(self, w: Tensor) -> Tensor:
        """w [batch, style_dim] -> w_plus [batch, n_latent, style_dim]; w_plus passes through."""
        return w if w.ndim == 3 else w[:, None].expand(-1, self.n_latent, -1)

    @property
    def w_avg(self) -> Tensor:
        """The average w, [style_dim], the centre of every truncation: what the network's file states, see `checkpoint`.

        Else measured, at every call, since weights change; with the same z on every device. [n_latent, style_dim] where the
        mapping gives w_plus.
        """
        if self.known_w_avg is not None:
            return self.known_w_avg
        with torch.no_grad():
            return self.mean_latent(W_AVG_SAMPLES, torch.Generator().manual_seed(0))[0]

    @w_avg.setter
    def w_avg(self, w_avg: Tensor | None) -> None:
        self.known_w_avg = w_avg

    def mean_latent(self, n_latent: int, generator: torch.Generator | None = None) -> Tensor:
        """The mean w of `n_latent` random z, [1, style_dim]. The z are drawn where `generator` lives, else on the device."""
        device = self.device if generator is None else generator.device
        z = torch.randn(n_latent, self.style_dim, device=device, generator=generator).to(next(self.parameters()))
        return sum(self.mapping(part).sum(0, keepdim=True) for part in z.split(1000)) / n_latent

    def get_latent(self, z: Tensor) -> Tensor:
        """The published name of `mapping`."""
        return self.mapping(z)

    def make_noise(self, batch: int = 1, generator: torch.Generator | None = None) -> list[Tensor]:
        """Fresh noise for every convolution: [batch, 1, 4, 4], then two of each higher resolution."""
        shapes = [(batch, *buffer.shape[1:]) for buffer in self.stored_noise()]
        if self.device.type == "cuda":  # in one draw: a launch for each costs more than the numbers
            sizes = [math.prod(shape) for shape in shapes]
            drawn = torch.randn(sum(sizes), device=self.device, generator=generator).split(sizes)
            return [part.view(shape) for part, shape in zip(drawn, shapes)]
        return [torch.randn(shape, device=self.device, generator=generator) for shape in shapes]

    def stored_noise(self) -> list[Tensor]:
        """The noise kept in the checkpoint, which makes an image repeatable."""
        return [getattr(self.noises, f"noise_{layer}") for layer in range(self.num_layers)]


class Generator(StyleGenerator):
    """z -> w -> image. `style` is the mapping network; everything else is the synthesis network.

    size:      width and height of the image, a power of two from 8 to 1024
    style_dim: length of z and of w
    n_mlp:     layers of the mapping network; lr_mlp slows their learning
    channels:  {resolution: feature maps}; overrides channel_multiplier
    conv_clamp: limit on the layers' outputs, for networks that were trained with one in fp16

    With a compute_dtype, demodulation keeps the type of the parameters as well.

    Layer i of n_latent = 2 log2(size) - 2 styles: convolutions and ToRGB layers count upwards, and each ToRGB layer
    shares its index with the next resolution's first convolution.
    """

    kind = "stylegan2"

    def __init__(
        self,
        size: int,
        style_dim: int = 512,
        n_mlp: int = 8,
        channel_multiplier: float = 2,
        blur_kernel: Sequence[float] = BLUR_TAPS,
        lr_mlp: float = 0.01,
        channels: dict[int, int] | None = None,
        conv_clamp: float | None = None,
    ):
        super().__init__()
        self.size = size
        self.style_dim = style_dim
        self.channels = channels or channel_table(size, channel_multiplier)
        self.resolutions = [res for res in sorted(self.channels) if res <= size]
        self.log_size = int(math.log2(size))
        self.num_layers = 2 * self.log_size - 3
        self.n_latent = 2 * self.log_size - 2

        layers = [EqualLinear(style_dim, style_dim, lr_mul=lr_mlp, activation="fused_lrelu") for _ in range(n_mlp)]
        self.style = nn.Sequential(PixelNorm(), *layers)

        width = self.channels[4]
        self.input = ConstantInput(width)
        self.conv1 = StyledConv(width, width, style_dim, clamp=conv_clamp)
        self.to_rgb1 = ToRGB(width, style_dim, upsample=False, clamp=conv_clamp)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        self.noises = nn.Module()
        self.noises.register_buffer("noise_0", torch.randn(1, 1, 4, 4))
        for res in self.resolutions[1:]:
            below, width = width, self.channels[res]
            self.convs.append(StyledConv(below, width, style_dim, upsample=True, blur_kernel=blur_kernel, clamp=conv_clamp))
            self.convs.append(StyledConv(width, width, style_dim, clamp=conv_clamp))
            self.to_rgbs.append(ToRGB(width, style_dim, clamp=conv_clamp))
            for layer in (len(self.convs) - 1, len(self.convs)):
                self.noises.register_buffer(f"noise_{layer}", torch.randn(1, 1, res, res))

    def stages(
        self, w_plus: Tensor, noise: Sequence[Tensor | None] | None = None, start: Stage | None = None, above: int = 4
    ) -> Iterator[Stage]:
        """Walk up the synthesis network; after each resolution, 4x4 first, yield what it holds.

        w_plus: [batch, n_latent, style_dim]
        noise:  one [1 or batch, 1, res, res] for each convolution; None (or None for a layer) draws fresh noise
        start:  what a network holds after the resolution `above`; the walk goes on with the next one
        """
        w = w_plus.unbind(1)
        noise = noise or [None] * self.num_layers
        if start is None:
            x = self.input(w_plus.shape[0]).to(self.compute_dtype or w_plus.dtype)
            x = self.conv1(x, w[0], noise[0])
            start = Stage(x, self.to_rgb1(x, w[1]))
            yield start
        x, image = start
        for i in range(2 * index_of(above, self.resolutions) + 1, self.num_layers, 2):
            x = self.convs[i - 1](x, w[i], noise[i])
            x = self.convs[i](x, w[i + 1], noise[i + 1])
            image = self.to_rgbs[i // 2](x, w[i + 2], image)
            yield Stage(x, image)

    def rgb_pyramid(self, w_plus: Tensor, noise: Sequence[Tensor | None] | None = None) -> list[Tensor]:
        """The image after each ToRGB layer, 4x4 first; the last one is what `synthesis` returns."""
        return [stage.image for stage in self.stages(w_plus, noise)]

    def painted(self, features: Tensor, w_plus: Tensor, resolution: int, below: Tensor | None = None) -> Tensor:
        """The image of a resolution: colours of its feature maps, added to the image below. w_plus: as in `stages`."""
        return self.level(resolution)[-1](features, w_plus[:, 2 * index_of(resolution, self.resolutions) + 1], below)

    def convolutions(self) -> dict[int, nn.Module]:
        """{index in w_plus: the convolution, with style, noise and bias}, from 4x4 on; the ToRGB layers are not among them."""
        return dict(enumerate([self.conv1, *self.convs]))

    def layers_of(self, resolution: int) -> range:
        """Indices in w_plus of the convolutions of a resolution; at the highest one also of its ToRGB layer."""
        k = index_of(resolution, self.resolutions)
        return range(max(0, 2 * k - 1), 2 * k + 1 + (resolution == self.size))

    def modulations(self) -> dict[str, tuple[int, Tensor]]:
        """{name: (layer, [in_channels, style_dim])} of what turns w into styles, raw: not of the ToRGB layers but the first."""
        layers = {"conv1": (0, self.conv1), "to_rgb1": (1, self.to_rgb1)}
        layers |= {f"convs.{i}": (i + 1, conv) for i, conv in enumerate(self.convs)}
        return {f"{name}.conv.modulation.weight": (i, layer.conv.modulation.weight) for name, (i, layer) in layers.items()}

    def level(self, resolution: int) -> nn.ModuleList:
        """The modules of one resolution. All levels and `style` together hold every parameter once."""
        if resolution == 4:
            return nn.ModuleList([self.input, self.conv1, self.to_rgb1])
        i = index_of(resolution, self.resolutions) - 1
        return nn.ModuleList([self.convs[2 * i], self.convs[2 * i + 1], self.to_rgbs[i]])


class Discriminator(nn.Module):
    """Image -> logit, by residual blocks that halve the resolution down to 4x4.

    size, channels, channel_multiplier, blur_kernel, conv_clamp: as in `Generator`
    stddev_group: images that are compared for the minibatch standard deviation; any batch size works

    Attribute compute_dtype: as in `Generator`; what follows the residual blocks, and the logits, keep the type of the image.
    """

    def __init__(
        self,
        size: int,
        channel_multiplier: float = 2,
        blur_kernel: Sequence[float] = BLUR_TAPS,
        channels: dict[int, int] | None = None,
        conv_clamp: float | None = None,
        stddev_group: int = 4,
    ):
        super().__init__()
        self.size = size
        self.channels = channels or channel_table(size, channel_multiplier)
        self.resolutions = [res for res in sorted(self.channels) if res <= size]
        self.stddev_group = stddev_group
        self.compute_dtype: torch.dtype | None = None

        blocks = [ConvLayer(3, self.channels[size], 1, clamp=conv_clamp)]
        for res in reversed(self.resolutions[1:]):
            blocks.append(ResBlock(self.channels[res], self.channels[res // 2], blur_kernel, clamp=conv_clamp))
        self.convs = nn.Sequential(*blocks)

        width = self.channels[4]
        self.final_conv = ConvLayer(width + 1, width, 3, clamp=conv_clamp)
        self.final_linear = nn.Sequential(
            EqualLinear(width * 4 * 4, width, activation="fused_lrelu"),
            EqualLinear(width, 1),
        )

    def forward(self, image: Tensor, batches: int = 1) -> Tensor:
        """[batch, 3, size, size] -> raw logits [batch, 1]. Several `batches` of one size may stand one after the other."""
        x = image.contiguous(memory_format=torch.channels_last)
        x = self.convs(x.to(self.compute_dtype or x.dtype)).to(x.dtype)
        x = minibatch_stddev(x, self.stddev_group, batches)
        return self.final_linear(self.final_conv(x).flatten(1))

    def features(self, image: Tensor) -> list[Tensor]:
        """The feature maps after FromRGB and after each residual block, full resolution first, 4x4 last."""
        maps, x = [], image.contiguous(memory_format=torch.channels_last).to(self.compute_dtype or image.dtype)
        for block in self.convs:
            x = block(x)
            maps.append(x)
        return maps

    @property
    def blocks(self) -> nn.Sequential:
        """What halves the resolution, highest first: what FreezeD counts, from its end."""
        return self.convs[1:]

    def early(self, late: int) -> nn.ModuleList:
        """All but the `late` lowest-resolution blocks and the final layers."""
        return nn.ModuleList(self.convs[:-late])

    @property
    def idle(self) -> nn.ModuleList:
        """As of the generator."""
        return nn.ModuleList()

    def level(self, resolution: int) -> nn.ModuleList:
        """The modules that see images of one resolution. All levels together hold every parameter once."""
        if resolution == 4:
            return nn.ModuleList([self.final_conv, self.final_linear])
        block = self.convs[len(self.resolutions) - index_of(resolution, self.resolutions)]
        return nn.ModuleList([self.convs[0], block] if resolution == self.size else [block])


def truncate(w: Tensor, w_avg: Tensor, psi: float = 1.0) -> Tensor:
    """Pull latents towards the average face (the truncation trick, StyleGAN, App. B).

    w:     [batch, n_latent, style_dim], or [batch, style_dim]
    w_avg: [style_dim], or whatever broadcasts with w
    psi:   0 gives the average face, 1 leaves w unchanged, above 1 exaggerates

    >>> truncate(torch.ones(2, 4), torch.zeros(4), psi=0.5).unique().item()
    0.5
    """
    return w_avg + psi * (w - w_avg)


def mix_styles(first: Tensor, second: Tensor, index: int) -> Tensor:
    """Layers below `index` from the first, the rest from the second (style mixing, StyleGAN, Sec. 3.1).

    first, second: [batch, n_latent, style_dim]
    """
    return torch.cat([first[:, :index], second[:, index:]], dim=1)


def minibatch_stddev(x: Tensor, group: int = 4, batches: int = 1) -> Tensor:
    """Append a channel with the mean standard deviation over groups of images (Karras et al. 2018, Sec. 3).

    x [batches * batch, channels, height, width] gains a last channel. The groups have the largest size up to `group` that
    divides the batch, and the members of a group are batch / size images apart; none has members of two batches.
    """
    total, channels, height, width = x.shape
    batch = total // batches
    size = next(n for n in range(min(group, batch), 0, -1) if batch % n == 0)
    members = x.reshape(batches, size, batch // size, channels, height, width)
    members = members.to(torch.promote_types(x.dtype, torch.float32))
    variance = (members - members.mean(1, keepdim=True)).square().mean(1)  # var(), but that is slow over this axis
    stddev = (variance + 1e-8).sqrt().mean((2, 3, 4)).to(x.dtype)
    stddev = stddev[:, None].expand(-1, size, -1).reshape(total, 1, 1, 1).expand(-1, 1, height, width)
    return torch.cat([x, stddev], dim=1)


@contextmanager
def weights_stay() -> Iterator[None]:
    """Within it no frozen weight changes, so that a search of a thousand steps prepares them for its convolutions once."""
    before = _prepared.set({})
    try:
        yield
    finally:
        _prepared.reset(before)


def prepared(module: nn.Module, dtype: torch.dtype, prepare: Callable[[Tensor, torch.dtype], Any]) -> Any:
    """prepare(module.weight, dtype), or what came of it before where `weights_stay`."""
    known = _prepared.get()
    if known is None or module.weight.requires_grad:
        return prepare(module.weight, dtype)
    if (module, dtype) not in known:
        known[module, dtype] = prepare(module.weight, dtype)
    return known[module, dtype]


@contextmanager
def computing_in(dtype: torch.dtype | None, *networks: nn.Module) -> Iterator[None]:
    """Within it, what has a `compute_dtype` in the networks computes in this type; None: in its own."""
    every = (part for network in networks for part in network.modules())
    parts = [part for part in every if hasattr(part, "compute_dtype")] if dtype else []
    before = [part.compute_dtype for part in parts]
    try:
        for part in parts:
            part.compute_dtype = dtype
        yield
    finally:
        for part, own in zip(parts, before):
            part.compute_dtype = own


class PixelNorm(nn.Module):
    """Scale each latent to unit mean square."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-8)


class EqualLinear(nn.Module):
    """Linear layer whose weights are stored with variance 1 and scaled when used (equalised learning rate)."""

    def __init__(self, in_dim: int, out_dim: int, bias_init: float = 0, lr_mul: float = 1, activation: str | None = None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_dim, in_dim) / lr_mul)
        self.bias = nn.Parameter(torch.full((out_dim,), float(bias_init)))
        self.activation = activation
        self.scale = lr_mul / math.sqrt(in_dim)
        self.lr_mul = lr_mul

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.scale  # as scaled weights do, of which there are more
        bias = self.bias if self.lr_mul == 1 else self.bias * self.lr_mul
        return fused_leaky_relu(F.linear(x, self.weight), bias) if self.activation else F.linear(x, self.weight, bias)


class EqualConv2d(nn.Module):
    """Convolution with equalised learning rate, without a bias: every user adds one with its activation, or wants none."""

    def __init__(self, in_channel: int, out_channel: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channel, in_channel, kernel_size, kernel_size))
        self.scale = 1 / math.sqrt(in_channel * kernel_size**2)
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        weight = prepared(self, x.dtype, lambda weight, dtype: as_taps(weight * self.scale, dtype))
        return conv2d(x, weight, self.stride, self.padding)


class Blur(nn.Module):
    """FIR low-pass filter; `up` scales its gain for a signal with zeros in between, `down` drops samples after it."""

    def __init__(self, taps: Sequence[float], pad: tuple[int, int], up: int = 1, down: int = 1):
        super().__init__()
        self.register_buffer("kernel", make_kernel(taps) * up**2)
        self.pad = pad
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        return upfirdn2d(x, self.kernel, down=self.down, pad=self.pad)


class Upsample(nn.Module):
    """Double the resolution with the FIR filter."""

    def __init__(self, taps: Sequence[float] = BLUR_TAPS):
        super().__init__()
        self.register_buffer("kernel", make_kernel(taps) * 4)
        p = len(taps) - 2
        self.pad = ((p + 1) // 2 + 1, p // 2)

    def forward(self, x: Tensor) -> Tensor:
        return upfirdn2d(x, self.kernel, up=2, pad=self.pad)


class ModulatedConv2d(nn.Module):
    """Convolution whose input channels are scaled by a style, and whose output is scaled back to unit variance.

    Karras et al. 2020, Eqs. 1 and 3. The scales multiply the activations, not the weights: the same product, but one
    convolution serves the whole batch.
    """

    def __init__(
        self,
        in_channel: int,
        out_channel: int,
        kernel_size: int,
        style_dim: int,
        demodulate: bool = True,
        upsample: bool = False,
        blur_kernel: Sequence[float] = BLUR_TAPS,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, out_channel, in_channel, kernel_size, kernel_size))
        if upsample:
            p = (len(blur_kernel) - 2) - (kernel_size - 1)
            self.blur = Blur(blur_kernel, pad=((p + 1) // 2 + 1, p // 2 + 1), up=2)
        self.modulation = EqualLinear(style_dim, in_channel, bias_init=1)
        self.scale = 1 / math.sqrt(in_channel * kernel_size**2)
        self.padding = kernel_size // 2
        self.demodulate = demodulate
        self.upsample = upsample

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [batch, in, height, width], w [batch, style_dim]."""
        x, demod = self.modulated(x, w)
        return modulate(x, demod) if self.demodulate else x

    def modulated(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor | None]:
        """The convolution of the scaled input, and the factors [batch, out] that its output is still to be multiplied by."""
        style = self.modulation(w)
        taps, squares = prepared(self, x.dtype, self.scaled)
        x = modulate(x, style)
        x = self.blur(conv_transpose2d(x, taps, stride=2)) if self.upsample else conv2d(x, taps, padding=self.padding)
        if not self.demodulate:
            return x, None
        return x, torch.rsqrt(F.linear(style.square(), squares) + 1e-8)

    def scaled(self, weight: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
        """The weights as the convolution takes them, and the sums [out, in] of their squares where they are needed."""
        weight = weight.squeeze(0) * self.scale
        taps = as_taps(weight.transpose(0, 1) if self.upsample else weight, dtype)
        return taps, weight.square().sum((2, 3)) if self.demodulate else None


class NoiseInjection(nn.Module):
    """Noise that is the same in all channels, of learned strength. This is the definition; `StyledConv` fuses it with more."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        return x + self.weight * (fresh_noise(x) if noise is None else noise)


class ConstantInput(nn.Module):
    """The learned 4x4 start of every image."""

    def __init__(self, channel: int):
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channel, 4, 4))

    def forward(self, batch: int) -> Tensor:
        # The layout of the first tensor is the layout of all: channels_last suits every convolution library best.
        return self.input.expand(batch, -1, -1, -1).contiguous(memory_format=torch.channels_last)


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, then in one pass: demodulation, noise, bias and leaky ReLU."""

    def __init__(
        self,
        in_channel: int,
        out_channel: int,
        style_dim: int,
        upsample: bool = False,
        blur_kernel: Sequence[float] = BLUR_TAPS,
        clamp: float | None = None,
    ):
        super().__init__()
        self.conv = ModulatedConv2d(in_channel, out_channel, 3, style_dim, upsample=upsample, blur_kernel=blur_kernel)
        self.noise = NoiseInjection()
        self.activate = FusedLeakyReLU(out_channel)
        self.clamp = _clamp(clamp)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None = None) -> Tensor:
        x, demod = self.conv.modulated(x, w)
        noise = fresh_noise(x) if noise is None else noise
        return self.clamp(self.activate(x, demod=demod, noise=noise, strength=self.noise.weight))


class ToRGB(nn.Module):
    """Feature maps -> RGB, added to the image of the resolution below."""

    def __init__(self, in_channel: int, style_dim: int, upsample: bool = True, clamp: float | None = None):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if upsample:
            self.upsample = Upsample()
        self.conv = ModulatedConv2d(in_channel, 3, 1, style_dim, demodulate=False)
        self.clamp = _clamp(clamp)

    def forward(self, x: Tensor, w: Tensor, below: Tensor | None = None) -> Tensor:
        image = self.clamp(self.conv(x, w).to(w.dtype) + self.bias)
        return image if below is None else image + self.upsample(below)


class ConvLayer(nn.Sequential):
    """[Blur], convolution, [bias and leaky ReLU], under the indices that checkpoints use; `gain` times as large."""

    def __init__(
        self,
        in_channel: int,
        out_channel: int,
        kernel_size: int,
        downsample: bool = False,
        blur_kernel: Sequence[float] = BLUR_TAPS,
        activate: bool = True,
        clamp: float | None = None,
        gain: float = 1,
    ):
        layers = []
        stride, padding = 1, kernel_size // 2
        if downsample:
            p = (len(blur_kernel) - 2) + (kernel_size - 1)
            # A 1x1 convolution commutes with dropping samples, so the filter drops them: a quarter of the work.
            drop_early = kernel_size == 1
            layers.append(Blur(blur_kernel, pad=((p + 1) // 2, p // 2), down=2 if drop_early else 1))
            stride, padding = (1 if drop_early else 2), 0
        layers.append(EqualConv2d(in_channel, out_channel, kernel_size, stride, padding))
        if activate:
            layers.append(FusedLeakyReLU(out_channel, scale=2**0.5 * gain))
        else:
            layers[-1].scale *= gain
        super().__init__(*layers, _clamp(clamp and clamp * gain))


class ResBlock(nn.Module):
    """Two convolutions beside a 1x1 skip; halves the resolution and keeps the variance."""

    def __init__(self, in_channel: int, out_channel: int, blur_kernel: Sequence[float] = BLUR_TAPS, clamp: float | None = None):
        super().__init__()
        self.conv1 = ConvLayer(in_channel, in_channel, 3, clamp=clamp)
        # The published block takes a blur kernel and then uses [1, 3, 3, 1] all the same; its checkpoints rely on that.
        gain = 0.5**0.5  # of both, in place of a division of their sum: a pass over memory less
        self.conv2 = ConvLayer(in_channel, out_channel, 3, downsample=True, clamp=clamp, gain=gain)
        self.skip = ConvLayer(in_channel, out_channel, 1, downsample=True, activate=False, clamp=clamp, gain=gain)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x)) + self.skip(x)


def as_taps(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """As convolutions read weights beside channels_last maps: they would copy others at each call, forward and backward."""
    return weight.to(dtype, memory_format=torch.channels_last)


def fresh_noise(x: Tensor) -> Tensor:
    """N(0, 1) for each pixel of x, [batch, 1, height, width]."""
    return torch.randn(len(x), 1, *x.shape[2:], dtype=x.dtype, device=x.device)


def make_kernel(taps: Sequence[float]) -> Tensor:
    """1-D or 2-D taps -> a 2-D kernel that sums to 1."""
    kernel = torch.tensor(taps, dtype=torch.float32)
    if kernel.ndim == 1:
        kernel = torch.outer(kernel, kernel)
    return kernel / kernel.sum()


def index_of(resolution: int, resolutions: list[int]) -> int:
    """Which level it is, 0 for 4 px. Raises ValueError for one that is not there."""
    if resolution not in resolutions:
        raise ValueError(f"no level {resolution}: this network has {resolutions}")
    return resolutions.index(resolution)


def _clamp(limit: float | None) -> nn.Module:
    return nn.Identity() if limit is None else nn.Hardtanh(-limit, limit)

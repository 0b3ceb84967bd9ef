"""StyleGAN's generator and discriminator (Karras et al. 2019, arXiv 1812.04948) at one resolution, without growing.

Names and shapes of the parameters are those of the public PyTorch checkpoints (style-based-gan-pytorch, FreezeD), which hold
the stages of all sizes up to 1024 px, whatever was trained. So do these networks: what lies above `size` only waits.

    generator = Generator1(256)
    w = generator.mapping(torch.randn(4, 512))                        # [4, 512]
    images = generator.synthesis(generator.broadcast(w))              # [4, 3, 256, 256], about -1 to 1
    logits = Discriminator1(256)(images)                              # [4, 1], above 0: real

Unlike StyleGAN2: a style normalises and scales after the activation (AdaIN), colours come from the last resolution alone, the
discriminator has no residuals, and weights are scaled by sqrt(2 / fan_in) with a plain leaky ReLU.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model import PixelNorm, Stage, StyleGenerator, channel_table, fresh_noise, index_of, make_kernel, minibatch_stddev
from op import conv2d, conv_transpose2d, upfirdn2d

LARGEST = 1024  # px, of the stages that a network has
FUSED_FROM = 128  # px, from which a convolution and the change of resolution beside it are one
SLOPE = 0.2
NOISE_SEED = 0


def channel_table1(base: int | None = None, maximum: int = 512) -> dict[int, int]:
    """Feature maps at each resolution from 4 to 1024, in both networks; base and maximum as in `channel_table`.

    >>> list(channel_table1().values())
    [512, 512, 512, 512, 256, 128, 64, 32, 16]
    """
    return channel_table(LARGEST, 1, base, maximum)


class Generator1(StyleGenerator):
    """z -> w -> image. size, style_dim, n_mlp: as in `Generator`. channels: of all stages, also of those above `size`.

    Layers 2k and 2k + 1 of n_latent = 2 log2(size) - 2 styles are those of the k-th resolution. Its two layers share a map of
    noise, which the public files do not hold.
    """

    kind = "stylegan1"
    mapping_lr = 0.01
    every_rgb = False

    def __init__(self, size: int, style_dim: int = 512, n_mlp: int = 8, channels: dict[int, int] | None = None):
        super().__init__()
        self.size, self.style_dim = size, style_dim
        self.channels = channels or channel_table1()
        self.resolutions = [res for res in sorted(self.channels) if res <= size]
        self.num_layers = len(self.resolutions)
        self.n_latent = 2 * self.num_layers

        stages, widths = sorted(self.channels), [self.channels[res] for res in sorted(self.channels)]
        self.generator = nn.Module()
        blocks = [StyledBlock(below, width, style_dim, res) for res, below, width in zip(stages, [None, *widths], widths)]
        self.generator.progression = nn.ModuleList(blocks)
        self.generator.to_rgb = nn.ModuleList(EqualConv(width, 3, 1) for width in widths)
        layers = [layer for _ in range(n_mlp) for layer in (EqualLinear1(style_dim, style_dim), nn.LeakyReLU(SLOPE))]
        self.style = nn.Sequential(PixelNorm(), *layers)
        self.noises = nn.Module()
        drawn = torch.Generator().manual_seed(NOISE_SEED)  # no file holds it: it is that with which reading fills it in
        for k, res in enumerate(self.resolutions):
            self.noises.register_buffer(f"noise_{k}", torch.randn(1, 1, res, res, generator=drawn, device="cpu"))

    def stages(
        self, w_plus: Tensor, noise: Sequence[Tensor | None] | None = None, start: Stage | None = None, above: int = 4
    ) -> Iterator[Stage]:
        """As in `Generator`, with one map of noise for each resolution; the last stage alone has an image."""
        w, noise = w_plus.unbind(1), noise or [None] * self.num_layers
        first = 0 if start is None else self.resolutions.index(above) + 1
        x = w_plus.new_zeros(w_plus.shape[0], 0, dtype=self.compute_dtype) if start is None else start.features
        for k in range(first, self.num_layers):
            x = self.generator.progression[k](x, w[2 * k], w[2 * k + 1], noise[k])
            yield Stage(x, self.painted(x, w_plus, self.resolutions[k]))

    def painted(self, features: Tensor, w_plus: Tensor, resolution: int, below: Tensor | None = None) -> Tensor | None:
        """Colours of the highest resolution; None of the others."""
        return self.generator.to_rgb[self.num_layers - 1](features).to(w_plus.dtype) if resolution == self.size else None

    def convolutions(self) -> dict[int, nn.Module]:
        """As in `Generator`: each layer with its noise and AdaIN."""
        return dict(enumerate(part for res in self.resolutions for part in self.level(res)[:2]))

    def layers_of(self, resolution: int) -> range:
        k = self.resolutions.index(resolution)
        return range(2 * k, 2 * k + 2)

    def modulations(self) -> dict[str, tuple[int, Tensor]]:
        """{name: (layer, [2 channels, style_dim])} of what turns w into the scales and shifts of AdaIN, raw."""
        return {
            f"generator.progression.{k}.adain{i}.style.linear.weight_orig": (2 * k + i - 1, adain.style.linear.weight_orig)
            for k, block in enumerate(self.generator.progression[: self.num_layers])
            for i, adain in ((1, block.adain1), (2, block.adain2))
        }

    def level(self, resolution: int) -> nn.ModuleList:
        """Of its first layer, of its second, of its colours. With `style` and `idle` they hold every parameter once."""
        k = index_of(resolution, self.resolutions)
        block, to_rgb = self.generator.progression[k], self.generator.to_rgb[k]
        return nn.ModuleList(
            [
                nn.ModuleList([block.conv1, block.noise1, block.adain1]),
                nn.ModuleList([block.conv2, block.noise2, block.adain2]),
                nn.ModuleList([to_rgb] if resolution == self.size else []),
            ]
        )

    @property
    def idle(self) -> nn.ModuleList:
        """What takes no part at this size."""
        k, parts = self.num_layers, self.generator
        return nn.ModuleList([*parts.progression[k:], *parts.to_rgb[: k - 1], *parts.to_rgb[k:]])


class Discriminator1(nn.Module):
    """Image -> logit. size, channels: as in `Generator1`.

    from_rgb_activate: whether a leaky ReLU follows the first layer; files of 2019 have none
    """

    def __init__(self, size: int, channels: dict[int, int] | None = None, from_rgb_activate: bool = True):
        super().__init__()
        self.size = size
        self.channels = channels or channel_table1()
        self.resolutions = [res for res in sorted(self.channels) if res <= size]
        self.compute_dtype: torch.dtype | None = None
        stages = sorted(self.channels, reverse=True)
        blocks = [DownBlock(self.channels[res], self.channels[res // 2], res) for res in stages[:-1]]
        self.progression = nn.ModuleList([*blocks, LastBlock(self.channels[4])])
        from_rgb = [EqualConv(3, self.channels[res], 1) for res in stages]
        self.from_rgb = nn.ModuleList(
            nn.Sequential(conv, nn.LeakyReLU(SLOPE)) if from_rgb_activate else conv for conv in from_rgb
        )
        self.linear = EqualLinear1(self.channels[4], 1)
        self.first = stages.index(size)

    def forward(self, image: Tensor, batches: int = 1) -> Tensor:
        """As in `Discriminator`; the last block compares all images of a batch."""
        x = self.features(image.contiguous(memory_format=torch.channels_last))[-1].to(image.dtype)
        return self.linear(self.progression[-1](minibatch_stddev(x, len(x), batches)).flatten(1))

    def features(self, image: Tensor) -> list[Tensor]:
        """The feature maps after FromRGB and after each block that halves the resolution, 4x4 last."""
        maps = [self.from_rgb[self.first](image.to(self.compute_dtype or image.dtype))]
        for block in self.progression[self.first : -1]:
            maps.append(block(maps[-1]))
        return maps

    @property
    def blocks(self) -> nn.ModuleList:
        """One for each resolution, that of 4x4 among them: what FreezeD counts here, from its end."""
        return self.progression[self.first :]

    def early(self, late: int) -> nn.ModuleList:
        """All but the `late` lowest-resolution blocks and the linear layer."""
        return nn.ModuleList([self.from_rgb[self.first], *self.blocks[:-late]])

    def level(self, resolution: int) -> nn.ModuleList:
        """The modules that see images of one resolution. All levels and `idle` hold every parameter once."""
        j = len(self.progression) - 1 - index_of(resolution, self.resolutions)
        ends = [self.from_rgb[j]] * (resolution == self.size) + [self.linear] * (resolution == 4)
        return nn.ModuleList([self.progression[j], *ends])

    @property
    def idle(self) -> nn.ModuleList:
        """What takes no part at this size."""
        j = self.first
        return nn.ModuleList([*self.progression[:j], *self.from_rgb[:j], *self.from_rgb[j + 1 :]])


def equalised(weight: Tensor) -> Tensor:
    """Stored with variance 1, scaled when used (equalised learning rate). weight: [out, in, ...], or of noise [1, C, 1, 1]."""
    return weight * math.sqrt(2 / weight[0].numel())


class StyledBlock(nn.Module):
    """Two layers of one resolution: convolution, noise, leaky ReLU, AdaIN. At 4x4 the first convolution is a constant."""

    def __init__(self, in_channel: int | None, out_channel: int, style_dim: int, resolution: int):
        super().__init__()
        if in_channel is None:
            self.conv1: nn.Module = Constant(out_channel)
        elif resolution < FUSED_FROM:
            upsample = nn.Upsample(scale_factor=2, mode="nearest")
            self.conv1 = nn.Sequential(upsample, EqualConv(in_channel, out_channel, 3, padding=1), Blur())
        else:
            self.conv1 = nn.Sequential(FusedUpsample(in_channel, out_channel), Blur())
        self.noise1 = ChannelNoise(out_channel)
        self.adain1 = AdaIN(out_channel, style_dim)
        self.conv2 = EqualConv(out_channel, out_channel, 3, padding=1)
        self.noise2 = ChannelNoise(out_channel)
        self.adain2 = AdaIN(out_channel, style_dim)

    def forward(self, x: Tensor, w1: Tensor, w2: Tensor, noise: Tensor | None = None) -> Tensor:
        """x [batch, in, res / 2, res / 2], of which 4x4 reads batch and type; w [batch, style_dim]; noise [.., 1, res, res]."""
        x = self.conv1(x)
        noise = fresh_noise(x) if noise is None else noise.to(x.dtype)
        x = self.adain1(F.leaky_relu(self.noise1(x, noise), SLOPE), w1)
        return self.adain2(F.leaky_relu(self.noise2(self.conv2(x), noise), SLOPE), w2)


class DownBlock(nn.Module):
    """Convolution, blur, convolution that halves the resolution."""

    def __init__(self, in_channel: int, out_channel: int, resolution: int):
        super().__init__()
        self.conv1 = nn.Sequential(EqualConv(in_channel, out_channel, 3, padding=1), nn.LeakyReLU(SLOPE))
        if resolution < FUSED_FROM:
            halving = [EqualConv(out_channel, out_channel, 3, padding=1), nn.AvgPool2d(2)]
        else:
            halving = [FusedDownsample(out_channel, out_channel)]
        self.conv2 = nn.Sequential(Blur(), *halving, nn.LeakyReLU(SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x))


class LastBlock(nn.Module):
    """From 4x4, with the channel of `minibatch_stddev`, to 1x1."""

    def __init__(self, channel: int):
        super().__init__()
        self.conv1 = nn.Sequential(EqualConv(channel + 1, channel, 3, padding=1), nn.LeakyReLU(SLOPE))
        self.conv2 = nn.Sequential(EqualConv(channel, channel, 4), nn.LeakyReLU(SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x))


class Weights(nn.Module):
    """A bias and a weight, in the order and under the names of the public files."""

    def __init__(self, *shape: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(shape[0]))
        self.weight_orig = nn.Parameter(torch.randn(shape))


class EqualConv(nn.Module):
    def __init__(self, in_channel: int, out_channel: int, kernel_size: int, padding: int = 0):
        super().__init__()
        self.conv = Weights(out_channel, in_channel, kernel_size, kernel_size)
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        return _plus(conv2d(x, equalised(self.conv.weight_orig).to(x.dtype), padding=self.padding), self.conv.bias)


class EqualLinear1(nn.Module):
    def __init__(self, in_dim: int, out_dim: int):
        super().__init__()
        self.linear = Weights(out_dim, in_dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, equalised(self.linear.weight_orig), self.linear.bias)


class FusedUpsample(nn.Module):
    """Nearest neighbours and a 3x3 convolution in one, at a quarter of the gain: a transposed convolution of stride 2."""

    def __init__(self, in_channel: int, out_channel: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_channel, out_channel, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channel))

    def forward(self, x: Tensor) -> Tensor:
        weight = smoothed(self.weight * math.sqrt(2 / self.weight[:, 0].numel()))
        return _plus(conv_transpose2d(x, weight.to(x.dtype), stride=2, padding=1), self.bias)


class FusedDownsample(nn.Module):
    """A 3x3 convolution and means of 2x2 in one: a convolution of stride 2."""

    def __init__(self, in_channel: int, out_channel: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channel, in_channel, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channel))

    def forward(self, x: Tensor) -> Tensor:
        return _plus(conv2d(x, smoothed(equalised(self.weight)).to(x.dtype), stride=2, padding=1), self.bias)


def smoothed(weight: Tensor) -> Tensor:
    """[.., .., 3, 3] -> [.., .., 4, 4]: the mean of four copies, moved by one pixel.

    >>> smoothed(torch.ones(1, 1, 3, 3))[0, 0, 0].tolist()
    [0.25, 0.5, 0.5, 0.25]
    """
    padded = F.pad(weight, (1, 1, 1, 1))
    return (padded[..., 1:, 1:] + padded[..., :-1, 1:] + padded[..., 1:, :-1] + padded[..., :-1, :-1]) / 4


class Blur(nn.Module):
    """[1, 2, 1] in both directions, zeros outside; no parameter."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", make_kernel((1, 2, 1)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return upfirdn2d(x, self.kernel, pad=(1, 1))


class ChannelNoise(nn.Module):
    """Noise of learnt strength in each channel; its weight is equalised too."""

    def __init__(self, channel: int):
        super().__init__()
        self.weight_orig = nn.Parameter(torch.zeros(1, channel, 1, 1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return x + equalised(self.weight_orig).to(x.dtype) * noise


class AdaIN(nn.Module):
    """Each feature map to mean 0 and variance 1, then scaled and shifted by the style (StyleGAN, Eq. 1)."""

    def __init__(self, channel: int, style_dim: int):
        super().__init__()
        self.style = EqualLinear1(style_dim, 2 * channel)
        with torch.no_grad():
            self.style.linear.bias[:channel] = 1

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        scale, shift = self.style(w)[:, :, None, None].chunk(2, 1)
        variance, mean = torch.var_mean(x.to(w.dtype), (2, 3), keepdim=True, unbiased=False)
        scale = scale * torch.rsqrt(variance + 1e-5)
        return (x - mean.to(x.dtype)) * scale.to(x.dtype) + shift.to(x.dtype)


class Constant(nn.Module):
    """The learnt 4x4 start of every image."""

    def __init__(self, channel: int):
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channel, 4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.input.to(x.dtype).expand(x.shape[0], -1, -1, -1).contiguous(memory_format=torch.channels_last)


def _plus(x: Tensor, bias: Tensor) -> Tensor:
    return x + bias.to(x.dtype)[:, None, None]

"""The networks of U-GAT-IT (Kim et al. 2020, arXiv 1907.10830) under the names of the published checkpoints.

    generator = Generator(ch=64, n_res=4, size=256, light=True)
    image, cam_logit, heatmap = generator(photos)           # [N, 3, H, W], [N, 2], [N, 1, H/4, W/4]

CAM: an auxiliary classifier asks from which domain a picture comes; its weights say which feature maps told, and those are
raised for what follows. Images are [N, 3, H, W] in [-1, 1].
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translation.norms import ILN, AdaLIN, InstanceNorm
from translation.spectral import SpectralConv, SpectralLinear

GLOBAL_LAYERS, LOCAL_LAYERS = 7, 5  # of a discriminator, as published
LEAST_SIZE = 8  # pixels
SMALL = 96  # pixels of a picture that 7 layers need


class Translated(NamedTuple):
    """image: [N, 3, H, W] in [-1, 1]; cam_logit: [N, 2], from mean and maximum; heatmap: [N, 1, H/4, W/4]."""

    image: Tensor
    cam_logit: Tensor
    heatmap: Tensor


class Judged(NamedTuple):
    """logit: [N, 1, h, w], 1 for real; cam_logit: [N, 2]; heatmap: [N, 1, h+1, w+1]; group_logit: [N, groups] or None."""

    logit: Tensor
    cam_logit: Tensor
    heatmap: Tensor
    group_logit: Tensor | None


class Generator(nn.Module):
    """One direction of the translation.

    ch:    width at full resolution; the bottleneck has 4 ch
    n_res: residual blocks on each side of the bottleneck
    size:  of the pictures it is trained on; a full network fits no other
    light: the style comes from the mean of each feature map, not from all its places; any size does
    """

    def __init__(self, ch: int = 64, n_res: int = 4, size: int = 256, light: bool = False):
        super().__init__()
        self.ch, self.n_res, self.size, self.light = ch, n_res, size, light
        width = 4 * ch
        down = [("1", _conv(3, ch, 7)), ("2", InstanceNorm()), ("3", nn.ReLU())]
        for i in range(2):
            conv = _conv(ch << i, ch << (i + 1), 3, stride=2)
            down += [(f"{5 + 4 * i}", conv), (f"{6 + 4 * i}", InstanceNorm()), (f"{7 + 4 * i}", nn.ReLU())]
        down += [(f"{12 + i}", ResidualBlock(width)) for i in range(n_res)]
        self.DownBlock = nn.Sequential(OrderedDict(down))
        self.gap_fc, self.gmp_fc = nn.Linear(width, 1, bias=False), nn.Linear(width, 1, bias=False)
        self.conv1x1 = nn.Conv2d(2 * width, width, 1)
        inputs = width if light else width * (size // 4) ** 2
        layers = [("0", nn.Linear(inputs, width, bias=False)), ("1", nn.ReLU())]
        self.FC = nn.Sequential(OrderedDict([*layers, ("2", nn.Linear(width, width, bias=False)), ("3", nn.ReLU())]))
        self.gamma, self.beta = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        for i in range(n_res):
            setattr(self, f"UpBlock1_{i + 1}", AdaLINBlock(width))
        up = [("2", _conv(width, 2 * ch, 3)), ("3", ILN(2 * ch)), ("7", _conv(2 * ch, ch, 3)), ("8", ILN(ch))]
        self.UpBlock2 = nn.Sequential(OrderedDict([*up, ("11", _conv(ch, 3, 7))]))

    @property
    def bottleneck(self) -> list[nn.Parameter]:
        """Of the residual blocks of the encoder, which few-shot training updates on the base group only."""
        return [p for block in self.DownBlock if isinstance(block, ResidualBlock) for p in block.parameters()]

    @property
    def device(self) -> torch.device:
        return self.conv1x1.weight.device

    def forward(self, images: Tensor) -> Translated:
        x = self.DownBlock(images)
        cam_logit = classified(x, self.gap_fc, self.gmp_fc)
        x = F.relu(attended(x, self.conv1x1, self.gap_fc.weight, self.gmp_fc.weight))
        heatmap = x.float().sum(1, keepdim=True)
        style = self.FC(x.mean((2, 3)) if self.light else x.flatten(1))
        gamma, beta = self.gamma(style), self.beta(style)
        for i in range(self.n_res):
            x = getattr(self, f"UpBlock1_{i + 1}")(x, gamma, beta)
        conv1, norm1, conv2, norm2, out = self.UpBlock2
        x = F.relu(norm1(conv1(F.interpolate(x, scale_factor=2, mode="nearest"))))
        x = F.relu(norm2(conv2(F.interpolate(x, scale_factor=2, mode="nearest"))))
        return Translated(out(x).float().tanh(), cam_logit, heatmap)


class ResidualBlock(nn.Module):
    """x + IN conv ReLU IN conv x; nothing after the sum."""

    def __init__(self, width: int):
        super().__init__()
        layers = [("1", _conv(width, width, 3)), ("2", InstanceNorm()), ("3", nn.ReLU())]
        layers += [("5", _conv(width, width, 3)), ("6", InstanceNorm())]
        self.conv_block = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class AdaLINBlock(nn.Module):
    """The same with AdaLIN, whose gamma and beta all blocks share."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1, self.norm1 = _conv(width, width, 3), AdaLIN(width)
        self.conv2, self.norm2 = _conv(width, width, 3), AdaLIN(width)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        out = F.relu(self.norm1(self.conv1(x), gamma, beta))
        return x + self.norm2(self.conv2(out), gamma, beta)


class Discriminator(nn.Module):
    """Patches of a picture, judged one by one; and a CAM of its own.

    layers: 7 see nearly the whole picture, 5 a part of it; see `layers_for`
    groups: above 0, a classifier of groups for few-shot training (its published name is spelled so)
    """

    def __init__(self, ch: int = 64, layers: int = GLOBAL_LAYERS, groups: int = 0):
        super().__init__()
        self.ch, self.layers = ch, layers
        convs = [("1", SpectralConv(3, ch, 2))]
        for j in range(1, layers - 1):
            convs.append((f"{3 * j + 1}", SpectralConv(ch << (j - 1), ch << j, stride=1 if j == layers - 2 else 2)))
        self.model = nn.Sequential(OrderedDict(convs))
        width = ch << (layers - 2)
        self.gap_fc, self.gmp_fc = SpectralLinear(width, 1), SpectralLinear(width, 1)
        self.conv1x1 = nn.Conv2d(2 * width, width, 1)
        self.conv = SpectralConv(width, 1, stride=1, bias=False)
        self.group_classfier = SpectralLinear(width, groups, bias=True) if groups else None

    def forward(self, images: Tensor) -> Judged:
        x = images
        for conv in self.model:
            x = F.leaky_relu(conv(x), 0.2)
        cam_logit = classified(x, self.gap_fc, self.gmp_fc)
        # As published: the classifier's weights are normalised for its answer, and raw where they raise feature maps.
        x = F.leaky_relu(attended(x, self.conv1x1, self.gap_fc.weight_orig, self.gmp_fc.weight_orig), 0.2)
        group_logit = self.group_classfier(x.mean((2, 3))).float() if self.group_classfier else None
        return Judged(self.conv(x).float(), cam_logit, x.float().sum(1, keepdim=True), group_logit)


def classified(x: Tensor, gap_fc: nn.Module, gmp_fc: nn.Module) -> Tensor:
    """cam_logit [N, 2], from the mean and the maximum of each feature map, in float32: its loss weighs a thousand."""
    with torch.autocast(x.device.type, enabled=False):
        values = x.float()
        return torch.cat([gap_fc(values.mean((2, 3))), gmp_fc(values.amax((2, 3)))], 1)


def attended(x: Tensor, conv1x1: nn.Conv2d, by_mean: Tensor, by_maximum: Tensor) -> Tensor:
    """conv1x1 of x by_mean beside x by_maximum, [N, C, H, W]: both are factors of channels, so one convolution does, of half
    the size, whose weight has them in it.

    by_mean, by_maximum: [1, C]
    """
    of_mean, of_maximum = conv1x1.weight[:, :, 0, 0].chunk(2, 1)
    return F.conv2d(x, (of_mean * by_mean + of_maximum * by_maximum)[:, :, None, None], conv1x1.bias)


def layers_for(size: int, wanted: int) -> int:
    """As many layers of a discriminator as pictures of this size have places for: each but two halves them, to 3 at least.

    >>> [layers_for(size, 7) for size in (256, 96, 64, 32)]
    [7, 7, 6, 5]
    """
    while wanted > 3 and size >> (wanted - 2) < 3:
        wanted -= 1
    return wanted


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, padding_mode="reflect")

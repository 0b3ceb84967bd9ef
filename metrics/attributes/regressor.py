"""A network that reads the attributes of a rendered face from its picture, photo-like or cartoon; ruler.py compares them.

    regressor, truth = read("demo/regressor.pt")
    values = regressor(images)                         # [batch, 28], in the units of faces.rendered.synthetic.ATTRIBUTES
    yaw = values[:, OUTPUTS.index("yaw")]

`truth` says how reliable each output is: its correlation with the true attribute on faces it never saw, in each
domain. scripts/train_regressor.py makes the file.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import checkpoint
from checkpoint import container
from errors import InputError, reading
from faces.rendered.synthetic import ATTRIBUTES

SIZE = 64  # pixels; pictures of other sizes are resampled first
CIRCULAR = ("bg_hue", "shirt_hue")  # once around the colour circle: read as sine and cosine
OUTPUTS = [output for name in ATTRIBUTES for output in ((f"{name}.sin", f"{name}.cos") if name in CIRCULAR else (name,))]
LAST = 3  # modules of the last convolution
SHIPPED = Path(__file__).parents[2] / "demo" / "regressor.pt"

Truth = dict[str, dict[str, float]]  # {"A": {output: correlation with the true value}, "B": {...}}


class Reading(NamedTuple):
    """What the regressor says of a batch of pictures.

    values:   [batch, outputs], in the units of the attributes
    features: [batch, 96], the maps before the last convolution, averaged over their 8x8 places
    last:     [batch, 96], the last maps, averaged over their 4x4 places. Since the same attributes are read from both
              domains, the domain is hardly in them any more
    """

    values: Tensor
    features: Tensor
    last: Tensor


class Regressor(nn.Module):
    """Seven convolutions, one hidden layer; 0.4 million parameters.

    mean, std: [outputs], of the attributes it was trained on; inside, all outputs are standardised
    """

    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(
            nn.PixelUnshuffle(2),
            *_block(12, 32),
            *_block(32, 32),
            *_block(32, 48, stride=2),
            *_block(48, 48),
            *_block(48, 96, stride=2),
            *_block(96, 96),
            *_block(96, 96, stride=2),
        )
        self.head = nn.Sequential(nn.Linear(96 * 4 * 4, 96), nn.ReLU(), nn.Linear(96, len(OUTPUTS)))
        self.register_buffer("mean", torch.zeros(len(OUTPUTS)))
        self.register_buffer("std", torch.ones(len(OUTPUTS)))

    def forward(self, images: Tensor) -> Tensor:
        """[batch, 3, size, size] in [-1, 1] -> [batch, outputs], in the units of the attributes."""
        return self.read(images).values

    def features(self, images: Tensor) -> Tensor:
        """[batch, 96], for distances between sets of pictures: see `Reading`."""
        return self.read(images).features

    def read(self, images: Tensor) -> Reading:
        if images.shape[-1] != SIZE:
            images = F.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True)
        maps = self.convs[:-LAST](images.contiguous(memory_format=torch.channels_last))
        last = self.convs[-LAST:](maps)
        return Reading(self.mean + self.std * self.head(last.flatten(1)), maps.mean((2, 3)), last.mean((2, 3)))


def outputs_of(attributes: dict[str, Tensor]) -> Tensor:
    """The attributes of n faces as the regressor should read them: [n, outputs].

    >>> from faces.rendered.synthetic import sample_attributes
    >>> outputs_of(sample_attributes(5, seed=0)).shape
    torch.Size([5, 28])
    """
    columns = []
    for name in ATTRIBUTES:
        value = attributes[name].float()
        columns += [(2 * torch.pi * value).sin(), (2 * torch.pi * value).cos()] if name in CIRCULAR else [value]
    return torch.stack(columns, dim=1)


def write(path: Path, regressor: Regressor, truth: Truth, made_by: dict) -> None:
    """In half precision. made_by: plain values, how it was trained."""
    state = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in regressor.state_dict().items()}
    checkpoint.write(path, {"regressor": state, "outputs": OUTPUTS, "truth": truth, "made_by": made_by}, manifest=False)


def read(path: str | Path = SHIPPED) -> tuple[Regressor, Truth]:
    """Eval mode, without gradients. Raises InputError, one line, for a file that is missing or something else."""
    path, regressor = Path(path), Regressor()
    with reading(path, "python -m scripts.train_regressor makes one"):
        contents = container.load(path)[0]
        if contents.get("outputs") != OUTPUTS or not isinstance(contents.get("regressor"), dict):
            raise InputError("no regressor of these attributes; python -m scripts.train_regressor makes one")
        try:
            regressor.load_state_dict(contents["regressor"])
            truth = {domain: {output: float(contents["truth"][domain][output]) for output in OUTPUTS} for domain in "AB"}
        except (RuntimeError, KeyError, TypeError, ValueError):
            raise InputError("damaged; python -m scripts.train_regressor makes a new one") from None
    return regressor.float().eval().requires_grad_(False), truth


def _block(in_channels: int, out_channels: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )

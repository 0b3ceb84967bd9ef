"""The normalisations of U-GAT-IT: instance and layer statistics, mixed by a learnt rho (Kim et al., 1907.10830, Eq. 1).

    mix = rho (x - mean_HW) / sqrt(var_HW + eps) + (1 - rho) (x - mean_CHW) / sqrt(var_CHW + eps)

Both variances are unbiased, as published, and all statistics are float32, whatever the precision of x.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-5


class AdaLIN(nn.Module):
    """gamma mix + beta, with gamma and beta [batch, channels] of a style."""

    def __init__(self, channels: int):
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), 0.9))

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return mixed(x, self.rho, gamma[:, :, None, None], beta[:, :, None, None])


class ILN(nn.Module):
    """The same with a gamma and a beta for each channel that are learnt. It begins as layer normalisation."""

    def __init__(self, channels: int):
        super().__init__()
        self.rho = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return mixed(x, self.rho, self.gamma, self.beta)


class InstanceNorm(nn.Module):
    """(x - mean_HW) / sqrt(var_HW + eps), the variance biased here."""

    def forward(self, x: Tensor) -> Tensor:
        return F.instance_norm(x.float(), eps=EPS).to(x.dtype)


def mixed(x: Tensor, rho: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """gamma mix + beta: as both norms are affine in x, one pass over x with a factor and a shift for each channel.

    x: [batch, channels, height, width], any precision; the others float32, broadcastable to [batch, channels, 1, 1]
    """
    with torch.autocast(x.device.type, enabled=False):
        values, rho, gamma, beta = x.float(), rho.float(), gamma.float(), beta.float()
        var, mean = torch.var_mean(values, (2, 3), keepdim=True)
        layer_var, layer_mean = _of_layer(var, mean, values[0, 0].numel())
        instance, layer = rho * (var + EPS).rsqrt(), (1 - rho) * (layer_var + EPS).rsqrt()
        factor = gamma * (instance + layer)
        shift = beta - gamma * (instance * mean + layer * layer_mean)
        return torch.addcmul(shift, values, factor).to(x.dtype)


def _of_layer(var: Tensor, mean: Tensor, area: int) -> tuple[Tensor, Tensor]:
    """(variance, mean) over channels and places, [batch, 1, 1, 1], from those of each channel, [batch, channels, 1, 1]."""
    layer_mean = mean.mean(1, keepdim=True)
    squares = (area - 1) * var + area * (mean - layer_mean).square()
    return squares.sum(1, keepdim=True) / (area * var.shape[1] - 1), layer_mean


def clamp_rho(network: nn.Module) -> None:
    """Keep every rho a share, after each step of the optimizer."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, AdaLIN | ILN):
                module.rho.clamp_(0, 1)

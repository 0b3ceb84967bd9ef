"""Spectral normalisation with the tensors of published checkpoints: weight_orig, weight_u, weight_v (Miyato et al. 2018).

The weight that is used is weight_orig / sigma, sigma = u . (W v), W as a matrix [outputs, rest]. Each forward in train mode
takes one step of the power iteration; eval mode leaves u and v alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-12


class Spectral(nn.Module):
    """A weight of this shape, and a bias for each output where there is one. With `linear` and `conv` it is used."""

    def __init__(self, *shape: int, bias: bool = True):
        super().__init__()
        fan_in = torch.Size(shape[1:]).numel()
        if bias:
            self.bias = nn.Parameter(torch.empty(shape[0]).uniform_(-(fan_in**-0.5), fan_in**-0.5))
        else:
            self.bias = None
        self.weight_orig = nn.Parameter(torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5))
        self.register_buffer("weight_u", F.normalize(torch.randn(shape[0]), dim=0, eps=EPS))
        self.register_buffer("weight_v", F.normalize(torch.randn(fan_in), dim=0, eps=EPS))

    def weight(self) -> Tensor:
        """weight_orig / sigma, in float32. In train mode u and v move first; the graph keeps copies of them."""
        with torch.autocast(self.weight_orig.device.type, enabled=False):
            matrix = self.weight_orig.flatten(1)
            if self.training:
                self._iterate(matrix.detach())
            u, v = self.weight_u.clone(), self.weight_v.clone()
            return self.weight_orig / torch.dot(u, matrix @ v)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self.weight_v.copy_(F.normalize(matrix.T @ self.weight_u, dim=0, eps=EPS))
        self.weight_u.copy_(F.normalize(matrix @ self.weight_v, dim=0, eps=EPS))


class SpectralLinear(Spectral):
    """[batch, inputs] -> [batch, outputs]."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False):
        super().__init__(outputs, inputs, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight(), self.bias)


class SpectralConv(Spectral):
    """A 4 x 4 convolution after a pixel of reflection on each side."""

    def __init__(self, inputs: int, outputs: int, stride: int, bias: bool = True):
        super().__init__(outputs, inputs, 4, 4, bias=bias)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.weight(), self.bias, self.stride)

"""Adam for a search (Kingma & Ba 2015, 1412.6980), the same numbers as torch.optim.Adam(tensors, lr, fused=True).

    optimizer = Adam([latent], 0.1)
    loss.backward()
    optimizer.step()

Making one of torch's loads PyTorch's compiler: two seconds of a core, for which nobody wants to wait who searches one face.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

EPS = 1e-8


class Adam:
    """lr: may be changed between steps; betas: how long its means of gradients and of their squares remember"""

    def __init__(self, tensors: Sequence[Tensor], lr: float, betas: tuple[float, float] = (0.9, 0.999)):
        self.tensors, self.lr, self.betas = [*tensors], lr, betas
        self.means, self.squares = ([torch.zeros_like(tensor) for tensor in tensors] for _ in range(2))
        self.steps = [torch.zeros((), device=tensor.device) for tensor in tensors]

    def zero_grad(self) -> None:
        for tensor in self.tensors:
            tensor.grad = None

    @torch.no_grad()
    def step(self) -> None:
        torch._foreach_add_(self.steps, 1)
        moments = self.means, self.squares, [], self.steps
        betas = dict(zip(("beta1", "beta2"), self.betas))
        still = {"weight_decay": 0.0, "amsgrad": False, "maximize": False}
        torch._fused_adam_(
            self.tensors, [tensor.grad for tensor in self.tensors], *moments, lr=self.lr, eps=EPS, **betas, **still
        )

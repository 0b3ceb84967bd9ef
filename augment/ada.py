"""How much to augment: p rises while the discriminator overfits (Karras et al. 2020, arXiv 2006.06676, Sec. 3).

    ada = Ada(target=0.6, length=500_000)
    for real in batches:
        real_pred = discriminator(ada(real))
        ada.update(real_pred)

The sign of the logits for real images tells: it is balanced in the beginning, and all positive when they are known by heart.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from augment.base import Augmentation
from augment.pipeline import augment


class Ada(Augmentation):
    """The pipeline of `augment` with a probability p that keeps r_t = E[sign(D(real))] near `target` (Eq. 1).

    target:   r_t above it means overfitting, and p rises; at or below it p falls
    length:   number of real images in which p can go from 0 to 1
    interval: updates between two adjustments
    fixed_p:  above 0: p stays there, and r_t is only reported
    start, most: where p begins, and what it never exceeds
    reduce:   sums a tensor over the processes, such as an all-reduce; alone, a process keeps its own

    Counts in tensors that are updated in place, so that a CUDA graph can do it. Raises ValueError for numbers out of range.
    """

    name = "ada"

    def __init__(
        self,
        target: float = 0.6,
        length: int = 500_000,
        interval: int = 8,
        fixed_p: float = 0.0,
        reduce: Callable[[Tensor], Tensor] = lambda total: total,
        start: float = 0.0,
        most: float = 1.0,
    ):
        for name, value in {"fixed_p": fixed_p, "start": start, "most": most}.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name}={value}: expected a probability, 0 to 1")
        if length < 1 or interval < 1:
            raise ValueError(f"length={length}, interval={interval}: expected 1 or more")
        self.target = target
        self.length = length
        self.interval = interval
        self.fixed_p = fixed_p
        self.reduce = reduce
        self.most = most
        self._p = torch.tensor(fixed_p or min(start, most), dtype=torch.float64)
        self._r_t, self._sign_sum, self._count, self._updates = torch.zeros(4, dtype=torch.float64).unbind()

    def __call__(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        return augment(images, self.p, rng)

    @property
    def p(self) -> float | Tensor:
        """The probability to augment with, 0 to 1. On a GPU a tensor, [], for which nobody waits."""
        return self._p.item() if self._p.device.type == "cpu" else self._p

    @property
    def r_t(self) -> float:
        """Of the latest full interval, -1 to 1; 0 before there was one."""
        return self._r_t.item()

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that `update` changes, in place."""
        return self._p, self._r_t, self._sign_sum, self._count, self._updates

    def to(self, device: torch.device | str) -> "Ada":
        """Count on the discriminator's device."""
        self._p, self._r_t, self._sign_sum, self._count, self._updates = (tensor.to(device) for tensor in self.tensors)
        return self

    @torch.no_grad()
    def update(self, real_pred: Tensor) -> None:
        """Count one batch of the discriminator's raw logits for real images: [N], [N, 1], or [N, 1, h, w] of one that judges
        places, whose mean sign counts as one image's. Reads no number from the device.
        """
        signs = real_pred.sign().nan_to_num().float().reshape(len(real_pred), -1)
        self._sign_sum += signs.mean(1).sum()
        self._count += len(real_pred)
        self._updates += 1
        sign_sum, count = self.reduce(torch.stack([self._sign_sum, self._count])).unbind()
        full = self._updates == self.interval
        r_t = sign_sum / count
        if not self.fixed_p:
            moved = self._p + torch.where(r_t > self.target, count, -count) / self.length
            self._p.copy_(torch.where(full, moved.clamp(0, self.most), self._p))
        self._r_t.copy_(torch.where(full, r_t, self._r_t))
        for counted in (self._sign_sum, self._count, self._updates):
            counted *= ~full

    def figures(self) -> dict[str, float]:
        return {"p": float(self.p)}

    def state_dict(self) -> dict[str, float | int]:
        """Plain values, with which the next run goes on exactly.

        The unfinished interval is this process's own share of it. Of several processes that restart from one file, each
        would count it: save after a full interval, or a file for each.
        """
        return {
            "p": float(self._p),
            "r_t": self.r_t,
            "sign_sum": float(self._sign_sum),
            "count": int(self._count),
            "updates": int(self._updates),
        }

    def load_state_dict(self, state: dict[str, float | int]) -> None:
        """Take over what `state_dict` gave. A fixed_p above 0 stands."""
        self._p.fill_(self.fixed_p or state["p"])
        self._r_t.fill_(state["r_t"])
        self._sign_sum.fill_(state["sign_sum"])
        self._count.fill_(state["count"])
        self._updates.fill_(state["updates"])

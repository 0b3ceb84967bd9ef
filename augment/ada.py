"""How much to augment: p rises while the discriminator overfits (Karras et al. 2020, arXiv 2006.06676, Sec. 3).

    controller = AdaptiveP(target=0.6, length=500_000)
    for real in batches:
        real_pred = discriminator(augment(real, controller.p))
        controller.update(real_pred)

The sign of the logits for real images tells: it is balanced in the beginning, and all positive when they are known by heart.
"""

from collections.abc import Callable

import torch
from torch import Tensor


class AdaptiveP:
    """Keeps r_t = E[sign(D(real))] near `target` (Eq. 1) by moving p.

    target:   r_t above it means overfitting, and p rises; at or below it p falls
    length:   number of real images in which p can go from 0 to 1
    interval: updates between two adjustments
    fixed_p:  above 0: p stays there, and r_t is only reported
    reduce:   sums a tensor over the processes, such as an all-reduce; alone, a process keeps its own

    p:   the probability to augment with, 0 to 1
    r_t: of the latest full interval, -1 to 1; 0 before there was one

    Raises ValueError for numbers out of range.
    """

    def __init__(
        self,
        target: float = 0.6,
        length: int = 500_000,
        interval: int = 8,
        fixed_p: float = 0.0,
        reduce: Callable[[Tensor], Tensor] = lambda total: total,
    ):
        if not 0 <= fixed_p <= 1:
            raise ValueError(f"fixed_p={fixed_p}: expected a probability, 0 to 1")
        if length < 1 or interval < 1:
            raise ValueError(f"length={length}, interval={interval}: expected 1 or more")
        self.target = target
        self.length = length
        self.interval = interval
        self.fixed_p = fixed_p
        self.reduce = reduce
        self.p = fixed_p
        self.r_t = 0.0
        self._start_interval()

    @torch.no_grad()
    def update(self, real_pred: Tensor) -> None:
        """Count one batch of the discriminator's raw logits for real images, of any shape.

        Only the last update of an interval reads numbers from the device.
        """
        self._sign_sum = self._sign_sum + real_pred.sign().nan_to_num().sum(dtype=torch.float32)
        self._count += real_pred.numel()
        self._updates += 1
        if self._updates == self.interval:
            totals = torch.stack([self._sign_sum, torch.full_like(self._sign_sum, self._count)])
            self._adjust(*self.reduce(totals).tolist())
            self._start_interval()

    def state_dict(self) -> dict[str, float | int]:
        """Plain values, with which the next run goes on exactly.

        The unfinished interval is this process's own share of it. Of several processes that restart from one file, each
        would count it: save after a full interval, or a file for each.
        """
        return {
            "p": self.p,
            "r_t": self.r_t,
            "sign_sum": float(self._sign_sum),
            "count": self._count,
            "updates": self._updates,
        }

    def load_state_dict(self, state: dict[str, float | int]) -> None:
        """Take over what `state_dict` gave. A fixed_p above 0 stands."""
        self.p = self.fixed_p or state["p"]
        self.r_t = state["r_t"]
        self._sign_sum = state["sign_sum"]
        self._count = state["count"]
        self._updates = state["updates"]

    def _adjust(self, sign_sum: float, count: float) -> None:
        self.r_t = sign_sum / count
        if not self.fixed_p:
            step = count / self.length
            self.p = min(max(self.p + (step if self.r_t > self.target else -step), 0.0), 1.0)

    def _start_interval(self) -> None:
        self._sign_sum: Tensor | float = 0.0  # on the discriminator's device from the first update on
        self._count = 0
        self._updates = 0

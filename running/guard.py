"""What keeps a night of training from being lost: no update with NaN in it, and advice when memory runs out."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from errors import Diverged, OutOfMemory

MOST_IN_A_ROW = 10  # skipped updates, before the run gives up
EVERY = 10  # iterations between two looks at a GPU


class FiniteGuard:
    """Turns an update off when its gradients hold NaN or Inf: on the device, without waiting for it.

    skipped: {name of the step: how many of its latest updates in a row were turned off}
    total:   how many were turned off in all
    """

    def __init__(self):
        self.skipped: dict[str, Tensor] = {}
        self.total: Tensor | float = 0.0

    def protect(self, name: str, optimizer: torch.optim.Adam, parameters: Iterable[nn.Parameter]) -> None:
        """Call between the gradients and optimizer.step(). The fused optimizer leaves weights and moments alone if told so."""
        if not optimizer.defaults.get("fused"):
            raise TypeError(f"{name}: only a fused optimizer can be turned off; make it with fused=True")
        norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
        bad = (~torch.isfinite(norm)).float()
        optimizer.grad_scale, optimizer.found_inf = None, bad  # the interface that torch's GradScaler uses
        if not isinstance(self.total, Tensor):
            self.total = torch.zeros_like(bad)
        self.skipped.setdefault(name, torch.zeros_like(bad)).add_(bad).mul_(bad)
        self.total.add_(bad)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that `protect` changes, in place, once every step was taken."""
        return self.total, *self.skipped.values()

    def state_dict(self) -> dict[str, object]:
        return {"skipped": {name: in_a_row.clone() for name, in_a_row in self.skipped.items()}, "total": self.total + 0}

    def load_state_dict(self, saved: dict[str, object], device: torch.device) -> None:
        self.skipped = {name: in_a_row.to(device) for name, in_a_row in saved["skipped"].items()}
        self.total = torch.as_tensor(saved["total"], device=device)

    def check(self, iteration: int, logs: dict[str, Tensor]) -> None:
        """Raise Diverged when updates keep failing, naming step and terms. Looks at a GPU now and then only."""
        if iteration % EVERY and any(in_a_row.is_cuda for in_a_row in self.skipped.values()):
            return
        for name, in_a_row in self.skipped.items():
            if in_a_row >= MOST_IN_A_ROW:
                terms = ", ".join(f"{term} is {value.item():g}" for term, value in logs.items() if not torch.isfinite(value))
                raise Diverged(
                    f"diverged: at iteration {iteration} the {name} step has had NaN or Inf in its gradients "
                    f"{int(in_a_row)} times in a row ({terms or 'its losses are finite'}); "
                    "resume an earlier checkpoint with a lower learning rate"
                )


@contextmanager
def memory_advice(device: torch.device) -> Iterator[None]:
    """Turn running out of memory into OutOfMemory, one line that says what helps."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not any(
            words in str(error) for words in ("can't allocate memory", "could not create a primitive")
        ):
            raise
        raise OutOfMemory(
            f"out of memory on {device}, with {memory_used(device):.1f} GiB at most in use; "
            "take a smaller batch, split it into more parts, or train at a smaller size"
            + ("; without CUDA graphs it takes less, too" if device.type == "cuda" else "")
        ) from None


def memory_used(device: torch.device) -> float:
    """Peak memory of this process in GiB: of the GPU on one, else resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    import resource  # not on Windows, where only this figure is missing

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

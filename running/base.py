"""What a run asks of that which it trains. A training is a subclass of `Trainable` with its networks and its step."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from errors import InputError, named
from running import parallel
from running.guard import FiniteGuard

Logs = dict[str, Tensor]  # of one step: {name of a loss, or a Statistic: a number on the device}
Loss = Callable[..., tuple[Tensor, Logs]]  # (a micro-batch) -> what to differentiate, what to log


class Statistic(str):
    """The name of a value that a step tells beside its losses: {"d": loss, Statistic("real_score"): mean}.

    It is averaged and written as a loss is, but is no curve among the losses.
    """

    __slots__ = ()


class Trainable:
    """Networks, their optimizers, and all that the next step depends on.

    iteration: finished ones
    guard:     counts the updates that were turned off
    host_rng:  draws decisions; rng: draws on the device. Every process draws others.
    """

    def __init__(self, device: torch.device, seed: int = 0):
        self.device, self.iteration, self.guard = device, 0, FiniteGuard()
        self.host_rng, self.rng = random_numbers(seed, device)

    def networks(self) -> dict[str, nn.Module]:
        """Under their keys in a checkpoint. They are equal in all processes."""
        raise NotImplementedError

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Under their keys in a checkpoint."""
        raise NotImplementedError

    def sheet(self, count: int) -> Image.Image:
        """Pictures that show how far the training is, always of the same `count` inputs."""
        raise NotImplementedError

    def figures(self) -> dict[str, float]:
        """What a line of statistics tells as it is at its end, beside the averages: how many updates were turned off."""
        return {"skipped": int(self.guard.total)} if self.guard.total else {}

    def update(self, name: str, optimizer: torch.optim.Optimizer, loss: Loss, batches: Iterable[tuple]) -> Logs:
        """Average the gradients over micro-batches and all processes, and take one step if they are finite.

        name:      of the step, for messages
        optimizer: a fused one, which the guard can turn off
        """
        trainable = [parameter for group in optimizer.param_groups for parameter in group["params"] if parameter.requires_grad]
        every_log, batches = [], list(batches)
        for batch in batches:
            value, logs = loss(*batch)
            (value / len(batches)).backward(inputs=trainable)  # other networks keep their gradients to themselves
            every_log.append({key: tensor.detach() for key, tensor in logs.items()})
        parallel.average_gradients(trainable)
        self.guard.protect(name, optimizer, trainable)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)  # the next step, of another network, has use for the memory
        return {key: torch.stack([logs[key] for logs in every_log]).mean() for key in every_log[0]}

    def state_dict(self) -> dict[str, object]:
        """Plain values and tensors from which `load_state_dict` goes on exactly; every process asks for it."""
        parts = {key: part.state_dict() for key, part in (self.networks() | self.optimizers()).items()}
        rng = parallel.gather({"host": self.host_rng.get_state(), "device": self.rng.get_state()})
        return {**parts, "iteration": self.iteration, "guard": self.guard.state_dict(), "rng": rng}

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Continue exactly where `state_dict` was taken, with the learning rates of this run (times `mult` of a group).

        Raises InputError naming the key that is missing or does not fit.
        """
        for key, load in self.loads(saved).items():
            with named(key):
                if key not in saved:
                    raise InputError("missing from the checkpoint; begin a new run from its networks")
                try:
                    load(saved[key])
                except InputError:
                    raise
                except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
                    raise InputError(f"does not fit this run ({' '.join(str(error).split())[:200]})") from None
        for optimizer in self.optimizers().values():
            for group in optimizer.param_groups:
                group.update({name: optimizer.defaults[name] for name in ("lr", "betas") if name in optimizer.defaults})
                if "mult" in group:
                    group["lr"] *= group["mult"]

    def loads(self, saved: dict[str, object]) -> dict[str, Callable[[object], object]]:
        """{key of a checkpoint: what takes over its entry}."""
        parts = {key: part.load_state_dict for key, part in (self.networks() | self.optimizers()).items()}
        return {
            "iteration": lambda entry: setattr(self, "iteration", entry),
            **parts,
            "guard": lambda entry: self.guard.load_state_dict(entry, self.device),
            "rng": lambda entry: self._set_random_numbers(parallel.own(entry)),
        }

    def _set_random_numbers(self, entry: dict[str, Tensor]) -> None:
        self.host_rng.set_state(entry["host"])
        self.rng.set_state(entry["device"])


def random_numbers(seed: int, device: torch.device | str) -> tuple[torch.Generator, torch.Generator]:
    """(on the host, on the device), others in every process."""
    seed = seed + 1_000_003 * parallel.rank()
    return torch.Generator().manual_seed(seed), torch.Generator(device).manual_seed(seed + 1)


class Stream(Protocol):
    """Endless batches, as dataset.Batches.

    images:   the training pictures, uint8 [3, height, width] each: how many make an epoch, the first ones for reals.png
    batch:    pictures in each, of this process
    position: pictures that all processes have drawn; a stream that is made with it goes on exactly
    """

    images: Sequence[Tensor]
    batch: int
    position: int

    def __next__(self) -> object: ...


class NoBatches:
    """The `Stream` of who learns without a data set: None each time, and it counts the pictures that are drawn instead."""

    def __init__(self, images: Sequence[Tensor], batch: int, position: int = 0):
        self.images, self.batch, self.position = images, batch, position

    def __next__(self) -> None:
        self.position += self.batch * parallel.world_size()

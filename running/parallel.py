"""Several processes, started by torchrun: equal networks, averaged gradients. One process needs nothing of this.

The modules stay bare. DistributedDataParallel synchronises inside its own backward pass, which the penalties on gradients
(R1, path length) go past; here the existing gradients are summed in one message after each backward pass.
"""

import os
from collections.abc import Callable, Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from errors import InputError

_restarts = 0


def start(device: torch.device) -> torch.device:
    """Join the group that torchrun describes in the environment; returns this process's device."""
    if "RANK" not in os.environ or dist.is_initialized():
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    store, own_rank, count = next(iter(dist.rendezvous("env://")))
    restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        # torchrun keeps this store through a restart. Without a name of its own, the new group would find the dead addresses.
        store = dist.PrefixStore(f"attempt {restarts}", store)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=own_rank, world_size=count)
    global _restarts
    _restarts = max(gather(restarts))
    return device


def attempt() -> int:
    """How often torchrun has restarted the group; a machine that came back counts anew, so it is the most that any knows of."""
    return _restarts


def group_name() -> str | None:
    """torchrun's name for this group, the same after a restart; None without torchrun."""
    return os.environ.get("TORCHELASTIC_RUN_ID")


def stop() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def broadcast(module: nn.Module) -> None:
    """Give every process the parameters and buffers of rank 0."""
    if world_size() > 1:
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, 0)


def mean(tensor: Tensor) -> Tensor:
    """The average over all processes; gradients reach all of them."""
    return total(tensor) / world_size()


def total(tensor: Tensor) -> Tensor:
    """The sum over all processes; gradients reach all of them."""
    return _Sum.apply(tensor) if world_size() > 1 else tensor


class _Sum(torch.autograd.Function):
    """Every process's term is in every process's sum, so its gradient is the sum of all their gradients."""

    @staticmethod
    def forward(ctx, tensor):
        tensor = tensor.clone()
        dist.all_reduce(tensor)
        return tensor

    @staticmethod
    def backward(ctx, grad):
        return _Sum.apply(grad.contiguous())


def gather(value):
    """[value of rank 0, value of rank 1, ...], on every process."""
    if world_size() == 1:
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def own(entries: list):
    """This process's of what `gather` once gave. Raises InputError where that was in another number of processes."""
    if len(entries) != world_size():
        raise InputError(
            f"saved by {len(entries)} processes, and this run has {world_size()}; "
            "start as many, or begin a new run from its networks"
        )
    return entries[rank()]


def from_first(work: Callable[[], object]):
    """What rank 0's `work` returns, on every process; the InputError or OSError that ends it is raised on every one, too."""
    if world_size() == 1:
        return work()
    outcome = [None, None]
    if rank() == 0:
        try:
            outcome = [work(), None]
        except (InputError, OSError) as error:
            outcome = [None, error]
    dist.broadcast_object_list(outcome, 0)
    if outcome[1]:
        raise outcome[1]
    return outcome[0]


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average the gradients that exist. A missing one stays missing: a zero would still let Adam move its weight."""
    if world_size() == 1:
        return
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = mean(torch.cat([grad.flatten() for grad in grads]))
    for grad, averaged in zip(grads, flat.split([grad.numel() for grad in grads]), strict=True):
        grad.copy_(averaged.view_as(grad))

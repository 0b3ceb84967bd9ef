"""Several processes, started by torchrun: equal networks, averaged gradients. One process needs nothing of this.

The modules stay bare. DistributedDataParallel synchronises inside its own backward pass, which the penalties on gradients
(R1, path length) go past; here the existing gradients are summed in one message after each backward pass.
"""

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn


def start(device: torch.device) -> torch.device:
    """Join the group that torchrun describes in the environment; returns this process's device."""
    if "RANK" not in os.environ:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


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
    """The average over all processes."""
    return total(tensor) / world_size()


def total(tensor: Tensor) -> Tensor:
    """The sum over all processes."""
    if world_size() > 1:
        tensor = tensor.clone()
        dist.all_reduce(tensor)
    return tensor


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average the gradients that exist. A missing one stays missing: a zero would still let Adam move its weight."""
    if world_size() == 1:
        return
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = mean(torch.cat([grad.flatten() for grad in grads]))
    for grad, averaged in zip(grads, flat.split([grad.numel() for grad in grads]), strict=True):
        grad.copy_(averaged.view_as(grad))

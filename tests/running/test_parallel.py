"""One process needs nothing; two start equal, draw different numbers, and average their gradients."""

import os
from argparse import Namespace

import pytest
import torch
import torch.distributed as dist

from running import parallel
from running.run import Run, Start
from tests.commands import free_port
from tests.networks import tiny_discriminator, tiny_generator
from training import steps
from training.state import Settings, new_state


@pytest.fixture(autouse=True)
def no_group_is_left():
    yield
    assert not dist.is_initialized()


def test_one_process_is_the_identity(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    device = torch.device("cpu")
    assert parallel.start(device) is device
    assert (parallel.rank(), parallel.world_size()) == (0, 1)
    x = torch.tensor([1.0, 2.0])
    assert torch.equal(parallel.mean(x), x) and torch.equal(parallel.total(x), x)
    layer = torch.nn.Linear(2, 2)
    layer.weight.grad = torch.ones(2, 2)
    before = [parameter.clone() for parameter in layer.parameters()]
    parallel.broadcast(layer)
    parallel.average_gradients(layer.parameters())
    assert all(torch.equal(a, b) for a, b in zip(layer.parameters(), before))
    assert torch.equal(layer.weight.grad, torch.ones(2, 2))
    assert layer.bias.grad is None
    parallel.stop()


def test_two_processes():
    torch.multiprocessing.spawn(one_of_two, (free_port(),), nprocs=2)


def one_of_two(rank: int, port: int) -> None:
    """What torchrun starts, on one machine."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), WORLD_SIZE="2", RANK=str(rank), LOCAL_RANK=str(rank))
    os.environ["TORCHELASTIC_RESTART_COUNT"] = str(rank)  # an agent that was lost and came back counts from 0
    torch.set_num_threads(1)
    parallel.start(torch.device("cpu"))
    try:
        assert (parallel.rank(), parallel.world_size(), parallel.attempt()) == (rank, 2, 1)
        sums_and_means_are_taken_over_both()
        gradients_that_exist_are_averaged()
        networks_start_equal_and_stay_so()
    finally:
        parallel.stop()
    assert parallel.world_size() == 1


def of_both(value) -> list:
    """What each process has."""
    values = [None, None]
    dist.all_gather_object(values, value)
    return values


def sums_and_means_are_taken_over_both() -> None:
    x = torch.tensor([1.0, parallel.rank()])
    assert parallel.total(x).tolist() == [2, 1]
    assert parallel.mean(x).tolist() == [1, 0.5]
    assert x.tolist() == [1, parallel.rank()], "changed in place"


def gradients_that_exist_are_averaged() -> None:
    layers = torch.nn.Conv2d(3, 2, 2), torch.nn.Linear(2, 2)
    numbers = torch.arange(24.0).view(2, 3, 2, 2)
    layers[0].weight.grad = ((1 + 2 * parallel.rank()) * numbers).to(memory_format=torch.channels_last)
    layers[1].bias.grad = torch.tensor([1.0, -1.0]) * parallel.rank()
    parallel.average_gradients(parameter for layer in layers for parameter in layer.parameters())
    assert torch.equal(layers[0].weight.grad, 2 * numbers)
    assert layers[1].bias.grad.tolist() == [0.5, -0.5]
    assert layers[0].bias.grad is None and layers[1].weight.grad is None


def networks_start_equal_and_stay_so() -> None:
    rank = parallel.rank()
    state = new_state(Settings(mixing=0), tiny_generator(seed=rank), tiny_discriminator(seed=10 + rank), [], seed=5)
    Run(Start(Namespace(), torch.device("cpu")), state, batches=None)
    start = checksums(state)
    ours, theirs = of_both(start)
    assert ours == theirs

    drawn = steps.draw_latents(state, 2)
    assert len(set(of_both(drawn.z[0].sum().item()))) == 2, "both processes draw the same people"
    real = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(rank))
    steps.discriminator_step(state, [real], [drawn])
    steps.generator_step(state, [drawn])
    steps.path_length_step(state, [drawn])
    state.update_ema()
    ours, theirs = of_both([*checksums(state), state.mean_path_length.item()])
    assert ours == theirs
    assert ours[:3] != start


def checksums(state) -> list[float]:
    networks = state.generator, state.discriminator, state.g_ema
    return [sum(tensor.double().sum().item() for tensor in network.state_dict().values()) for network in networks]

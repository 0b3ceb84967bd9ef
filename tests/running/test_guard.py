"""NaN never enters a weight, and memory that runs out is answered with advice."""

import copy

import pytest
import torch

from errors import InputError
from running.guard import FiniteGuard, memory_advice, memory_used
from tests.networks import tiny_discriminator, tiny_generator
from training import steps
from training.state import Settings, new_state


def state_of():
    return new_state(Settings(), tiny_generator(), tiny_discriminator(), [])


def broken_step(state, name="discriminator"):
    """An iteration whose real images hold a NaN."""
    real = torch.randn(2, 3, 16, 16)
    real[0, 0, 0, 0] = float("nan")
    return steps.discriminator_step(state, [real], [steps.draw_latents(state, 2)])


def test_an_update_with_nan_in_its_gradients_is_turned_off():
    state = state_of()
    before = copy.deepcopy(state.discriminator.state_dict()), copy.deepcopy(state.d_optim.state_dict())
    broken_step(state)
    assert all(torch.equal(tensor, before[0][name]) for name, tensor in state.discriminator.state_dict().items())
    for moments in state.d_optim.state_dict()["state"].values():
        assert not moments["exp_avg_sq"].any() and moments["step"] == 0
    assert int(state.guard.total) == 1


def test_the_next_good_update_is_as_if_nothing_had_happened():
    disturbed, calm = state_of(), state_of()
    broken_step(disturbed)
    real, drawn = torch.randn(2, 3, 16, 16), steps.draw_latents(calm, 2)
    for state in (disturbed, calm):
        steps.discriminator_step(state, [real], [drawn])
    for a, b in zip(disturbed.discriminator.parameters(), calm.discriminator.parameters()):
        assert torch.equal(a, b)


def test_ten_failures_in_a_row_stop_the_run_and_name_step_and_term():
    state = state_of()
    for iteration in range(1, 11):
        logs = broken_step(state)
        if iteration < 10:
            state.guard.check(iteration, logs)
    with pytest.raises(
        InputError, match=r"iteration 10 the discriminator step .* 10 times in a row .*d is nan.*a lower learning rate"
    ):
        state.guard.check(10, logs)


def test_failures_before_a_stop_count_after_it():
    state, again = state_of(), state_of()
    for _ in range(7):
        broken_step(state)
    again.load_state_dict(copy.deepcopy(state.state_dict()))
    for _ in range(3):
        logs = broken_step(again)
    assert int(again.guard.total) == 10
    with pytest.raises(InputError, match="10 times in a row"):
        again.guard.check(10, logs)


def test_a_good_update_in_between_starts_the_count_anew():
    guard = FiniteGuard()
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight], fused=True)
    for gradient in [float("inf")] * 9 + [1.0] + [float("nan")] * 9:
        weight.grad = torch.full((2,), gradient)
        guard.protect("generator", optimizer, [weight])
        optimizer.step()
    guard.check(19, {})
    assert int(guard.total) == 18
    assert torch.isfinite(weight).all()


def test_a_path_length_that_is_not_finite_leaves_the_running_mean_alone():
    state = state_of()
    state.mean_path_length = torch.tensor(0.5)
    with torch.no_grad():
        state.generator.conv1.conv.weight.fill_(float("inf"))
    steps.path_length_step(state, [steps.draw_latents(state, 2)])
    assert state.mean_path_length == 0.5


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["gpu", "python", "cpu"],
)
def test_memory_that_runs_out_names_the_flags_that_help_and_the_peak(error):
    with (
        pytest.raises(InputError, match=r"out of memory on cpu, with \d+\.\d GiB .*smaller batch.*smaller size"),
        memory_advice(torch.device("cpu")),
    ):
        raise error


def test_other_errors_pass_unchanged():
    with pytest.raises(RuntimeError, match="shape"), memory_advice(torch.device("cpu")):
        raise RuntimeError("shape mismatch")


def test_an_allocation_that_is_too_large_for_this_machine_is_recognised():
    with pytest.raises(InputError, match="out of memory"), memory_advice(torch.device("cpu")):
        torch.empty(2**50, dtype=torch.uint8)


def test_memory_is_that_of_a_process_with_torch():
    assert 0.05 < memory_used(torch.device("cpu")) < 64


def test_an_optimizer_that_cannot_be_turned_off_is_not_taken():
    with pytest.raises(TypeError, match="fused=True"):
        FiniteGuard().protect("generator", torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]), [])

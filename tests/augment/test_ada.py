"""The controller of p, case by case."""

import json

import pytest
import torch

from augment import Ada

ALL_REAL, ALL_FAKE = torch.ones(4, 1), -torch.ones(4, 1)


def after(controller, *batches):
    for real_pred in batches:
        controller.update(real_pred)
    return controller


def test_p_moves_only_after_a_full_interval():
    controller = after(Ada(length=320), *[ALL_REAL] * 7)
    assert (controller.p, controller.r_t) == (0.0, 0.0)
    controller.update(ALL_REAL)
    assert (controller.p, controller.r_t) == (0.1, 1.0)


def test_p_reaches_1_in_length_images_and_stays():
    controller = after(Ada(length=64, interval=1), *[ALL_REAL] * 16)
    assert controller.p == 1.0
    assert after(controller, ALL_REAL).p == 1.0


def test_p_stays_at_0():
    assert after(Ada(interval=1), ALL_FAKE, ALL_FAKE).p == 0.0


def test_meeting_the_target_lowers_p():
    controller = Ada(target=0.5, length=400, interval=1)
    controller.load_state_dict(controller.state_dict() | {"p": 0.5})
    assert after(controller, torch.tensor([3.0, 1.0, 2.0, 0.0])).r_t == 0.75  # a logit of 0 is neither real nor fake
    assert controller.p == pytest.approx(0.51)
    assert after(controller, torch.tensor([1.0, 1.0, 1.0, -1.0])).r_t == 0.5
    assert controller.p == pytest.approx(0.50)


def test_r_t_weighs_images_not_batches():
    controller = after(Ada(length=100, interval=2), torch.ones(6), -torch.ones(2))
    assert controller.r_t == 0.5


def test_a_fixed_p_stays_and_r_t_is_reported():
    controller = after(Ada(fixed_p=0.3, interval=2), ALL_REAL, ALL_REAL)
    assert (controller.p, controller.r_t) == (0.3, 1.0)
    controller.load_state_dict(Ada().state_dict())
    assert controller.p == 0.3


def test_a_run_resumed_within_an_interval_goes_on_exactly():
    batches = torch.randn(40, 5, 1, generator=torch.Generator().manual_seed(0)) + 1.2
    whole = after(Ada(length=1000), *batches)
    state = json.loads(json.dumps(after(Ada(length=1000), *batches[:19]).state_dict()))  # plain values only
    resumed = Ada(length=1000)
    resumed.load_state_dict(state)
    after(resumed, *batches[19:])
    assert whole.p > 0
    assert (resumed.p, resumed.r_t, resumed.state_dict()) == (whole.p, whole.r_t, whole.state_dict())


def test_processes_that_sum_their_counts_agree_with_one_that_sees_all():
    mine, theirs = torch.tensor([1.0, 1.0, -1.0]), torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0])
    alone = after(Ada(length=100, interval=1), torch.cat([mine, theirs]))
    other = torch.tensor([5.0, 5.0])  # sum of signs and count of the other process
    together = after(Ada(length=100, interval=1, reduce=lambda totals: totals + other), mine)
    assert (together.p, together.r_t) == (alone.p, alone.r_t)


def test_counting_leaves_no_graph():
    logits = torch.ones(4, requires_grad=True)
    controller = after(Ada(), logits * 2)
    assert not controller._sign_sum.requires_grad


def test_numbers_are_updated_in_place_as_a_cuda_graph_does_it():
    controller = Ada(length=100, interval=2)
    held = controller.tensors
    after(controller, ALL_REAL, ALL_REAL, ALL_REAL)
    assert [tensor.item() for tensor in held] == [controller.p, controller.r_t, 4, 4, 1]
    controller.load_state_dict(Ada().state_dict())
    assert not any(held) and all(mine is other for mine, other in zip(controller.tensors, held))


@pytest.mark.parametrize("wrong", [{"fixed_p": 1.2}, {"fixed_p": -0.1}, {"length": 0}, {"interval": 0}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Ada(**wrong)

"""Ladders of psi: the person at 1, the average at 0, a mirror image below."""

import pytest
import torch

from editing import truncation
from model import truncate

PSIS = [-1, 0, 0.5, 1, 1.5]


@pytest.fixture
def w_plus():
    return torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def w_avg():
    return torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(1))


def test_psi_1_is_the_person_and_0_the_same_face_for_all(w_plus, w_avg):
    steps = truncation.ladder(w_plus, w_avg, PSIS)
    assert steps.shape == (3, 5, 6, 8)
    assert torch.equal(steps[:, 3], w_plus)
    assert torch.equal(steps[:, 1], w_avg.expand(3, -1, -1))


def test_negative_psi_mirrors_through_the_average_and_steps_are_even(w_plus, w_avg):
    steps = truncation.ladder(w_plus, w_avg, PSIS) - w_avg
    torch.testing.assert_close(steps[:, 0], -steps[:, 3])
    torch.testing.assert_close(steps[:, 4], 3 * steps[:, 2])


@pytest.mark.parametrize("cutoff", [0, 1, 4, 6, 99])
def test_layers_from_the_cutoff_up_stay_bit_equal(w_plus, w_avg, cutoff):
    whole = truncation.truncate_below(w_plus, w_avg, 0.3)
    part = truncation.truncate_below(w_plus, w_avg, 0.3, cutoff)
    assert torch.equal(part[:, :cutoff], whole[:, :cutoff])
    assert torch.equal(part[:, cutoff:], w_plus[:, cutoff:])
    assert torch.equal(whole, truncate(w_plus, w_avg, 0.3))

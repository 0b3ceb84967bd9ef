"""The way by float64 forgives a kink, and nothing else."""

import pytest
import torch

import model
from tests.kinks import assert_agrees, assert_close


def slope_at(x: float, off: float = 0.0):
    """The gradient of a leaky ReLU at x, which float32 rounds to 0 and so to the lower slope."""

    def compute(dtype):
        at = torch.tensor([[1.0, 1.0 + x]], dtype=dtype) - 1
        given = torch.cat([at, torch.ones(1, 1, dtype=dtype)], 1).requires_grad_()
        out = model.fused_leaky_relu(given, torch.zeros(3, dtype=dtype), scale=1.0)
        return {"grad": torch.autograd.grad(out.sum(), given)[0] + off * (dtype == torch.float32)}

    return compute


def compare(found, expected):
    assert_close(found["grad"], expected["grad"], atol=1e-6, rtol=0)


def test_another_slope_at_a_kink_is_forgiven_where_float64_agrees_with_the_record():
    record = {"grad": torch.tensor([[0.2, 1.0, 1.0]])}
    assert_agrees(slope_at(1e-9), record, compare)


@pytest.mark.parametrize(
    "x, off, recorded",
    [
        (1e-9, 0.01, 1.0),  # float32 is off elsewhere, too
        (1e-9, 0.0, 0.7),  # the record is neither
        (1e-3, 0.01, 1.0),  # no kink
    ],
)
def test_any_other_difference_is_not(x, off, recorded):
    with pytest.raises(AssertionError):
        assert_agrees(slope_at(x, off), {"grad": torch.tensor([[0.2, recorded, 1.0]])}, compare)


def test_a_slope_that_is_wrong_far_from_the_kink_is_told():
    def wrong(dtype):
        given = torch.tensor([[0.5, 1.0]], dtype=dtype) * (-1 if dtype == torch.float32 else 1)
        return {"grad": model.fused_leaky_relu(given, torch.zeros(2, dtype=dtype), scale=1.0)}

    with pytest.raises(AssertionError, match="another slope at an input"):
        assert_agrees(wrong, {"grad": torch.tensor([[0.5, 1.0]])}, compare)

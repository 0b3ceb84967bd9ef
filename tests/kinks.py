"""Recorded values that stand on the kink of a leaky ReLU.

Where the input of one is 0 up to rounding, float32 may take the other slope than the reference did. The value is continuous
there, its gradient is not: one such entry moves a path length by 2e-4. No wider tolerance says that this is the reason, and
nothing else. So where float32 misses the record, three things are asked instead:

1. our own float64 computation agrees with the record, within the same tolerance;
2. float32 took another slope only where the float64 input is 0 within rounding;
3. float64 with the slopes that float32 took agrees with float32, again within the same tolerance.

    def compute(dtype): ...                                        # {name: tensor}, with networks and inputs of this kind
    assert_agrees(compute, expected, compare)                      # compare(found, expected) raises AssertionError
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from torch import Tensor

import model
from op import fused_act

ROUNDING = 1e-5  # of the largest input of the same layer: some hundred roundings of float32, as its sums have

Values = dict[str, Tensor]


def assert_agrees(
    compute: Callable[[torch.dtype], Values],
    expected: Values,
    compare: Callable[[Values, Values], None],
    rounding: float = ROUNDING,
) -> None:
    """In float32, else by way of float64 as the module says."""
    with _slopes() as (taken, _):
        found = compute(torch.float32)
    try:
        compare(found, expected)
        return
    except AssertionError as error:
        missed = error
    try:
        compare(compute(torch.float64), expected)
    except AssertionError as error:
        raise error from missed
    with _slopes(taken) as (_, contradicted):
        along = compute(torch.float64)
    worst = max(contradicted, default=0.0)
    assert worst <= rounding, f"another slope at an input of {worst:.2g} of the largest; so {missed}"
    compare(found, along)


@contextmanager
def _slopes(forced: list[Tensor] | None = None) -> Iterator[tuple[list[Tensor], list[float]]]:
    """Notes which inputs of each leaky ReLU are positive, call by call; or forces them.

    The second list: the largest input that contradicts the forced slope, as a part of the largest of its layer.
    """
    positive: list[Tensor] = []
    contradicted: list[float] = []
    original = fused_act.fused_leaky_relu

    def noted(x, bias=None, negative_slope=0.2, scale=2**0.5, impl="auto", **terms):
        before = fused_act._pre_activation(x, bias, *(terms.get(name) for name in ("demod", "noise", "strength")))
        positive.append(before.detach() > 0)
        if forced is None:
            return original(x, bias, negative_slope, scale, impl, **terms)
        up = forced[len(positive) - 1]
        wrong = before.detach()[up != positive[-1]].abs()
        contradicted.append(float(wrong.max() / before.detach().abs().max()) if len(wrong) else 0.0)
        return torch.where(up, before, negative_slope * before) * scale

    with mock.patch.object(model, "fused_leaky_relu", noted), mock.patch.object(fused_act, "fused_leaky_relu", noted):
        yield positive, contradicted


def in_dtype(value, dtype: torch.dtype):
    """A record with all its floating-point tensors of another kind."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {name: in_dtype(item, dtype) for name, item in value.items()}
    return [in_dtype(item, dtype) for item in value] if isinstance(value, (list, tuple)) else value


def assert_close(found: Tensor, expected: Tensor, name: str = "", **tolerance: float) -> None:
    """torch's, between float32 and float64 too."""
    expected = torch.as_tensor(expected)
    torch.testing.assert_close(
        torch.as_tensor(found).detach().double(), expected.detach().double(), **tolerance, msg=lambda m: f"{name}: {m}"
    )

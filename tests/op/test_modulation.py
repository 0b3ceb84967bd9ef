"""modulate: the compiled form against x * style, to the second derivative and the third."""

import pytest
import torch
from torch import Tensor
from torch.autograd import gradgradcheck

from op import modulate
from op.modulation import channel_dots
from tests.op.compiled import needs_compiler


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def derivatives(x: Tensor, style: Tensor, impl: str) -> list[Tensor]:
    """Output, first derivatives, with a graph and without, second ones of their sum, third ones of the sum of those."""
    x, style = (t.detach().clone().requires_grad_() for t in (x, style))
    out = modulate(x, style, impl)
    grad = random(*out.shape, seed=2).to(out).requires_grad_()
    plain = torch.autograd.grad(out, [x, style], grad, retain_graph=True)
    first = torch.autograd.grad(out, [x, style], grad, create_graph=True)
    total = sum((g * random(*g.shape, seed=3).to(g)).square().sum() for g in first)
    second = torch.autograd.grad(total, [grad, x, style], create_graph=True)
    third = torch.autograd.grad(sum(g.square().sum() for g in second), [grad, x, style])
    return [out, *plain, *first, *second, *third]


@needs_compiler
@pytest.mark.parametrize("shape", [(2, 5, 4, 3), (1, 1, 2, 3), (2, 33, 7, 5), (3, 8, 60, 50)], ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_compiled_form_is_the_product_to_the_third_derivative(shape, layout):
    x, style = random(*shape).contiguous(memory_format=layout), random(*shape[:2], seed=1)
    truth, plain = derivatives(x.double(), style.double(), "ref"), derivatives(x, style, "ref")
    for ours, theirs, exact in zip(derivatives(x, style, "cpu"), plain, truth, strict=True):
        error, allowed = ((t.double() - exact).abs().max() for t in (ours, theirs))
        assert error <= 3 * allowed + 3e-6 * exact.abs().max(), "sums of thousands, in another order"


@needs_compiler
def test_one_derivative_alone_is_the_same():
    x, style, grad = random(2, 8, 5, 4).requires_grad_(), random(2, 8, seed=1).requires_grad_(), random(2, 8, 5, 4, seed=2)
    for wanted in (x, style):
        alone, plain = (torch.autograd.grad(modulate(x, style, impl), wanted, grad)[0] for impl in ("cpu", "ref"))
        torch.testing.assert_close(alone, plain)
        fixed = [t if t is wanted else t.detach() for t in (x, style)]
        torch.testing.assert_close(torch.autograd.grad(modulate(*fixed, "cpu"), wanted, grad)[0], plain)


def test_derivatives_are_those_of_finite_differences():
    x, style = random(2, 3, 4, 2).double().requires_grad_(), random(2, 3, seed=1).double().requires_grad_()
    assert gradgradcheck(modulate, (x, style))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5), (2, 3, 2, 2, 2)], ids=str)
def test_any_number_of_axes(shape):
    x, style = random(*shape), random(2, 3, seed=1)
    factors = style.view(2, 3, *[1] * (len(shape) - 2))
    assert torch.equal(modulate(x, style), x * factors)
    torch.testing.assert_close(channel_dots(x, x), x.square().flatten(2).sum(2) if len(shape) > 2 else x.square())

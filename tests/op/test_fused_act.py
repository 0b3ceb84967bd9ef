"""fused_leaky_relu: the fast form against its definition for every argument, to the second derivative."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from op import FusedLeakyReLU, fused_leaky_relu


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(3, 5), (2, 5, 4, 3), (1, 5, 2, 3, 2)], ids=str)
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("slope, scale", [(0.2, 2**0.5), (0.1, 1.0), (0.7, 3.0)])
def test_fast_form_is_the_definition_with_its_gradients(shape, has_bias, slope, scale):
    x = random(*shape).requires_grad_()
    bias = random(5, seed=1).requires_grad_() if has_bias else None
    inputs = [x, bias] if has_bias else [x]
    truth, fast = (fused_leaky_relu(x, bias, slope, scale, impl) for impl in ("ref", "torch"))
    torch.testing.assert_close(fast, truth)

    grad = random(*shape, seed=2).requires_grad_()
    first_truth, first_fast = (torch.autograd.grad(y, inputs, grad, create_graph=True) for y in (truth, fast))
    torch.testing.assert_close(first_fast, first_truth)
    cotangents = [random(*g.shape, seed=3) for g in first_truth]
    second_truth, second_fast = (torch.autograd.grad(g, grad, cotangents) for g in (first_truth, first_fast))
    torch.testing.assert_close(second_fast, second_truth)


def test_derivatives_are_those_of_finite_differences():
    x, bias = random(2, 3, 4).requires_grad_(), random(3, seed=1).requires_grad_()
    assert gradcheck(fused_leaky_relu, (x, bias))
    assert gradgradcheck(fused_leaky_relu, (x, bias))


def test_channels_last_and_strided_inputs_give_the_same_values():
    x, bias = random(2, 6, 5, 5), random(6, seed=1)
    expected = fused_leaky_relu(x, bias)
    assert torch.equal(fused_leaky_relu(x.to(memory_format=torch.channels_last), bias), expected)
    assert torch.equal(fused_leaky_relu(x[:, :, ::2, 1:], bias), expected[:, :, ::2, 1:])


def test_the_input_is_not_changed_in_place():
    x = random(2, 3)
    kept = x.clone()
    fused_leaky_relu(x)
    assert torch.equal(x, kept)


def test_module_owns_a_bias_that_starts_at_zero():
    layer = FusedLeakyReLU(3)
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    torch.testing.assert_close(layer(torch.ones(1, 3)), torch.full((1, 3), 2**0.5))


def test_unknown_impl_is_refused():
    with pytest.raises(ValueError, match="impl='fast'"):
        fused_leaky_relu(torch.ones(1, 1), impl="fast")

"""upfirdn2d: the fast form against its definition, and the laws of a linear map."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from model import make_kernel
from op import upfirdn2d

SAMPLES = st.integers(1, 3)
PADDING = st.tuples(*[st.integers(-2, 6)] * 4)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(SAMPLES, SAMPLES),
    st.tuples(SAMPLES, SAMPLES),
    PADDING,
    st.sampled_from([torch.contiguous_format, torch.channels_last]),
)
def test_fast_form_is_the_definition_with_its_gradient_for_every_argument(size, taps, up, down, pad, layout):
    x = random(2, 3, *size).to(memory_format=layout).requires_grad_()
    kernel = random(*taps, seed=1)
    try:
        truth = upfirdn2d(x, kernel, up, down, pad, impl="ref")
    except ValueError:
        with pytest.raises(ValueError):
            upfirdn2d(x, kernel, up, down, pad, impl="torch")
        return
    fast = upfirdn2d(x, kernel, up, down, pad, impl="torch")
    torch.testing.assert_close(fast, truth)
    grad = random(*truth.shape, seed=2)
    torch.testing.assert_close(torch.autograd.grad(fast, x, grad), torch.autograd.grad(truth, x, grad))


@pytest.mark.parametrize("impl", ["ref", "torch"])
@pytest.mark.parametrize("up, down, pad", [(1, 1, (2, 1)), (2, 1, (2, 1)), (1, 2, (1, 1)), ((2, 1), (1, 2), (3, 1, -1, 2))])
def test_first_and_second_derivatives_are_those_of_finite_differences(impl, up, down, pad):
    x, kernel = random(1, 2, 5, 4).requires_grad_(), random(4, 3, seed=1)
    assert gradcheck(lambda x: upfirdn2d(x, kernel, up, down, pad, impl), x)
    assert gradgradcheck(lambda x: upfirdn2d(x, kernel, up, down, pad, impl), x)


def test_backward_is_the_adjoint():
    x, kernel = random(2, 3, 7, 6).requires_grad_(), random(4, 4, seed=1)
    y = upfirdn2d(x, kernel, up=2, down=3, pad=(3, 2))
    v = random(*y.shape, seed=2)
    (back,) = torch.autograd.grad(y, x, v)
    torch.testing.assert_close((y * v).sum(), (x * back).sum())


def test_a_single_tap_of_one_changes_nothing():
    x = random(2, 3, 5, 4)
    assert torch.equal(upfirdn2d(x, torch.ones(1, 1)), x)


def test_blur_and_upsample_keep_a_constant_image_in_the_interior():
    x, kernel = torch.full((1, 1, 8, 8), 3.0), make_kernel([1, 3, 3, 1])
    torch.testing.assert_close(upfirdn2d(x, kernel), torch.full((1, 1, 5, 5), 3.0))
    torch.testing.assert_close(upfirdn2d(x, kernel * 4, up=2)[..., 1:-1, 1:-1], torch.full((1, 1, 11, 11), 3.0))


@pytest.mark.parametrize("impl", ["ref", "torch"])
def test_image_smaller_than_the_kernel_is_refused_in_one_line(impl):
    with pytest.raises(ValueError, match="smaller than the 4x4 kernel"):
        upfirdn2d(torch.ones(1, 1, 2, 2), torch.ones(4, 4), impl=impl)


def test_unknown_impl_is_refused():
    with pytest.raises(ValueError, match="impl='cudnn'"):
        upfirdn2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1), impl="cudnn")

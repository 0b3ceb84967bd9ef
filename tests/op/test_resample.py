"""upfirdn2d: the fast form against its definition, and the laws of a linear map."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from model import make_kernel
from op import plain, resample, upfirdn2d
from tests.op.compiled import IMPLS, needs_compiler

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
    with plain():
        torch.testing.assert_close(upfirdn2d(x, kernel, up, down, pad), truth)
    grad = random(*truth.shape, seed=2)
    torch.testing.assert_close(torch.autograd.grad(fast, x, grad), torch.autograd.grad(truth, x, grad))


@needs_compiler
@settings(max_examples=300, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 9)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 13), st.integers(1, 13)),
    st.tuples(SAMPLES, SAMPLES),
    st.tuples(SAMPLES, SAMPLES),
    PADDING,
    st.sampled_from([torch.contiguous_format, torch.channels_last]),
)
def test_compiled_form_is_the_definition_with_its_gradient(batch_channels, size, taps, up, down, pad, layout):
    """Also for the arguments that it leaves to the others: both up and down on one axis."""
    x = random(*batch_channels, *size).to(memory_format=layout)
    kernel = torch.outer(random(taps[0], seed=1), random(taps[1], seed=2))
    try:
        truth = upfirdn2d(x.requires_grad_(), kernel, up, down, pad, impl="ref")
    except ValueError:
        return
    single = x.detach().float().requires_grad_()
    fast = upfirdn2d(single, kernel.float(), up, down, pad, impl="cpu")
    tolerance = {"rtol": 1e-5, "atol": 1e-5 * kernel.abs().sum().item()}
    torch.testing.assert_close(fast.double(), truth, **tolerance)
    grad = random(*truth.shape, seed=3)
    (back,), (back_truth,) = torch.autograd.grad(fast, single, grad.float()), torch.autograd.grad(truth, x, grad)
    torch.testing.assert_close(back.double(), back_truth, **tolerance)


@needs_compiler
def test_compiled_form_of_many_rows_does_not_depend_on_the_number_of_threads():
    x, kernel = random(3, 16, 70, 50).float(), make_kernel([1, 3, 3, 1])
    alone = upfirdn2d(x, kernel, up=2, pad=(2, 1), impl="cpu")
    torch.set_num_threads(2)
    try:
        together = upfirdn2d(x, kernel, up=2, pad=(2, 1), impl="cpu")
    finally:
        torch.set_num_threads(1)
    assert torch.equal(alone, together)


@needs_compiler
def test_compiled_operator_keeps_the_rules_of_torch_library():
    upfirdn2d(torch.ones(1, 1, 1, 1), torch.ones(1, 1), impl="cpu")
    x = random(2, 3, 4, 5).float().contiguous(memory_format=torch.channels_last)
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    given = (x, taps, taps, 2, 1, 1, 2, 2, 1, 8, 2)
    torch.library.opcheck(torch.ops.cartoon_stylegan2.upfirdn2d.default, given, test_utils=("test_schema", "test_faketensor"))


@needs_compiler
def test_a_kernel_is_read_once_until_it_changes(monkeypatch):
    """On a GPU each reading waits for the device, and breaks the capture of a CUDA graph."""
    read, factors = [], resample._factors
    monkeypatch.setattr(resample, "_factors", lambda rows: read.append(rows) or factors(rows))
    x, kernel = random(1, 2, 6, 6).float().requires_grad_(), make_kernel([1, 3, 3, 1])
    for _ in range(2):
        (grad,) = torch.autograd.grad(upfirdn2d(x, kernel, up=2).square().sum(), x, create_graph=True)
        grad.square().sum().backward()
    assert len(read) == 1
    torch.testing.assert_close(upfirdn2d(x, kernel.mul_(2)), upfirdn2d(x, kernel, impl="ref"))
    assert len(read) == 2


def test_a_kernel_made_while_a_graph_is_recorded_is_not_read(monkeypatch):
    """A tensor without numbers stands in for one on a GPU: whoever reads it raises."""
    monkeypatch.setattr(resample.build, "has_kernel", lambda x, impl: True)
    x, kernel = random(1, 2, 6, 6).to("meta").requires_grad_(), make_kernel([1, 3, 3, 1]).to("meta")
    with pytest.raises((RuntimeError, NotImplementedError)):
        upfirdn2d(x, kernel * 4, up=2, pad=(2, 1))
    monkeypatch.setattr(resample, "_being_recorded", lambda kernel: True)
    y = upfirdn2d(x, kernel * 4, up=2, pad=(2, 1))
    assert y.shape == (1, 2, 12, 12) and torch.autograd.grad(y, x, y.detach())[0].shape == x.shape


@pytest.mark.parametrize("impl", IMPLS)
def test_strided_input_gives_the_same_values(impl):
    x, kernel = random(2, 6, 10, 9).float(), make_kernel([1, 3, 3, 1])
    part = x[:, 1::2, 2:, ::2]
    torch.testing.assert_close(upfirdn2d(part, kernel, impl=impl), upfirdn2d(part.clone(), kernel, impl=impl), rtol=0, atol=0)


@pytest.mark.parametrize("impl", IMPLS)
def test_kernel_that_is_no_product_of_two_and_one_of_zeros(impl):
    x, kernel = random(1, 2, 6, 6).float(), random(3, 4, seed=1).float()
    torch.testing.assert_close(upfirdn2d(x, kernel, impl=impl), upfirdn2d(x, kernel, impl="ref"))
    assert not upfirdn2d(x, 0 * kernel, impl=impl).any()


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

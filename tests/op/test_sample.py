"""Images through affine maps: compiled and in plain PyTorch they are grid_sample's, and their own transpose's transpose."""

import pytest
import torch

from op import affine_sample
from op import sample as of_op
from tests.op.compiled import needs_compiler

IDENTITY = [1.0, 0, 0, 0, 1, 0]
WAYS = {
    "as they are": IDENTITY,
    "half a pixel beside": [1, 0, 0.5, 0, 1, -0.5],
    "turned and out of sight in part": [0.8, 0.6, 3, -0.6, 0.8, -2],
    "large": [0.1, 0, 0, 0, 0.1, 0],
    "small": [7, 1, 0, 1, -9, 0],
    "out of sight": [1, 0, 1e9, 0, 1, 0],
    "not a number": [float("nan"), 0, 0, 0, 1, 0],
}
IMPLS = ["torch", pytest.param("cpu", marks=needs_compiler)]
every_impl = pytest.mark.parametrize("impl", IMPLS)


def normal(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@every_impl
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("sides", [(9, 14), (1, 1), (2, 3)])
def test_every_way_of_looking_is_that_of_the_definition(channels, sides, impl):
    maps = torch.tensor([way for name, way in WAYS.items() if name != "not a number"])
    x, v = normal(len(maps), channels, *sides).requires_grad_(), normal(len(maps), channels, 8, 11, seed=1)
    y, exact = affine_sample(x, maps, (8, 11), impl), affine_sample(x.double(), maps, (8, 11), "ref")
    torch.testing.assert_close(y.double(), exact, atol=3e-5, rtol=1e-5)
    back, exactly = (torch.autograd.grad(out, x, v.to(out))[0] for out in (y, exact))
    torch.testing.assert_close(back, exactly, atol=1e-4, rtol=1e-4)


@needs_compiler
def test_what_is_read_nowhere_is_0():
    maps = torch.tensor([WAYS["out of sight"], WAYS["not a number"]])
    x = torch.ones(2, 3, 6, 6, requires_grad=True)
    y = affine_sample(x, maps, (4, 4), "cpu")
    assert not y.any() and not torch.autograd.grad(y.sum(), x)[0].any()


@every_impl
def test_the_identity_changes_nothing(impl):
    x = normal(2, 3, 7, 10)
    torch.testing.assert_close(affine_sample(x, torch.tensor([IDENTITY] * 2), (7, 10), impl), x)


@every_impl
def test_it_is_linear_and_keeps_no_image(impl):
    x, v, maps = normal(2, 3, 9, 7).requires_grad_(), normal(2, 3, 5, 6), normal(2, 6)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.shape[-1]) or t, lambda t: t):
        y = affine_sample(x, maps, (5, 6), impl)
    assert kept in ([6], [2])  # the maps, or the grid
    (back,) = torch.autograd.grad(y, x, v)
    torch.testing.assert_close((y * v).sum(), (x * back).sum())


@every_impl
def test_second_derivatives_go_through_it(impl):
    x, maps = normal(2, 3, 6, 5).requires_grad_(), normal(2, 6)

    def curved(impl):
        (grad,) = torch.autograd.grad(affine_sample(x, maps, (4, 4), impl).pow(3).sum(), x, create_graph=True)
        return torch.autograd.grad(grad.square().sum(), x)[0]

    torch.testing.assert_close(curved(impl), curved("torch"), atol=1e-3, rtol=1e-4)


def test_plain_pytorch_is_right_to_the_second_derivative():
    x, maps = normal(1, 1, 4, 5, dtype=torch.float64).requires_grad_(), normal(1, 6, dtype=torch.float64)
    grid = of_op._grid(x, maps, (3, 4))
    assert torch.autograd.gradgradcheck(lambda x: of_op._Bilinear.apply(x, grid).square(), x)

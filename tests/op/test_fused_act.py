"""fused_leaky_relu: the fast form against its definition for every argument, to the second derivative."""

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from op import FusedLeakyReLU, fused_leaky_relu
from tests.op.compiled import IMPLS, needs_compiler


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


TERMS = ["bias", "demod", "noise", "strength"]


def arguments(
    shape: tuple[int, ...], names: list[str], dtype: torch.dtype, noise_of_one: bool = False
) -> dict[str, torch.Tensor]:
    """x and the named terms, each with a gradient but for the noise, which is given."""
    batch, channels, *pixels = shape
    shapes = {
        "x": shape,
        "bias": (channels,),
        "demod": (batch, channels),
        "noise": (1 if noise_of_one else batch, 1, *pixels),
        "strength": (1,),
    }
    given = {name: random(*shapes[name], seed=seed).to(dtype) for seed, name in enumerate(["x", *names])}
    return {name: t.requires_grad_(name != "noise") for name, t in given.items()}


def derivatives(given: dict[str, Tensor], impl: str, **constants) -> list[Tensor]:
    """Output, first derivatives, and second ones of their sum against everything, the incoming gradient included."""
    rest = {name: t for name, t in given.items() if name not in ("x", "bias")}
    out = fused_leaky_relu(given["x"], given.get("bias"), impl=impl, **constants, **rest)
    inputs = [t for t in given.values() if t.requires_grad]
    grad = random(*out.shape, seed=7).to(out.dtype).requires_grad_()
    plain = torch.autograd.grad(out, inputs, grad, retain_graph=True)
    first = torch.autograd.grad(out, inputs, grad, create_graph=True)
    total = sum((g * random(*g.shape, seed=8).to(g.dtype)).sum() for g in first)
    second = torch.autograd.grad(total, [grad, *inputs], allow_unused=True, materialize_grads=True)
    return [out, *plain, *first, *second]


@needs_compiler
@pytest.mark.parametrize("shape", [(3, 5), (2, 5, 4, 3), (1, 1, 2, 3), (2, 33, 7, 5), (1, 3, 2, 3, 2)], ids=str)
@pytest.mark.parametrize(
    "names",
    [[], ["bias"], ["demod"], ["noise", "strength"], ["bias", "noise", "strength"], ["bias", "demod"], TERMS],
    ids="+".join,
)
@pytest.mark.parametrize("noise_of_one", [False, True])
def test_compiled_form_is_the_definition_to_the_second_derivative(shape, names, noise_of_one):
    constants = {"negative_slope": 0.3, "scale": 1.7}
    truth = derivatives(arguments(shape, names, torch.float64, noise_of_one), "ref", **constants)
    compiled = derivatives(arguments(shape, names, torch.float32, noise_of_one), "cpu", **constants)
    for ours, theirs in zip(compiled, truth, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-5 * max(1, theirs.abs().max().item()))


@needs_compiler
def test_compiled_sums_over_many_pixels_do_not_depend_on_the_number_of_threads():
    given = arguments((2, 3, 200, 210), TERMS, torch.float32)
    alone = derivatives(given, "cpu")
    torch.set_num_threads(2)
    try:
        together = derivatives(given, "cpu")
    finally:
        torch.set_num_threads(1)
    first = 1 + 2 * (len(given) - 1)  # the second derivatives are PyTorch's
    assert all(torch.equal(a, b) for a, b in zip(alone[: first // 2 + 1], together))


@needs_compiler
def test_compiled_operator_keeps_the_rules_of_torch_library():
    fused_leaky_relu(torch.ones(1, 1), impl="cpu")
    given = {name: t.detach() for name, t in arguments((2, 5, 4, 3), TERMS, torch.float32).items()}
    x = given["x"].contiguous(memory_format=torch.channels_last)
    ops, terms = torch.ops.cartoon_stylegan2, (given["demod"], given["noise"])
    rules = ("test_schema", "test_faketensor")  # its derivative is that of fused_leaky_relu, not its own
    torch.library.opcheck(ops.leaky_relu.default, (x, given["bias"], *terms, given["strength"], 0.2, 1.4), test_utils=rules)
    torch.library.opcheck(ops.leaky_relu_backward.default, (x, x, x, *terms, 0.2, 1.4), test_utils=rules)


@pytest.mark.parametrize("impl", ["auto", "torch"])
@pytest.mark.parametrize("slope, scale", [(-0.2, 1.0), (0.2, -1.0), (0.0, 2.0)])
def test_unusual_slopes_and_gains_follow_the_definition_too(impl, slope, scale):
    x, grad = random(3, 4).float().requires_grad_(), random(3, 4, seed=1).float()
    for function in (lambda y: y, lambda y: torch.autograd.grad(y, x, grad)[0]):
        torch.testing.assert_close(
            function(fused_leaky_relu(x, None, slope, scale, impl)), function(fused_leaky_relu(x, None, slope, scale, "ref"))
        )


@pytest.mark.parametrize("impl", IMPLS)
def test_channels_last_and_strided_inputs_give_the_same_values(impl):
    x, bias = random(2, 6, 5, 5).float(), random(6, seed=1).float()
    expected = fused_leaky_relu(x, bias, impl=impl)
    assert torch.equal(fused_leaky_relu(x.to(memory_format=torch.channels_last), bias, impl=impl), expected)
    assert torch.equal(fused_leaky_relu(x[:, :, ::2, 1:], bias, impl=impl), expected[:, :, ::2, 1:])
    assert torch.equal(fused_leaky_relu(x, bias.repeat_interleave(2)[::2], impl=impl), expected)


@pytest.mark.parametrize("impl", IMPLS)
def test_the_input_is_not_changed_in_place(impl):
    x = random(2, 3).float()
    kept = x.clone()
    fused_leaky_relu(x, impl=impl)
    assert torch.equal(x, kept)


def test_module_owns_a_bias_that_starts_at_zero():
    layer = FusedLeakyReLU(3)
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    torch.testing.assert_close(layer(torch.ones(1, 3)), torch.full((1, 3), 2**0.5))


def test_unknown_impl_is_refused():
    with pytest.raises(ValueError, match="impl='fast'"):
        fused_leaky_relu(torch.ones(1, 1), impl="fast")


def test_compiled_form_asked_for_what_it_does_not_take_says_so():
    with pytest.raises(ValueError, match="float32 tensors on the CPU"):
        fused_leaky_relu(torch.ones(1, 1, dtype=torch.float64), impl="cpu")

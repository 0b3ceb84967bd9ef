"""The two operators against recorded values, gradients and second gradients."""

import pytest
import torch

from op import fused_leaky_relu, upfirdn2d
from tests.vectors import for_each_folder

CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def cases(folder, name):
    return torch.load(folder / name, weights_only=True)["cases"]


@for_each_folder("ops")
@pytest.mark.parametrize("impl", ["ref", "torch"])
def test_vectors_of_upfirdn2d(folder, impl):
    for case in cases(folder, "upfirdn2d.pt"):
        x, grad = case["x"].clone().requires_grad_(), case["grad_out"].clone().requires_grad_()
        y = upfirdn2d(x, case["kernel"], tuple(case["up"]), tuple(case["down"]), tuple(case["pad"]), impl)
        torch.testing.assert_close(y, case["y"], **CLOSE)
        (grad_x,) = torch.autograd.grad(y, x, grad, create_graph=True)
        torch.testing.assert_close(grad_x, case["grad_x"], **CLOSE)
        (second,) = torch.autograd.grad((grad_x * case["v"]).sum(), grad)
        torch.testing.assert_close(second, case["gradgrad_out"], **CLOSE)


@for_each_folder("ops")
@pytest.mark.parametrize("impl", ["ref", "torch"])
def test_vectors_of_fused_leaky_relu(folder, impl):
    for case in cases(folder, "fused_leaky_relu.pt"):
        x, grad = case["x"].clone().requires_grad_(), case["grad_out"].clone().requires_grad_()
        bias = case["bias"].clone().requires_grad_() if case["bias"] is not None else None
        y = fused_leaky_relu(x, bias, case["negative_slope"], case["scale"], impl)
        torch.testing.assert_close(y, case["y"], **CLOSE)
        inputs = {"x": x} if bias is None else {"x": x, "bias": bias}
        grads = dict(zip(inputs, torch.autograd.grad(y, list(inputs.values()), grad, create_graph=True)))
        for name, value in grads.items():
            torch.testing.assert_close(value, case[f"grad_{name}"], **CLOSE)
        (second,) = torch.autograd.grad(sum((value * case[f"v_{name}"]).sum() for name, value in grads.items()), grad)
        torch.testing.assert_close(second, case["gradgrad_out"], **CLOSE)

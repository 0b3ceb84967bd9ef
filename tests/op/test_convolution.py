"""Our convolutions are PyTorch's, with derivatives of any order by convolutions alone."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from op import conv2d, conv_transpose2d, convolution, input_gradient
from tests.networks import tiny_discriminator, tiny_generator

pytestmark = pytest.mark.usefixtures("everywhere")
GEOMETRIES = [(3, 1, 1), (3, 2, 0), (1, 1, 0), (4, 3, 2), (2, 1, 0)]  # taps, stride, padding


@pytest.fixture
def everywhere(monkeypatch):
    """Our own convolutions, whatever the width, the type and the processor."""
    monkeypatch.setattr(convolution, "_quick_to_differentiate", lambda x, weight: False)


def tensors(transposed: bool, taps: int, side=(7, 8), dtype=torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, *side, generator=random, dtype=dtype)
    weight = torch.randn(*((3, 4) if transposed else (4, 3)), taps, taps, generator=random, dtype=dtype)
    return x.requires_grad_(), weight.requires_grad_()


def both(transposed: bool):
    return (conv_transpose2d, F.conv_transpose2d) if transposed else (conv2d, F.conv2d)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("taps, stride, padding", GEOMETRIES)
def test_values_and_both_derivatives_are_those_of_pytorch(transposed, taps, stride, padding):
    x, weight = tensors(transposed, taps)
    ours, theirs = both(transposed)

    def derivatives(convolve):
        y = convolve(x, weight, stride=stride, padding=padding)
        first = torch.autograd.grad(y.square().sum(), (x, weight), create_graph=True)
        second = torch.autograd.grad(sum(grad.square().sum() for grad in first), (x, weight))
        return [y, *first, *second]

    for found, expected in zip(derivatives(ours), derivatives(theirs), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("taps, stride, padding", GEOMETRIES[:3])
def test_derivatives_match_differences(transposed, taps, stride, padding):
    convolve = both(transposed)[0]
    inputs = tensors(transposed, taps, side=(4, 5))
    assert torch.autograd.gradcheck(lambda x, w: convolve(x, w, stride, padding), inputs)
    assert torch.autograd.gradgradcheck(lambda x, w: convolve(x, w, stride, padding), inputs)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_of_the_input_makes_no_difference(layout):
    x, weight = tensors(False, 3)
    expected = torch.autograd.grad(F.conv2d(x, weight, padding=1).square().sum(), weight)[0]
    found = torch.autograd.grad(conv2d(x.contiguous(memory_format=layout), weight, padding=1).square().sum(), weight)[0]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("convolve", [conv2d, conv_transpose2d])
@pytest.mark.parametrize(
    "width, taps, dtype, ours",
    [
        (128, 3, torch.float32, True),
        (127, 3, torch.float32, False),
        (128, 1, torch.float32, False),
        (128, 3, torch.bfloat16, True),
        (128, 3, torch.float64, False),
    ],
)
def test_ours_serve_where_they_are_faster(monkeypatch, convolve, width, taps, dtype, ours):
    monkeypatch.undo()
    x, weight = torch.zeros(1, width, 4, 4, dtype=dtype), torch.zeros(width, width, taps, taps, dtype=dtype)
    assert ("_Convolution" in str(convolve(x, weight.requires_grad_()).grad_fn)) == ours


@pytest.mark.parametrize("capability, calls", [("AVX2", 2), ("AVX512", 1)])
def test_gradients_that_nobody_differentiates_are_one_call_where_nothing_is_copied(monkeypatch, capability, calls):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    x, weight = tensors(False, 3)
    y = conv2d(x, weight, padding=1)
    with Filters() as seen:
        found = torch.autograd.grad(y.square().sum(), (x, weight))
    expected = torch.autograd.grad(F.conv2d(x, weight, padding=1).square().sum(), (x, weight))
    torch.testing.assert_close(found, expected)
    assert len(seen.all) == calls


@pytest.mark.parametrize("capability, copied", [("AVX2", True), ("AVX512", False)])
def test_the_gradient_of_the_weight_reads_copies_where_they_are_read_faster(monkeypatch, capability, copied):
    """The same numbers either way."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    x, weight = (tensor.detach() for tensor in tensors(False, 3))
    grad = conv2d(x, weight, padding=1)
    x, read = x.contiguous(memory_format=torch.channels_last), []
    way = torch.ops.aten.convolution_backward
    monkeypatch.setattr(torch.ops.aten, "convolution_backward", lambda *all: read.extend(all[:2]) or way(*all))
    how = convolution.Geometry(1, 1)
    found = convolution._WeightGradient.apply(x, grad.contiguous(memory_format=torch.channels_last), weight.shape, how)
    assert [each.is_contiguous() for each in read] == [copied] * 2
    torch.testing.assert_close(found, torch.nn.grad.conv2d_weight(x, weight.shape, grad, padding=1))


@pytest.mark.parametrize("width, taps, dtype", [(128, 3, torch.bfloat16), (3, 1, torch.float32)])
def test_on_a_gpu_ours_serve_everywhere(monkeypatch, width, taps, dtype):
    monkeypatch.undo()
    with FakeTensorMode():
        x, weight = (torch.empty(width, width, taps, taps, device="cuda", dtype=dtype) for _ in range(2))
        assert not convolution._quick_to_differentiate(x, weight)
        monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: device == "cuda")
        assert convolution._quick_to_differentiate(x, weight)


class Filters(TorchDispatchMode):
    """Collects the sizes of all filters that anything is convolved with, one for each call."""

    def __init__(self):
        super().__init__()
        self.all = []

    @property
    def sizes(self) -> set:
        return set(self.all)

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        if "convolution" in operator.name():
            weight = args[2 if "backward" in operator.name() else 1]
            self.all.append(tuple(weight.shape[2:]))
        return operator(*args, **kwargs or {})


def penalty_on(network) -> None:
    """R1, or nearly path length, up to the gradients of the parameters."""
    net = network()
    if network is tiny_generator:
        x, call = torch.randn(2, net.n_latent, 8, requires_grad=True), lambda x: net.synthesis(x, net.stored_noise())
    else:
        x, call = torch.randn(2, 3, 16, 16, requires_grad=True), net
    input_gradient(call(x).square().sum(), x).square().sum().backward()


@pytest.mark.parametrize("network", [tiny_generator, tiny_discriminator])
def test_no_filter_is_as_large_as_the_image(monkeypatch, network):
    with Filters() as ours:
        penalty_on(network)
    assert ours.sizes and max(ours.sizes) <= (4, 4)
    monkeypatch.setattr(convolution, "_quick_to_differentiate", lambda x, weight: True)
    with Filters() as theirs:
        penalty_on(network)
    assert max(theirs.sizes) >= (16, 16), "which is why"


def test_autocast_is_left_to_pytorch(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    with torch.autocast("cpu", torch.bfloat16):
        assert conv2d(torch.zeros(1, 128, 4, 4), torch.zeros(128, 128, 3, 3)).dtype == torch.bfloat16


@pytest.mark.parametrize("network", [tiny_generator, tiny_discriminator])
def test_a_penalty_on_gradients_reaches_the_parameters_as_by_pytorch(network):
    net, x = network(), torch.randn(2, 3, 16, 16, requires_grad=True)
    if network is tiny_generator:
        x = torch.randn(2, net.n_latent, 8, requires_grad=True)
        noise = net.stored_noise()
        call = lambda x: net.synthesis(x, noise)
    else:
        call = net
    gradients = {
        "ours": input_gradient(call(x).square().sum(), x),
        "PyTorch's": torch.autograd.grad(call(x).square().sum(), x, create_graph=True)[0],
    }
    ours, theirs = (torch.autograd.grad(g.square().sum(), net.parameters(), allow_unused=True) for g in gradients.values())
    for found, expected in zip(ours, theirs, strict=True):
        assert (found is None) == (expected is None)
        if found is not None:
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_an_input_gradient_computes_no_gradient_of_a_weight(monkeypatch):
    monkeypatch.setattr(convolution._WeightGradient, "forward", None)
    x = torch.randn(2, 3, 16, 16, requires_grad=True)
    assert input_gradient(tiny_discriminator()(x).sum(), x).shape == x.shape


def test_an_error_leaves_the_next_gradients_whole():
    x, weight = tensors(False, 3)
    with pytest.raises(RuntimeError):
        input_gradient(conv2d(x, weight), x)  # not a scalar
    assert torch.autograd.grad(conv2d(x, weight).sum(), weight)[0].abs().sum() > 0

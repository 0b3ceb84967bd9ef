"""editing.graphs: a look as a CUDA graph, tried on the CPU with a recording that shares PyTorch's promises."""

import pytest
import torch
from torch import Tensor, nn

from editing import graphs, latents, projection, tuning
from editing.projection import Schedule
from tests.networks import tiny_generator
from vision.perceptual import PixelDistance


class OnDevice(Tensor):
    """Says that it lies on a GPU."""

    is_cuda = True


def sample(*shape, grad=True):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).as_subclass(OnDevice).requires_grad_(grad)


def replaying(look, inputs):
    """As torch.cuda.make_graphed_callables: what it reads and gives lies in the same memory at each call."""
    plain, module = look.forward if isinstance(look, nn.Module) else look, isinstance(look, nn.Module)
    held = [tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in inputs]
    parameters = [*look.parameters()] if module else []

    class Replay(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *given):
            with torch.no_grad():
                for ours, theirs in zip(held, given):
                    ours.copy_(theirs)
            with torch.enable_grad():
                ctx.said = tuple(plain(*held))
            return tuple(tensor.detach() for tensor in ctx.said)

        @staticmethod
        def backward(ctx, *grads):
            every = [*held, *parameters]
            moved = iter(torch.autograd.grad(ctx.said, [tensor for tensor in every if tensor.requires_grad], grads))
            return tuple(next(moved) if tensor.requires_grad else None for tensor in every)

    graphed = lambda *given: Replay.apply(*given, *parameters)
    if module:
        look.forward = graphed
        return look
    return graphed


@pytest.fixture(autouse=True)
def recording(monkeypatch):
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", replaying)


def shapes(latent, other):
    return (latent.square().sum(1), (latent * other).sum(1))


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.frozen = nn.Parameter(torch.randn(3)), nn.Parameter(torch.randn(3), requires_grad=False)

    def forward(self, latent):
        return (latent.square() * self.weight * self.frozen).sum(1), latent.sum(1)


LOOKS = {"a function": (shapes, 2), "a module": (Linear(), 1)}


@pytest.mark.parametrize("look, count", LOOKS.values(), ids=LOOKS)
def test_a_graph_says_and_moves_what_the_look_does(look, count):
    inputs = [sample(2, 3), sample(2, 3, grad=False)][:count]
    elsewhere = [(tensor.detach() * 3).requires_grad_(tensor.requires_grad) for tensor in inputs]
    expected = graphs._told(look, elsewhere)
    graph = graphs.recorded(look, *inputs)
    assert all(map(torch.equal, graphs._told(graph, elsewhere), expected))
    assert graph is not look or "forward" in vars(look), "recorded"


def test_on_a_cpu_and_where_nobody_wants_one_there_is_no_graph():
    latent = torch.randn(2, 3, requires_grad=True)
    assert graphs.recorded(shapes, latent, latent) is shapes
    assert graphs.recorded(shapes, sample(2, 3), sample(2, 3), wanted=False) is shapes


def keeps_the_first(look, inputs):
    first = inputs[0].detach().clone()
    return lambda *given: look(first + 0 * given[0], *given[1:])


def breaks(look, inputs):
    raise RuntimeError("operation not permitted when stream is capturing\nand more lines")


class Halved(torch.autograd.Function):
    """Of the gradient."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad / 2


FAULTS = {
    "the recorded values": (keeps_the_first, "it gives something else"),
    "other gradients": (lambda look, inputs: lambda *given: look(*map(Halved.apply, given)), "it gives something else"),
    "not a number": (lambda look, inputs: lambda *given: [tensor * float("nan") for tensor in look(*given)], "it gives"),
    "no recording": (breaks, r"operation not permitted when stream is capturing\)"),
}


@pytest.mark.parametrize("record, reason", FAULTS.values(), ids=FAULTS)
def test_a_graph_that_is_not_the_look_is_not_used_and_that_is_said(record, reason, monkeypatch):
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    with pytest.warns(RuntimeWarning, match=f"CUDA graphs: not used for this search .{reason}"):
        assert graphs.recorded(shapes, sample(2, 3), sample(2, 3)) is shapes


def test_a_module_whose_graph_is_not_used_is_the_module(monkeypatch):
    def record(look, inputs):
        replaying(look, inputs)
        plain = look.forward
        look.forward = lambda *given: [2 * tensor for tensor in plain(*given)]
        return look

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    look = Linear()
    with pytest.warns(RuntimeWarning, match="it gives something else"):
        assert graphs.recorded(look, sample(2, 3)) is look
    assert "forward" not in vars(look)


def test_an_error_of_the_look_itself_comes_as_ever():
    def look(latent):
        raise ValueError("the look's own")

    with pytest.warns(RuntimeWarning, match="the look's own"):
        found = graphs.recorded(look, sample(2, 3))
    with pytest.raises(ValueError, match="the look's own"):
        found(sample(2, 3))


SEARCHES = {"w, with noise maps": ("w", False), "w+": ("w+", True)}


def searched(device, recorded, space="w+", fixed_noise=True):
    source = tiny_generator(0).eval().requires_grad_(False).to(device)
    photos = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    schedule = Schedule(12, wplus_reg=0.1)
    (found,) = projection.find(
        source, PixelDistance(), photos, space, schedule, batch=2, fixed_noise=fixed_noise, recorded=recorded
    )
    tuned = tuning.tune(source, PixelDistance(), photos[:1].to(device), latents.people(source, [3]), 12, recorded=recorded)
    return [found.latent, found.distances, *(found.noise or []), *(weight for weight in tuned.parameters())]


@pytest.mark.parametrize("space, fixed_noise", SEARCHES.values(), ids=SEARCHES)
def test_searches_find_by_graphs_what_they_find_without(space, fixed_noise, monkeypatch):
    expected = searched("cpu", False, space, fixed_noise)
    looks = []

    def recorded(look, *inputs, wanted):
        looks.append(look)
        return replaying(look, inputs)

    monkeypatch.setattr(graphs, "recorded", recorded)
    assert all(map(torch.equal, searched("cpu", True, space, fixed_noise), expected)) and len(looks) == 2


@pytest.mark.cuda
@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("space, fixed_noise", SEARCHES.values(), ids=SEARCHES)
def test_on_a_gpu_searches_find_by_graphs_what_they_find_without(space, fixed_noise, monkeypatch):
    monkeypatch.undo()
    for ours, theirs in zip(
        searched("cuda", True, space, fixed_noise), searched("cuda", False, space, fixed_noise), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.02)

"""Within `op.plain()` a network is made of PyTorch's own operators, and draws the same."""

import asyncio
import threading

import pytest
import torch
from torch import nn

import op
from op import build, convolution
from op.tracing import is_plain
from tests.networks import tiny_discriminator, tiny_generator


class Drawing(nn.Module):
    """w_plus -> images."""

    def __init__(self):
        super().__init__()
        self.generator = tiny_generator()

    def forward(self, w_plus):
        return self.generator.synthesis(w_plus, self.generator.stored_noise())


def people(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 6, 8, generator=torch.Generator().manual_seed(0))


def test_nothing_is_ours_within_it(monkeypatch):
    """Neither compiled operators nor autograd functions, forward and backward."""

    def ours(*args):
        raise AssertionError("not plain")

    drawing, discriminator = Drawing(), tiny_discriminator()
    expected = discriminator(drawing(people()))
    monkeypatch.setattr(convolution, "WIDE", 1)
    monkeypatch.setattr(build, "has_kernel", ours)
    monkeypatch.setattr(torch.autograd.Function, "apply", ours)
    with op.plain():
        logits = discriminator(drawing(people()))
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
        logits.sum().backward()
    assert all(parameter.grad is not None for parameter in drawing.generator.conv1.parameters())
    with pytest.raises(AssertionError, match="not plain"):
        drawing(people())


def test_an_exported_network_holds_pytorchs_operators_only_and_draws_the_same_for_any_number_of_people():
    drawing = Drawing().eval().requires_grad_(False)
    with op.plain():
        program = torch.export.export(drawing, (people(),), dynamic_shapes=({0: torch.export.Dim("count", min=1)},))
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert any("convolution" in name or "conv2d" in name for name in called)
    assert not [name for name in called if "cartoon_stylegan2" in name]
    for count in (1, 2, 5):
        torch.testing.assert_close(program.module()(people(count)), drawing(people(count)), atol=1e-4, rtol=1e-4)


def test_it_ends_with_the_block_also_by_an_error_and_nests():
    with pytest.raises(KeyError), op.plain(), op.plain():
        raise KeyError
    with op.plain():
        with op.plain():
            pass
        assert is_plain()
    assert not is_plain()


def test_other_threads_and_tasks_go_on_as_they_were():
    seen = []
    with op.plain():
        thread = threading.Thread(target=lambda: seen.append(is_plain()))
        thread.start()
        thread.join()
    assert seen == [False]

    async def exports(entered, done):
        with op.plain():
            entered.set()
            await done.wait()
            return is_plain()

    async def both():
        entered, done = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(exports(entered, done))
        await entered.wait()
        beside = is_plain()
        done.set()
        return await task, beside

    assert asyncio.run(both()) == (True, False)

"""What a run is said to need."""

import itertools
import sys
from types import SimpleNamespace

import pytest
import torch

from model import Discriminator, Generator, channel_table
from tests.networks import tiny_discriminator, tiny_generator
from training import estimate, steps
from training.state import Settings, new_state

OFF = {"r1": 0, "path_regularize": 0}


@pytest.fixture(autouse=True)
def known_speed(monkeypatch):
    """100 GFLOP a second, without measuring."""
    monkeypatch.setattr(estimate, "gflop_per_second", lambda device, dtype: 100.0)


def guess(size=16, batch=1, micro_batch=None, multiplier=2, **settings) -> estimate.Estimate:
    """For the published networks, as shapes only."""
    channels = channel_table(size, multiplier)
    with torch.device("meta"):
        networks = Generator(size, channels=channels), Discriminator(size, channels=channels)
    return estimate.estimate(*networks, Settings(**settings), batch, micro_batch or batch, torch.device("cpu"))


def forward_gflop(size, multiplier=2) -> tuple[float, float]:
    """(generator, discriminator) for one image: a step with a penalty costs six forward passes more than one without."""
    without = guess(size, multiplier=multiplier, **OFF).gflop
    with_path = guess(size, multiplier=multiplier, r1=0, g_reg_every=1, path_batch_shrink=1).gflop
    with_r1 = guess(size, multiplier=multiplier, path_regularize=0, d_reg_every=1).gflop
    g, d = (with_path - without) / 6, (with_r1 - without) / 6
    assert without == pytest.approx(4 * g + 8 * d)
    return g, d


@pytest.mark.parametrize("size, multiplier, g, d", [(64, 2, 32.3, 33.0), (256, 2, 90.7, 93.7), (256, 1, 30.1, 31.1)])
def test_a_forward_pass_of_the_published_networks_costs(size, multiplier, g, d):
    assert forward_gflop(size, multiplier) == (pytest.approx(g, abs=0.06), pytest.approx(d, abs=0.06))


def test_an_iteration_of_the_published_training_takes_1216_gflop_an_image():
    assert guess(256).gflop == pytest.approx(1216, abs=1)


def test_need_grows_with_the_size():
    needs = [guess(size) for size in (8, 16, 32, 64, 128, 256)]
    for smaller, larger in itertools.pairwise(needs):
        assert smaller.gflop < larger.gflop
        assert smaller.gib < larger.gib


def test_time_is_operations_over_speed_and_both_grow_with_the_batch():
    one, eight = guess(batch=1), guess(batch=8)
    assert eight.gflop == pytest.approx(8 * one.gflop)
    assert eight.seconds == pytest.approx(eight.gflop / 100)


def test_memory_grows_with_what_is_passed_at_once_and_not_with_the_batch():
    whole, half, quarter = (guess(batch=8, micro_batch=n) for n in (8, 4, 2))
    assert whole.gflop == half.gflop == quarter.gflop
    assert whole.gib - half.gib == pytest.approx(2 * (half.gib - quarter.gib))
    assert whole.gib > half.gib == guess(batch=4).gib


def test_bf16_takes_about_half_and_graphs_twice_the_memory_of_the_steps():
    def need(batch, dtype=None, graphs=False):
        networks = tiny_generator(size=32), tiny_discriminator(size=32)
        networks[0].compute_dtype = dtype
        return estimate.estimate(*networks, Settings(), batch, batch, torch.device("cpu"), graphs).gib

    steps_alone = need(64) - need(0)
    assert 0.4 < (need(64, torch.bfloat16) - need(0)) / steps_alone < 0.8
    assert need(64, graphs=True) - need(0) == pytest.approx(2 * steps_alone)


@pytest.mark.parametrize("step", ["discriminator", "r1", "generator", "path_length"])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16], ids=str)
def test_the_traced_memory_is_that_of_the_step_itself(step, dtype, monkeypatch):
    """Of a step on numbers, in plain PyTorch as the trace is; of its second call, which finds the optimizer's moments."""
    monkeypatch.setattr(sys.modules["op.build"], "has_kernel", lambda x, impl: False)
    state = new_state(Settings(mixing=0.0), tiny_generator(size=32), tiny_discriminator(size=32), [], device="cpu")
    state.generator.compute_dtype = state.discriminator.compute_dtype = dtype
    reals, latents = [torch.randn(8, 3, 32, 32)], [steps.draw_latents(state, 8)]
    inputs = {"discriminator": (reals, latents), "r1": (reals,)}.get(step, (latents,))
    for _ in range(2):
        with estimate.Held() as held:
            getattr(steps, f"{step}_step")(state, *inputs)
    shape = estimate.Shape.of(state.generator, state.discriminator)
    assert estimate._held_by(getattr(estimate, f"_{step}_pass"), shape, 8) == pytest.approx(held.most, rel=0.15)


def test_what_is_let_go_is_not_held():
    with estimate.Held() as held:
        x = torch.zeros(100)
        for _ in range(3):
            y = x.clone()
        view = y[:50].mul_(2)  # no more memory, and keeps that of y
        del y
        z = x.clone()
        assert held.now == 3 * 400
        del view
        assert held.now == 2 * 400
    assert held.most == 3 * 400 and x is not z


def test_what_is_told_of_a_run_is_of_the_parts_that_its_batches_are_passed_in():
    """In five times as many parts a batch takes less memory, and as much work."""
    told = []
    for parts in (1, 5):
        args = SimpleNamespace(batch=100_000, accumulate=parts, iter=36, no_graphs=False)
        state = new_state(Settings(), tiny_generator(), tiny_discriminator(), [])
        run = SimpleNamespace(args=args, state=state, start=SimpleNamespace(left=36))
        text = estimate.describe(run)
        pairs = itertools.pairwise(text.replace(",", "").split())
        told.append(
            {after: float(before) for before, after in pairs if after in ("GiB", "GFLOP")} | {"time": text.rpartition(", ")[2]}
        )
    whole, split = told
    assert split["GiB"] < whole["GiB"] / 2
    assert (split["GFLOP"], split["time"]) == (whole["GFLOP"], whole["time"])


def test_rare_penalties_cost_less():
    assert guess(d_reg_every=16).gflop < guess(d_reg_every=4).gflop
    assert guess(g_reg_every=4).gflop < guess(g_reg_every=1).gflop
    assert guess(**OFF).gflop < guess().gflop


def test_the_networks_are_left_as_they_are():
    generator, discriminator = tiny_generator(), tiny_discriminator()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    estimate.estimate(generator, discriminator, Settings(), 4, 4, torch.device("cpu"))
    assert torch.equal(torch.rand(1), expected)
    assert all(parameter.grad is None for parameter in [*generator.parameters(), *discriminator.parameters()])


def test_speed_is_measured(monkeypatch):
    monkeypatch.undo()
    assert estimate.gflop_per_second(torch.device("cpu"), seconds=0.01) > 0


def rows(table: str) -> dict[str, list[str]]:
    return {line[:9].strip(): line[9:].split() for line in table.splitlines()}


def test_level_table_counts_every_parameter_once():
    generator, discriminator = tiny_generator(), tiny_discriminator()
    table = rows(estimate.level_table(generator, discriminator))
    assert list(table) == ["level", "mapping", "4 px", "8 px", "16 px", "all"]
    counts = [[int(word.replace(",", "")) for word in row if word[0].isdigit()] for row in list(table.values())[1:]]
    assert counts[-1] == [sum(p.numel() for p in network.parameters()) for network in (generator, discriminator)]
    assert sum(row[0] for row in counts[:-1]) == counts[-1][0]
    assert sum(row[1] for row in counts[1:-1]) == counts[-1][1]


def test_level_table_tells_what_is_frozen():
    generator, discriminator = tiny_generator(), tiny_discriminator()
    generator.level(8).requires_grad_(False)
    discriminator.convs[0].requires_grad_(False)
    table = rows(estimate.level_table(generator, discriminator))
    assert table["8 px"][1] == "frozen" and table["8 px"][3] == "trains"
    assert table["4 px"][1] == table["mapping"][1] == "trains"
    partly = sum(p.numel() for p in discriminator.level(16).parameters() if p.requires_grad)
    assert table["16 px"][3:] == [f"{partly:,}", "train"]

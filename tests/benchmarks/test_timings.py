"""Benchmarks: fair turns, honest intervals, and a table that says what it measured."""

import itertools
import json
import statistics
import types

import pytest
import torch

from benchmarks import contestant, contestant_ops, data, ops, rounds, tables, train_step
from benchmarks.contestant_step import Update
from errors import InputError
from tests.commands import run
from training.graphs import Graphed


def test_interval_of_a_median_holds_what_it_promises():
    """Of all equally likely arrangements of 7 values about the true median, 95 % or more have it inside."""
    held = 0
    for signs in itertools.product((-1, 1), repeat=7):
        _, low, high = tables.median_with_interval([sign * (1 + i) for i, sign in enumerate(signs)])
        held += low <= 0 <= high
    assert held / 2**7 >= 0.95
    middle, low, high = tables.median_with_interval(list(range(31)))
    assert middle == statistics.median(range(31)) and 0 < low < middle < high < 30, "and not wider than need be"


def test_a_ratio_is_of_the_same_round():
    assert tables.ratio([2, 4, 20], [1, 2, 10]) == "2.00x (2.00-2.00)"
    assert tables.seconds([0.0123] * 6) == "12.3 ms (12.3-12.3)"
    assert tables.seconds([123.0]) == "123 s (123-123)"


@pytest.mark.parametrize("text", ["nvidia=.", "rosinality", "ada=nowhere"])
def test_a_peer_that_is_none_is_named(text):
    with pytest.raises(InputError, match="--peer"):
        rounds.contestants(types.SimpleNamespace(peer=[text], alone=False))


def test_an_iteration_is_the_sum_of_its_shares():
    ours = rounds.Contestant("ours", "ours", rounds.ROOT)
    for piece in train_step.SHARES:
        ours.measured[piece] = [{"wall": 16.0, "cpu": 16.0, "gpu": 0.0, "peak": 5.0}]
    assert train_step.whole(ours) == [{"wall": 53.0, "cpu": 53.0, "gpu": 0.0, "peak": 5.0}]


@pytest.mark.parametrize(
    "failed, said", [([], "all steps"), (["G"], "D, R1, path only"), (["D", "R1", "G", "path"], "none")], ids=str
)
def test_the_table_says_which_steps_were_cuda_graphs(failed, said):
    ours = rounds.Contestant("ours", "ours", rounds.ROOT)
    for piece in train_step.SHARES:
        ours.measured[piece] = [{"graph": piece != "EMA"}, {"graph": piece != "EMA" and piece not in failed}]
    assert train_step.graphs(ours) == said


def test_a_contestant_may_have_a_setting_of_its_own():
    """Plainly seen in what the process is given: the type of the convolutions."""
    given = []
    contestant = rounds.Contestant("ours, bf16", "ours", rounds.ROOT, own={"precision": "bf16"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds.subprocess, "Popen", lambda command, **options: given.append(json.loads(command[-1])))
        patch.setattr(rounds.Contestant, "_answer", lambda self: {"pieces": []})
        contestant.start({"precision": "fp32", "size": 8})
    assert given == [{"precision": "bf16", "size": 8}]


def test_a_benchmark_may_be_without_plain_pytorch():
    names = [c.name for c in rounds.contestants(types.SimpleNamespace(peer=[], alone=True))]
    assert names == ["ours"]


def test_several_runs_in_one_call_count_as_many():
    calls = []

    class Four:
        runs = 4

        def __call__(self):
            calls.append(1)

    setting = {"device": "cpu", "repeats": 4}
    contestant.timed(Four(), setting)
    assert len(calls) == 1
    contestant.timed(lambda: calls.append(1), setting)
    assert len(calls) == 5


@pytest.mark.parametrize("operator", ["leaky relu", "up 2"])
def test_bias_and_filter_are_those_of_training(operator, monkeypatch):
    """In bfloat16 they would be no work for the compiled operators; others refuse float32 beside it."""
    given = []
    for name in ("fused_leaky_relu", "upfirdn2d"):
        monkeypatch.setattr(f"op.{name}", lambda x, beside, **_: given.append(beside.dtype))
    for whole in (True, False):
        contestant_ops.our_operators({"device": "cpu"}, whole)[operator](torch.zeros(1, 128, 2, 2, dtype=torch.bfloat16))
    assert given == [torch.float32, torch.bfloat16]


def test_the_share_of_a_copy_counts_what_must_move():
    ours = rounds.Contestant("ours", "ours", rounds.ROOT)
    ours.measured = {
        "copy, forward": [{"gpu": 1.0, "graph": True}],
        "leaky relu, with backward": [{"gpu": 5.0, "graph": False}],
    }
    assert (
        ops.of_copy_speed(ours, "leaky relu, with backward") == "50 %" and ops.of_copy_speed(ours, "copy, forward") == "100 %"
    )
    assert ops.recorded([ours], "copy, forward") == "all" and ops.recorded([ours], "leaky relu, with backward") == "none"


def test_a_step_whose_recording_failed_is_no_graph():
    def step(state):
        return {}

    def fails(state, step):
        raise RuntimeError("no recording")

    graphed = Graphed(step, fails, lambda line: None)
    assert not contestant.is_graph(Update(graphed, lambda: (None,)))
    graphed.graph = "recorded"
    assert contestant.is_graph(Update(graphed, lambda: (None,)))
    assert not contestant.is_graph(Update(step, lambda: (None,))) and not contestant.is_graph(dict)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command, flags, names",
    [
        (train_step, ["--size", 8, "--channel_base", 64, "--channel_max", 8], {"ours", "plain"}),
        (train_step, ["--size", 8, "--channel_base", 64, "--alone", "--also_bf16"], {"ours", "ours, bf16"}),
        (ops, ["--side", 16], {"ours", "plain"}),
    ],
    ids=["train_step", "bf16", "ops"],
)
def test_contestants_take_turns(command, flags, names, tmp_path, capsys):
    run(command, *flags, "--rounds", 1, "--repeats", 1, "--device", "cpu", "--out", tmp_path)
    (page,) = tmp_path.glob("*.md")
    assert max(names) in capsys.readouterr().out
    numbers = json.loads(page.with_suffix(".json").read_text())
    assert set(numbers["rounds"]) == names and "torch" in numbers["machine"]
    assert "--rounds 1" in page.read_text()


@pytest.mark.slow
def test_images_are_counted_from_disk_and_from_memory(capsys):
    run(data, "--size", 16, "--images", 6, "--batch", 4, "--seconds", 0.1)
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(("from an LMDB", "from memory"))]
    assert len(rows) == 2
    for *_, processor, wall in rows:
        assert float(processor.replace(",", "")) > 0 and float(wall.replace(",", "")) > 0

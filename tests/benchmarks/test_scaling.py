"""Several processes on paper: the bytes are those that are sent, and the ring is a ring."""

import pytest
import torch
import torch.distributed as dist

from benchmarks import scaling
from benchmarks.contestant_step import our_networks, our_steps
from benchmarks.train_step import SHARES
from running import parallel
from tests.commands import run

SMALL = {"size": 8, "batch": 2, "channel_base": 64, "channel_max": 8}


def test_the_bytes_on_paper_are_those_of_the_messages(monkeypatch):
    """Every parameter's gradient is in the message of each step, in float32."""
    sent, share = 0, 1

    def add(tensor: torch.Tensor) -> None:
        nonlocal sent
        sent += share * tensor.numel() * tensor.element_size() if tensor.ndim else 0

    pieces = our_steps(SMALL | {"device": "cpu", "precision": "fp32"}, torch.zeros(2, 3, 8, 8))
    monkeypatch.setattr(parallel, "world_size", lambda: 2)
    monkeypatch.setattr(dist, "all_reduce", add)
    for name, piece in pieces.items():
        share = SHARES[name]
        piece()
    held = scaling.Parameters(*(sum(p.numel() for p in network.parameters()) for network in our_networks(SMALL)))
    assert sent == pytest.approx(held.bytes())


def test_one_process_sends_nothing_and_more_approach_twice_the_bytes():
    times = [scaling.seconds_of_adding(1e9, n, 1000) for n in (1, 2, 512)]
    assert times[0] == 0 and times[1] == pytest.approx(1e-3, rel=0.1) and times[2] == pytest.approx(2e-3, rel=0.3)


def test_the_table_has_a_row_for_each_number_and_rate(capsys):
    run(scaling, "--size", 8, "--channel_base", 64, "--channel_max", 8, "--gpus", "2,4", "--rates", "1,10,100")
    assert len(capsys.readouterr().out.splitlines()) == 2 + 2 + 6


@pytest.mark.slow
def test_processes_are_measured_beside_it(capsys):
    flags = [word for name, value in SMALL.items() for word in (f"--{name}", value)]
    run(scaling, *flags, "--gpus", 8, "--rates", 25, "--processes", "1,2", "--repeats", 2)
    alone, both = (line.split(" | ") for line in capsys.readouterr().out.splitlines()[-2:])
    assert alone[0] == "| 1" and both[0] == "| 2" and float(both[4]) > 0
    assert all(float(row[6].strip(" |")) > 0 for row in (alone, both))

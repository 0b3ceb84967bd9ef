"""--profile: a trace and a table of the iterations that it names."""

import json

import torch

from running import profiling


def test_trace_and_table_are_of_the_recorded_iterations(tmp_path):
    said = []
    with profiling.profiled(True, tmp_path, torch.device("cpu"), said.append) as step:
        for _ in range(profiling.SKIPPED + profiling.WARM_UP + profiling.RECORDED + 5):
            torch.ones(4, 4) @ torch.ones(4, 4)
            step()
    (text,) = said
    row = next(line for line in text.splitlines() if line.strip().startswith("aten::mm"))
    assert row.split()[-1] == str(profiling.RECORDED), "one product in each iteration, and none of the others counted"
    assert (tmp_path / "operators.txt").read_text() in text
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert sum(event.get("name") == "aten::mm" for event in events) == profiling.RECORDED


def test_a_run_that_ends_early_records_what_there_was(tmp_path):
    said = []
    with profiling.profiled(True, tmp_path, torch.device("cpu"), said.append) as step:
        for _ in range(profiling.SKIPPED + profiling.WARM_UP + 3):
            torch.ones(4, 4) @ torch.ones(4, 4)
            step()
    assert len(said) == 1 and (tmp_path / "trace.json").exists()

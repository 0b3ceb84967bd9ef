"""Where the time of an iteration goes: a trace for chrome://tracing or Perfetto, and the dearest operators as a table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, schedule

SKIPPED, WARM_UP, RECORDED = 2, 1, 16  # iterations; as many recorded as lie between two R1 steps
DEAREST = 10


@contextmanager
def profiled(wanted: bool, folder: Path, device: torch.device, say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """If wanted, record iterations 4 to 19: trace.json and operators.txt in `folder`. Call what it gives after each one."""
    if not wanted:
        yield lambda: None
        return
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    own_time = f"self_{device.type}_time_total"

    def write(finished: profile) -> None:
        finished.export_chrome_trace(str(folder / "trace.json"))
        table = finished.key_averages().table(sort_by=own_time, row_limit=DEAREST)
        (folder / "operators.txt").write_text(table)
        say(f"{table}\nProfile of {RECORDED} iterations: {folder / 'operators.txt'}, {folder / 'trace.json'}")

    plan = schedule(wait=SKIPPED, warmup=WARM_UP, active=RECORDED, repeat=1)
    with profile(activities=activities, schedule=plan, on_trace_ready=write) as running:
        yield running.step

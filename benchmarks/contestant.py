"""One contestant of a benchmark: a process that has one implementation first on sys.path, and runs its pieces when told to.

Started by benchmarks.rounds as `python contestant.py KIND FOLDER SETTING`, with SETTING in JSON. Each line on standard input
names a piece; the answer is one line of JSON. The process imports nothing of this project but what KIND asks for, since the
module names of the others are the same.

KIND: "ours"; "plain", the same networks in the plainest PyTorch; "rosinality" (rosinality/stylegan2-pytorch) or "ada"
(NVlabs/stylegan2-ada-pytorch), from a checkout in FOLDER.
"""

import contextlib
import importlib
import json
import resource
import sys
import time
from collections.abc import Callable

import torch


def main(kind: str, folder: str, setting: str) -> None:
    setting = json.loads(setting)
    benchmark = importlib.import_module(f"contestant_{setting['benchmark']}")  # a neighbour of this file, while that is first
    sys.path[0] = folder
    if setting["device"] == "cpu" and kind == "rosinality":
        without_gpu()
    if kind == "ada":
        keep_extensions()
    if setting["device"] == "cpu":
        torch.set_num_threads(setting["threads"])
    torch.backends.cudnn.benchmark = True  # as all of them train
    torch.manual_seed(0)
    answers, sys.stdout = sys.stdout, sys.stderr  # what an implementation prints is no answer
    pieces = benchmark.pieces(kind, setting)
    print(json.dumps({"pieces": list(pieces)}), file=answers, flush=True)
    for line in sys.stdin:
        piece = pieces[line.strip()]
        print(json.dumps(timed(piece, setting) | {"graph": is_graph(piece)}), file=answers, flush=True)


def timed(piece: Callable[[], object], setting: dict) -> dict[str, float]:
    """Seconds for one run: of the wall, of the processor (all threads), of the GPU; and the peak memory so far in bytes."""
    repeats = setting["repeats"]
    if setting["device"] == "cuda":
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats // getattr(piece, "runs", 1)):  # some do several in one call
        piece()
    gpu = 0.0
    if setting["device"] == "cuda":
        end.record()
        torch.cuda.synchronize()
        gpu = begin.elapsed_time(end) / 1000
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = torch.cuda.max_memory_allocated() if setting["device"] == "cuda" else resident
    return {"wall": wall / repeats, "cpu": cpu / repeats, "gpu": gpu / repeats, "peak": peak}


def is_graph(piece: Callable[[], object]) -> bool:
    """Whether a CUDA graph was launched."""
    return getattr(getattr(piece, "step", piece), "graph", None) is not None


def without_gpu() -> None:
    """rosinality builds CUDA kernels when it is imported, and never calls them on a CPU."""
    import torch.utils.cpp_extension

    torch.utils.cpp_extension.load = lambda *args, **options: None


def keep_extensions() -> None:
    """ada imports by name what it has built; newer versions of PyTorch no longer put it where imports look."""
    from torch.utils import cpp_extension

    load = cpp_extension.load

    def loaded(name: str, *args, **options):
        sys.modules[name] = load(name, *args, **options)
        return sys.modules[name]

    cpp_extension.load = loaded


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])

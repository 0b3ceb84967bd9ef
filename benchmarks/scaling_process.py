"""One of the processes of benchmarks.scaling: times the four steps, and the sum of D's gradients alone. Started by torchrun."""

import json
import sys
import time
from collections.abc import Callable


def main(setting: dict) -> None:
    import torch

    from benchmarks.contestant_step import our_steps
    from benchmarks.train_step import SHARES
    from running import parallel

    torch.set_num_threads(1)
    device = parallel.start(torch.device("cpu"))
    torch.manual_seed(0)
    reals = torch.rand(setting["batch"], 3, setting["size"], setting["size"]) * 2 - 1
    pieces = our_steps(setting | {"device": device, "precision": "fp32"}, reals)
    for piece in pieces.values():
        piece()
    measured = {"iteration": [], "adding": []}
    for _ in range(setting["repeats"]):
        parts = [[share * taken for taken in seconds(pieces[name])] for name, share in SHARES.items()]
        measured["iteration"].append([sum(taken) for taken in zip(*parts)])
    gradients = _gradients(pieces["R1"].inputs()[0].discriminator)
    measured["adding"] = [seconds(lambda: parallel.average_gradients(gradients)) for _ in range(setting["repeats"])]
    if parallel.rank() == 0:
        print(json.dumps(measured))
    parallel.stop()


def _gradients(network) -> list:
    import torch

    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return list(network.parameters())


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Of the wall, from when all processes are there, and of the processor, in this one."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.barrier()
    begun = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

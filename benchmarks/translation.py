"""Time a training step of U-GAT-IT beside the published order of its parts, and beside the published formulas as well.

    python -m benchmarks.translation --img_size 64 --ch 16

Published order: each fake is made twice, and the discriminators' loss goes back through the generators, whose gradients are
then thrown away. Published formulas: both branches of the norms one after the other, the CAM on twice as many channels. All are
written here; the numbers of a step are the same (see the test).
"""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path

import cli
import progress

WAYS = ("ours", "published order", "published order and formulas")


def parser() -> cli.Parser:
    parser, count = cli.Parser(__doc__, "python -m benchmarks.translation [flags]"), cli.number(int, least=1)
    add = parser.add_argument_group("network").add_argument
    add("--img_size", type=count, default=64, metavar="PX", help="side of the pictures (default: 64)")
    add("--ch", type=count, default=16, metavar="N", help="width (default: 16)")
    add("--n_res", type=count, default=4, metavar="N", help="residual blocks (default: 4)")
    add("--full", action="store_true", help="full generators (default: light)")
    add("--batch_size", type=count, default=1, metavar="N", help="pictures of each domain (default: 1)")
    add = parser.add_argument_group("measurement").add_argument
    add("--rounds", type=count, default=7, metavar="N", help="measured, in turns (default: 7)")
    add("--steps", type=count, default=2, metavar="N", help="in a round (default: 2)")
    return parser


def main(args: argparse.Namespace) -> Path | None:
    from benchmarks import tables

    setting = {name: vars(args)[name] for name in ("img_size", "ch", "n_res", "full", "batch_size", "steps")}
    context, workers = multiprocessing.get_context("spawn"), {}
    for way in WAYS:
        here, there = context.Pipe()
        process = context.Process(target=contestant, args=(there, way, setting), daemon=True)
        process.start()
        workers[way] = (here, process)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    peaks = {}
    with progress.Bar(args.rounds * len(WAYS), "rounds") as bar:
        for _ in range(args.rounds):
            for way, (pipe, _) in workers.items():
                pipe.send("step")
                taken, peaks[way] = pipe.recv()
                seconds[way].append(taken)
                bar.update()
    for pipe, process in workers.values():
        pipe.send("stop")
        process.join()
    rows = [
        ["CPU time of a step", *(tables.seconds(seconds[way]) for way in WAYS)],
        ["ratio", *(tables.ratio(seconds[way], seconds["ours"]) for way in WAYS)],
        ["peak memory", *(f"{peaks[way] / 2**20:.0f} MiB" for way in WAYS)],
    ]
    kind = "full" if args.full else "light"
    print(
        tables.table(
            [f"{kind}, {args.img_size} px, width {args.ch}, {args.n_res} blocks, batch {args.batch_size}", *WAYS], rows
        )
    )


def contestant(pipe, way: str, setting: dict) -> None:
    """A process of its own: (CPU seconds a step, peak bytes) for each word that comes."""
    import resource
    import time

    import torch

    torch.set_num_threads(1)
    training, batch = made(way, setting)
    step = training.step if way == "ours" else lambda batch: published_step(training, batch)
    step(batch)
    while pipe.recv() == "step":
        started = time.process_time()
        for _ in range(setting["steps"]):
            step(batch)
        taken = (time.process_time() - started) / setting["steps"]
        pipe.send((taken, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def made(way: str, setting: dict):
    """(training, a batch) of one way; the formulas are those of this process from then on."""
    import torch

    from translation import networks, norms, training
    from translation.settings import Settings

    if way == WAYS[2]:
        training.LAYOUT = {"memory_format": torch.contiguous_format}
        norms.mixed, networks.attended = published_norm, published_attention
    shape = {"size": setting["img_size"], "ch": setting["ch"], "n_res": setting["n_res"], "light": not setting["full"]}
    random, size = torch.Generator().manual_seed(0), (setting["batch_size"], 3, setting["img_size"], setting["img_size"])
    batch = tuple(torch.randint(0, 256, size, generator=random, dtype=torch.uint8) for _ in "AB")
    return training.UGATIT(Settings(**shape), torch.device("cpu"), {}), batch


def published_step(training, batch: tuple) -> dict:
    """A step in the published order: fakes, discriminators, with a graph through the generators; fakes again, generators."""
    from translation.norms import clamp_rho
    from translation.training import GENERATORS

    real_a, real_b = map(training.prepared, batch)
    training.discriminator_optimizer.zero_grad()
    to_a, to_b = training.trained["genB2A"], training.trained["genA2B"]
    fakes = to_b(real_a).image, to_a(real_b).image
    total, logs = training.d_loss(real_a, real_b, *fakes, None)
    total.backward()
    training.discriminator_optimizer.step()
    training.generator_optimizer.zero_grad()
    made = {"A": (real_a, to_a(real_b), to_a(real_a)), "B": (real_b, to_b(real_a), to_b(real_b))}
    total, more = training.g_loss(made, None)
    total.backward()
    training.generator_optimizer.step()
    for name in GENERATORS:
        clamp_rho(training.trained[name])
    return logs | more


def published_norm(x, rho, gamma, beta):
    """Both branches as written in the paper."""
    import torch

    var, mean = torch.var_mean(x, (2, 3), keepdim=True)
    layer_var, layer_mean = torch.var_mean(x, (1, 2, 3), keepdim=True)
    instance, layer = (x - mean) / torch.sqrt(var + 1e-5), (x - layer_mean) / torch.sqrt(layer_var + 1e-5)
    return (rho * instance + (1 - rho) * layer) * gamma + beta


def published_attention(x, conv1x1, by_mean, by_maximum):
    """The feature maps twice, raised by either weight."""
    import torch

    return conv1x1(torch.cat([x * by_mean[:, :, None, None], x * by_maximum[:, :, None, None]], 1))


if __name__ == "__main__":
    cli.run(main, parser())

"""Time a training iteration, beside the same networks in plain PyTorch and beside other implementations.

    python -m benchmarks.train_step --size 64 --batch 2
    python -m benchmarks.train_step --peer rosinality=../stylegan2-pytorch --peer ada=../stylegan2-ada-pytorch
    python -m benchmarks.train_step --size 64 --batch 8 --channel_base 1024 --channel_max 96     # the network of the demo

An iteration is the steps of D and G, 1/16 R1, 1/4 path length, and the average of G.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cli
from benchmarks import machine, rounds, tables
from errors import InputError

SHARES = {"D": 1, "R1": 1 / 16, "G": 1, "path": 1 / 4, "EMA": 1}
ON_A_GPU = 4  # repeats at least: a step is recorded at its third call, and the first turn does not count


def add_network(parser: cli.Parser, size: int, batch: int, precision: str) -> Callable:
    """The flags that say which network is measured, with these defaults. Returns what adds further ones to them."""
    count = cli.number(int, least=1)
    add = parser.add_argument_group("network").add_argument
    add("--size", type=int, default=size, metavar="PX", help=f"resolution (default: {size})")
    add("--batch", type=count, default=batch, metavar="N", help=f"images per step (default: {batch})")
    add("--channel_base", type=count, default=32768, metavar="N", help="N / resolution channels (default: 32768) ...")
    add("--channel_max", type=count, default=512, metavar="N", help="... but at most N (default: 512)")
    add("--precision", choices=("fp32", "bf16"), default=precision, help=f"of the convolutions (default: {precision})")
    return add


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.train_step [flags]")
    add_network(parser, size=64, batch=2, precision="fp32")
    add = rounds.add_flags(parser, rounds=7, repeats=1)
    add("--also_bf16", action="store_true", help="also time ours with bf16 convolutions")
    parser.idle_with("--also_bf16", "--precision bf16")
    return parser


def main(args: argparse.Namespace) -> Path:
    import utils

    device = cli.read("--device", args.device, utils.choose_device).type
    chosen = rounds.contestants(args)
    if args.also_bf16:
        chosen.append(rounds.Contestant("ours, bf16", "ours", rounds.ROOT, own={"precision": "bf16"}))
    if (args.channel_max != 512 or args.channel_base % 16384) and any(c.kind == "rosinality" for c in chosen):
        raise InputError("--peer rosinality: has the widths of --channel_base 16384 or 32768 and --channel_max 512 only")
    names = ("size", "batch", "channel_base", "channel_max", "precision", "threads", "repeats")
    if device == "cuda":
        args.repeats = max(args.repeats, ON_A_GPU)
    setting = {"benchmark": "step", "device": device} | {name: vars(args)[name] for name in names}
    rounds.play(chosen, setting, args.rounds)

    what = "gpu" if device == "cuda" else "cpu"
    for contestant in chosen:
        contestant.measured["iteration"] = whole(contestant)
    ours = chosen[0].values("iteration", what)
    rows = [[piece, *(tables.seconds(c.values(piece, what)) for c in chosen)] for piece in (*SHARES, "iteration")]
    rows.append(["iteration / ours", *(tables.ratio(c.values("iteration", what), ours) for c in chosen)])
    walls = (tables.median_with_interval(c.values("iteration", "wall"))[0] for c in chosen)
    rows.append(["s/kimg (wall)", *(f"{1000 / args.batch * wall:.1f}" for wall in walls)])
    rows.append(["peak memory", *(f"{max(c.values('iteration', 'peak')) / 2**30:.2f} GiB" for c in chosen)])
    if device == "cuda":
        rows.append(["CUDA graphs", *map(graphs, chosen)])
    title = f"{args.size} px, batch {args.batch}, {args.precision}, {what.upper()} time"
    text = tables.table([title, *(c.name for c in chosen)], rows)
    print(text)
    name = f"step-{args.size}px-batch{args.batch}-base{args.channel_base}-{device}-{args.precision}"
    return rounds.write(args, name, text, chosen, machine.facts(device, args.threads))


def graphs(contestant) -> str:
    """Which pieces ran as CUDA graphs in every round: a recording that fails makes another measurement of it."""
    recorded = [piece for piece in ("D", "R1", "G", "path") if all(contestant.values(piece, "graph"))]
    return "none" if not recorded else "all steps" if len(recorded) == 4 else f"{', '.join(recorded)} only"


def whole(contestant) -> list[dict[str, float]]:
    """The iterations that the pieces of each round add up to."""
    every = [dict(zip(SHARES, pieces)) for pieces in zip(*(contestant.measured[piece] for piece in SHARES))]
    return [
        {what: sum(share * pieces[name][what] for name, share in SHARES.items()) for what in ("wall", "cpu", "gpu")}
        | {"peak": max(measured["peak"] for measured in pieces.values())}
        for pieces in every
    ]


if __name__ == "__main__":
    cli.run(main, parser())

"""Time upfirdn2d and fused_leaky_relu, beside their definitions in plain PyTorch and beside other implementations.

python -m benchmarks.ops
python -m benchmarks.ops --peer rosinality=../stylegan2-pytorch --peer ada=../stylegan2-ada-pytorch
"""

import argparse
from pathlib import Path

import cli
from benchmarks import machine, rounds, tables

# What an operator must read and write, beside what a copy of the image does: so much of its time would be the speed of a copy.
LEAST = {"blur": (1, 2), "up 2": (0.625, 1.25), "down 2": (0.625, 1.25), "leaky relu": (1, 2.5), "copy": (1, None)}


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.ops [flags]")
    rounds.add_flags(parser, rounds=7, repeats=3)
    add = parser.add_argument_group("tensors, 2 images of 128 channels (16 on a GPU)").add_argument
    add("--side", type=cli.number(int, least=8), default=256, metavar="PX", help="of the feature maps (default: 256)")
    add("--precision", choices=("fp32", "bf16", "fp16"), default="fp32", help="of the tensors (default: fp32)")
    return parser


def main(args: argparse.Namespace) -> Path:
    import utils

    device = cli.read("--device", args.device, utils.choose_device).type
    chosen = rounds.contestants(args)
    names = ("side", "precision", "threads", "repeats")
    setting = {"benchmark": "ops", "device": device} | {name: vars(args)[name] for name in names}
    rounds.play(chosen, setting, args.rounds)
    what = "gpu" if device == "cuda" else "cpu"
    ours, *others = chosen
    rows = [
        [piece, tables.seconds(ours.values(piece, what))]
        + [tables.ratio(c.values(piece, what), ours.values(piece, what)) if piece in c.measured else "" for c in others]
        for piece in ours.pieces
    ]
    head = [f"{args.precision}, {what.upper()} time", "ours", *(f"{c.name} / ours" for c in others)]
    if device == "cuda":
        head += ["of copy speed", "in a CUDA graph"]
        rows = [[*row, of_copy_speed(ours, row[0]), recorded(chosen, row[0])] for row in rows]
    text = tables.table(head, rows)
    print(text)
    return rounds.write(args, f"ops-{device}-{args.precision}", text, chosen, machine.facts(device, args.threads))


def of_copy_speed(ours: rounds.Contestant, piece: str) -> str:
    """
    >>> ours = rounds.Contestant("ours", "ours", Path())
    >>> ours.measured = {"copy, forward": [{"gpu": 2.0}], "up 2, forward": [{"gpu": 2.5}]}
    >>> of_copy_speed(ours, "up 2, forward")
    '50 %'
    """
    name, kind = piece.split(", ")
    least = LEAST[name][kind == "with backward"]
    copy, time = (tables.median_with_interval(ours.values(which, "gpu"))[0] for which in ("copy, forward", piece))
    return f"{100 * least * copy / time:.0f} %"


def recorded(chosen: list[rounds.Contestant], piece: str) -> str:
    """Whose calls were one: the others' times are those of Python, too."""
    there = [c for c in chosen if piece in c.measured]
    names = [c.name for c in there if all(c.values(piece, "graph"))]
    return "all" if len(names) == len(there) else ", ".join(names) or "none"


if __name__ == "__main__":
    cli.run(main, parser())

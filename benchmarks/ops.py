"""Time upfirdn2d and fused_leaky_relu, beside their definitions in plain PyTorch and beside other implementations.

python -m benchmarks.ops
python -m benchmarks.ops --peer rosinality=../stylegan2-pytorch --peer ada=../stylegan2-ada-pytorch
"""

import argparse
from pathlib import Path

import cli
from benchmarks import machine, rounds, tables


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.ops [flags]")
    rounds.add_flags(parser, rounds=7, repeats=3)
    add = parser.add_argument_group("tensors, 2 images of 128 channels").add_argument
    add("--side", type=cli.number(int, least=8), default=256, metavar="PX", help="of the feature maps (default: 256)")
    add("--precision", choices=("fp32", "bf16", "fp16"), default="fp32", help="of the tensors (default: fp32)")
    return parser


def main(args: argparse.Namespace) -> Path:
    import utils

    device = cli.read("--device", args.device, utils.choose_device).type
    chosen = rounds.contestants(args.peer, "plain")
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
    text = tables.table([f"{args.precision}, {what.upper()} time", "ours", *(f"{c.name} / ours" for c in others)], rows)
    print(text)
    return rounds.write(args, f"ops-{device}-{args.precision}", text, chosen, machine.facts(device, args.threads))


if __name__ == "__main__":
    cli.run(main, parser())

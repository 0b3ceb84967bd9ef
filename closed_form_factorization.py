"""Find the directions of a generator's W that move its pictures most (SeFa, arXiv 2007.06600), without drawing any.

    python closed_form_factorization.py --out factor.pt ffhq256.pt
    python apply_factor.py --ckpt ffhq256.pt -i 0-7 factor.pt

Directions for some layers, such as those of pose and shape, which then act on these layers only:
    python closed_form_factorization.py --layers coarse --normalize rows --out shape.pt ffhq256.pt
The file opens in stylegan2-pytorch's apply_factor.py as well. Signs are fixed: the same command gives the same
file, which keeps it under `command`.
"""

import argparse
from pathlib import Path

import cli
import flags

SHOWN = 8  # directions in the table


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python closed_form_factorization.py [flags] CKPT")
    add = parser.add_argument_group("network").add_argument
    add("ckpt", metavar="CKPT", help="checkpoint of any format; its averaged generator is factorised")
    group = parser.add_argument_group("factorisation")
    rows = "none: weights as they are, as stylegan2-pytorch; rows: each to length 1, as the paper's code (default: none)"
    group.add_argument("--normalize", choices=("none", "rows"), default="none", help=rows)
    flags.add_layers(group, "factorised, and later edited")
    add = parser.add_argument_group("output").add_argument
    add("--out", "--factor_name", type=cli.new_file, default=Path("factor.pt"), metavar="FILE", help="(default: factor.pt)")
    return parser


def main(args: argparse.Namespace) -> Path:
    import checkpoint
    import drawing
    from editing import directions, layers, sefa

    out = args.out if args.out.suffix else args.out.with_suffix(".pt")
    cli.check_out(out, args.ckpt)
    generator = cli.read("--ckpt", args.ckpt, checkpoint.read_aloud).generator()
    chosen = drawing.layers(args, generator)
    with cli.named_by(args, "res", "layers"):
        found = sefa.sefa(generator, chosen, args.normalize == "rows")
    found.command = cli.command_line(args)
    print(layers.described(chosen, generator))
    print("direction  eigenvalue   share")
    for index, value in enumerate(found.values[:SHOWN].tolist()):
        print(f"{index:9}  {value:10.4g}  {value / found.values.sum():5.1%}")
    return directions.save_directions(out, found)


if __name__ == "__main__":
    cli.run(main, parser())

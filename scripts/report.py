"""A page about a run: curves, samples, how people change, what its newest network draws, checkpoints and options.

    python -m scripts.report expr
    python -m scripts.report expr-3 --source networks/550000.pt --seeds 4,8,15 --out report.html

The page is one file. It opens from the disk, loads nothing, and can be sent to others. A run that still trains can be reported.
"""

import argparse
from pathlib import Path

import cli
import flags
from writing import write_text


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.report [flags] RUN")
    add = parser.add_argument_group("run").add_argument
    add("run", type=Path, metavar="RUN", help="folder that train.py wrote")
    add("--source", metavar="FILE", help="network that the run began with (default: what train.py had as --ckpt)")
    group = parser.add_argument_group("sheets of the newest checkpoint")
    add = group.add_argument
    add("--seeds", default="0-5", metavar="LIST", help="people; the mixing tables take 2 + 4 (default: 0-5)")
    add("--no_sheets", action="store_true", help="draw none: the page is ready within seconds")
    flags.add_device(group)
    add = parser.add_argument_group("output").add_argument
    add("--out", type=cli.new_file, metavar="FILE", help="(default: RUN/report.html)")
    parser.idle_with("--seeds --device", "--no_sheets")
    return parser


def main(args: argparse.Namespace) -> Path:
    import utils
    from scripts._page import page

    seeds = None if args.no_sheets else cli.read("--seeds", args.seeds, utils.parse_seeds)
    path = args.out or args.run / "report.html"
    write_text(path, page(args.run, args.source, seeds, args.device))
    return path


if __name__ == "__main__":
    cli.run(main, parser())

"""Train the network that reads the attributes of rendered faces, by which --metrics structure measures people.

    python -m scripts.train_regressor --out demo/regressor.pt

At the end a table: how well each attribute is read from unseen faces. The shipped file took about an hour of one core.
"""

import argparse
import time
from pathlib import Path

import cli
import progress
from errors import InputError


def parser() -> cli.Parser:
    whole = cli.number(int, least=1)
    parser = cli.Parser(__doc__, "python -m scripts.train_regressor [flags]")
    add = parser.add_argument_group("training").add_argument
    add("--faces", type=whole, default=16_000, metavar="N", help="rendered in each domain (default: 16000)")
    add("--steps", type=whole, default=9000, metavar="N", help="of the optimiser (default: 9000)")
    add("--batch", type=whole, default=64, metavar="N", help="faces a step (default: 64)")
    add("--minutes", type=cli.number(float, above=0), metavar="N", help="of training at most; the learning rate falls in time")
    add("--seed", type=cli.number(int, least=0, most=2**31), default=100, metavar="N", help="of faces and steps (default: 100)")
    add("--unseen", type=whole, default=2000, metavar="N", help="further faces in each domain to test on (default: 2000)")
    add = parser.add_argument_group("output").add_argument
    add("--out", type=cli.new_file, default=Path("regressor.pt"), metavar="FILE", help="half precision (default: regressor.pt)")
    add("--overwrite", action="store_true", help="replace the file")
    return parser


def main(args: argparse.Namespace) -> Path:
    if args.out.exists() and not args.overwrite:
        raise InputError(f"--out {args.out}: exists; give another name, or --overwrite")
    if args.unseen < 3:
        raise InputError(f"--unseen {args.unseen}: a correlation needs at least 3 faces")

    import torch

    from metrics.attributes import regressor as regressors
    from metrics.attributes import training

    with progress.Bar(2 * args.faces, "faces") as bar:
        faces = training.render_both(args.faces, args.seed, bar.update)
    torch.manual_seed(args.seed)
    network = regressors.Regressor()
    started, seconds = time.monotonic(), 60 * (args.minutes or float("inf"))
    steps = training.train(
        network, faces, args.steps, args.batch, seed=args.seed, progress=lambda: (time.monotonic() - started) / seconds
    )
    with progress.Bar(args.steps, "steps") as bar:
        for taken, loss in steps:  # noqa: B007
            bar.update()
            bar.show(note=f"loss {loss:.3f}")

    made_by = {"faces": args.faces, "seed": args.seed, "steps": taken, "batch": args.batch, "unseen": args.unseen}
    network = network.half().float()  # what the file holds is what is tested
    truth = training.truth_correlations(network, args.unseen)
    regressors.write(args.out, network, truth, made_by)
    print(training.table(truth))
    return args.out


if __name__ == "__main__":
    cli.run(main, parser())

"""Train a DCGAN at 64 px from scratch: the baseline that StyleGANs are measured against.

As published, 50 times through the pictures:
    python -m scripts.train_dcgan faces.lmdb
The first 19,000 of them 100 times:
    python -m scripts.train_dcgan --first 19000 --epochs 100 faces.lmdb
Continue the newest run exactly:
    python -m scripts.train_dcgan --resume

After each epoch the Frechet and the kernel distance (FID, KID) are measured, through the discriminator of a network that is
shipped. The run's folder gets losses.csv and losses.png of every iteration, scores.csv, fid.png and kid.png.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import shipped
from errors import Diverged, InputError, OutOfMemory, helped, named
from metrics.table import FEATURES
from running import flags

if TYPE_CHECKING:
    import torch

    from baselines.dcgan import DCGAN
    from running.evaluation import Evaluation
    from running.run import Run


def parser() -> cli.Parser:
    count, positive = cli.number(int, least=1), cli.number(float, above=0)
    parser = cli.Parser(__doc__, "python -m scripts.train_dcgan [flags] PICTURES", later=True)
    # fmt: off
    add = parser.add_argument_group("training").add_argument
    add("pictures", nargs="?", type=Path, metavar="PICTURES", help="an LMDB with 64 px, a folder, a zip or a film")
    add("--first", type=cli.number(int, least=2), metavar="N", help="only the first N pictures (default: all)")
    add("--epochs", type=positive, default=50.0, metavar="N", help="times through the pictures (default: 50)")
    add("--batch", type=cli.number(int, least=2), default=128, metavar="N", help="pictures for a step (default: 128)")
    add("--lr", type=positive, default=0.0002, metavar="X", help="learning rate (default: 0.0002)")
    add("--beta1", type=cli.number(float, least=0, most=0.999), default=0.5, metavar="X", help="of Adam (default: 0.5)")
    add("--nz", type=count, default=100, metavar="N", help="length of z (default: 100)")
    add("--ngf", type=count, default=64, metavar="N", help="width of the generator (default: 64)")
    add("--ndf", type=count, default=64, metavar="N", help="width of the discriminator (default: 64)")
    add("--precision", choices=("fp32", "bf16"), default="fp32", help="of convolutions (default: fp32)")
    add = parser.add_argument_group("evidence").add_argument
    every = "epochs between scores; 0: none (default: 1)"
    add("--eval_epochs", type=cli.number(int, least=0), default=1, metavar="N", help=every)
    looks = "what they look at; disc: the discriminator of --source (default: disc)"
    add("--eval_features", choices=FEATURES, default="disc", help=looks)
    add("--source", type=Path, metavar="FILE", help=f"a network with a discriminator (default: {shipped.EXAMPLE})")
    add("--eval_n", type=cli.number(int, least=2), default=1000, metavar="N", help="pictures for a score (default: 1000)")
    # fmt: on
    parser.idle_with("--eval_features --source --eval_n", "--eval_epochs 0")
    parser.needs("--source", "--eval_features disc")
    flags.add_arguments(parser, None, "as many as --epochs asks for")
    return parser


@helped(OutOfMemory, by="--batch, --ngf, --ndf")
@helped(Diverged, by="--resume RUN --lr X")
def main(args: argparse.Namespace) -> Path | None:
    from baselines import dcgan, tables
    from dataset import open_images
    from running import loop, resuming
    from running.run import Run

    fixed = dict.fromkeys(("seed", "nz", "ngf", "ndf"), "began")
    continued = partial(resuming.continued, fixed=fixed, instead=({"iter", "epochs"},))
    start = loop.begin(args, parser(), continued=continued, needed=("pictures",))
    parser().check(start.args)
    pictures = open_images(start.args.pictures, dcgan.SIZE)
    if start.args.first:
        pictures.keep(start.args.first)
    start = dataclasses.replace(start, args=with_iterations(start.args, len(pictures)))
    args = start.args
    settings = dcgan.Settings(*(getattr(args, field.name) for field in dataclasses.fields(dcgan.Settings)))
    training = dcgan.DCGAN(settings, start.device, args.seed)
    remarks = [] if start.finished else [pictures.summary(), *pictures.remarks(), plan(training, args)]
    run = Run(start, training, start.stream(pictures, args.batch, flip=False), remarks=remarks, losses=("d", "g"))
    run.evaluation = evaluation(run, training)
    losses = tables.Losses(("d", "g"))

    def iteration(pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        logs = training.step(pixels)
        if not run.report.quiet:
            losses.add(run.report.folder, training.iteration + 1, logs)
        return logs

    saved = loop.train(run, iteration)
    if saved and run.report:
        losses.draw(run.report.folder)
        if run.evaluation and run.evaluation.history:
            tables.write_csv(run.report.folder / "scores.csv", run.evaluation.history)
            tables.draw_curves(run.report.folder / "fid.png", run.evaluation.history, ["fid"], "fid, lower is better")
    return saved


def with_iterations(args: argparse.Namespace, count: int) -> argparse.Namespace:
    """--iter as it was given, else of --epochs through `count` pictures."""
    return argparse.Namespace(**vars(args) | {"iter": args.iter or math.ceil(args.epochs * count / total_batch(args))})


def total_batch(args: argparse.Namespace) -> int:
    from running import parallel

    return args.batch * parallel.world_size()


def evaluation(run: Run, training: DCGAN) -> Evaluation | None:
    """Both distances after every so many epochs; the kernel distance, which few pictures bias less, decides which is best."""
    args = run.args
    if not args.eval_epochs or run.start.finished:
        return None
    import checkpoint
    from metrics.features import choose
    from metrics.scores import scorer
    from running.evaluation import Evaluation
    from running.resuming import scores_so_far

    source = None
    if args.eval_features == "disc":
        source = cli.read("--source", args.source or shipped.PHOTO, checkpoint.read)
        if source.architecture.size != run.images.size:
            raise InputError(
                f"--source {args.source}: looks at {source.architecture.size} px; a DCGAN draws {run.images.size} px"
            )
    with named(f"--eval_features {args.eval_features}"):
        look = choose(args.eval_features, source, device=training.device)
        score = scorer("kid", look, run.images, args.eval_n, min(args.batch, 64), training.device, also=("fid",))

    def scored() -> dict[str, float]:
        with training.drawing() as generator:
            return score(generator)

    every = max(1, round(args.eval_epochs * len(run.images) / total_batch(args)))
    return Evaluation("kid", scored, every, scores_so_far(run))


def plan(training: DCGAN, args: argparse.Namespace) -> str:
    sizes = [sum(p.numel() for p in network.parameters()) for network in (training.generator, training.discriminator)]
    return (
        f"DCGAN: generator {sizes[0]:,} parameters, discriminator {sizes[1]:,}; {args.iter:,} iterations of {total_batch(args)}"
    )


if __name__ == "__main__":
    cli.run(main, parser())

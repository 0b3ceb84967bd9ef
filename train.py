"""Fine-tune a StyleGAN2 to cartoon faces, or train one from scratch.

From an FFHQ checkpoint, keeping the coarse layers and their styles (FreezeSG), with adaptive augmentation:
    python train.py --ckpt ffhq256.pt --preset freezesg LMDB
As published:
    python train.py --batch=8 --ckpt=ffhq256.pt --freezeG=4 --freezeD=3 --augment --path=LMDB
What would train, in how much memory and time:
    python train.py --ckpt ffhq256.pt --preset structure --dry_run LMDB
Continue the newest run exactly:
    python train.py --resume
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cli
from errors import Diverged, InputError, NoRun, OutOfMemory, helped, named
from metrics.table import FEATURES, SCORES
from running import flags
from training import augmentation
from training.transfer import METHODS
from training.transfer.presets import PRESETS, left_open

if TYPE_CHECKING:
    from torch import Tensor

    from running.base import Logs
    from running.evaluation import Evaluation
    from running.run import Run

SIZES = tuple(2**k for k in range(3, 11))
EMA_DECAY = 0.5 ** (32 / 10_000)  # per iteration, whatever the batch


def parser() -> cli.Parser:
    count, positive = cli.number(int, least=1), cli.number(float, above=0)
    weight, fraction = cli.number(float, least=0), cli.number(float, least=0, most=1)
    r1 = lambda text: text if text == "auto" else weight(text)  # noqa: E731
    parser = cli.Parser(__doc__, "python train.py [flags] LMDB", later=True)
    # fmt: off
    add = parser.add_argument_group("data").add_argument
    add("images", nargs="?", metavar="LMDB", help="an LMDB from prepare_data.py, a folder, zip or film, or one picture")
    add("--path", metavar="LMDB", help="the same as a flag")
    add("--size", type=int, choices=SIZES, metavar="PX", help="resolution (default: the checkpoint's, or the one stored)")
    add("--no_flip", action="store_true", help="do not mirror half of the images")

    add = parser.add_argument_group("network").add_argument
    add("--ckpt", type=Path, metavar="FILE", help="start from this network; without it, train from scratch")
    add("--start_from", choices=("g_ema", "g"), default="g_ema", help="which generator of --ckpt (default: g_ema)")
    add("--channel_multiplier", type=positive, metavar="X", help="width of a new network (default: 2)")
    add("--channel_base", type=count, metavar="N", help="or: N / resolution channels at each resolution ...")
    add("--channel_max", type=count, metavar="N", help="... but at most N (default: 512)")
    add("--style_dim", type=count, metavar="N", help="length of z and w of a new network (default: 512)")
    add("--n_mlp", type=count, metavar="N", help="layers of a new mapping network (default: 8)")
    add("--arch", default="stylegan2", help=argparse.SUPPRESS)

    methods = parser.add_argument_group("transfer methods, in any combination (N as in the published commands)")
    methods.add_argument("--preset", choices=PRESETS, help="the flags of one method, chosen for the resolution and printed")
    for method in METHODS:
        method.add_arguments(methods)

    augmentation.add_arguments(parser.add_argument_group("augmentation"))

    add = parser.add_argument_group("optimisation").add_argument
    add("--batch", type=count, default=16, metavar="N", help="images per step for each process (default: 16)")
    add("--accumulate", type=count, default=1, metavar="N", help="pass a batch in N parts, to save memory (default: 1)")
    add("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of convolutions (auto: bf16 on GPUs)")
    add("--lr", type=positive, default=0.002, metavar="X", help="learning rate (default: 0.002)")
    add("--r1", type=r1, default="auto", metavar="X", help="R1 weight (default: 10 from 256 px, else 0.0002 size^2 / batch)")
    add("--d_reg_every", type=count, default=16, metavar="N", help="iterations between R1 steps (default: 16)")
    add("--path_regularize", type=weight, default=2.0, metavar="X", help="path-length weight, 0 = off (default: 2)")
    add("--g_reg_every", type=count, default=4, metavar="N", help="iterations between path-length steps (default: 4)")
    add("--path_batch_shrink", type=count, default=2, metavar="N", help="path-length steps use batch / N images (default: 2)")
    add("--mixing", type=fraction, default=0.9, metavar="P", help="probability of style mixing (default: 0.9)")
    add("--ema_decay", type=fraction, default=EMA_DECAY, metavar="X", help="of the average of G (default: 0.5^(32/10000))")

    add = parser.add_argument_group("evidence").add_argument
    add("--eval_every", type=count, metavar="N", help="iterations between scores of the averaged generator (default: none)")
    add("--eval", choices=SCORES, default="kid", help="the score; checkpoints/best.pt keeps the best (default: kid)")
    add("--eval_features", choices=FEATURES, default="disc",
        help="what it looks at; disc: the discriminator of --ckpt (default: disc)")
    add("--eval_n", type=cli.number(int, least=2), default=1000, metavar="N", help="pictures for a score (default: 1000)")

    add = flags.add_arguments(parser, None, "30000 with --ckpt, 800000 without").add_argument
    add("--kimg", type=positive, metavar="N", help="in place of --iter: thousands of real images to show")
    add("--no_graphs", action="store_true", help="no CUDA graphs on a GPU: slower, in less memory; the losses are the same")
    add("-m", dest="launcher", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    add("--local_rank", help=argparse.SUPPRESS)  # older launchers pass it; the environment says the same
    # fmt: on
    parser.needs("--eval --eval_features --eval_n", "--eval_every")
    parser.idle_with("--d_reg_every", "--r1 0")
    parser.idle_with("--g_reg_every --path_batch_shrink", "--path_regularize 0")
    return parser


@helped(OutOfMemory, by="--batch, --accumulate, --size, --no_graphs")
@helped(Diverged, by="--resume RUN --lr X")
@helped(NoRun, by="--ckpt FILE")
def main(args: argparse.Namespace) -> Path | None:
    import checkpoint
    from running import guard, loop
    from training import estimate, graphs, resuming, setup
    from training.steps import draw_micro_batches, micro_batches

    start = loop.begin(args, parser(), checkpoint.read, resuming.continued)
    if start.finished:
        return loop.leave(start)
    brought = {} if start.saved else left_open(args, setup.NEW_NETWORK_SIZE)
    if told := parser().idle(argparse.Namespace(**vars(start.args) | brought)):
        raise InputError(told)
    with guard.memory_advice(start.device):
        run = setup.prepare(start)
        run.evaluation = build_evaluation(run)
        run.remarks += [
            *doubts(run),
            estimate.level_table(run.state.generator, run.state.discriminator),
            estimate.describe(run),
        ]
    state, settings = run.state, run.state.settings
    steps = graphs.training_steps(state, run.say, wanted=not (run.args.no_graphs or run.args.profile))

    def iteration(pixels: Tensor) -> Logs:
        reals = micro_batches(state, pixels)
        logs = steps.discriminator_step(state, reals, draw_micro_batches(state))
        if settings.r1 and state.iteration % settings.d_reg_every == 0:
            logs |= steps.r1_step(state, reals)
        logs |= steps.generator_step(state, draw_micro_batches(state))
        if settings.path_regularize and state.iteration % settings.g_reg_every == 0:
            logs |= steps.path_length_step(state, draw_micro_batches(state, settings.path_batch_shrink))
        state.update_ema()
        return logs

    return loop.train(run, iteration)


def build_evaluation(run: Run) -> Evaluation | None:
    """What --eval_every asks for. Training knows the metric as a function only."""
    args, state = run.args, run.state
    if not args.eval_every:
        return None
    import checkpoint
    from metrics.features import choose
    from metrics.scores import scorer
    from running.evaluation import Evaluation
    from running.resuming import scores_so_far

    source = cli.read("--ckpt", args.ckpt, checkpoint.read) if args.ckpt and args.eval_features == "disc" else None
    with named(f"--eval_features {args.eval_features}"):
        look = choose(args.eval_features, source, device=state.device)
    with named(f"--eval {args.eval}"):
        score = scorer(args.eval, look, run.images, args.eval_n, args.batch, state.device)
    return Evaluation(args.eval, lambda: score(state.g_ema), args.eval_every, scores_so_far(run))


def doubts(run: Run) -> list[str]:
    """A line where --eval_every scores too few pictures, and one where it scores none in what is left to do."""
    args = run.args
    if not args.eval_every:
        return []
    from metrics import distances

    few = distances.doubt(args.eval_n, len(run.images))
    lines = [f"--eval {args.eval}: {few}"] if few else []
    never = args.iter // args.eval_every == run.state.iteration // args.eval_every
    return lines + ([f"--eval_every {args.eval_every}: no score until --iter {args.iter}"] if never else [])


if __name__ == "__main__":
    cli.run(main, parser())

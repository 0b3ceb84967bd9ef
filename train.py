"""Fine-tune a StyleGAN2 to cartoon faces, or train one from scratch.

From an FFHQ checkpoint, keeping the coarse layers and their styles (FreezeSG), with adaptive augmentation:
    python train.py --ckpt ffhq256.pt --preset freezesg LMDB
From words alone, without pictures:
    python train.py --ckpt ffhq256.pt --clip_source photo --clip_target "pencil sketch"
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
from errors import Diverged, NoRun, OutOfMemory, helped, named
from metrics.table import FEATURES, SCORES
from training import flags
from training.transfer.presets import left_open

if TYPE_CHECKING:
    from torch import Tensor

    from running.base import Logs
    from running.evaluation import Evaluation
    from running.run import Run


def parser() -> cli.Parser:
    parser, count = cli.Parser(__doc__, "python train.py [flags] LMDB", later=True), cli.number(int, least=1)
    flags.add_arguments(parser)
    # fmt: off
    add = parser.add_argument_group("evidence").add_argument
    add("--eval_every", type=count, metavar="N", help="iterations between scores of the averaged generator (default: none)")
    add("--eval", choices=SCORES, default="kid", help="the score; checkpoints/best.pt keeps the best (default: kid)")
    add("--eval_features", choices=FEATURES, default="disc",
        help="what it looks at; disc: the discriminator of --ckpt (default: disc)")
    add("--eval_n", type=cli.number(int, least=2), default=1000, metavar="N", help="pictures for a score (default: 1000)")
    # fmt: on
    parser.needs("--eval --eval_features --eval_n", "--eval_every")
    flags.add_run_arguments(parser)
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
    preset = {} if start.saved else left_open(start.args, setup.NEW_NETWORK_SIZE)  # the same flags at any size
    parser().check(argparse.Namespace(**vars(start.args) | preset))
    with guard.memory_advice(start.device):
        run = setup.prepare(start)
        run.evaluation = build_evaluation(run)
        run.remarks += [
            *doubts(run),
            estimate.level_table(run.state.generator, run.state.discriminator),
            estimate.describe(run),
        ]
    state = run.state
    steps = graphs.training_steps(state, run.say, wanted=not (run.args.no_graphs or run.args.profile))

    def iteration(pixels: Tensor | None) -> Logs:
        settings, logs = state.settings, {}
        if state.adversarial:
            reals = micro_batches(state, pixels)
            logs |= steps.discriminator_step(state, reals, draw_micro_batches(state))
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

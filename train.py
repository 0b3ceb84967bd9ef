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

import argparse
from pathlib import Path

import cli
from errors import InputError, helped, named
from metrics.table import FEATURES, SCORES
from training import augmentation
from training.transfer import METHODS
from training.transfer.presets import PRESETS, preset_flags

SIZES = tuple(2**k for k in range(3, 11))
COMPANIONS = {  # {name of a flag: that of the flag without which it does nothing}
    **dict(augmentation.COMPANIONS),
    **{"eval": "eval_every", "eval_features": "eval_every", "eval_n": "eval_every"},
    **{name: needed for method in METHODS for name, needed in method.companions},
}
EMA_DECAY = 0.5 ** (32 / 10_000)  # per iteration, whatever the batch


def parser() -> cli.Parser:
    count, positive = cli.number(int, least=1), cli.number(float, above=0)
    weight, fraction = cli.number(float, least=0), cli.number(float, least=0, most=1)
    seed = cli.number(int, least=0, most=2**32 - 1)
    r1 = lambda text: text if text == "auto" else weight(text)  # noqa: E731
    parser = cli.Parser(__doc__, "python train.py [flags] LMDB")
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
    add("--iter", type=count, metavar="N", help="iterations in all (default: 30000 with --ckpt, 800000 without)")
    add("--kimg", type=positive, metavar="N", help="or: thousands of real images to show")
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
    add("--tensorboard", action="store_true", help="statistics and samples to TensorBoard as well")
    add("--wandb", nargs="?", const="online", choices=("online", "offline"), help="and to Weights & Biases")

    add = parser.add_argument_group("run").add_argument
    add("--outdir", type=Path, metavar="DIR", help="where everything is written (default: expr, then expr-2, ...)")
    add("--overwrite", action="store_true", help="replace the run in --outdir")
    add("--resume", nargs="?", const="latest", metavar="RUN", help="continue a run exactly: the newest, a folder's or a file")
    add("--save_every", type=count, default=2000, metavar="N", help="iterations between checkpoints (default: 2000)")
    add("--keep", type=cli.number(int, least=2), metavar="N", help="newest checkpoints to keep (default: all)")
    add("--sample_every", type=count, default=100, metavar="N", help="iterations between sample sheets (default: 100)")
    add("--n_sample", type=count, default=64, metavar="N", help="faces on a sample sheet (default: 64)")
    add("--seed", type=seed, default=0, metavar="N", help="of all random numbers (default: 0)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    add("--no_graphs", action="store_true", help="no CUDA graphs on a GPU: slower, in less memory; the losses are the same")
    add("--profile", action="store_true", help="record some iterations: trace.json and operators.txt in the run's folder")
    add("--dry_run", action="store_true", help="show what would train, memory and time; write nothing")
    add("-m", dest="launcher", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    add("--local_rank", help=argparse.SUPPRESS)  # older launchers pass it; the environment says the same
    # fmt: on
    return parser


def main(args: argparse.Namespace) -> Path | None:
    from running import guard

    memory = "--batch, --accumulate, --size, --no_graphs"
    with helped(guard.OutOfMemory, memory), helped(guard.Diverged, "--resume RUN --lr X"):
        return train(args)


def train(args: argparse.Namespace) -> Path | None:
    import utils
    from running import guard, parallel, profiling, snapshots
    from running.report import Report, open_folder
    from running.stopping import StopRequest
    from training import estimate, graphs, resuming, setup
    from training.steps import draw_micro_batches, micro_batches

    if args.overwrite and args.resume:
        raise InputError("--overwrite: replaces the run that --resume would continue; give one of them")
    device = parallel.start(cli.read("--device", args.device, utils.choose_device))
    resumed, outdir, given = snapshots.find(args.resume, args.outdir), args.outdir, parser().given(args.argv)
    if resumed:
        args = resuming.continued(args, given, resumed)
        if finished := resuming.finished(args, resumed):
            return leave(resumed, finished)
    check_effects(args, given, args.preset if not resumed else None)
    with guard.memory_advice(device):
        run = setup.prepare(args, device, resumed, given)
        args, state, settings = run.args, run.state, run.state.settings
        changes = resuming.changes(resumed, run) if resumed else []
        run.evaluation = build_evaluation(args, run, resumed)
        plan = [
            *changes,
            *run.remarks,
            *doubts(args, run.images, state.iteration),
            estimate.level_table(state.generator, state.discriminator),
            estimate.describe(run),
        ]
    if args.dry_run:
        print("\n".join(plan))
        return None

    first = parallel.rank() == 0
    if resumed:
        folder = snapshots.folder_of(resumed, outdir)
        plan = [*(snapshots.set_aside_newer(folder, resumed) if first else ()), *plan]
    else:
        folder = parallel.from_first(lambda: open_folder(outdir, args.overwrite, snapshots.wanted(args.resume)))
    report = Report(folder, run, quiet=not first)
    if resumed:
        report.load_state_dict(resumed.extra["statistics"])
    report.say(
        f"{'Resuming' if resumed else 'Writing to'} {folder}{'' if resumed or not args.resume else ': nothing to resume there'}"
    )
    for line in plan:
        report.say(line)
    steps = graphs.training_steps(state, report.say, wanted=not (args.no_graphs or args.profile))  # a graph has no operators
    profiled = profiling.profiled(args.profile and first, folder, device, report.say)
    with StopRequest() as stop, guard.memory_advice(device), profiled as profile_step:
        if first and not resumed:
            report.show_reals()
            report.sample(state.sheet(args.n_sample))
        while state.iteration < args.iter and not stop.asked(state.iteration):
            reals = micro_batches(state, next(run.batches))
            logs = steps.discriminator_step(state, reals, draw_micro_batches(state))
            if settings.r1 and state.iteration % settings.d_reg_every == 0:
                logs |= steps.r1_step(state, reals)
            logs |= steps.generator_step(state, draw_micro_batches(state))
            if settings.path_regularize and state.iteration % settings.g_reg_every == 0:
                logs |= steps.path_length_step(state, draw_micro_batches(state, settings.path_batch_shrink))
            state.update_ema()
            state.iteration += 1

            state.guard.check(state.iteration, logs)
            report.step(logs)
            profile_step()
            if first and state.iteration % args.sample_every == 0:
                report.sample(state.sheet(args.n_sample))
            if args.eval_every and state.iteration % args.eval_every == 0:
                snapshots.evaluate(run, report)
            if state.iteration % args.save_every == 0:
                snapshots.save(run, report)
        saved = snapshots.save(run, report)

    if stop.signal:
        report.say(f"Stopped by {stop.signal.name} after iteration {state.iteration}; continue with --resume")
    report.close()
    parallel.stop()
    return saved if first else None


def check_effects(args: argparse.Namespace, given: set[str], preset: str | None) -> None:
    """A flag that does nothing without another one must not be given alone; `preset` will set what is not given."""
    to_come = set(preset_flags(preset, 256)) - given if preset else set()
    for name in sorted(given & set(COMPANIONS)):
        needed, value = COMPANIONS[name], getattr(args, name)
        if value != parser().get_default(name) and getattr(args, needed) in (None, False, -1) and needed not in to_come:
            shown = f"--{name}" if value is True else f"--{name} {value}"
            raise InputError(f"{shown}: has no effect without --{needed}; give both, or leave it out")


def leave(resumed, remark: str) -> Path | None:
    """Nothing is left to do: say so, touch nothing."""
    from running import parallel

    first = parallel.rank() == 0
    if first:
        print("\n".join([*resumed.notes, remark]))
    parallel.stop()
    return resumed.path if first else None


def build_evaluation(args: argparse.Namespace, run, resumed):
    """What --eval_every asks for, or None. Training knows the metric as a function only."""
    if not args.eval_every:
        return None
    import checkpoint
    from metrics.features import choose
    from metrics.scores import scorer
    from running.evaluation import Evaluation
    from training import resuming

    start = cli.read("--ckpt", args.ckpt, checkpoint.read) if args.ckpt and args.eval_features == "disc" else None
    state, images = run.state, run.images
    with named(f"--eval_features {args.eval_features}"):
        look = choose(args.eval_features, start, device=state.device)
    with named(f"--eval {args.eval}"):
        score = scorer(args.eval, look, images, args.eval_n, args.batch, state.device)
    return Evaluation(args.eval, lambda: score(state.g_ema), resuming.scores_so_far(resumed, images) if resumed else [])


def doubts(args: argparse.Namespace, images, done: int) -> list[str]:
    """A line where --eval_every scores too few pictures, and one where it scores none after `done` iterations."""
    if not args.eval_every:
        return []
    from metrics import distances

    found = distances.doubt(args.eval_n, len(images))
    lines = [f"--eval {args.eval}: {found}"] if found else []
    never = args.iter // args.eval_every == done // args.eval_every
    return lines + ([f"--eval_every {args.eval_every}: no score until --iter {args.iter}"] if never else [])


if __name__ == "__main__":
    cli.run(main, parser())

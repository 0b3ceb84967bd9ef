"""What happens around the iterations of any long training: how it begins or goes on, what is done now and then, how it ends.

start = loop.begin(args, parser())
run = Run(start, state, batches)
return loop.train(run, iteration)               # iteration: (a batch) -> {name of a loss: value}
"""

import argparse
from collections.abc import Callable, Collection
from pathlib import Path

import torch

import utils
from errors import InputError, named
from running import flags, guard, loggers, parallel, profiling, resuming, snapshots
from running.base import Logs
from running.folders import check_outdir, open_folder
from running.report import Report
from running.run import Run, Start
from running.stopping import StopRequest

LONG = 2000  # iterations from which on it pays to try cuDNN's ways at each new shape: seconds once, for milliseconds each time


def begin(
    args: argparse.Namespace,
    parser: argparse.ArgumentParser,
    read: Callable[[Path], resuming.Saved] = resuming.read,
    continued: Callable[..., argparse.Namespace] = resuming.continued,
    needed: Collection[str] = (),
) -> Start:
    """Join the other processes, find what --resume means, and decide the flags of running/flags.py.

    read:      what is in a checkpoint of this training
    continued: (args, saved) -> the flags of a run that goes on
    needed:    names of what a new run cannot do without
    Raises InputError for what cannot work.
    """
    if args.overwrite and args.resume:
        raise InputError("--overwrite: replaces the run that --resume would continue; give one of them")
    if args.overwrite and not args.outdir:
        raise InputError("--overwrite: replaces the run in --outdir; name it, or leave the flag out: a new folder is taken")
    loggers.check_installed(args)
    with named(f"--device {args.device}"):
        device = parallel.start(utils.choose_device(args.device))
    saved, outdir = resuming.find(args.resume, args.outdir, read), args.outdir
    if not saved and outdir and not args.dry_run:  # before networks and pictures are read
        parallel.from_first(lambda: check_outdir(outdir, args.overwrite, resuming.wanted(args.resume)))
    if saved:
        args = continued(args, saved)
        flags.restore_paths(args, parser)
    for name in needed:
        if getattr(args, name) is None:
            if saved:
                raise InputError(f"--resume {saved.path}: a run of another command, which names no {name}")
            none = ", and there is none to go on with" if args.resume else ""
            raise InputError(f"no {name}: name them to begin a run{none}")
    return Start(args, device, saved, outdir)


def train(run: Run, iteration: Callable[[object], Logs]) -> Path | None:
    """Until --iter, or until somebody asks to stop; the newest checkpoint, to the first process alone."""
    if run.start.finished:
        return leave(run.start)
    plan = [*resuming.changes(run), *run.remarks]
    if run.args.dry_run:
        return print("\n".join(plan))
    state, report = run.state, opened(run, plan)
    torch.backends.cudnn.benchmark = run.args.iter - state.iteration >= LONG
    profiled = profiling.profiled(run.args.profile and not report.quiet, report.folder, state.device, report.say)
    with StopRequest() as stop, guard.memory_advice(state.device), profiled as profile_step:
        if not run.start.saved:
            report.show_reals()
            report.sample()
        while state.iteration < run.args.iter and not stop.asked(state.iteration):
            logs = iteration(next(run.batches))
            state.iteration += 1
            state.guard.check(state.iteration, logs)
            report.step(logs)
            profile_step()
            now_and_then(run, report)
        saved = snapshots.save(run, report)
    if stop.signal:
        report.say(f"Stopped by {stop.signal.name} after iteration {state.iteration}; continue with --resume")
    report.close()
    parallel.stop()
    return None if report.quiet else saved


def leave(start: Start) -> Path | None:
    """Nothing is left to do: say so, touch nothing."""
    first = parallel.rank() == 0
    if first:
        print("\n".join([*start.saved.notes, start.finished]))
    parallel.stop()
    return start.saved.path if first else None


def opened(run: Run, plan: list[str]) -> Report:
    """The report of a run in its folder, with the plan as its first lines."""
    args, saved, first = run.args, run.start.saved, parallel.rank() == 0
    if saved:
        folder, title = resuming.folder_of(saved, run.start.outdir), "Resuming {}"
        plan = [*(resuming.set_aside_newer(folder, saved) if first else ()), *plan]
    else:
        begun = resuming.wanted(args.resume)
        folder = parallel.from_first(lambda: open_folder(run.start.outdir, args.overwrite, begun))
        title = "Writing to {}: nothing to resume there" if args.resume else "Writing to {}"
    report = Report(folder, run, quiet=not first)
    if saved:
        report.load_state_dict(saved.contents["statistics"])
    run.report = report
    for line in [title.format(folder), *plan]:
        report.say(line)
    return report


def now_and_then(run: Run, report: Report) -> None:
    """Samples, scores and checkpoints, each after so many iterations."""
    done, args = run.state.iteration, run.args
    if done % args.sample_every == 0:
        report.sample()
    if run.evaluation and done % run.evaluation.every == 0:
        snapshots.evaluate(run, report)
    if done % args.save_every == 0:
        snapshots.save(run, report)

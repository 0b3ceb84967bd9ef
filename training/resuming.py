"""A run that goes on under other flags: whatever flag is given anew is applied, or refused with the way out.

What every step asks for anew is applied: the numbers of the optimisation, the augmentation, where the images lie, what is
written and how often. What was used up when the run began is refused: where its networks came from, what of them is frozen
or kept, the seed of random numbers that have been drawn. The shape of the networks is compared with the flags in `setup`.
"""

import argparse
import math
from pathlib import Path

from checkpoint import Checkpoint
from errors import InputError, spelled
from running import parallel
from running.resuming import finished
from training.setup import CHANNEL_FLAGS
from training.transfer import METHODS

BEGINNING = {"preset", "seed", "start_from"}
SCORING = {"eval", "eval_features", "eval_n"}
DECIDED_BY_METHODS = {name for kind in METHODS for name in kind.flags() if name not in kind.may_change}
FILES = ("ckpt", "outdir")  # saved as text


def continued(args: argparse.Namespace, resumed: Checkpoint) -> argparse.Namespace:
    """The flags of a run that goes on: those given on this command line, the others as they were saved.

    Raises InputError for a given flag that cannot change any more (for one whose value is the saved one, never), and for a
    saved file that is gone.
    """
    given = args.given
    saved = {name: value for name, value in resumed.extra["args"].items() if name in vars(args)}
    saved |= {name: Path(saved[name]) for name in FILES if saved.get(name)}
    different = {name for name in given & set(saved) if vars(args)[name] != saved[name]}
    fixed = BEGINNING | DECIDED_BY_METHODS | (SCORING if resumed.extra.get("evaluations") else set())
    for name in sorted(different & fixed):
        raise InputError(f"{spelled(name, vars(args)[name])}: {_refusal(name, saved, resumed)}")
    kept = set(saved) - given
    if different & set(CHANNEL_FLAGS):  # of several ways to say how wide, this one alone
        kept -= set(CHANNEL_FLAGS)
    if given & {"images", "path"}:
        kept.discard("path")
    if given & {"iter", "kimg"}:
        kept -= {"iter", "kimg"}
    now = argparse.Namespace(**vars(args) | {name: saved[name] for name in kept})
    if now.kimg and not now.iter:
        now.iter, now.kimg = _iterations(now, resumed), None
    for name, what in {"ckpt": "the run's source", "path": "the data set"}.items():
        if name in kept and saved[name] and not Path(saved[name]).exists() and not finished(now, resumed):
            raise InputError(f"--{name} {saved[name]}: no longer there; say by --{name} where {what} lies now")
    return now


def _iterations(args: argparse.Namespace, resumed: Checkpoint) -> int:
    """--kimg as iterations in all: those done, however large their batches were, and those that are missing."""
    missing = args.kimg * 1000 - resumed.extra["position"]
    return resumed.extra["iteration"] + max(0, math.ceil(missing / (args.batch * parallel.world_size())))


def _refusal(name: str, saved: dict[str, object], resumed: Checkpoint) -> str:
    value = saved[name]
    was = "without it" if value in (None, -1) or value is False else f"with {spelled(name, value)}"
    done = "took its scores" if name in SCORING else "began"
    start = saved.get("ckpt") or resumed.path
    return f"the run {done} {was}; leave the flag out, or begin a new run with --ckpt {start} in place of --resume"

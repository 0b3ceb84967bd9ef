"""A run that goes on under other flags: whatever flag is given anew is applied, or refused with the way out.

What every step asks for anew is applied: the numbers of the optimisation, the augmentation, where the images lie, what is
written and how often. What was used up when the run began is refused: where its networks came from, what of them is frozen
or kept, the seed of random numbers that have been drawn. The shape of the networks is compared with the flags in `setup`.
"""

import argparse
import math
from pathlib import Path

from checkpoint import Checkpoint
from errors import InputError
from running import parallel, resuming
from training.setup import CHANNEL_FLAGS
from training.transfer import METHODS

BEGINNING = {"arch", "preset", "seed", "start_from"}
SCORING = {"eval", "eval_features", "eval_n"}
DECIDED_BY_METHODS = {name for kind in METHODS for name in kind.flags() if name not in kind.may_change}
INSTEAD = ({"images", "path"}, {"iter", "kimg"}, set(CHANNEL_FLAGS))  # of each, what is given anew replaces the others


def continued(args: argparse.Namespace, resumed: Checkpoint) -> argparse.Namespace:
    """The flags of a run that goes on: those given on this command line, the others as they were saved.

    Raises InputError for a given flag that cannot change any more (for one whose value is the saved one, never), and for a
    saved file that is gone.
    """
    saved = resumed.extra["args"]
    scoring = dict.fromkeys(SCORING, "took its scores") if resumed.extra.get("evaluations") else {}
    fixed = dict.fromkeys(BEGINNING | DECIDED_BY_METHODS, "began") | scoring
    anew = f"begin a new run with --ckpt {saved.get('ckpt') or resumed.path} in place of --resume"
    now = resuming.continued(args, resumed, fixed, anew, INSTEAD)
    if saved.get("path", "") is None and (now.images or now.path):
        raise InputError(f"{now.images or now.path}: the run learns from words alone, and takes no pictures; {anew}")
    if now.kimg and not now.iter:
        now = argparse.Namespace(**vars(now) | {"iter": _iterations(now, resumed), "kimg": None})
    for name, what in {"ckpt": "the run's source", "path": "the data set"}.items():
        value = getattr(now, name)
        if value and name not in args.given and not Path(value).exists() and not resuming.finished(now, resumed):
            raise InputError(f"--{name} {value}: no longer there; say by --{name} where {what} lies now")
    return now


def _iterations(args: argparse.Namespace, resumed: Checkpoint) -> int:
    """--kimg as iterations in all: those done, however large their batches were, and those that are missing."""
    missing = args.kimg * 1000 - resumed.extra["position"]
    return resumed.extra["iteration"] + max(0, math.ceil(missing / (args.batch * parallel.world_size())))

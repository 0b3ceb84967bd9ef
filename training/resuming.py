"""A run that goes on under other flags: whatever flag is given anew is applied, or refused with the way out.

What every step asks for anew is applied: the numbers of the optimisation, the augmentation, where the images lie, what is
written and how often. What was used up when the run began is refused: where its networks came from, what of them is frozen
or kept, the seed of random numbers that have been drawn. The shape of the networks is compared with the flags in `setup`.
"""

import argparse
import math
from pathlib import Path

from checkpoint import Checkpoint
from dataset import Images
from errors import InputError
from running import parallel
from running.run import Run
from training.setup import CHANNEL_FLAGS, SHAPE_FLAGS
from training.transfer import METHODS

BEGINNING = {"preset", "seed", "start_from"}
SCORING = {"eval", "eval_features", "eval_n"}
UNCHANGING = {"outdir", *SHAPE_FLAGS, *CHANNEL_FLAGS}  # set or left open: the networks are what they were
FILES = ("ckpt", "outdir")  # saved as text


def continued(args: argparse.Namespace, given: set[str], resumed: Checkpoint) -> argparse.Namespace:
    """The flags of a run that goes on: those `given` on this command line, the others as they were saved.

    Raises InputError for a given flag that cannot change any more (for one whose value is the saved one, never), and for a
    saved file that is gone.
    """
    saved = {name: value for name, value in resumed.extra["args"].items() if name in vars(args)}
    saved |= {name: Path(saved[name]) for name in FILES if saved.get(name)}
    different = {name for name in given & set(saved) if vars(args)[name] != saved[name]}
    fixed = BEGINNING | _decided_by_methods() | (SCORING if resumed.extra.get("evaluations") else set())
    for name in sorted(different & fixed):
        raise InputError(f"{_spelled(name, vars(args)[name])}: {_refusal(name, saved, resumed)}")
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


def changes(resumed: Checkpoint, run: Run) -> list[str]:
    """One line for each option that is not as it was, of those that are decided by now."""
    saved, now = resumed.extra["args"], run.options
    different = [name for name in now if name in saved and now[name] != saved[name] and name not in UNCHANGING]
    lines = [f"Changed: {_spelled(name, now[name])} (was {saved[name]})" for name in different]
    if _other_images(resumed, run.images):
        anew = ": scores begin anew" if resumed.extra.get("evaluations") else ""
        lines.append(f"The data set holds {len(run.images)} pictures, and held {resumed.extra['pictures']}{anew}")
    return lines


def scores_so_far(resumed: Checkpoint, images: Images) -> list[dict[str, float]]:
    """The evaluations that later ones compare with: none where they were taken of other images."""
    return [] if _other_images(resumed, images) else resumed.extra.get("evaluations", [])


def finished(args: argparse.Namespace, resumed: Checkpoint) -> str | None:
    """What to say of a run that has no iteration left to do."""
    done = resumed.extra["iteration"]
    return f"{resumed.path}: finished at {done} of {args.iter}; a larger --iter goes on" if done >= args.iter else None


def _iterations(args: argparse.Namespace, resumed: Checkpoint) -> int:
    """--kimg as iterations in all: those done, however large their batches were, and those that are missing."""
    missing = args.kimg * 1000 - resumed.extra["position"]
    return resumed.extra["iteration"] + max(0, math.ceil(missing / (args.batch * parallel.world_size())))


def _other_images(resumed: Checkpoint, images: Images) -> bool:
    """A data set of equal size counts as the one before, in another place."""
    return resumed.extra.get("pictures", len(images)) != len(images)


def _decided_by_methods() -> set[str]:
    """Flags of transfer methods, but for those that a method lets change."""
    fixed = set()
    for kind in METHODS:
        flags = argparse.ArgumentParser(add_help=False)
        kind.add_arguments(flags)
        fixed |= {action.dest for action in flags._actions} - set(kind.may_change)
    return fixed


def _refusal(name: str, saved: dict[str, object], resumed: Checkpoint) -> str:
    value = saved[name]
    was = "without it" if value in (None, -1) or value is False else f"with {_spelled(name, value)}"
    done = "took its scores" if name in SCORING else "began"
    start = saved.get("ckpt") or resumed.path
    return f"the run {done} {was}; leave the flag out, or begin a new run with --ckpt {start} in place of --resume"


def _spelled(name: str, value: object) -> str:
    return f"--{name}" if value is True else f"--{name} {value}"

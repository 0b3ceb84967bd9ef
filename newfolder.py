"""The folder of a call that has one of its own (`flags.add_new_folder`): new, or begun by a call like it. Imports no torch.

    plan = newfolder.plan_of(args, ("space", "step"), photos=prints)            # what decides the outcome
    folder = newfolder.choose(args.outdir, "projected", "latents.pt", args.overwrite, plan)

What a stopped call leaves in it, and what of that a later one may use: `unfinished`.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import unfinished
from errors import InputError
from filenames import first_free

Plan = dict[str, object]


def choose(
    given: Path | None, default: str, result: str, overwrite: bool = False, plan: Plan | None = None, others: Sequence[str] = ()
) -> Path:
    """--outdir; where it is not given, `default`, default-2, ...: the first without the file `result` of an earlier call.

    plan:   of a call that can go on with what a stopped one of the same plan left, see `unfinished`
    others: files in place of `result`, of calls that work otherwise
    Raises InputError where a given folder holds that file, or was begun by another plan, but for --overwrite.
    """
    if overwrite:
        return given or Path(default)
    if given is None:
        return first_free(Path(default), lambda folder: not _is_free(folder / result, plan) or _first(folder, others))
    begun = unfinished.plan_of(given / result)
    if begun is None and (there := _first(given, [result, *others])):
        raise InputError(f"--outdir {given}: holds {there} already; give --overwrite to replace it, or another --outdir")
    if begun is not None and plan is not None and not unfinished.goes_on(begun, plan):
        how = differently(begun, unfinished.as_far_as(begun, plan))
        raise InputError(f"--outdir {given}: holds a stopped call {how}; repeat that to finish it, or give --overwrite")
    return given


def plan_of(args: argparse.Namespace, flags: Sequence[str], **things: str | list[str]) -> Plan:
    """All that decides what a call finds, see `choose`: the values of its flags, and prints of what it reads."""
    return {"command": args.command, **{f"--{flag}": vars(args)[flag] for flag in flags}, **things}


def differently(begun: Plan, plan: Plan) -> str:
    """How the plan of an earlier call differs.

    >>> differently({"--step": 9, "--seed": 0, "photos": "ab"}, {"--step": 5, "--seed": 0, "photos": "cd", "--mse": 1})
    'with --step 9, with other photos, without --mse'
    """
    said = []
    for name in dict.fromkeys([*begun, *plan]):
        value = begun.get(name)
        if value != plan.get(name):
            flag = "" if value is None or value is False else name if value is True else f"{name} {value}"
            said.append(f"with other {name}" if name[0] != "-" else f"with {flag}" if flag else f"without {name}")
    return ", ".join(said)


def _first(folder: Path, names: Sequence[str]) -> str | None:
    """The first of these files that is there, or was begun."""
    there = lambda path: path.exists() or unfinished.plan_of(path) is not None
    return next((name for name in names if there(folder / name)), None)


def _is_free(result: Path, plan: Plan | None) -> bool:
    begun = unfinished.plan_of(result)
    return not result.exists() if begun is None else plan is not None and unfinished.goes_on(begun, plan)


def spare(folder: Path, written: Iterable[Path], read: Iterable[str | Path | None]) -> None:
    """Raises InputError where a file that will be written there is one that is read; None: no such file."""
    inputs = [Path(path) for path in read if path and Path(path).exists()]
    for path in written:
        if path.exists() and any(path.samefile(given) for given in inputs):
            raise InputError(f"--outdir {folder}: would overwrite {path}, which is read here; name another folder")

"""A run that goes on: which one, from which of its files, in which folder, and under which flags."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import checkpoint
from checkpoint import container
from errors import InputError, NoRun, named, reading, spelled
from filenames import first_free
from running import flags, parallel
from running.folders import begun_by, holds_checkpoints, newest_run

if TYPE_CHECKING:
    from running.run import Run


@dataclass
class Saved:
    """A checkpoint. contents: all of it, as plain values and tensors; notes: what to tell of it."""

    path: Path
    contents: dict[str, object]
    notes: list[str] = field(default_factory=list)


def read(path: Path) -> Saved:
    """A checkpoint of whatever training. Raises InputError naming it."""
    with reading(path):
        return Saved(path, container.load(path)[0])


def wanted(resume: str | None) -> bool:
    """Whether a run is to go on where there is one: by --resume, or in a group that torchrun has restarted."""
    return resume is not None or parallel.attempt() > 0


def folder_of(resumed: Saved, outdir: Path | None) -> Path:
    """The run's folder: outdir, else that whose `checkpoints` the file lies in. Raises InputError where it lies elsewhere."""
    within = resumed.path.resolve().parent
    if outdir is None and within.name != "checkpoints":
        raise InputError(f"--resume {resumed.path}: lies in no run's folder; say by --outdir where the run goes on")
    if outdir is None:
        return within.parent if resumed.path.is_absolute() else Path(os.path.relpath(within.parent))
    if outdir.resolve() != within.parent and holds_checkpoints(outdir):
        raise InputError(f"--outdir {outdir}: holds another run than --resume {resumed.path}")
    return outdir


def set_aside_newer(folder: Path, resumed: Saved) -> list[str]:
    """Move checkpoints that are newer than the one to go on from to checkpoints/abandoned; what to say of it.

    Those that were set aside before stay: the next ones go to abandoned-2, ...
    """
    iteration, files = resumed.contents["iteration"], sorted((folder / "checkpoints").glob("*.pt"))
    newer = [path for path in files if checkpoint.iteration_of(path) > iteration]
    if not newer:
        return []
    aside = first_free(folder / "checkpoints" / "abandoned", Path.exists)
    aside.mkdir()
    for path in newer:
        path.replace(aside / path.name)
    return [f"Going on from iteration {iteration}; {len(newer)} newer checkpoints are now in {aside}"]


def find(resume: str | None, outdir: Path | None, read: Callable[[Path], Saved] = read) -> Saved | None:
    """The checkpoint that --resume means: a file, the newest whole one of a run's folder, or with "latest" that of outdir, else
    of the newest expr*.

    None without --resume, and for an outdir without a checkpoint. A group that torchrun has restarted resumes by itself.
    All processes get what the first one finds. The notes of the checkpoint tell of newer ones that are damaged.
    """
    if not wanted(resume):
        return None
    restarted = parallel.attempt() > 0
    path, digest, notes = parallel.from_first(lambda: _choose(resume, outdir, restarted))
    if path is None:
        return None
    if digest and checkpoint.file_hash(path) != digest:
        raise InputError(f"--resume {path}: process {parallel.rank()} reads another file there than the first process")
    with named(f"--resume {path}"):
        saved = read(path)
        if "statistics" not in saved.contents:
            raise NoRun("holds no run to continue; a new one can start from its networks")
    saved.notes += notes
    return saved


def _choose(resume: str | None, outdir: Path | None, restarted: bool) -> tuple[Path | None, str | None, list[str]]:
    """(file, its hash where several processes will read it, remarks)."""
    path, notes = Path(resume or ""), []
    if path.is_dir() and resume not in (None, "latest"):
        path, notes = _newest_in(path)
    elif resume in (None, "latest"):
        folder = outdir or newest_run(parallel.group_name() if restarted else None)
        if folder and resume is None and not begun_by(folder, parallel.group_name()):
            return None, None, []  # a run of others, which was refused at first and is refused again
        path, notes = checkpoint.newest_good(folder / "checkpoints") if folder else (None, [])
        if path is None and outdir is None and not restarted:
            raise InputError("--resume: no run in any expr*; leave the flag out to begin one")
    share = path is not None and path.is_file() and parallel.world_size() > 1
    return path, checkpoint.file_hash(path) if share else None, notes


def _newest_in(folder: Path) -> tuple[Path, list[str]]:
    """As `checkpoint.newest_good`, of a run's folder or of the `checkpoints` in it."""
    path, notes = checkpoint.newest_good(folder if folder.resolve().name == "checkpoints" else folder / "checkpoints")
    if path is None:
        raise InputError(f"--resume {folder}: holds no checkpoints; the word after --resume is a run's folder or a file")
    return path, notes


def continued(
    args: argparse.Namespace,
    saved: Saved,
    fixed: Mapping[str, str] = MappingProxyType({"seed": "began"}),
    anew: str = "leave --resume out to begin a new run",
    instead: Sequence[Collection[str]] = (),
) -> argparse.Namespace:
    """The flags of a run that goes on: those given on this command line, the others as they were saved.

    fixed:   {flag that cannot change: what the run did with its value}
    instead: sets of flags of which a new one replaces all the others
    Raises InputError for a flag among `fixed` that was given another value; its message says how to begin anew.
    """
    before, now = saved.contents["args"], flags.as_options(args)
    changed = {name for name in args.given if name not in before or now.get(name) != before[name]}
    for name in sorted(changed & set(fixed) & set(before)):
        value = before[name]
        was = "without it" if value in (None, -1) or value is False else f"with {spelled(name, value)}"
        raise InputError(f"{spelled(name, now[name])}: the run {fixed[name]} {was}; leave the flag out, or {anew}")
    replaced = {name for group in instead if changed & set(group) for name in group}
    kept = {name: before[name] for name in before if name in now and name not in args.given | replaced}
    return argparse.Namespace(**vars(args) | kept)


def finished(args: argparse.Namespace, saved: Saved) -> str | None:
    """What to say of a run that has no iteration left to do."""
    done = saved.contents["iteration"]
    return f"{saved.path}: finished at {done} of {args.iter}; a larger --iter goes on" if done >= args.iter else None


def changes(run: Run) -> list[str]:
    """One line for each option of a run that goes on that is not as it was."""
    if not run.start.saved:
        return []
    before, now = run.start.saved.contents, run.options
    was = before["args"]
    different = [name for name in now if name in was and now[name] != was[name] and name not in {"outdir", *run.unchanging}]
    lines = [f"Changed: {spelled(name, now[name])} (was {was[name]})" for name in different]
    if other_images(run):
        anew = ": scores begin anew" if before.get("evaluations") else ""
        lines.append(f"The data set holds {len(run.images)} pictures, and held {before['pictures']}{anew}")
    return lines


def other_images(run: Run) -> bool:
    """Whether a run goes on with other pictures. A data set of equal size counts as the one before, in another place."""
    return bool(run.start.saved) and run.start.saved.contents.get("pictures", len(run.images)) != len(run.images)


def scores_so_far(run: Run) -> list[dict[str, float]]:
    """The evaluations that later ones compare with: none where they were taken of other images."""
    return [] if run.start.saved is None or other_images(run) else run.start.saved.contents.get("evaluations", [])

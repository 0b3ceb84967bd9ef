"""The checkpoints of a run: write one, find the one to go on from."""

import os
from pathlib import Path

import checkpoint
from checkpoint import Checkpoint
from cli import free_folder
from errors import InputError, named
from running import parallel
from running.report import GROUP_FILE, Report
from running.run import Run


def save(run: Run, report: Report) -> Path:
    """Write checkpoints/NNNNNN.pt in the run's folder, unless it was just written, with all that `find` needs to go on."""
    path = report.folder / "checkpoints" / f"{run.state.iteration:06d}.pt"
    if run.saved_at == run.state.iteration:
        return path
    run.saved_at = run.state.iteration
    _write(path, run, report)
    if parallel.rank() == 0:
        _prune(path.parent, run.args.keep)
    return path


def wanted(resume: str | None) -> bool:
    """Whether a run is to go on where there is one: by --resume, or in a group that torchrun has restarted."""
    return resume is not None or parallel.attempt() > 0


def folder_of(resumed: Checkpoint, outdir: Path | None) -> Path:
    """The run's folder: outdir, else that whose `checkpoints` the file lies in. Raises InputError where it lies elsewhere."""
    within = resumed.path.resolve().parent
    if outdir is None and within.name != "checkpoints":
        raise InputError(f"--resume {resumed.path}: lies in no run's folder; say by --outdir where the run goes on")
    if outdir is None:
        return within.parent if resumed.path.is_absolute() else Path(os.path.relpath(within.parent))
    if outdir.resolve() != within.parent and any((outdir / "checkpoints").glob("*.pt")):
        raise InputError(f"--outdir {outdir}: holds another run than --resume {resumed.path}")
    return outdir


def set_aside_newer(folder: Path, resumed: Checkpoint) -> list[str]:
    """Move checkpoints that are newer than the one to go on from to checkpoints/abandoned; what to say of it.

    Those that were set aside before stay: the next ones go to abandoned-2, ...
    """
    iteration, files = resumed.extra["iteration"], sorted((folder / "checkpoints").glob("*.pt"))
    newer = [path for path in files if checkpoint.iteration_of(path) > iteration]
    if not newer:
        return []
    aside = free_folder(None, str(folder / "checkpoints" / "abandoned"), ".")
    aside.mkdir()
    for path in newer:
        path.replace(aside / path.name)
    return [f"Going on from iteration {iteration}; {len(newer)} newer checkpoints are now in {aside}"]


def evaluate(run: Run, report: Report) -> None:
    """Score the averaged generator; keep checkpoints/best.pt, from which --ckpt and --resume start like from any other."""
    evaluation, iteration = run.evaluation, run.state.iteration
    score = parallel.from_first(evaluation.score)
    report.say(evaluation.add(iteration, score))
    if not evaluation.since_best:
        _write(report.folder / "checkpoints" / "best.pt", run, report)


def _write(path: Path, run: Run, report: Report) -> None:
    _check_ranks_agree(run)
    own = {
        "args": run.options,
        "position": run.shown,
        "statistics": report.state_dict(),
        "evaluations": run.evaluation.history if run.evaluation else [],
    }
    contents = run.state.state_dict() | run.beside | own
    if parallel.rank() == 0:
        try:
            checkpoint.write(path, contents)
        except checkpoint.NotFinite as error:
            raise InputError(f"{error}: the run has diverged; resume an earlier checkpoint with a lower --lr") from None


def find(resume: str | None, outdir: Path | None) -> Checkpoint | None:
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
        found = checkpoint.read(path)
    if "rng" not in found.extra:
        raise InputError(
            f"--resume {path}: holds no run to continue ({found.format}); to start from its networks, use --ckpt {path}"
        )
    found.notes += notes
    return found


def _choose(resume: str | None, outdir: Path | None, restarted: bool) -> tuple[Path | None, str | None, list[str]]:
    """(file, its hash where several processes will read it, remarks)."""
    path, notes = Path(resume or ""), []
    if path.is_dir() and resume not in (None, "latest"):
        path, notes = _newest_in(path)
    elif resume in (None, "latest"):
        folder = outdir or _newest_run(parallel.group_name() if restarted else None)
        if folder and resume is None and not _begun_by(folder, parallel.group_name()):
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
        raise InputError(f"--resume {folder}: holds no checkpoints; name the run's folder or a file, and pictures by --path")
    return path, notes


def _check_ranks_agree(run: Run) -> None:
    """Processes that drifted apart would go on training nonsense."""
    if parallel.world_size() > 1:
        prints = parallel.gather([checkpoint.fingerprint(network.state_dict()) for network in run.state.networks().values()])
        if different := [rank for rank, other in enumerate(prints) if other != prints[0]]:
            raise InputError(f"iteration {run.state.iteration}: the networks of process {different[0]} differ from the first's")


def _newest_run(group: str | None) -> Path | None:
    """Of all expr*, or of those that a group of torchrun began."""
    runs = [path.parent for path in Path().glob("expr*/checkpoints")]
    if group:
        runs = [run for run in runs if _begun_by(run, group)]
    return max(runs, key=_last_change, default=None)


def _begun_by(run: Path, group: str | None) -> bool:
    return (run / GROUP_FILE).exists() and (run / GROUP_FILE).read_text() == group


def _last_change(run: Path) -> float:
    return (run / "checkpoints").stat().st_mtime


def _prune(folder: Path, keep: int | None) -> None:
    if keep:
        for path in _numbered(folder)[:-keep]:
            path.unlink()


def _numbered(folder: Path) -> list[Path]:
    """The checkpoints that a run wrote in turn, oldest first; others may lie beside them."""
    return sorted((path for path in folder.glob("*.pt") if path.stem.isdecimal()), key=lambda path: int(path.stem))

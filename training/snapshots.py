"""The checkpoints of a run: write one, find the one to go on from."""

from pathlib import Path

import checkpoint
from checkpoint import Checkpoint
from cli import InputError
from training import parallel
from training.report import Report
from training.setup import Run


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


def evaluate(run: Run, report: Report) -> None:
    """Score the averaged generator; keep checkpoints/best.pt, from which --ckpt and --resume start like from any other."""
    evaluation, iteration = run.evaluation, run.state.iteration
    score = parallel.from_first(evaluation.score(run.state.g_ema) if parallel.rank() == 0 else None)
    report.say(evaluation.add(iteration, score))
    if not evaluation.since_best:
        _write(report.folder / "checkpoints" / "best.pt", run, report)


def _write(path: Path, run: Run, report: Report) -> None:
    _check_ranks_agree(run)
    contents = run.state.state_dict() | {
        "args": run.options(),
        "architecture": run.architecture.as_dict(),
        "position": run.batches.position,
        "statistics": report.state_dict(),
        "evaluations": run.evaluation.history if run.evaluation else [],
        "source": run.state.source and checkpoint.fingerprint(run.state.source.state_dict()),
    }
    if parallel.rank() == 0:
        try:
            checkpoint.write(path, contents)
        except checkpoint.NotFinite as error:
            raise InputError(f"{error}: the run has diverged; resume an earlier checkpoint with a lower --lr") from None


def find(resume: str | None, outdir: Path | None) -> Checkpoint | None:
    """The checkpoint that --resume means: a file, or with "latest" the newest whole one of outdir, else of the newest expr*.

    None without --resume, and for an outdir without a checkpoint. A group that torchrun has restarted resumes by itself.
    All processes get what the first one finds. The notes of the checkpoint tell of newer ones that are damaged.
    """
    restarted = parallel.attempt() > 0
    if resume is None and not restarted:
        return None
    path, digest, notes = parallel.from_first(_choose(resume, outdir, restarted) if parallel.rank() == 0 else None)
    if path is None:
        return None
    if digest and checkpoint.file_hash(path) != digest:
        raise InputError(f"--resume {path}: process {parallel.rank()} reads another file there than the first process")
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
    if resume in (None, "latest"):
        folder = outdir or _newest_run()
        path, notes = checkpoint.newest_good(folder / "checkpoints") if folder else (None, [])
        if path is None and outdir is None and not restarted:
            raise InputError("--resume: no run in any expr*; leave the flag out to begin one")
    share = path is not None and path.is_file() and parallel.world_size() > 1
    return path, checkpoint.file_hash(path) if share else None, notes


def _check_ranks_agree(run: Run) -> None:
    """Processes that drifted apart would go on training nonsense."""
    if parallel.world_size() > 1:
        networks = run.state.generator, run.state.discriminator, run.state.g_ema
        prints = parallel.gather([checkpoint.fingerprint(network.state_dict()) for network in networks])
        if different := [rank for rank, other in enumerate(prints) if other != prints[0]]:
            raise InputError(f"iteration {run.state.iteration}: the networks of process {different[0]} differ from the first's")


def _newest_run() -> Path | None:
    return max((path.parent for path in Path().glob("expr*/checkpoints")), key=_last_change, default=None)


def _last_change(run: Path) -> float:
    return (run / "checkpoints").stat().st_mtime


def _prune(folder: Path, keep: int | None) -> None:
    if keep:
        for path in sorted(folder.glob("[0-9]*.pt"), key=lambda path: int(path.stem))[:-keep]:
            path.unlink()

"""The checkpoints of a run: write one, find the one to go on from."""

from pathlib import Path

import checkpoint
from checkpoint import Checkpoint
from cli import InputError
from training.report import Report
from training.setup import Run


def save(run: Run, report: Report) -> Path:
    """Write checkpoints/NNNNNN.pt in the run's folder, unless it was just written, with all that `find` needs to go on."""
    path = report.folder / "checkpoints" / f"{run.state.iteration:06d}.pt"
    if run.saved_at == run.state.iteration:
        return path
    run.saved_at = run.state.iteration
    contents = run.state.state_dict() | {
        "args": run.options(),
        "architecture": run.architecture.as_dict(),
        "position": run.batches.position,
        "statistics": report.state_dict(),
        "source": run.state.source and checkpoint.fingerprint(run.state.source.state_dict()),
    }
    if not report.quiet:
        checkpoint.write(path, contents)
        _prune(path.parent, run.args.keep)
    return path


def find(resume: str | None, outdir: Path | None) -> Checkpoint | None:
    """The checkpoint that --resume means: a file, or with "latest" the newest whole one of outdir, else of the newest expr*.

    None without --resume, and for an outdir whose run was stopped before its first checkpoint. The notes of the checkpoint
    tell of newer ones that are damaged.
    """
    if resume is None:
        return None
    path, notes = Path(resume), []
    if resume == "latest":
        folder = outdir or _newest_run()
        path, notes = checkpoint.newest_good(folder / "checkpoints") if folder else (None, [])
        if path is None and (outdir is None or not outdir.exists()):
            raise InputError(f"--resume: no run in {outdir or 'any expr*'}; leave the flag out to begin one")
        if path is None:
            return None
    found = checkpoint.read(path)
    if "rng" not in found.extra:
        raise InputError(
            f"--resume {path}: holds no run to continue ({found.format}); to start from its networks, use --ckpt {path}"
        )
    found.notes += notes
    return found


def _newest_run() -> Path | None:
    return max((path.parent for path in Path().glob("expr*/checkpoints")), key=_last_change, default=None)


def _last_change(run: Path) -> float:
    return (run / "checkpoints").stat().st_mtime


def _prune(folder: Path, keep: int | None) -> None:
    if keep:
        for path in sorted(folder.glob("[0-9]*.pt"), key=lambda path: int(path.stem))[:-keep]:
            path.unlink()

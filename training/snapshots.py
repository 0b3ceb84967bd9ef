"""The checkpoints of a run: write one, find the one to go on from."""

from pathlib import Path

import checkpoint
from checkpoint import Checkpoint
from cli import InputError
from training.report import Report
from training.setup import Run


def save(run: Run, report: Report) -> Path:
    """Write checkpoints/NNNNNN.pt in the run's folder, with all that `find` needs to continue exactly."""
    path = report.folder / "checkpoints" / f"{run.state.iteration:06d}.pt"
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


def find(resume: str, outdir: Path | None) -> Checkpoint:
    """The checkpoint that --resume means: a file, or with "latest" the newest whole one of outdir, else of the newest expr*.

    Its notes tell of newer ones that are damaged.
    """
    notes = []
    path = Path(resume)
    if resume == "latest":
        folder = outdir or _newest_run()
        path, notes = checkpoint.newest_good(folder / "checkpoints") if folder else (None, [])
        if path is None:
            raise InputError(f"--resume: no checkpoint in {folder or 'any expr*'}; leave the flag out to begin a run")
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

"""The checkpoints of a run: write one, find the one to go on from."""

import os
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
    """The checkpoint that --resume means: a file, or with "latest" the newest of outdir, else of the newest expr*."""
    if resume != "latest":
        path = Path(resume)
    else:
        folders = [outdir] if outdir else list(Path().glob("expr*"))
        files = [file for folder in folders for file in folder.glob("checkpoints/*.pt")]
        if not files:
            raise InputError(f"--resume: no checkpoint in {outdir or 'expr*'}; leave the flag out to begin a run")
        path = max(files, key=os.path.getmtime)
    found = checkpoint.read(path)
    if "rng" not in found.extra:
        raise InputError(
            f"--resume {path}: holds no run to continue ({found.format}); to start from its networks, use --ckpt {path}"
        )
    return found


def _prune(folder: Path, keep: int | None) -> None:
    if keep:
        for path in sorted(folder.glob("[0-9]*.pt"))[:-keep]:
            path.unlink()

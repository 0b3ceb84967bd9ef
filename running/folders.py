"""The folders of runs, and what lies in them by its name.

expr/  options.json  log.txt  stats.jsonl  loss.png  progress.gif  reals.png  samples/000100.png  checkpoints/002000.pt
"""

import contextlib
import json
import shutil
from pathlib import Path

from errors import InputError
from filenames import first_free

GROUP_FILE = "torchrun.txt"  # names the group of processes that writes here, by which it finds its folder after a restart


def open_folder(outdir: Path | None, overwrite: bool = False, begun: bool = False) -> Path:
    """An empty folder for a new run. Without outdir: expr, or the first free of expr-2, expr-3, ...

    begun: outdir may hold a run that came to no checkpoint
    Raises InputError for an outdir that holds a run already, unless told to overwrite it.
    """
    if outdir is None:
        return first_free(Path("expr"), holds_run)
    if holds_run(outdir) and not (overwrite or (begun and not holds_checkpoints(outdir))):
        raise InputError(f"--outdir {outdir}: holds a run already; continue it with --resume, replace it with --overwrite")
    for part in ("samples", "checkpoints"):
        shutil.rmtree(outdir / part, ignore_errors=True)
    for part in ("stats.jsonl", "log.txt", "options.json"):
        (outdir / part).unlink(missing_ok=True)
    return outdir


def holds_run(folder: Path) -> bool:
    return (folder / "options.json").exists() or holds_checkpoints(folder)


def holds_checkpoints(folder: Path) -> bool:
    return any((folder / "checkpoints").glob("*.pt"))


def newest_run(group: str | None) -> Path | None:
    """Of all expr*, or of those that a group of torchrun began."""
    runs = [path.parent for path in Path().glob("expr*/checkpoints")]
    if group:
        runs = [run for run in runs if begun_by(run, group)]
    return max(runs, key=lambda run: (run / "checkpoints").stat().st_mtime, default=None)


def begun_by(run: Path, group: str | None) -> bool:
    return (run / GROUP_FILE).exists() and (run / GROUP_FILE).read_text() == group


def read_statistics(path: Path) -> list[dict]:
    """The whole lines; a kill or a full disk leaves half of one."""
    lines = []
    for text in path.read_text(errors="replace").splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError):
            lines.append(json.loads(text))
    return [line for line in lines if isinstance(line, dict)]


def sample_files(folder: Path) -> list[Path]:
    """samples/*.png, oldest first."""
    paths = [path for path in (folder / "samples").glob("*.png") if path.stem.isdecimal()]
    return sorted(paths, key=lambda path: int(path.stem))

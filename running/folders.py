"""The folders of runs, and what lies in them by its name.

expr/  options.json  log.txt  stats.jsonl  loss.png  progress.gif  reals.png  samples/000100.png  checkpoints/002000.pt
"""

import contextlib
import json
import shutil
from pathlib import Path

from errors import InputError
from filenames import first_free

OPTIONS = "options.json"
FILES, FOLDERS = ("stats.jsonl", "log.txt"), ("samples", "checkpoints")  # what a new run begins without
GROUP_FILE = "torchrun.txt"  # names the group of processes that writes here, by which it finds its folder after a restart


def open_folder(outdir: Path | None, overwrite: bool = False, begun: bool = False) -> Path:
    """An empty folder for a new run. Without outdir: expr, or the first free of expr-2, expr-3, ...

    Raises InputError as `check_outdir`.
    """
    if outdir is None:
        return first_free(Path("expr"), lambda folder: holds_run(folder) or bool(_of_others(folder)))
    check_outdir(outdir, overwrite, begun)
    for part in FOLDERS:
        shutil.rmtree(outdir / part, ignore_errors=True)
    for part in (*FILES, OPTIONS):
        (outdir / part).unlink(missing_ok=True)
    return outdir


def check_outdir(outdir: Path, overwrite: bool = False, begun: bool = False) -> None:
    """Raises InputError for a folder that a new run may not have: what it would replace is a run's, or none's.

    overwrite: a run is replaced; whatever else bears the names of its files is not
    begun:     outdir may hold a run that came to no checkpoint
    """
    if outdir.exists() and not outdir.is_dir():
        raise InputError(f"--outdir {outdir}: is a file; name a folder")
    if holds_run(outdir) and not (overwrite or (begun and not holds_checkpoints(outdir))):
        raise InputError(f"--outdir {outdir}: holds a run already; continue it with --resume, replace it with --overwrite")
    if others := _of_others(outdir):
        raise InputError(f"--outdir {outdir}: holds {others[0]}, and no {OPTIONS} of a run; name another folder")


def _of_others(folder: Path) -> list[str]:
    """What bears the name of a run's file or folder, has something in it, and lies where no run has begun."""
    if (folder / OPTIONS).exists():
        return []
    files = [part for part in FILES if (folder / part).exists() and (folder / part).stat().st_size]
    return files + [part for part in FOLDERS if (folder / part).is_dir() and any((folder / part).iterdir())]


def holds_run(folder: Path) -> bool:
    return (folder / OPTIONS).exists() or holds_checkpoints(folder)


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

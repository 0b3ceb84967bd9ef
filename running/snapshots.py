"""The checkpoints of a run, from which it can go on exactly: written as a whole or not at all, pruned, the best one kept."""

from pathlib import Path

import checkpoint
from errors import Diverged, InputError
from running import parallel
from running.report import Report
from running.run import Run


def save(run: Run, report: Report) -> Path:
    """Write checkpoints/NNNNNN.pt in the run's folder, unless it was just written."""
    path = report.folder / "checkpoints" / f"{run.state.iteration:06d}.pt"
    if run.saved_at == run.state.iteration:
        return path
    run.saved_at = run.state.iteration
    _write(path, run, report)
    if parallel.rank() == 0:
        _prune(path.parent, run.args.keep)
    return path


def evaluate(run: Run, report: Report) -> None:
    """Take the scores; keep checkpoints/best.pt, from which --ckpt and --resume start like from any other."""
    scores = parallel.from_first(run.evaluation.score)
    report.say(run.evaluation.add(run.state.iteration, scores))
    if not run.evaluation.since_best:
        _write(report.folder / "checkpoints" / "best.pt", run, report)


def _write(path: Path, run: Run, report: Report) -> None:
    _check_ranks_agree(run)
    own = {
        "args": run.options,
        "position": run.shown,
        "pictures": len(run.images),
        "statistics": report.state_dict(),
        "evaluations": run.evaluation.history if run.evaluation else [],
    }
    contents = run.state.state_dict() | run.beside | own
    if parallel.rank() == 0:
        try:
            checkpoint.write(path, contents)
        except checkpoint.NotFinite as error:
            raise Diverged(f"{error}: the run has diverged; resume an earlier checkpoint with a lower learning rate") from None


def _check_ranks_agree(run: Run) -> None:
    """Processes that drifted apart would go on training nonsense."""
    if parallel.world_size() > 1:
        prints = parallel.gather([checkpoint.fingerprint(network.state_dict()) for network in run.state.networks().values()])
        if different := [rank for rank, other in enumerate(prints) if other != prints[0]]:
            raise InputError(f"iteration {run.state.iteration}: the networks of process {different[0]} differ from the first's")


def _prune(folder: Path, keep: int | None) -> None:
    if keep:
        for path in _numbered(folder)[:-keep]:
            path.unlink()


def _numbered(folder: Path) -> list[Path]:
    """The checkpoints that a run wrote in turn, oldest first; others may lie beside them."""
    return sorted((path for path in folder.glob("*.pt") if path.stem.isdecimal()), key=lambda path: int(path.stem))

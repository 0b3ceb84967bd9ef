"""The page of studies/groups.py: groups.md and the sheet groups.webp."""

from collections.abc import Sequence
from pathlib import Path

import cli
import threads
import utils
from benchmarks import machine
from benchmarks.tables import table
from studies import glasses, groups

SHOWN, QUALITY = 8, 85
PHOTO, MOST = "the photo itself", "the renderer's cartoon"


def write(study) -> Path:
    """Everything from the measurements so far. Returns groups.md."""
    out, runs = study.args.out, newest(study)
    out.mkdir(parents=True, exist_ok=True)
    page = out / "groups.md"
    parts = heading(study) + (tables(study, runs) if runs else ["Nothing is measured yet."])
    if shown := [run for run in runs if study.checkpoint(*run).is_file()]:
        sheet(study, shown).save(out / "groups.webp", quality=QUALITY)
        parts += ["![the same people with glasses and without](groups.webp)"]
    page.write_text("\n\n".join(parts) + "\n")
    return page


def newest(study) -> list[tuple[str, int, int]]:
    """(way, seed, step) of every run's last measurement."""
    steps: dict[tuple[str, int], int] = {}
    for way, seed, step in study.known:
        steps[way, seed] = max(step, steps.get((way, seed), 0))
    ways = [*groups.WAYS]
    return sorted(((*run, step) for run, step in steps.items()), key=lambda run: (ways.index(run[0]), run[1]))


def heading(study) -> list[str]:
    args = study.args
    ways = "; ".join(f"{name}: `{words}`" for name, words in groups.WAYS.items())
    bare, worn = groups.SIZES.values()
    return [
        "# Do groups keep the glasses that few people wear?",
        f"    {cli.command_line(args)}".rstrip(),
        f"{machine.told(study.device.type, threads.used())}. At most {args.iter} steps with `{args.training}` on {bare} "
        f"rendered portraits without glasses and {worn} with some, in each domain, of different people. {ways}.",
        f"{args.people} people whom no network has seen, each rendered with glasses and without. {glasses.WORDS}",
    ]


def tables(study, runs: Sequence[tuple[str, int, int]]) -> list[str]:
    bounds = [[name, "", "", *glasses.row(*study.worn(pictures))] for name, pictures in ends(study).items()]
    rows = [[*run, *glasses.row(*readings(study, run))] for run in runs]
    steps = sorted({step for *_, step in study.known})
    path = [[way, seed, *(own(study, (way, seed, step)) for step in steps)] for way, seed, _ in runs]
    parts = [table(["", "seed", "steps", *glasses.HEAD], [*rows, *bounds])]
    return [*parts, "Own, and order, after so many steps:", table(["", "seed", *steps], path)]


def readings(study, run: tuple[str, int, int]) -> tuple[list[float], list[float]]:
    entry = study.known[run]
    return entry["worn"], entry["bare"]


def own(study, run: tuple[str, int, int]) -> str:
    """Nothing of a step that the run has not reached."""
    if run not in study.known:
        return ""
    *_, more, order = glasses.row(*readings(study, run))
    return f"{more.split()[0]}, {order}"


def ends(study) -> dict[str, list]:
    """What goes in, and the most that could come out."""
    return {PHOTO: study.photos, MOST: groups.pair("B", study.args.people, groups.SEEDS["people"])}


def sheet(study, runs: Sequence[tuple[str, int, int]]):
    """The first people with glasses, and beside them the same people without: one row for each run."""
    half, size = SHOWN // 2, study.photos[0].shape[-1]
    rows = {name: [side[:half] for side in pictures] for name, pictures in ends(study).items()}
    drawn = {f"{way}, {seed}": study.translated(way, seed, step, half) for way, seed, step in runs}
    rows = {PHOTO: rows[PHOTO]} | drawn | {MOST: rows[MOST]}
    pictures = {n: [one.resize((size, size)) for side in sides for one in utils.to_pictures(side)] for n, sides in rows.items()}
    return utils.paired_sheet(pictures, SHOWN)

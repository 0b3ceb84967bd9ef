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
    out, last = study.args.out, study.args.iter
    out.mkdir(parents=True, exist_ok=True)
    seeds = sorted({seed for _, seed, _ in study.known})
    whole = [(way, seed) for way in groups.WAYS for seed in seeds if (way, seed, last) in study.known]
    page = out / "groups.md"
    parts = heading(study) + (tables(study, whole) if whole else ["No run is whole yet."])
    if shown := [run for run in whole if study.checkpoint(*run, last).is_file()]:
        sheet(study, shown).save(out / "groups.webp", quality=QUALITY)
        parts += ["![the same people with glasses and without](groups.webp)"]
    page.write_text("\n\n".join(parts) + "\n")
    return page


def heading(study) -> list[str]:
    args = study.args
    facts = ", ".join(f"{name} {value}" for name, value in machine.facts(study.device.type, threads.granted()).items())
    ways = "; ".join(f"{name}: `{words}`" for name, words in groups.WAYS.items())
    bare, worn = groups.SIZES.values()
    return [
        "# Do groups keep the glasses that few people wear?",
        f"    {cli.command_line(args)}".rstrip(),
        f"{facts[0].upper()}{facts[1:]}. {args.iter} steps with `{args.training}` on {bare} rendered portraits without glasses "
        f"and {worn} with some, in each domain, of different people. {ways}.",
        f"{args.people} people whom no network has seen, each rendered with glasses and without. {glasses.WORDS}",
    ]


def tables(study, runs: Sequence[tuple[str, int]]) -> list[str]:
    args, steps = study.args, range(study.every, study.args.iter + 1, study.every)
    bounds = {name: glasses.row(*study.worn(pictures)) for name, pictures in ends(study).items()}
    found = [[*run, *glasses.row(*readings(study, *run, args.iter))] for run in runs]
    path = [
        [way, seed, *(f"{glasses.kept(*readings(study, way, seed, step)).order:.2f}" for step in steps)]
        for way, seed in runs
        if all((way, seed, step) in study.known for step in steps)
    ]
    parts = [table(["", "seed", *glasses.HEAD], [*found, *([name, "", *cells] for name, cells in bounds.items())])]
    return [*parts, "Order after so many steps:", table(["", "seed", *steps], path)]


def readings(study, way: str, seed: int, step: int) -> tuple[list[float], list[float]]:
    entry = study.known[way, seed, step]
    return entry["worn"], entry["bare"]


def ends(study) -> dict[str, list]:
    """What goes in, and the most that could come out."""
    return {PHOTO: study.photos, MOST: groups.pair("B", study.args.people, groups.SEEDS["people"])}


def sheet(study, runs: Sequence[tuple[str, int]]):
    """The first people with glasses, and beside them the same people without: one row for each run."""
    half, size = SHOWN // 2, study.photos[0].shape[-1]
    rows = {name: [side[:half] for side in pictures] for name, pictures in ends(study).items()}
    drawn = {f"{way}, {seed}": study.translated(way, seed, study.args.iter, half) for way, seed in runs}
    rows = {PHOTO: rows[PHOTO]} | drawn | {MOST: rows[MOST]}
    pictures = {n: [one.resize((size, size)) for side in sides for one in utils.to_pictures(side)] for n, sides in rows.items()}
    return utils.paired_sheet(pictures, SHOWN)

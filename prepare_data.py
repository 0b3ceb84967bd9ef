"""Cut pictures to squares and store them for training.

    python prepare_data.py --out faces.lmdb --n_worker 4 --size 64,128 DIR
    python prepare_data.py --out toons.lmdb --size 256 cartoons.zip

Every file is stored upright in RGB, or reported by name and reason in LMDB/report.json. A run that was killed goes on when
started again; the data set appears under its name when it is whole.
"""

import argparse
import io
import json
import os
from collections import Counter
from functools import partial
from pathlib import Path

from PIL import Image, ImageColor

import cli
import progress
from cli import InputError
from faces import store
from faces.build import Build, plan_of
from faces.decode import RESAMPLE, Unreadable, reasons, square
from faces.sources import Item, Source, fingerprint, open_source
from faces.workers import Lost, each

SECONDS = 60  # for one file; a decoder that takes longer is not coming back
SHOWN = 10  # rejected files named on the screen; the report names all


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python prepare_data.py [flags] --out LMDB PATH")
    data = parser.add_argument_group("input and output")
    data.add_argument("path", type=Path, metavar="PATH", help="folder (nested or flat) or zip of pictures, or a film")
    data.add_argument("--out", type=Path, required=True, metavar="LMDB", help="data set to write, a new folder")
    data.add_argument("--overwrite", action="store_true", help="replace the data set at --out once the new one is whole")
    data.add_argument("--strict", action="store_true", help="exit status 1 if any file was rejected; the rest is stored")
    data.add_argument(
        "--n_worker",
        type=cli.number(int, least=1),
        default=_cpus(),
        metavar="N",
        help="processes (default: %(default)s, one a core)",
    )
    picture = parser.add_argument_group("pictures")
    picture.add_argument(
        "--size",
        type=_sizes,
        default="128,256,512,1024",
        metavar="N,N",
        help="sides to store, in pixels (default: %(default)s, as the reference)",
    )
    picture.add_argument("--resample", choices=RESAMPLE, default="lanczos", help="filter for resizing (default: lanczos)")
    picture.add_argument("--format", choices=["jpeg", "png"], default="jpeg", help="png is exact and larger (default: jpeg)")
    picture.add_argument(
        "--quality", type=cli.number(int, least=1, most=100), default=100, metavar="N", help="of jpeg, 1-100 (default: 100)"
    )
    picture.add_argument(
        "--background", type=_colour, default="white", metavar="COLOUR", help="behind transparent parts (default: white)"
    )
    picture.add_argument(
        "--max_pixels", type=_pixels, default="64M", metavar="N", help="larger pictures are rejected (default: 64M, megapixels)"
    )
    film = parser.add_argument_group("films")
    film.add_argument(
        "--scene_frames", type=cli.number(int, least=1), default=3, metavar="N", help="frames of each scene (default: 3)"
    )
    film.add_argument("--every", type=cli.number(above=0), metavar="SECONDS", help="one frame every so often, scenes or not")
    return parser


def main(args: argparse.Namespace) -> Path:
    if args.out.resolve().is_relative_to(args.path.resolve()):
        raise InputError(f"--out {args.out}: lies inside {args.path}, which it is made from; choose a place outside")
    source = open_source(args.path, args.every, args.scene_frames)
    options = {name: vars(args)[name] for name in ("size", "resample", "format", "quality", "background", "max_pixels")}
    plan = json.dumps({"layout": store.FORMAT, "input": fingerprint(source), **options})
    existing = plan_of(args.out)
    if existing is None or args.overwrite:
        report = build(source, plan, args)
    elif existing == plan:
        print(f"{args.out}: complete already, nothing to do")
        report = json.loads((args.out / "report.json").read_text())
    else:
        raise InputError(f"--out {args.out}: exists, made of other files or with other options; --overwrite replaces it")
    for entry in report["rejected"][:SHOWN]:
        print(f"rejected {entry['name']!r}: {entry['reason']}")
    if len(report["rejected"]) > SHOWN:
        print(f"... and {len(report['rejected']) - SHOWN} more, listed in {args.out}/report.json")
    print(closing_line(report))
    if args.strict and report["rejected"]:
        raise InputError(f"--strict: {len(report['rejected'])} files rejected; {args.out}/report.json names them")
    return args.out


def build(source: Source, plan: str, args: argparse.Namespace) -> dict:
    """Cut all pictures in parallel, write them in order, and return the report."""
    with Build(args.out, plan) as data:
        if data.seen:
            print(f"{data.partial}: going on after {data.seen} of {len(source.items)} files")
        items = source.items[data.seen :]
        results = each(partial(cut, source, args), items, min(args.n_worker, len(items)), SECONDS)
        shown = progress.through(results, "files", len(source.items), done=data.seen)
        for item, result in zip(items, shown, strict=True):
            data.add(*(({"name": item.name, "reason": result.reason}, {}) if isinstance(result, Lost) else result))
        if not data.stored:
            data.discard()
            first = data.log[0]
            raise InputError(
                f"{args.path}: none of {data.seen} files could be stored, {first['name']!r} for instance: {first['reason']}"
            )
        report = summarize(data.log, json.loads(plan), args.path)
        data.finish(report)
    return report


def cut(source: Source, args: argparse.Namespace, item: Item) -> tuple[dict, dict[int, bytes]]:
    """One file -> its log entry, and its encoded squares by size. Runs in a worker."""
    try:
        with reasons():
            picture, notes = source.picture(item, args.max_pixels, args.background)
            tiles = {size: encode(square(picture, size, args.resample), args) for size in args.size}
    except Unreadable as reason:
        return {"name": item.name, "reason": str(reason)}, {}
    return {"name": item.name, "notes": notes, "enlarged": [size for size in args.size if size > min(picture.size)]}, tiles


def encode(picture: Image.Image, args: argparse.Namespace) -> bytes:
    file = io.BytesIO()
    picture.save(file, args.format, **({"quality": args.quality} if args.format == "jpeg" else {}))
    return file.getvalue()


def summarize(log: list[dict], options: dict, path: Path) -> dict:
    """The report: counts, what was rejected and why, what was decided, and the name of every stored index."""
    stored = [entry for entry in log if "reason" not in entry]
    notes: dict[str, list[str]] = {}
    for entry in stored:
        for note in entry["notes"]:
            notes.setdefault(note, []).append(entry["name"])
    return {
        "path": str(path),
        "options": options,
        "seen": len(log),
        "stored": len(stored),
        "rejected": [entry for entry in log if "reason" in entry],
        "enlarged": dict(Counter(size for entry in stored for size in entry["enlarged"])),
        "notes": notes,
        "names": [entry["name"] for entry in stored],
    }


def closing_line(report: dict) -> str:
    """
    >>> closing_line({"seen": 3, "stored": 2, "rejected": [{"reason": "empty file"}], "enlarged": {"64": 1}, "notes": {}})
    '3 seen = 2 stored + 1 rejected (1 empty file); 1 enlarged to 64 px'
    """
    why = Counter(entry["reason"] for entry in report["rejected"]).most_common()
    named = [f"{count} {reason}" for reason, count in why[:5]] + [f"{len(why) - 5} other reasons"] * (len(why) > 5)
    parts = [f"{report['seen']} seen = {report['stored']} stored + {len(report['rejected'])} rejected"]
    parts[0] += f" ({', '.join(named)})" if named else ""
    parts += [f"{count} enlarged to {size} px" for size, count in report["enlarged"].items()]
    parts += [f"{len(names)} {note}" for note, names in report["notes"].items()]
    return "; ".join(parts)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _sizes(text: str) -> list[int]:
    side = cli.number(int, least=4, most=4096)
    return sorted({side(part) for part in text.split(",")})


def _pixels(text: str) -> int:
    """
    >>> _pixels("1.5M")
    1500000
    """
    return round(cli.number(above=0)(text.rstrip("mM")) * (1_000_000 if text[-1:] in "mM" else 1))


def _colour(text: str) -> str:
    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: no colour; try white, gray or '#f0e0d0'") from None
    return text


if __name__ == "__main__":
    cli.run(main, parser())

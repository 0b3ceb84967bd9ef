"""Cut pictures to squares and store them for training.

    python prepare_data.py --out faces.lmdb --n_worker 4 --size 64,128 DIR
    python prepare_data.py --out toons.lmdb --size 256 cartoons.zip
    python prepare_data.py --out people.lmdb --size 256 --crop top standing/

Every picture is stored upright in sRGB, without loss, or reported by name and reason in LMDB/report.json. A run that was
killed goes on when started again; the data set appears under its name when it is whole. docs/pictures.md: what is read.
"""

import argparse
import io
import json
from collections import Counter
from functools import partial
from pathlib import Path

from PIL import Image, ImageColor

import cli
import progress
import threads
from data import squares, store
from data.build import Build, OtherPlan, plan_of
from data.decode import MAX_PIXELS, TooLarge, Unreadable, reasons
from data.sources import Item, Source, counted, fingerprint, hidden, open_source
from data.workers import Lost, each
from errors import InputError

SECONDS = 60  # of work for one file; a decoder that takes longer is not coming back
SHOWN = 10  # rejected files named on the screen; the report names all
ENCODINGS = {  # the reference reads all of them; docs/pictures.md has their sizes and errors
    "webp": ("WEBP", {"lossless": True, "method": 3, "quality": 20}),  # quality: of the search, which 80 makes twice as long
    "png": ("PNG", {}),
    "jpeg": ("JPEG", {"subsampling": 0}),
    "jpeg420": ("JPEG", {"subsampling": 2}),
}
EARLIER = {"format": "jpeg", "quality": 100, "max_pixels": 64_000_000}  # defaults before there was --crop


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python prepare_data.py [flags] --out LMDB PATH")
    count = cli.number(int, least=1)
    add = parser.add_argument_group("input and output").add_argument
    add("path", type=Path, metavar="PATH", help="folder (nested or flat), zip or film, or one picture")
    add("--out", type=Path, required=True, metavar="LMDB", help="data set to write, a new folder")
    add("--overwrite", action="store_true", help="replace the data set at --out once the new one is whole")
    add("--strict", action="store_true", help="exit status 1 if any file was rejected; the rest is stored")
    help = "processes (default: %(default)s, one a core)"
    add("--n_worker", type=count, default=threads.granted(), metavar="N", help=help)
    add = parser.add_argument_group("pictures").add_argument
    help = "sides to store, in pixels (default: %(default)s, as the reference)"
    add("--size", type=_sizes, default="128,256,512,1024", metavar="N,N", help=help)
    help = "what is kept of tall and wide ones; pad: all of it, on --background (default: centre)"
    add("--crop", choices=squares.CROPS, default="centre", help=help)
    add("--resample", choices=squares.RESAMPLE, default="lanczos", help="filter (default: lanczos)")
    help = (
        "webp and png are exact, png up to 1.5 times as large; jpeg is nearly; jpeg420 has half the colour resolution, as "
        "the reference (default: webp)"
    )
    add("--format", choices=ENCODINGS, default="webp", help=help)
    percent = cli.number(int, least=1, most=100)
    add("--quality", type=percent, default=100, metavar="N", help="of both jpegs (default: 100)")
    add("--background", type=_colour, default="white", metavar="COLOUR", help="behind transparent parts (default: white)")
    help = "larger pictures are rejected; a JPEG up to 4 times as large is halved (default: 80M, megapixels)"
    add("--max_pixels", type=_pixels, default=MAX_PIXELS, metavar="N", help=help)
    add = parser.add_argument_group("films").add_argument
    add("--scene_frames", type=count, default=3, metavar="N", help="frames of each scene (default: 3)")
    add("--every", type=cli.number(above=0), metavar="SECONDS", help="one frame every so often, scenes or not")
    parser.needs("--quality", "--format jpeg", "--format jpeg420")
    parser.idle_with("--scene_frames", "--every")
    return parser


def main(args: argparse.Namespace) -> Path:
    if args.out.resolve().is_relative_to(args.path.resolve()):
        raise InputError(f"--out {args.out}: lies inside {args.path}, which it is made from; choose a place outside")
    source = open_source(args.path, args.every, args.scene_frames)
    plan = plan_for(source, args)
    existing = plan_of(args.out)
    if existing is None or args.overwrite:
        report = build(source, plan, args)
    elif existing == plan or is_earlier(existing, plan):
        print(f"{args.out}: complete already, nothing to do")
        if existing != plan:
            print("It is of an earlier version, whose JPEG halves the resolution of colours; --overwrite makes it anew")
        report = json.loads((args.out / "report.json").read_text())
    else:
        raise InputError(f"--out {args.out}: exists, made {differently(existing, plan)}; --overwrite replaces it")
    for entry in report["rejected"][:SHOWN]:
        print(f"rejected {entry['name']!r}: {entry['reason']}")
    if len(report["rejected"]) > SHOWN:
        print(f"... and {len(report['rejected']) - SHOWN} more, listed in {args.out}/report.json")
    print(closing_line(report | {"passed_over": source.passed_over}))
    if args.strict and report["rejected"]:
        raise InputError(f"--strict: {len(report['rejected'])} files rejected; {args.out}/report.json names them")
    return args.out


def plan_for(source: Source, args: argparse.Namespace) -> str:
    """All that determines the data set."""
    options = {name: vars(args)[name] for name in ("size", "resample", "crop", "format", "quality", "background", "max_pixels")}
    if not args.format.startswith("jpeg"):
        options["quality"] = None
    return json.dumps({"layout": store.FORMAT, "input": fingerprint(source), "colours": "sRGB", **options})


def is_earlier(existing: str, plan: str) -> bool:
    """Whether a data set was made by this command when its defaults were others."""
    old, new = _options(existing), _options(plan)
    if not old or "crop" in old or new["crop"] != "centre":
        return False
    now = {"format": parser().get_default("format"), "quality": None, "max_pixels": MAX_PIXELS}
    return all(old[name] == new.get(name) or (old[name], new.get(name)) == (EARLIER.get(name), now.get(name)) for name in old)


def differently(existing: str, plan: str) -> str:
    """
    >>> differently('{"input": "a", "crop": "top"}', '{"input": "a", "crop": "pad"}')
    'with --crop top'
    """
    old, new = _options(existing), _options(plan)
    earlier = bool(old) and "crop" not in old
    no_flags = {"layout", "input", "colours", *(EARLIER if earlier else ())}
    other = [name for name in new if old.get(name, new[name]) != new[name] and name not in no_flags]
    flags = [f"--{name} {_spelled(old[name])}" for name in other]
    how = ["by an earlier version"] * earlier + [f"with {', '.join(flags)}"] * bool(flags)
    return ", ".join(how + ["of other files"] * (old.get("input") != new["input"])) or "with other options"


def build(source: Source, plan: str, args: argparse.Namespace) -> dict:
    """Cut all pictures in parallel, write them in order, and return the report."""
    try:
        building = Build(args.out, plan, anew=args.overwrite)
    except OtherPlan as other:
        begun = f"{other.partial}: unfinished, begun {differently(other.plan, plan)}"
        raise InputError(f"{begun}; the same command finishes it, --overwrite begins anew") from None
    with building as data:
        if data.seen:
            print(f"{data.partial}: going on after {data.seen} of {len(source.items)} files")
        items = source.items[data.seen :]
        results = each(partial(prepare, source, args), items, min(args.n_worker, len(items)), SECONDS)
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


def prepare(source: Source, args: argparse.Namespace, item: Item) -> tuple[dict, dict[int, bytes]]:
    """One file -> its log entry, and its encoded squares by size. Runs in a worker."""
    try:
        with reasons():
            picture, notes = source.picture(item, args.max_pixels, args.background)
            cut_to = {size: squares.cut(picture.size, size, args.crop) for size in args.size}
            tiles = {
                size: encode(squares.square(picture, size, args.resample, args.crop, args.background), args)
                for size in args.size
            }
    except Unreadable as reason:
        remedy = "; --max_pixels raises it" if isinstance(reason, TooLarge) else ""
        return {"name": item.name, "reason": f"{reason}{remedy}"}, {}
    enlarged = [size for size, cut in cut_to.items() if cut.enlarged > 1]
    return {"name": item.name, "notes": notes, "enlarged": enlarged, "cut": cut_to[max(args.size)]}, tiles


def encode(picture: Image.Image, args: argparse.Namespace) -> bytes:
    file = io.BytesIO()
    kind, options = ENCODINGS[args.format]
    picture.save(file, kind, **(options | ({"quality": args.quality} if kind == "JPEG" else {})))
    return file.getvalue()


def summarize(log: list[dict], options: dict, path: Path) -> dict:
    """The report: counts, what was rejected and why, what was decided, and the name of every stored index."""
    stored = [entry for entry in log if "reason" not in entry]
    cuts = {entry["name"]: squares.Cut(*entry["cut"]) for entry in stored}
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
        "remarks": squares.remarks(cuts.values()),
        "look at": [name for name, cut in cuts.items() if squares.remarks([cut])],
        "notes": notes,
        "names": [entry["name"] for entry in stored],
    }


def closing_line(report: dict) -> str:
    """
    >>> closing_line({"seen": 3, "stored": 2, "rejected": [{"reason": "empty file"}], "enlarged": {"64": 1}, "notes": {}})
    '3 seen = 2 stored + 1 rejected (1 empty file); 1 enlarged to 64 px'
    """
    named = counted(entry["reason"] for entry in report["rejected"])
    parts = [f"{report['seen']} seen = {report['stored']} stored + {len(report['rejected'])} rejected"]
    parts[0] += f" ({named})" if named else ""
    parts += [hidden(report["passed_over"])] if report.get("passed_over") else []
    parts += [f"{count} enlarged to {size} px" for size, count in report["enlarged"].items()]
    if remarks := report.get("remarks"):  # an earlier version made none
        parts.append(f"{', '.join(remarks)}: report.json names them; {squares.remedy(remarks)}")
    parts += [f"{len(names)} {note}" for note, names in report["notes"].items()]
    return "; ".join(parts)


def _options(plan: str) -> dict:
    try:
        return json.loads(plan)
    except ValueError:  # a data set of the reference has none
        return {}


def _spelled(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _sizes(text: str) -> list[int]:
    return sorted({*cli.numbers(int, least=4, most=4096)(text)})


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

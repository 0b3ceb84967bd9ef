"""How like a photo its projection is, and how long that takes: by pixels, by the discriminator, and by who it is.

    python -m benchmarks.likeness held_out/ known/
    python -m benchmarks.likeness held_out/ --setting default --setting space=w --setting steps=300,wplus_reg=1,mse=5 --batch 8
    python -m benchmarks.likeness held_out/ --encoder encoder.pt --setting start=mean,steps=200 --setting steps=0

For each path and each setting, the mean over its photos: the absolute difference of pixels, where black and white are 1 apart;
the distance `disc`, of the source's discriminator; the cosine of dlib's face embeddings of photo and projection, and for
comparison that of photos of different people (extra `identity`; without it these columns are empty); seconds a photo, by the
clock and of the processor. A setting is as scripts.cartoonize has it but for what it says. sheet.png shows each photo, its
projections, and where --target is given its cartoons.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
import newfolder
import progress
import shipped
from errors import InputError
from scripts import _faces, cartoonize

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from editing.cartoon import Painter
    from editing.projection import Schedule
    from vision.identity import Identity

HEAD = ("photos", "setting", "number", "MAE", "disc", "identity", "strangers", "s", "s of processor")
COLUMNS = 8
BENDING = {"tune": int, "reach": float}  # of `editing.cartoon.Painter`, and their types


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.likeness [flags] PATH...")
    group = parser.add_argument_group("measurement")
    add = group.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="photos, or folders and zips of them: a line of the table each")
    add("--source", default=str(shipped.PHOTO), metavar="FILE", help="with its discriminator (default: demo/photo64.pt)")
    add("--target", metavar="FILE", help="of cartoons, for the sheet")
    usual = f"default: {shipped.ENCODERS_IN_WORDS}, else none"
    add("--encoder", metavar="FILE", help=f"begins, but for start=mean ({usual})")
    words = (
        "default, as scripts.cartoonize, or name=value,...: space, start, tune, reach, and what editing.projection.Schedule has"
    )
    add("--setting", action="append", metavar="TEXT", help=f"{words}; repeat it for more")
    add("--batch", type=cli.number(int, least=1), default=1, metavar="N", help="photos at a time (default: 1)")
    flags.add_distance(parser, group)
    flags.add_pace(group)
    _faces.add_place(parser, "where the face is (default: found by its eyes, the largest)")
    flags.add_new_folder(parser, "likeness", "the sheet")
    return parser


def main(args: argparse.Namespace) -> Path:
    import torch

    import checkpoint
    import utils
    from benchmarks import tables
    from editing import cartoon, defaults
    from faces.photos import Album
    from inversion import files, searching
    from vision import perceptual

    args.encoder = shipped.encoder_of(args.source, args.encoder)
    settings = {text: setting(text, args.encoder) for text in args.setting or ["default"]}
    if not args.encoder and (text := next((text for text, way in settings.items() if way.encoded), "")):
        raise InputError(f"--setting {text}: needs --encoder FILE")
    device = cli.read("--device", args.device, utils.choose_device)
    file = cli.read("--source", args.source, checkpoint.read_aloud)
    source, judge = file.generator().to(device), perceptual.choose("disc", file)[0].to(device)
    target = cli.read("--target", args.target, cartoon.open_target, source, args.source) if args.target else None
    with cli.named_by(args, "vgg", "perceptual"):
        distance = perceptual.choose(args.perceptual, file, args.vgg)[0].to(device)
    encoder = cli.read("--encoder", args.encoder, files.opened, source) if args.encoder else None
    albums = {
        path: [face.cut() for face in cartoonize.cut_faces(args, Album([path]), source.size).values()] for path in args.paths
    }
    args.outdir = newfolder.choose(args.outdir, "likeness", "sheet.png", args.overwrite)
    looking = {"dtype": utils.compute_dtype(args.precision), "recorded": not args.no_graphs}
    identity, lines, sheets = reader(), [], {}
    for path, photos in albums.items():
        targets = utils.from_pictures(photos).to(device)
        sheets.setdefault("photo", []).extend(photos)
        for text, way in settings.items():
            how = {"psi": defaults.psi(way.schedule.steps), "most": way.most, "tune": way.tune}
            painter = cartoon.Painter(source, target or source, distance, **how, **looking)
            start = searching.starter(encoder if way.encoded else None, source, way.space)
            drawn, seconds = people(painter, targets, way, start, args.batch)
            projected, cartoons = zip(*drawn)
            images = utils.from_pictures(projected).to(device)
            with torch.no_grad():
                pixels, disc = (targets - images).abs().mean() / 2, judge(images, targets).mean()
            alike = of_people(identity, targets, images)
            lines.append([path, text, len(photos), f"{pixels:.4f}", f"{disc:.3f}", *alike, *seconds])
            sheets.setdefault(text, []).extend(projected)
            if target:
                sheets.setdefault(f"{text} cartoon", []).extend(cartoons)
    print(f"{identity_note(identity)}\n{tables.table(HEAD, lines)}")
    cli.save_command(args, args.outdir)
    return utils.save_png(
        utils.paired_sheet(sheets, COLUMNS), args.outdir / "sheet.png", **cli.told(args, ("source", "target"))
    )


@dataclass(frozen=True)
class Way:
    """Of finding people; encoded: whether an encoder begins, the others as in `editing.cartoon`."""

    space: str
    schedule: "Schedule"
    encoded: bool
    tune: int
    most: float


def setting(text: str, encoder: object = None) -> Way:
    """Of "name=value,...". encoder: whether there is one. Raises InputError for a name or a value that means nothing."""
    from editing import cartoon, defaults

    space, encoded, told, bending = cartoon.SPACE, bool(encoder), {}, {}
    kinds = {field.name: type(getattr(cartoon.SCHEDULE, field.name)) for field in fields(cartoon.SCHEDULE)}
    for name, _, value in (part.partition("=") for part in text.split(",") if part not in ("", "default")):
        if name == "space" and value in ("w", "w+"):
            space = value
            continue
        if name == "start" and value in ("mean", "encoder"):
            encoded = value == "encoder"
            continue
        try:
            if name in BENDING:
                bending[name] = BENDING[name](value)
            else:
                told[name] = kinds[name](value)
        except (KeyError, ValueError):
            raise InputError(
                f"--setting {text}: {name}={value}: expected space=w, start=encoder, or {'=, '.join([*BENDING, *kinds])}="
            ) from None
    schedule = replace(cartoon.SCHEDULE, **({"steps": defaults.steps(encoded)} | told))
    usual = {"tune": defaults.tune(schedule.steps), "reach": defaults.reach(schedule.steps)} | bending
    return Way(space, schedule, encoded, usual["tune"], usual["reach"])


def people(
    painter: "Painter", targets: "Tensor", way: Way, start: "Callable[[Tensor], Tensor] | None", batch: int
) -> "tuple[list[tuple[Image, Image]], list[str]]":
    """Each as the source draws them and as cartoon; and seconds that each took: by the clock, and of the processor."""
    from editing import projection

    clocks = time.perf_counter(), time.process_time()
    with progress.Bar(-(-len(targets) // batch) * way.schedule.steps + len(targets) * way.tune, "steps") as bar:
        painter.stepped = lambda *_: bar.update()
        options = {"fixed_noise": True, "within": painter.within, "batch": batch} | painter.looking
        search = projection.find(painter.source, painter.distance, targets, way.space, way.schedule, start=start, **options)
        found = [one.latent for together in search for one in together.each()]
        drawn = [
            painter.paint(latent, painter.bent(latent, photo)) for latent, photo in zip(found, targets.split(1), strict=True)
        ]
    end = time.perf_counter(), time.process_time()
    return drawn, [f"{(after - before) / len(targets):.2f}" for before, after in zip(clocks, end)]


def reader() -> "Identity | None":
    from vision import identity

    try:
        return identity.Identity()
    except InputError:
        return None


def identity_note(identity: "Identity | None") -> str:
    from vision import identity as module

    return "" if identity else f"no identity: {module.MISSING}\n"


def of_people(identity: "Identity | None", targets: "Tensor", images: "Tensor") -> list[str]:
    """How like the people in two sets of pictures are, and strangers among the first."""
    if identity is None:
        return ["-", "-"]
    from vision.identity import cosine, strangers

    photos = identity.embed(targets)
    return [f"{value:.3f}" for value in (cosine(photos, identity.embed(images)).mean(), strangers(photos))]


if __name__ == "__main__":
    cli.run(main, parser())

"""How like a photo its projection is, and how long that takes: by pixels, by the discriminator, and by who it is.

    python -m benchmarks.likeness held_out/ known/
    python -m benchmarks.likeness held_out/ --setting default --setting space=w --setting steps=300,wplus_reg=1,mse=5 --batch 8
    python -m benchmarks.likeness held_out/ --encoder encoder.pt --setting steps=200 --setting start=encoder,steps=0

For each path and each setting, the mean over its photos: the absolute difference of pixels, where black and white are 1 apart;
the distance `disc`, of the source's discriminator; the cosine of dlib's face embeddings of photo and projection, and for
comparison that of photos of different people (extra `identity`; without it these columns are empty); seconds a photo, by the
clock and of the processor. A setting is as scripts.cartoonize has it but for what it says. sheet.png shows each photo, its
projections, and where --target is given its cartoons.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import fields, replace
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
    import torch
    from torch import Tensor

    from editing.projection import Schedule
    from model import Generator
    from vision.identity import Identity
    from vision.perceptual import Distance

HEAD = ("photos", "setting", "number", "MAE", "disc", "identity", "strangers", "s", "s of processor")
COLUMNS = 8


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.likeness [flags] PATH...")
    group = parser.add_argument_group("measurement")
    add = group.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="photos, or folders and zips of them: a line of the table each")
    add("--source", default=str(shipped.PHOTO), metavar="FILE", help="with its discriminator (default: demo/photo64.pt)")
    add("--target", metavar="FILE", help="of cartoons, for the sheet")
    add("--encoder", metavar="FILE", help="with which a setting of start=encoder begins")
    words = "default, as scripts.cartoonize, or name=value,...: space, start, and what editing.projection.Schedule has"
    add("--setting", action="append", metavar="TEXT", help=f"{words}; repeat it for more")
    add("--batch", type=cli.number(int, least=1), default=1, metavar="N", help="photos at a time (default: 1)")
    flags.add_distance(parser, group)
    flags.add_precision(group)
    _faces.add_place(parser, "where the face is (default: found by its eyes, the largest)")
    flags.add_new_folder(parser, "likeness", "the sheet")
    return parser


def main(args: argparse.Namespace) -> Path:
    import torch

    import checkpoint
    import utils
    from benchmarks import tables
    from editing import cartoon, latents
    from faces.photos import Album
    from inversion import files, searching
    from vision import perceptual

    settings = {text: setting(text) for text in args.setting or ["default"]}
    if not args.encoder and (text := next((text for text, (_, _, encoded) in settings.items() if encoded), "")):
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
    identity, lines, sheets = reader(), [], {}
    for path, photos in albums.items():
        targets = utils.from_pictures(photos).to(device)
        sheets.setdefault("photo", []).extend(photos)
        for text, (space, schedule, encoded) in settings.items():
            start = searching.starter(encoder if encoded else None, source, space)
            latent, seconds = found(
                source, distance, targets, space, schedule, start, args.batch, utils.compute_dtype(args.precision)
            )
            images = latents.draw(source, source.broadcast(latent)).clamp(-1, 1)
            with torch.no_grad():
                pixels, disc = (targets - images).abs().mean() / 2, judge(images, targets).mean()
            alike = of_people(identity, targets, images)
            lines.append([path, text, len(photos), f"{pixels:.4f}", f"{disc:.3f}", *alike, *seconds])
            sheets.setdefault(text, []).extend(utils.to_pictures(images))
            if target:
                sheets.setdefault(f"{text} cartoon", []).extend(cartoon.draw(source, target, latent))
    print(f"{identity_note(identity)}\n{tables.table(HEAD, lines)}")
    cli.save_command(args, args.outdir)
    return utils.save_png(
        utils.paired_sheet(sheets, COLUMNS), args.outdir / "sheet.png", **cli.told(args, ("source", "target"))
    )


def setting(text: str) -> "tuple[str, Schedule, bool]":
    """(space, schedule, whether an encoder begins) of "name=value,...".

    Raises InputError for a name or a value that means nothing.
    """
    from editing import cartoon

    space, schedule, encoded = cartoon.SPACE, cartoon.SCHEDULE, False
    kinds = {field.name: type(getattr(schedule, field.name)) for field in fields(schedule)}
    for name, _, value in (part.partition("=") for part in text.split(",") if part not in ("", "default")):
        if name == "space" and value in ("w", "w+"):
            space = value
            continue
        if name == "start" and value in ("mean", "encoder"):
            encoded = value == "encoder"
            continue
        try:
            schedule = replace(schedule, **{name: kinds[name](value)})
        except (KeyError, ValueError):
            raise InputError(
                f"--setting {text}: {name}={value}: expected space=w, start=encoder, or {'=, '.join(kinds)}="
            ) from None
    return space, schedule, encoded


def found(
    source: "Generator",
    distance: "Distance",
    targets: "Tensor",
    space: str,
    schedule: "Schedule",
    start: "Callable[[Tensor], Tensor] | None",
    batch: int,
    dtype: "torch.dtype | None" = None,
) -> "tuple[Tensor, list[str]]":
    """Latents of the photos, and seconds that each took: by the clock, and of the processor."""
    import torch

    from editing import projection

    clocks = time.perf_counter(), time.process_time()
    with progress.Bar(-(-len(targets) // batch) * schedule.steps, "steps") as bar:
        stepped = lambda *_: bar.update()
        options = {"start": start, "fixed_noise": True, "batch": batch, "dtype": dtype, "stepped": stepped}
        search = projection.find(source, distance, targets, space, schedule, **options)
        latent = torch.cat([one.latent for one in search])
    end = time.perf_counter(), time.process_time()
    return latent, [f"{(after - before) / len(targets):.2f}" for before, after in zip(clocks, end)]


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

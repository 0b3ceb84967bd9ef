"""Find the latents of photos, so that they can be edited, or drawn as cartoons.

    python projector.py --ckpt ffhq256.pt me.png                              # each layer may share one w, or:
    python projector.py --ckpt ffhq256.pt --space w+ me.png you.png           # closer, and less like a face when edited
    python projector.py --ckpt ffhq256.pt --target_ckpt cartoon.pt me.png     # and what it is as a cartoon

Photos must be cut as the network's were: python -m scripts.align me.jpg --out aligned. One photo and a hundred give the same
latents; they go to projected/latents.pt, which every editing command reads (--latents). A call that was stopped or killed
goes on when it is repeated. Searching on from what was found:
    python projector.py --ckpt ffhq256.pt --init projected/latents.pt --step 500 me.png
A network that draws the photo exactly there, and edits of it:
    python projector.py --ckpt ffhq256.pt --tune 350 me.png
    python apply_factor.py --ckpt projected/me-tuned.pt --latents projected/latents.pt --factor factor.pt -i 0
In one pass of an encoder (python -m scripts.train_encoder), or on from there:
    python projector.py --ckpt ffhq256.pt --encoder encoder.pt --step 0 me.png
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
import newfolder
import progress
import shipped
from editing import defaults
from editing.defaults import LATENT_STEPS, LATENT_STEPS_ENCODED, PACE, SPACE, STEPS, STEPS_ENCODED, TUNE, WPLUS_REG
from errors import InputError, named
from unfinished import Unfinished
from writing import whole_file

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor
    from torch.nn import Module

    from checkpoint import Checkpoint
    from editing.cartoon import Painter
    from editing.people import People
    from editing.projection import Projection, Schedule
    from faces.photos import Album
    from model import Generator

    Painted = Callable[["Photo", Tensor], Image]

BETWEEN = 4  # pictures on a strip between start and final
NAME_WIDTH = 240  # pixels for the name of a photo on its strip
TOLD = (
    *("ckpt", "target_ckpt", "space", "init", "encoder", "fixed_noise", "perceptual", "precision", "seed", "step", "lr", "mse"),
    *("wplus_reg", "encoder_reg", "tune"),
)
SCHEDULE = ("lr", "lr_rampup", "lr_rampdown", "noise", "noise_ramp", "noise_regularize", "mse", "wplus_reg")
DECIDE = ("space", "fixed_noise", "precision", "seed", "step", *SCHEDULE, "encoder_reg", "tune", "batch", "layout")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python projector.py [flags] --ckpt FILE PHOTO...", later=True)
    group = parser.add_argument_group("networks and photos")
    add = group.add_argument
    add("photos", nargs="*", type=Path, metavar="PHOTO", help="pictures, or folders, zips and films of them; cut to a square")
    add("--files", nargs="+", type=Path, metavar="PHOTO", help="the same, as a flag")
    add("--ckpt", required=True, metavar="FILE", help="checkpoint of any format, of photo faces; its averaged generator draws")
    add("--target_ckpt", metavar="FILE", help="a network fine-tuned from it: draws cartoons, as scripts.cartoonize")
    flags.add_published_shape(group)
    group = parser.add_argument_group("what is searched")
    add = group.add_argument
    layers = "one w for all layers, or one for each (default: w; for cartoons and from an encoder w+)"
    add("--space", choices=("w", "w+"), default="w", help=layers)
    add("--w_plus", action="store_const", dest="space", const="w+", help="the published name of --space w+")
    begin = "begin with latents and noise of a file (docs/latents.md); repeat it for more (default: mean, the mean w)"
    add("--init", action="append", metavar="FILE", help=begin)
    flags.add_encoder(parser, group, shipped.ENCODERS_IN_WORDS)
    fixed = "leave the noise maps alone (default: only for cartoons, from an encoder and with --tune)"
    add("--fixed_noise", action="store_true", help=fixed)
    add("--search_noise", action="store_false", dest="fixed_noise", default=False, help="search them, also with these")
    flags.add_distance(parser, group)
    flags.add_pace(group)
    add("--seed", type=cli.number(int, least=0), default=0, metavar="N", help="of the jitter (default: 0)")
    bend = "steps that bend the network until it draws the photo at what was found (pivotal tuning): NAME-tuned.pt, for edits"
    bend += f"; with --target_ckpt both networks, for the cartoon (default: 0, for cartoons {TUNE})"
    add("--tune", type=cli.number(int, least=0), default=0, metavar="N", help=bend)
    add_schedule(parser)
    add = flags.add_new_folder(parser, "projected", "the latents").add_argument
    reference = "reference: FIRST_PHOTO.pt with an entry for each path, PHOTO-project.png (default: ours)"
    add("--layout", choices=("ours", "reference"), default="ours", help=reference)
    add("--batch", type=cli.number(int, least=1), default=1, metavar="N", help="photos at a time, for large GPUs (default: 1)")
    parser.needs("--wplus_reg", "--space w+")
    parser.idle_with("--noise_regularize", "--fixed_noise")
    parser.idle_with("--noise_ramp", "--noise 0")
    parser.idle_with("--init", "--encoder")
    parser.idle_with(" ".join(f"--{name}" for name in (*SCHEDULE, "encoder_reg", "precision", "seed")), "--step 0")
    return parser


def add_schedule(parser: cli.Parser) -> None:
    """The flags of the reference; times are parts of all steps."""
    add = parser.add_argument_group("schedule").add_argument
    part, positive = cli.number(least=0, most=1), cli.number(least=0)
    usual = f"{LATENT_STEPS}, for cartoons {STEPS}; from an encoder {LATENT_STEPS_ENCODED}, for cartoons {STEPS_ENCODED}"
    steps = f"of Adam; 0: the start is the answer (default: {usual})"
    add("--step", type=cli.number(int, least=0), default=LATENT_STEPS, metavar="N", help=steps)
    add("--lr", type=cli.number(above=0), default=PACE["lr"], metavar="X", help="highest learning rate (default: %(default)s)")
    add("--lr_rampup", type=part, default=0.05, metavar="T", help="part of the time in which it rises (default: 0.05)")
    falls = "in which it falls, at the end (default: %(default)s)"
    add("--lr_rampdown", type=part, default=PACE["lr_rampdown"], metavar="T", help=falls)
    add("--noise", type=positive, default=0.05, metavar="X", help="jitter of w, in spreads of w (default: 0.05)")
    ends = "part of the time in which it ends (default: %(default)s)"
    add("--noise_ramp", type=part, default=PACE["noise_ramp"], metavar="T", help=ends)
    hidden = "weight against pictures in the noise (default: 1e5)"
    add("--noise_regularize", type=positive, default=1e5, metavar="X", help=hidden)
    near = f"weight that holds w+ near w (default: 0, for cartoons {WPLUS_REG})"
    add("--wplus_reg", type=positive, default=0.0, metavar="X", help=near)
    add("--mse", type=positive, default=0.0, metavar="X", help="weight of the squared difference of pixels (default: 0)")


def main(args: argparse.Namespace) -> Path:
    """Ctrl-C and SIGTERM end it in one line, and whoever was found by then is in the latent file."""
    with cli.sigterm_interrupts():
        return project(args)


def project(args: argparse.Namespace) -> Path:
    import checkpoint
    import utils
    from editing import cartoon, latents, people, projection
    from editing.one_by_one import OneByOne
    from faces.photos import Album
    from inversion import files, searching
    from vision import perceptual

    fill_in(args)
    album = Album([*args.photos, *(args.files or [])])
    file_name, names = output_names(args, album)
    device = cli.read("--device", args.device, utils.choose_device)
    source = cli.read("--ckpt", args.ckpt, checkpoint.read_aloud)
    cli.expect(args, source.architecture)
    generator = source.generator().to(device)
    with cli.named_by(args, "target_ckpt"):
        target = cartoon.open_target(args.target_ckpt, generator, args.ckpt) if args.target_ckpt else None
    with cli.named_by(args, "init"):
        init = None if args.init in (None, ["mean"]) else people.chosen("", args.init, generator)
    encoder = cli.read("--encoder", args.encoder, files.opened, generator) if args.encoder else None
    photos = load(album, names, generator.size)
    start, noise = beginning(args, init, generator, len(photos))
    with cli.named_by(args, "vgg", "perceptual"):
        distance, note = perceptual.choose(args.perceptual, source, args.vgg)
    plan = plan_of(args, photos, [generator, target, distance, encoder], [start, *noise])
    args.outdir = newfolder.choose(args.outdir, "projected", file_name, args.overwrite, plan)
    written = [pictures_of(args, photo) for photo in photos]
    read = [*album.files, args.ckpt, args.target_ckpt, args.encoder]
    newfolder.spare(args.outdir, [args.outdir / file_name, *itertools.chain(*written)], read)
    job = OneByOne(Unfinished(args.outdir / file_name, plan), written, args.batch)
    album.report(len(photos), args.outdir)
    print(f"distance: {note}")
    cli.save_command(args, args.outdir)
    with progress.Bar(steps(args, len(photos)), "steps", done=steps(args, job.done)) as bar:
        distance = searching.held(distance.to(device), encoder, generator, args.encoder_reg)
        how = {"most": defaults.reach(args.step), "psi": defaults.psi(args.step)} if target else {"most": None, "carry": 0.0}
        how |= {"dtype": utils.compute_dtype(args.precision), "recorded": not args.no_graphs, "stepped": partial(step_on, bar)}
        painter = cartoon.Painter(generator, target or generator, distance, tune=args.tune, **how)
        search = projection.find(
            generator,
            distance,
            (photo.image for photo in photos[job.done :] if bar.show(photo.path.name) is None),
            args.space,
            schedule(args),
            start=searching.starter(encoder, generator, args.space) or (start if len(start) == 1 else start[job.done :]),
            noise=latents.noise_of(noise, slice(job.done, None)),
            batch=args.batch,
            fixed_noise=args.fixed_noise,
            within=painter.within if target else None,
            seed=args.seed,
            snapshots=shown_steps(args.step),
            **painter.looking,
        )
        found = (person for batch in search for person in batch.each())
        drawn = partial(painted, args, painter, source) if last_picture(args) else None
        return job.run(found, partial(keep, args, photos, drawn), partial(save, args, photos, job.work.result, generator))


@dataclass
class Photo:
    """path: as it was given; name: of its pictures, without ending; image: [3, size, size] in [-1, 1]."""

    path: Path
    name: str
    image: Tensor


def pictures_of(args: argparse.Namespace, photo: Photo) -> list[Path]:
    last = last_picture(args)
    endings = [".png", "-strip.png", *[f"-{last}.png"] * bool(last), *["-tuned.pt"] * (last == "tuned")]
    return [args.outdir / f"{photo.name}{ending}" for ending in endings]


def last_picture(args: argparse.Namespace) -> str:
    """What stands behind the projection, "" for nothing."""
    return "cartoon" if args.target_ckpt else "tuned" if args.tune else ""


def painted(args: argparse.Namespace, painter: Painter, source: Checkpoint, photo: Photo, latent: Tensor) -> Image:
    """The last picture of somebody. Writes the network that draws it where that is the projection, tuned."""
    import checkpoint
    from editing import layer_swap

    networks = painter.bent(latent, photo.image[None])
    projected, cartoon = painter.paint(latent, networks)
    if args.target_ckpt:
        return cartoon
    contents = layer_swap.contents(networks[0], source, source, "low")
    checkpoint.write(args.outdir / f"{photo.name}-tuned.pt", contents, manifest=False)
    return projected


def steps(args: argparse.Namespace, photos: int) -> int:
    """Of the searches, batch by batch, and of the tunings, one by one."""
    return -(-photos // args.batch) * args.step + photos * args.tune


def step_on(bar: progress.Bar, loss: float, noise: float) -> None:
    bar.show(note=f"loss {loss:.4g}, noise {noise:.3g}")
    bar.update()


def keep(
    args: argparse.Namespace, photos: Sequence[Photo], drawn: Painted | None, number: int, found: Projection
) -> Projection:
    """The pictures of one person. Returns what the latent file needs: only that of the reference holds a picture."""
    progress.say(draw(args, photos, drawn, number, found))
    kept = {args.step: found.snapshots[args.step]} if args.layout == "reference" else {}
    return replace(found, snapshots=kept)


def output_names(args: argparse.Namespace, album: Album) -> tuple[str, list[str]]:
    """The name of the latent file, and for each photo the beginning of its pictures' names."""
    from editing.people import People

    if not len(album):
        raise InputError("PHOTO: name the pictures to project; python -m scripts.align cuts faces out of photos")
    names = People([name for name, _ in album.listed]).file_names()
    reference = args.layout == "reference"
    file_name = f"{names[0]}.pt" if reference else "latents.pt"
    if args.outdir:  # before networks are read
        newfolder.choose(args.outdir, "", file_name, args.overwrite)
    return file_name, [f"{name}-project" if reference else name for name in names]


def fill_in(args: argparse.Namespace) -> None:
    """What was not said is with --target_ckpt as scripts.cartoonize has it, so that both give the same cartoon. An encoder says
    a w for each layer, and noise is left alone with it, as published. A network that is tuned is to draw the person with the
    noise it has.

    Raises InputError for flags that would do nothing.
    """
    reason, usual = "", {}
    args.encoder = shipped.encoder_of("" if args.init else args.ckpt, args.encoder)
    if args.target_ckpt:
        steps = defaults.steps(args.encoder)
        reason, usual = "for the cartoon, as scripts.cartoonize", {"space": SPACE, "fixed_noise": True, "step": steps}
        space = args.space if "space" in args.given else SPACE
        usual |= {"wplus_reg": WPLUS_REG} if space == "w+" and args.step else {}
        usual |= {"tune": TUNE} if args.step else {}
    elif args.encoder:
        reason, usual = "from an encoder", {"space": "w+", "fixed_noise": True, "step": LATENT_STEPS_ENCODED}
    elif args.tune:
        reason, usual = "for a network that draws the photo by itself", {"fixed_noise": True}
    taken = {flag: value for flag, value in usual.items() if flag not in args.given}
    vars(args).update(taken)
    parser().check(args)
    if args.step == 0 and not (args.encoder or args.init):
        raise InputError("--step 0: finds nothing; give --encoder FILE or --init FILE as well, and that is the answer")
    if taken:
        words = ", ".join(f"--{flag}" if value is True else f"--{flag} {value}" for flag, value in taken.items())
        print(f"{reason}: {words}; what the flags say wins (--search_noise for the noise)")


def load(album: Album, names: Sequence[str], size: int) -> list[Photo]:
    """The centre squares of the photos that can be read. Raises InputError for none."""
    import utils
    from data.squares import square

    photos = []
    for number, name, (picture, _) in album.numbered():
        if picture.width != picture.height:
            print(f"{name}: {picture.width} x {picture.height}, its centre is used; python -m scripts.align finds the face")
        photos.append(Photo(Path(name), names[number], utils.from_pictures([square(picture, size)])[0]))
    if not photos:
        raise album.unusable("none of")
    return photos


def beginning(args: argparse.Namespace, init: People | None, generator: Generator, photos: int) -> tuple[Tensor, list[Tensor]]:
    """Latents [1 or photos, ...], and noise for each convolution [1 or photos, 1, res, res], [] for the stored noise."""
    from editing import projection

    if init is None:
        with named(f"--space {args.space}"):
            return projection.starting_points(generator.broadcast(generator.w_avg[None]), args.space), []
    with cli.named_by(args, "init"):
        return projection.starting_points(init.w_plus(generator), args.space, photos), init.noise(generator) or []


def plan_of(
    args: argparse.Namespace, photos: Sequence[Photo], networks: Sequence[Module | None], start: Sequence[Tensor]
) -> dict[str, object]:
    from checkpoint import fingerprint
    from editing import tuning

    return newfolder.plan_of(
        args,
        DECIDE,
        photos=[fingerprint({ascii((str(photo.path), photo.name)): photo.image}) for photo in photos],
        networks=" ".join(fingerprint(network.state_dict()) for network in networks if network is not None),
        beginning=fingerprint({str(i): tensor for i, tensor in enumerate(start)}),
        device=str(start[0].device.type),
        pace=f"of tuning {tuning.PACE}" if args.tune else "",
    )


def schedule(args: argparse.Namespace) -> Schedule:
    from editing.projection import Schedule

    return Schedule(args.step, **{name: vars(args)[name] for name in SCHEDULE})


def shown_steps(steps: int) -> list[int]:
    """
    >>> shown_steps(1000), shown_steps(2)
    ([0, 200, 400, 600, 800, 1000], [0, 1, 2])
    """
    return sorted({round(steps * i / (BETWEEN + 1)) for i in range(BETWEEN + 2)})


def draw(args: argparse.Namespace, photos: Sequence[Photo], drawn: Painted | None, number: int, found: Projection) -> str:
    """NAME.png, NAME-strip.png and the last picture of one of the photos; returns a line on it.

    drawn: photo and latent -> that picture; None for none
    """
    import lettering
    import utils
    from editing import projection

    photo, every = photos[number], lettering.readable([photo.path.name for photo in photos])
    shown = lettering.shortened(every[number], NAME_WIDTH, lettering.font(12))
    errors = {step: (image - photo.image).square().mean().item() for step, image in found.snapshots.items()}
    start, final = errors[0], errors[args.step]
    line = f"MSE {start:.4f} -> {final:.6f} ({start / max(final, 1e-12):.0f}-fold), PSNR {projection.psnr(final):.1f} dB"
    line = line if args.step else f"MSE {final:.4f}, PSNR {projection.psnr(final):.1f} dB"
    told = {"photo": photo.path, **cli.told(args, [flag for flag in TOLD if vars(args)[flag]]), "found": line}
    steps = {step: utils.to_pictures(image)[0] for step, image in found.snapshots.items()}
    between = {f"step {step}": picture for step, picture in steps.items() if 0 < step < args.step}
    strip = {"target": utils.to_pictures(photo.image[None])[0], "start": steps[0], **between}
    strip |= {"final": steps[args.step]} if args.step else {}
    last = last_picture(args)
    if drawn:
        strip[last] = drawn(photo, found.latent)
    sheet = utils.sheet([*strip.values()], len(strip), [*strip], title=f"{shown}: {line}")
    for picture, path in zip([steps[args.step], sheet, strip.get(last)], pictures_of(args, photo)):
        utils.save_png(picture, path, **told)
    return f"{photo.path}: {line}"


def save(args: argparse.Namespace, photos: Sequence[Photo], path: Path, generator: Generator, found: Projection) -> None:
    """Everybody found so far: the latent file, and losses.csv."""
    import checkpoint
    from editing import latents

    names = [str(photo.path) for photo in photos[: len(found.latent)]]
    if args.layout == "ours":
        home = checkpoint.fingerprint(generator.state_dict())
        latents.save_latents(path, found.latent, space=args.space, names=names, noise=found.noise, ckpt=home)
    else:
        noise = [layer.expand(len(names), -1, -1, -1) for layer in found.noise or generator.stored_noise()]
        entries = {
            name: {"img": image, "latent": latent, "noise": [layer[i : i + 1] for layer in noise]}
            for i, (name, image, latent) in enumerate(zip(names, found.snapshots[args.step], found.latent))
        }
        checkpoint.write(path, entries, manifest=False, stamp=False)
    any_name = {"encoding": "utf-8", "errors": "surrogateescape"}  # names of files need not be UTF-8
    with whole_file(args.outdir / "losses.csv") as unfinished, unfinished.open("w", newline="", **any_name) as file:
        table = csv.writer(file)
        table.writerow(["photo", "step", "distance", "mse"])
        for name, *values in zip(names, found.distances.T.tolist(), found.mse.T.tolist()):
            table.writerows([name, step, *both] for step, both in enumerate(zip(*values)))


if __name__ == "__main__":
    cli.run(main, parser())

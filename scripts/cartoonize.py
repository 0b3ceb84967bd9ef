"""Photos to cartoons: find the face, find its latent, bend the networks of photos and of cartoons to the person, draw it.

    python -m scripts.cartoonize me.jpg                           # by the networks that come along: 64 px, 3D cartoons
    python -m scripts.cartoonize me.jpg --target mine.pt          # by one of yours that was fine-tuned from demo/photo64.pt
    python -m scripts.cartoonize friends/ --source ffhq256.pt --target cartoon.pt --swap 32       # the photo's structure
    python -m scripts.cartoonize me.jpg --eyes 205,102,247,104 --source ffhq256.pt --target cartoon.pt
    python -m scripts.cartoonize face.png --no_align              # cut already
    python -m scripts.cartoonize me.jpg --encoder mine/encoder.pt --step 0     # by an encoder in place of the search, at once
    python -m scripts.cartoonize me.jpg --onnx demo/cartoon64.onnx             # the same without PyTorch, in a second

sheet.png shows everybody as cut out, as the photo network could draw them, and as cartoon: what the middle row has lost, the
cartoon cannot have. latents.pt goes into every editing command (--latents). A call that was stopped or killed goes on when it
is repeated. projector.py --target_ckpt gives the same cartoons of photos that are cut already, with every knob of the search.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
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
from editing.defaults import CARRY, PACE, PSI, REACH, REACH_AT_ONCE, SPACE, STEPS, STEPS_ENCODED, TUNE, WPLUS_REG
from errors import InputError, named
from scripts import _faces, _pair
from unfinished import Unfinished

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch.nn import Module

    from checkpoint import Checkpoint
    from data.decode import Decoded
    from editing.cartoon import Person
    from editing.projection import Projection
    from faces.photos import Album
    from model import Generator

RESULT, ARRAYS, SHEET = "latents.pt", "latents.npz", "sheet.png"
ROWS = ("photo", "projected", "cartoon")
COLUMNS = 8
MOST_ON_SHEET = 400
TOLD = flags.CARTOON
DECIDE = (
    *("space", "wplus_reg", "encoder_reg", "precision", "step", "seed", "tune", "carry", "swap", "width", "truncation"),
    *("reach", "keep_networks"),
)
# By the network of --onnx.
DECIDED = "--source --target --encoder --encoder_reg --space --wplus_reg --perceptual --vgg --precision --no_graphs "
DECIDED += "--step --seed --tune --carry --keep_networks --swap --width --truncation --reach --device"


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.cartoonize [flags] PHOTO...", later=True)
    group = parser.add_argument_group("photos and networks")
    group.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="pictures, or folders, zips and films of them")
    _pair.add_pair(group)
    whole = "encoder and networks in one, of scripts.export: no search, no PyTorch; demo/cartoon64.onnx comes along"
    group.add_argument("--onnx", type=cli.existing_file, metavar="FILE", help=whole)
    _faces.add_place(parser, "where the face is (default: found by its eyes, the largest)")
    group = parser.add_argument_group("projection (projector.py has more of it)")
    add = group.add_argument
    add("--space", choices=("w", "w+"), default=SPACE, help=f"one w for all layers, or one for each (default: {SPACE})")
    near = f"weight that holds w+ near w: 0 is closest to the photo, 10 is as good as w (default: {WPLUS_REG})"
    add("--wplus_reg", type=cli.number(least=0), default=WPLUS_REG, metavar="X", help=near)
    flags.add_distance(parser, group)
    flags.add_pace(group)
    flags.add_encoder(parser, group, shipped.ENCODERS_IN_WORDS)
    steps = f"Adam's; 0: what --encoder says (default: {STEPS_ENCODED}, without an encoder {STEPS})"
    add("--step", type=cli.number(int, least=0), metavar="N", help=steps)
    add("--seed", type=cli.number(int, least=0), default=0, metavar="N", help="of the projection (default: 0)")
    _pair.add_reach(group, None, f"{REACH:g}, with --step 0 {REACH_AT_ONCE:g}")
    group = parser.add_argument_group("cartoon")
    add = group.add_argument
    bend = "steps that bend --source until it draws the photo (pivotal tuning)"
    add("--tune", type=cli.number(int, least=0), metavar="N", help=f"{bend} (default: {TUNE}, with --step 0 0)")
    much = "how much of that --target takes: 0 less like them, 1 all"
    add("--carry", type=cli.number(least=0), default=CARRY, metavar="X", help=f"{much} (default: {CARRY:g})")
    kept = "write both networks as they were bent, NAME-source.pt and NAME-target.pt; they draw latents.pt"
    add("--keep_networks", action="store_true", help=kept)
    _pair.add_swap(parser, group)
    drawn = "below 1 pulls people towards the average: smoother cartoons, less like them"
    flags.add_truncation(group, drawn, None, f"{PSI:g}, with --step 0 1")
    add = flags.add_new_folder(parser, "cartoonized", "latents and pictures").add_argument
    add("--columns", type=cli.number(int, least=1), default=COLUMNS, metavar="N", help=f"people in a row (default: {COLUMNS})")
    parser.needs("--wplus_reg", "--space w+")
    parser.idle_with(DECIDED, "--onnx")
    parser.idle_with("--wplus_reg --encoder_reg --seed", "--step 0")
    parser.needs("--perceptual --vgg --precision --no_graphs", "--step", "--tune")
    parser.idle_with("--carry --keep_networks", "--tune 0")
    return parser


def main(args: argparse.Namespace) -> Path:
    """Ctrl-C and SIGTERM end it in one line, and whoever was found by then has latent and pictures."""
    with cli.sigterm_interrupts():
        return at_once(args) if args.onnx else cartoonize(args)


def at_once(args: argparse.Namespace) -> Path:
    """By the one network of --onnx, which decides all but where faces are. Imports no torch."""
    from editing.instant import Cartoonist
    from faces.photos import Album

    parser().check(args)
    if args.outdir:  # before the network is read
        newfolder.choose(args.outdir, "", ARRAYS, args.overwrite, others=[RESULT])
    cartoonist = cli.read("--onnx", args.onnx, Cartoonist)
    told = {"onnx": args.onnx, "target": cartoonist.told.get("target", "")}
    album, found, stopped = Album(args.photos), {}, ""
    with progress.Bar(len(album), "photos") as bar:
        try:
            for name, _, face in found_faces(args, album, cartoonist.size):
                if not found:
                    args.outdir = newfolder.choose(args.outdir, "cartoonized", ARRAYS, args.overwrite, others=[RESULT])
                drawn = cartoonist.draw(face)
                keep(args, name, {"photo": face, "projected": drawn.projected, "cartoon": drawn.cartoon}, told)
                found[name] = drawn.latent
                bar.update()
        except KeyboardInterrupt:
            if not found:
                raise
            stopped = f"interrupted; {args.outdir / SHEET} shows {len(found)} of {len(album)} photos"
    if not found:
        raise album.unusable("no face in")
    album.report(len(found), args.outdir)
    cli.save_command(args, args.outdir)
    save_arrays(args.outdir / ARRAYS, found)
    save_sheet(args, [*found], cartoonist.size, told)
    if stopped:
        raise InputError(stopped)
    return args.outdir / SHEET


def cartoonize(args: argparse.Namespace) -> Path:
    import checkpoint
    import utils
    from editing import cartoon, projection
    from editing.one_by_one import OneByOne
    from faces.photos import Album
    from inversion import files, searching
    from vision import perceptual

    assumed = fill_in(args)
    if args.outdir:  # before networks are read
        newfolder.choose(args.outdir, "", RESULT, args.overwrite, others=[ARRAYS])
    device = cli.read("--device", args.device, utils.choose_device)
    file = cli.read("--source", args.source, checkpoint.read_aloud)
    source = file.generator().to(device)
    target = _pair.open_target(args, source, assumed)
    with cli.named_by(args, "vgg", "perceptual"):
        distance, note = perceptual.choose(args.perceptual, file, args.vgg)
    encoder = cli.read("--encoder", args.encoder, files.opened, source) if args.encoder else None
    album = Album(args.photos)
    faces = cut_faces(args, album, source.size)
    plan = plan_of(args, faces, [source, target, distance, encoder])
    args.outdir = newfolder.choose(args.outdir, "cartoonized", RESULT, args.overwrite, plan, [ARRAYS])
    written = [[*pictures_of(args, name).values(), *networks_of(args, name)] for name in faces]
    newfolder.spare(args.outdir, itertools.chain(*written), [args.source, args.target, args.encoder])
    job = OneByOne(Unfinished(args.outdir / RESULT, plan), written)
    with named(f"--space {args.space}"):
        projection.starting_points(source.broadcast(source.w_avg[None]), args.space)
    album.report(len(faces), args.outdir)
    print(f"distance: {note}")
    cli.save_command(args, args.outdir)
    each = args.step + args.tune
    with progress.Bar(len(faces) * each, "steps", done=job.done * each) as bar:
        people = cartoon.cartoonize(
            source,
            target,
            (face.cut() for name, face in [*faces.items()][job.done :] if bar.show(name) is None),
            searching.held(distance.to(device), encoder, source, args.encoder_reg),
            args.space,
            replace(cartoon.SCHEDULE, steps=args.step, wplus_reg=args.wplus_reg),
            start=searching.starter(encoder, source, args.space),
            psi=args.truncation,
            most=args.reach,
            tune=args.tune,
            carry=args.carry,
            dtype=utils.compute_dtype(args.precision),
            recorded=not args.no_graphs,
            seed=args.seed,
            stepped=partial(step_on, bar),
        )
        homes = [file, checkpoint.read(args.target)] if args.keep_networks else []
        job.run(people, partial(kept, args, [*faces], homes), partial(save, args, [*faces], source))
    return args.outdir / SHEET


def fill_in(args: argparse.Namespace) -> list[str]:
    """What was not said: it depends on the source, and on whether there is a search. Returns which networks were not named.

    Raises InputError for flags that find nothing.
    """
    assumed = _pair.choose(args)
    args.encoder = shipped.encoder_of(args.source, args.encoder)
    if args.step is None:
        args.step = defaults.steps(args.encoder)
    if args.step == 0 and not args.encoder:
        raise InputError("--step 0: finds nothing; give --encoder FILE as well, whose latents are drawn as they are")
    usual = {"reach": defaults.reach(args.step), "tune": defaults.tune(args.step), "truncation": defaults.psi(args.step)}
    vars(args).update({flag: value for flag, value in usual.items() if vars(args)[flag] is None})
    parser().check(args)
    return assumed


@dataclass
class Face:
    """How to cut somebody's face, again when asked for: memory holds no more than one. looks: a print of its pixels."""

    cut: Callable[[], Image]
    looks: str


def step_on(bar: progress.Bar, loss: float, _: float) -> None:
    bar.show(note=f"loss {loss:.4g}")
    bar.update()


def pictures_of(args: argparse.Namespace, name: str) -> dict[str, Path]:
    return {row: args.outdir / f"{name}-{row}.png" for row in ROWS}


def networks_of(args: argparse.Namespace, name: str) -> list[Path]:
    """Source and target of --keep_networks."""
    return [args.outdir / f"{name}-{kind}.pt" for kind in ("source", "target") if args.keep_networks]


def kept(
    args: argparse.Namespace, names: Sequence[str], homes: Sequence[Checkpoint], number: int, person: Person
) -> Projection:
    """The pictures of one person, and with --keep_networks the networks. Returns what the latent file needs.

    homes: the files of source and target, whose like is written; none without --keep_networks
    """
    if homes:
        keep_networks(args, names[number], *homes, person.networks)
    keep(args, names[number], {row: getattr(person, row) for row in ROWS}, cli.told(args, TOLD))
    return replace(person.found, snapshots={})


def keep(args: argparse.Namespace, name: str, pictures: dict[str, Image], told: dict[str, object]) -> None:
    import canvas

    for row, path in pictures_of(args, name).items():
        canvas.save_png(pictures[row], path, photo=name, **told)


def keep_networks(
    args: argparse.Namespace, name: str, source: Checkpoint, target: Checkpoint, networks: Sequence[Generator]
) -> None:
    """As the files that they come from."""
    import checkpoint
    from editing import layer_swap

    ends = (source, source, "low"), (source, target, "low" if args.swap else "high")
    for path, network, mixed in zip(networks_of(args, name), networks, ends, strict=True):
        checkpoint.write(path, layer_swap.contents(network, *mixed), manifest=False)


def save(args: argparse.Namespace, names: Sequence[str], source: Generator, found: Projection) -> None:
    """Everybody found so far: the latent file, and the sheet of them."""
    import checkpoint
    from editing import latents

    names, home = names[: len(found.latent)], checkpoint.fingerprint(source.state_dict())
    latents.save_latents(args.outdir / RESULT, found.latent, space=args.space, names=names, ckpt=home)
    save_sheet(args, names, source.size, cli.told(args, TOLD))


def save_arrays(path: Path, found: dict[str, np.ndarray]) -> None:
    """{name: latent [n_latent, style_dim]} as a file that --latents reads, and NumPy."""
    import numpy as np

    from writing import whole_file

    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, w_plus=np.stack([*found.values()]), names=np.array([*found]))


def save_sheet(args: argparse.Namespace, names: Sequence[str], side: int, told: dict[str, object]) -> None:
    """The first of them, or everybody, as many as memory holds in pictures of this side."""
    import canvas
    import lettering

    shown = names[: min(MOST_ON_SHEET, canvas.LARGEST_SHEET // (len(ROWS) * side**2))]
    if len(shown) < len(names):
        print(f"{len(names)} people: the first {len(shown)} are on the sheet")
    if legend := lettering.legend(shown):
        print(legend)
    rows = {row: [canvas.read_picture(pictures_of(args, name)[row]) for name in shown] for row in ROWS}
    sheet = canvas.paired_sheet(rows, args.columns, captions=shown)
    canvas.save_png(sheet, args.outdir / SHEET, **told)


def plan_of(args: argparse.Namespace, faces: dict[str, Face], networks: Sequence[Module | None]) -> dict[str, object]:
    from checkpoint import fingerprint
    from editing import tuning

    return newfolder.plan_of(
        args,
        DECIDE,
        photos=[f"{name} {face.looks}" for name, face in faces.items()],
        networks=" ".join(fingerprint(network.state_dict()) for network in networks if network is not None),
        device=networks[0].device.type,
        pace=f"{PACE}, of tuning {tuning.PACE}",
    )


def cut_faces(args: argparse.Namespace, album: Album, size: int) -> dict[str, Face]:
    """As `found_faces`, by name. Raises InputError where nobody has one."""
    looks = lambda face: hashlib.sha256(face.tobytes()).hexdigest()[:12]
    faces = {name: Face(again, looks(face)) for name, again, face in found_faces(args, album, size)}
    if not faces:
        raise album.unusable("no face in")
    return faces


def found_faces(args: argparse.Namespace, album: Album, size: int) -> Iterator[tuple[str, Callable[[], Image], Image]]:
    """One face of each photo: a name of its own, how to cut it again, and the face. Whoever has none, the album leaves out."""
    import filenames
    from faces import align

    where, taken = _faces.locator(args, len(album)), set()
    for number, name, (picture, _) in album.numbered():
        try:
            square = _faces.squares(where, name, picture)[0] if where else None
            face = cut(picture, square, size)
        except align.NoFace as reason:
            album.left_out.append((name, str(reason)))
            continue
        again = partial(cut_again, name, album.listed[number][1], square, size)
        yield filenames.free(filenames.stem(name), taken), again, face


def cut(picture: Image, square: np.ndarray | None, size: int) -> Image:
    """The face; None: of a photo that is cut already, the centre as projector.py takes it, to the pixel. Raises NoFace."""
    from data import squares
    from faces import align

    return squares.square(picture, size) if square is None else align.cut(picture, square, size)


def cut_again(name: str, photo: Callable[[], Decoded], square: np.ndarray | None, size: int) -> Image:
    """Raises InputError for a photo that went away since it was looked at."""
    from data.decode import Unreadable

    try:
        return cut(photo().picture, square, size)
    except Unreadable as reason:
        raise InputError(f"{name}: {reason}") from None


if __name__ == "__main__":
    cli.run(main, parser())

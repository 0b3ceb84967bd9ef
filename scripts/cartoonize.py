"""Photos to cartoons: find the face, find its latent in the photo network, draw that latent with the cartoon network.

    python -m scripts.cartoonize me.jpg --source ffhq256.pt --target cartoon.pt
    python -m scripts.cartoonize friends/ --source ffhq256.pt --target cartoon.pt --swap 32       # the photo's structure
    python -m scripts.cartoonize me.jpg --eyes 205,102,247,104 --source ffhq256.pt --target cartoon.pt
    python -m scripts.cartoonize face.png --no_align --source demo/source64.pt --target demo/out/cartoon64.pt

sheet.png shows everybody as cut out, as the photo network could draw them, and as cartoon: what the middle row has lost, the
cartoon cannot have. latents.pt goes into every editing command (--latents).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cli
import progress
from errors import InputError, named
from scripts import _faces

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch import Tensor

    from data.decode import Decoded
    from model import Generator

COLUMNS = 8
MOST_ON_SHEET = 400
TOLD = ("source", "target", "swap", "width", "space", "wplus_reg", "truncation", "perceptual", "step", "seed")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.cartoonize [flags] --source FILE --target FILE PHOTO...")
    add = parser.add_argument_group("photos and networks").add_argument
    add("photos", nargs="+", type=Path, metavar="PHOTO", help="pictures, or folders, zips and films of them")
    add("--source", required=True, metavar="FILE", help="checkpoint of photo faces, of any format")
    add("--target", required=True, metavar="FILE", help="checkpoint of cartoons, fine-tuned from it")
    _faces.add_place(parser, "where the face is (default: found by its eyes, the largest)")
    add = parser.add_argument_group("projection (projector.py has more of it)").add_argument
    add("--space", choices=("w", "w+"), default="w+", help="one w for all layers, or one for each (default: w+)")
    add(
        "--wplus_reg",
        type=cli.number(least=0),
        default=0.1,
        metavar="X",
        help="weight that holds w+ near w: 0 is closest to the photo, 10 is as good as w (default: 0.1)",
    )
    add("--perceptual", choices=("lpips", "disc", "mse"), help="distance of pictures (default: the first that can be had)")
    add("--vgg", type=cli.existing_file, metavar="FILE", help="VGG16 for lpips (default: networks/, then torch hub's cache)")
    add("--step", type=cli.number(int, least=1), default=1000, metavar="N", help="Adam's; 200 is a first look (default: 1000)")
    add("--seed", type=cli.number(int, least=0), default=0, metavar="N", help="of the projection (default: 0)")
    add = parser.add_argument_group("cartoon").add_argument
    add("--swap", type=cli.number(int, least=4), metavar="RES", help="below this resolution the source draws (default: none)")
    add("--width", type=cli.number(above=0), metavar="X", help="go over smoothly, see scripts.layer_swap (default: at once)")
    add(
        "--truncation",
        type=cli.number(),
        default=1.0,
        metavar="PSI",
        help="below 1 pulls people towards the average: smoother cartoons, less like them (default: 1)",
    )
    add = parser.add_argument_group("output").add_argument
    add("--outdir", type=Path, metavar="DIR", help="folder for all files (default: cartoonized, then cartoonized-2, ...)")
    add("--overwrite", action="store_true", help="replace latents and pictures in it")
    add("--columns", type=cli.number(int, least=1), default=COLUMNS, metavar="N", help=f"people in a row (default: {COLUMNS})")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    parser.needs("--wplus_reg", "--space w+")
    parser.needs("--width", "--swap")
    parser.idle_with("--vgg", "--perceptual disc", "--perceptual mse")
    return parser


def main(args: argparse.Namespace) -> Path:
    """Ctrl-C and SIGTERM end it in one line, and whoever was found by then has latent and pictures."""
    with cli.sigterm_interrupts():
        return cartoonize(args)


def cartoonize(args: argparse.Namespace) -> Path:

    import checkpoint
    import utils
    from editing import latents, projection
    from vision import perceptual

    args.outdir = cli.free_folder(args.outdir, "cartoonized", "latents.pt", args.overwrite)
    device = cli.read("--device", args.device, utils.choose_device)
    source = cli.read("--source", args.source, checkpoint.read_aloud)
    photo_network = source.generator().to(device)
    cartoon_network = open_cartoon(args, photo_network)
    with cli.named_by(args, "vgg", "perceptual"):
        distance, note = perceptual.choose(args.perceptual, source, args.vgg)
    faces = cut_faces(args, photo_network.size)
    print(f"distance: {note}")

    mean, spread = projection.latent_statistics(photo_network)
    with named(f"--space {args.space}"):
        start = projection.starting_points(photo_network, mean, args.space, 1)
    home, people = checkpoint.fingerprint(photo_network.state_dict()), {}
    with progress.Bar(len(faces) * args.step, "steps") as bar:

        def stepped(loss: float, _: float) -> None:
            bar.show(note=f"loss {loss:.4g}")
            bar.update()

        try:
            for name, cut in faces.items():
                bar.show(name)
                face = cut()
                found = projection.project(
                    photo_network,
                    distance.to(device),
                    utils.from_pixels(pixels(face)).to(device),
                    start,
                    spread=spread,
                    fixed_noise=True,  # the cartoon network has noise of its own: what noise explains, the cartoon would lose
                    schedule=projection.Schedule(args.step, wplus_reg=args.wplus_reg),
                    seed=args.seed,
                    snapshots=[args.step],
                    stepped=stepped,
                )
                w_plus = latents.truncated(photo_network, photo_network.broadcast(found.latent), args.truncation)
                cartoon = latents.draw(cartoon_network, w_plus)
                drawn = (*utils.to_pictures(found.snapshots[args.step]), *utils.to_pictures(cartoon))
                people[name] = Person(found.latent, face, *drawn)
                save(args, people, home)
                if len(people) > on_sheet(photo_network.size):
                    people[name] = Person(found.latent)
        except KeyboardInterrupt:
            if not people:
                raise
            save(args, people, home)
            save_sheet(args, people)
            raise InputError(f"interrupted; {args.outdir} holds {len(people)} of {len(faces)} people") from None
    return save_sheet(args, people)


class Person(NamedTuple):
    """What is known of somebody: the latent, [1, style_dim] or [1, n_latent, style_dim], and for the sheet a picture a row."""

    latent: Tensor
    photo: Image | None = None
    projected: Image | None = None
    cartoon: Image | None = None


ROWS = Person._fields[1:]


def save(args: argparse.Namespace, people: dict[str, Person], home: str) -> None:
    """The pictures of the latest, and everybody so far in latents.pt."""
    import torch

    import utils
    from editing import latents

    name, latest = [*people.items()][-1]
    for row in ROWS if latest.photo else ():
        utils.save_png(getattr(latest, row), args.outdir / f"{name}-{row}.png", photo=name, **made_by(args))
    latent = torch.cat([person.latent for person in people.values()])
    latents.save_latents(args.outdir / "latents.pt", latent, space=args.space, names=[*people], ckpt=home)
    cli.save_command(args, args.outdir)


def save_sheet(args: argparse.Namespace, people: dict[str, Person]) -> Path:
    """The first of them, or everybody. For a hundred people at 1024 px it takes half a minute: so at the end only."""
    import lettering
    import utils

    shown = {name: person for name, person in people.items() if person.photo}
    if len(shown) < len(people):
        print(f"{len(people)} people: the first {len(shown)} are on the sheet")
    if legend := lettering.legend([*shown]):
        print(legend)
    rows = {row: [getattr(person, row) for person in shown.values()] for row in ROWS}
    sheet = utils.paired_sheet(rows, args.columns, captions=[*shown])
    return utils.save_png(sheet, args.outdir / "sheet.png", **made_by(args))


def on_sheet(side: int) -> int:
    """How many people: as many as memory holds in pictures of this side."""
    import utils

    return min(MOST_ON_SHEET, utils.LARGEST_SHEET // (len(ROWS) * side**2))


def made_by(args: argparse.Namespace) -> dict[str, object]:
    """The flags that a picture tells of."""
    return {flag: vars(args)[flag] for flag in TOLD if vars(args)[flag] is not None}


def open_cartoon(args: argparse.Namespace, photo_network: Generator) -> Generator:
    """The target; with --swap, the source below that resolution."""
    import checkpoint
    from editing import layer_swap

    cartoon = cli.read("--target", args.target, checkpoint.read_aloud).generator().to(photo_network.device)
    if (cartoon.size, cartoon.style_dim) != (photo_network.size, photo_network.style_dim):
        found, wanted = (f"{net.size} px and {net.style_dim} numbers of style" for net in (cartoon, photo_network))
        raise InputError(f"--target {args.target}: has {found}, --source {wanted}; it was not fine-tuned from that")
    layer_swap.warn_of_strangers(args.source, args.target, photo_network, cartoon)
    try:
        return cartoon if args.swap is None else layer_swap.blend(photo_network, cartoon, args.swap, args.width)
    except InputError as error:
        raise InputError(f"--swap {args.swap}: {error}") from None


def cut_faces(args: argparse.Namespace, size: int) -> dict[str, Callable[[], Image]]:
    """One face of each photo under a name of its own, cut again when asked for: memory holds no more than one.

    Whoever has none is named; InputError where nobody has one.
    """
    import filenames
    from faces import align, photos

    album = photos.Album(args.photos)
    where = _faces.locator(args, len(album))
    faces, taken = {}, set()
    for number, name, (picture, _) in album.numbered():
        try:
            square = _faces.squares(where, name, picture)[0]
            align.cut(picture, square, size)
        except align.NoFace as reason:
            album.left_out.append((name, str(reason)))
            continue
        faces[filenames.free(filenames.stem(name), taken)] = partial(cut_face, name, album.listed[number][1], square, size)
    if not faces:
        raise album.unusable("no face in")
    album.report(len(faces), args.outdir)
    return faces


def cut_face(name: str, photo: Callable[[], Decoded], square: np.ndarray, size: int) -> Image:
    """Raises InputError for a photo that went away since it was looked at."""
    from data.decode import Unreadable
    from faces import align

    try:
        return align.cut(photo().picture, square, size)
    except Unreadable as reason:
        raise InputError(f"{name}: {reason}") from None


def pixels(picture: Image):
    """uint8 [1, 3, height, width]."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]


if __name__ == "__main__":
    cli.run(main, parser())

"""Find the latents of photos, so that they can be edited, or drawn as cartoons.

    python projector.py --ckpt ffhq256.pt me.png                              # each layer may share one w, or:
    python projector.py --ckpt ffhq256.pt --space w+ me.png you.png           # closer, and less like a face when edited
    python projector.py --ckpt ffhq256.pt --target_ckpt cartoon.pt me.png     # and what it is as a cartoon

Photos must be cut as the network's were: python -m scripts.align me.jpg --out aligned. One photo and a hundred give the same
latents; they go to projected/latents.pt, which every editing command reads (--latents), after each photo. Going on with them:
    python projector.py --ckpt ffhq256.pt --init projected/latents.pt --step 500 me.png
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from errors import InputError, named
from writing import whole_file

if TYPE_CHECKING:
    from torch import Tensor

    from editing.projection import Projection, Schedule
    from faces.photos import Album
    from model import Generator

BETWEEN = 4  # pictures on a strip between start and final
NAME_WIDTH = 240  # pixels for the name of a photo on its strip
TOLD = ("ckpt", "target_ckpt", "space", "init", "fixed_noise", "perceptual", "seed", "step", "lr", "mse", "wplus_reg")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python projector.py [flags] --ckpt FILE PHOTO...")
    group = parser.add_argument_group("networks and photos")
    add = group.add_argument
    add("photos", nargs="*", type=Path, metavar="PHOTO", help="pictures, or folders, zips and films of them; cut to a square")
    add("--files", nargs="+", type=Path, metavar="PHOTO", help="the same, as a flag")
    add("--ckpt", required=True, metavar="FILE", help="checkpoint of any format, of photo faces; its averaged generator draws")
    add("--target_ckpt", metavar="FILE", help="a network fine-tuned from it: shows the same latents as cartoons")
    add("--size", type=cli.number(int, least=1), metavar="PX", help="not needed; an error where it contradicts --ckpt")
    add("--channel_multiplier", type=cli.number(above=0), metavar="X", help="the same")
    add = parser.add_argument_group("what is searched").add_argument
    add("--space", choices=("w", "w+"), default="w", help="one w for all layers, or one for each (default: w)")
    add("--w_plus", action="store_const", dest="space", const="w+", help="the published name of --space w+")
    add(
        "--init",
        action="append",
        metavar="FILE",
        help="begin with latents and noise of a file (docs/latents.md); repeat it for more (default: mean, the mean w)",
    )
    add("--fixed_noise", action="store_true", help="leave the noise maps alone (default: they are searched too)")
    add("--perceptual", choices=("lpips", "disc", "mse"), help="distance of pictures (default: the first that can be had)")
    add("--vgg", type=cli.existing_file, metavar="FILE", help="VGG16 for lpips (default: networks/, then torch hub's cache)")
    add("--seed", type=cli.number(int, least=0), default=0, metavar="N", help="of the jitter (default: 0)")
    add_schedule(parser)
    add = parser.add_argument_group("output").add_argument
    add("--outdir", type=Path, metavar="DIR", help="folder for all files (default: projected, then projected-2, ...)")
    add("--overwrite", action="store_true", help="replace the latents in it")
    add(
        "--layout",
        choices=("ours", "reference"),
        default="ours",
        help="reference: FIRST_PHOTO.pt with an entry for each path, PHOTO-project.png (default: ours)",
    )
    add("--batch", type=cli.number(int, least=1), default=1, metavar="N", help="photos at a time, for large GPUs (default: 1)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    parser.needs("--wplus_reg", "--space w+")
    parser.idle_with("--noise_regularize", "--fixed_noise")
    parser.idle_with("--noise_ramp", "--noise 0")
    parser.idle_with("--vgg", "--perceptual disc", "--perceptual mse")
    return parser


def add_schedule(parser: cli.Parser) -> None:
    """The flags of the reference; times are parts of all steps."""
    add = parser.add_argument_group("schedule").add_argument
    part, positive = cli.number(least=0, most=1), cli.number(least=0)
    add("--step", type=cli.number(int, least=1), default=1000, metavar="N", help="steps of Adam (default: 1000)")
    add("--lr", type=cli.number(above=0), default=0.1, metavar="X", help="highest learning rate (default: 0.1)")
    add("--lr_rampup", type=part, default=0.05, metavar="T", help="part of the time in which it rises (default: 0.05)")
    add("--lr_rampdown", type=part, default=0.25, metavar="T", help="in which it falls, at the end (default: 0.25)")
    add("--noise", type=positive, default=0.05, metavar="X", help="jitter of w, in spreads of w (default: 0.05)")
    add("--noise_ramp", type=part, default=0.75, metavar="T", help="part of the time in which it ends (default: 0.75)")
    add(
        "--noise_regularize",
        type=positive,
        default=1e5,
        metavar="X",
        help="weight against pictures in the noise (default: 1e5)",
    )
    add("--wplus_reg", type=positive, default=0.0, metavar="X", help="weight that holds w+ near w; try 0.1 (default: 0)")
    add("--mse", type=positive, default=0.0, metavar="X", help="weight of the squared difference of pixels (default: 0)")


def main(args: argparse.Namespace) -> Path:
    """Ctrl-C and SIGTERM end it in one line, and whoever was found by then is in the latent file."""
    with cli.sigterm_interrupts():
        return project(args)


def project(args: argparse.Namespace) -> Path:
    import torch

    import checkpoint
    import utils
    from editing import people, projection
    from faces.photos import Album
    from vision import perceptual

    album = Album([*args.photos, *(args.files or [])])
    written, names = output_names(args, album)
    device = cli.read("--device", args.device, utils.choose_device)
    source = cli.read("--ckpt", args.ckpt, checkpoint.read_aloud)
    cli.expect(args, source.architecture)
    generator = source.generator().to(device)
    cartoon = open_cartoon(args, generator)
    with cli.named_by(args, "init"):
        init = None if args.init in (None, ["mean"]) else people.chosen("", args.init, generator)
    mean, spread = projection.latent_statistics(generator)
    targets = load(album, generator.size)
    args.photos, names = [Path(album.listed[number][0]) for number in targets], [names[number] for number in targets]
    targets = torch.cat([*targets.values()])
    with cli.named_by(args, "init") if init else named(f"--space {args.space}"):
        starts = projection.starting_points(generator, mean, args.space, len(targets), init)
    noise = init and init.noise(generator)
    with cli.named_by(args, "vgg", "perceptual"):
        distance, note = perceptual.choose(args.perceptual, source, args.vgg)
    album.report(len(targets), args.outdir)
    print(f"distance: {note}")

    home, found, saved = checkpoint.fingerprint(generator.state_dict()), [], 0
    batches = [slice(first, first + args.batch) for first in range(0, len(targets), args.batch)]
    with progress.Bar(len(batches) * args.step, "steps") as bar:

        def stepped(loss: float, noise: float) -> None:
            bar.show(note=f"loss {loss:.4g}, noise {noise:.3g}")
            bar.update()

        try:
            for some in batches:
                bar.show(", ".join(path.name for path in args.photos[some]))
                one = projection.project(
                    generator,
                    distance.to(device),
                    targets[some].to(device),
                    starts[some],
                    spread=spread,
                    noise=noise and [layer if len(layer) == 1 else layer[some] for layer in noise],
                    fixed_noise=args.fixed_noise,
                    schedule=schedule(args),
                    seed=args.seed,
                    snapshots=shown_steps(args.step),
                    stepped=stepped,
                )
                found.append(one)
                save(args, written, found, home, generator)  # at once: a long list may end by a power failure
                saved = len(found)
                for line in draw(args, names[some], args.photos[some], targets[some], one, cartoon):
                    progress.say(line)
                one.snapshots = {args.step: one.snapshots[args.step]}  # of many photos, all would fill the memory
        except KeyboardInterrupt:
            if not found:
                raise
            if len(found) > saved:  # stopped while this was written
                save(args, written, found, home, generator)
            done = sum(len(one.latent) for one in found)
            raise InputError(f"interrupted; {written} holds {done} of {len(targets)} photos") from None
    return written


def output_names(args: argparse.Namespace, album: Album) -> tuple[Path, list[str]]:
    """The latent file, and for each photo the beginning of its pictures' names. Raises InputError before anything is lost."""
    from editing.people import People

    if not len(album):
        raise InputError("PHOTO: name the pictures to project; python -m scripts.align cuts faces out of photos")
    names = People([name for name, _ in album.listed]).file_names()
    reference = args.layout == "reference"
    file_name = f"{names[0]}.pt" if reference else "latents.pt"
    args.outdir = cli.free_folder(args.outdir, "projected", file_name, args.overwrite)
    written = args.outdir / file_name
    inputs = [Path(path) for path in (*album.files, args.ckpt, args.target_ckpt) if path]
    for path in [written, *[args.outdir / f"{name}.png" for name in names if not reference]]:
        if path.exists() and any(given.exists() and path.samefile(given) for given in inputs):
            raise InputError(f"--outdir {args.outdir}: would overwrite {path}, which is read here; name another folder")
    return written, [f"{name}-project" if reference else name for name in names]


def open_cartoon(args: argparse.Namespace, generator: Generator) -> Generator | None:
    import checkpoint
    from editing import layer_swap

    if args.target_ckpt is None:
        return None
    cartoon = cli.read("--target_ckpt", args.target_ckpt, checkpoint.read_aloud).generator().to(generator.device)
    if (cartoon.n_latent, cartoon.style_dim) != (generator.n_latent, generator.style_dim):
        raise InputError(f"--target_ckpt {args.target_ckpt}: takes other latents than {args.ckpt}, so it is no child of it")
    layer_swap.warn_of_strangers(args.ckpt, args.target_ckpt, generator, cartoon)
    return cartoon


def load(album: Album, size: int) -> dict[int, Tensor]:
    """By their numbers in the album, the centre squares of the photos: [1, 3, size, size] in [-1, 1]. InputError for none."""
    import numpy as np
    import torch

    import utils
    from data.squares import square

    found = {}
    for number, name, (picture, _) in album.numbered():
        if picture.width != picture.height:
            print(f"{name}: {picture.width} x {picture.height}, its centre is used; python -m scripts.align finds the face")
        pixels = torch.from_numpy(np.array(square(picture, size)))
        found[number] = utils.from_pixels(pixels.permute(2, 0, 1)[None])
    if not found:
        raise album.unusable("none of")
    return found


def schedule(args: argparse.Namespace) -> Schedule:
    from editing.projection import Schedule

    names = ("lr", "lr_rampup", "lr_rampdown", "noise", "noise_ramp", "noise_regularize", "mse", "wplus_reg")
    return Schedule(args.step, **{name: vars(args)[name] for name in names})


def shown_steps(steps: int) -> list[int]:
    """
    >>> shown_steps(1000), shown_steps(2)
    ([0, 200, 400, 600, 800, 1000], [0, 1, 2])
    """
    return sorted({round(steps * i / (BETWEEN + 1)) for i in range(BETWEEN + 2)})


def draw(
    args: argparse.Namespace,
    names: Sequence[str],
    photos: Sequence[Path],
    targets: Tensor,
    found: Projection,
    cartoon: Generator | None,
) -> list[str]:
    """NAME.png, NAME-strip.png and NAME-cartoon.png of some photos; returns a line on each."""
    import lettering
    import utils
    from editing import latents, projection

    cartoons = None if cartoon is None else utils.to_pictures(latents.draw(cartoon, cartoon.broadcast(found.latent)))
    lines = []
    every = lettering.readable([path.name for path in args.photos])
    for i, (name, photo) in enumerate(zip(names, photos)):
        shown = lettering.shortened(every[args.photos.index(photo)], NAME_WIDTH, lettering.font(12))
        errors = {step: (images[i] - targets[i]).square().mean().item() for step, images in found.snapshots.items()}
        start, final = errors[0], errors[args.step]
        line = f"MSE {start:.4f} -> {final:.6f} ({start / max(final, 1e-12):.0f}-fold), PSNR {projection.psnr(final):.1f} dB"
        made_by = {"photo": photo, **{flag: vars(args)[flag] for flag in TOLD if vars(args)[flag]}, "found": line}
        steps = {step: utils.to_pictures(images[i : i + 1])[0] for step, images in found.snapshots.items()}
        named = {f"step {step}": one for step, one in steps.items() if 0 < step < args.step}
        strip = {"target": utils.to_pictures(targets[i : i + 1])[0], "start": steps[0], **named, "final": steps[args.step]}
        if cartoons:
            strip["cartoon"] = cartoons[i]
            utils.save_png(cartoons[i], args.outdir / f"{name}-cartoon.png", **made_by)
        utils.save_png(steps[args.step], args.outdir / f"{name}.png", **made_by)
        sheet = utils.sheet([*strip.values()], len(strip), [*strip], title=f"{shown}: {line}")
        utils.save_png(sheet, args.outdir / f"{name}-strip.png", **made_by)
        lines.append(f"{photo}: {line}")
    return lines


def save(args: argparse.Namespace, path: Path, found: Sequence[Projection], ckpt: str, generator: Generator) -> None:
    """Everybody found so far: the latent file, losses.csv and command.txt."""
    import torch

    import checkpoint
    from editing import latents

    latent = torch.cat([one.latent for one in found])
    photos = [str(photo) for photo in args.photos[: len(latent)]]
    noise = None if found[0].noise is None else [torch.cat(layers) for layers in zip(*[one.noise for one in found])]
    if args.layout == "ours":
        latents.save_latents(path, latent, space=args.space, names=photos, noise=noise, ckpt=ckpt)
    else:
        images = torch.cat([one.snapshots[args.step] for one in found])
        stored = generator.stored_noise()
        entries = {}
        for i, photo in enumerate(photos):
            own = stored if noise is None else [layer[i : i + 1] for layer in noise]
            entries[photo] = {"img": images[i], "latent": latent[i], "noise": own}
        checkpoint.write(path, entries, manifest=False, stamp=False)
    any_name = {"encoding": "utf-8", "errors": "surrogateescape"}  # names of files need not be UTF-8
    with whole_file(args.outdir / "losses.csv") as partial, partial.open("w", newline="", **any_name) as file:
        table = csv.writer(file)
        table.writerow(["photo", "step", "distance", "mse"])
        distances, errors = (torch.cat([vars(one)[name] for one in found], 1).tolist() for name in ("distances", "mse"))
        for i, photo in enumerate(photos):
            table.writerows([photo, step, *(values[step][i] for values in (distances, errors))] for step in range(args.step))
    cli.save_command(args, args.outdir)


if __name__ == "__main__":
    cli.run(main, parser())

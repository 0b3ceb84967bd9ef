"""Train an encoder for a network of faces: the latent of a photo in one pass, in place of a search.

For the network that comes along, on pictures that it draws itself, and on photos as well:
    python -m scripts.train_encoder --ckpt demo/photo64.pt
    python -m scripts.train_encoder --ckpt ffhq256.pt --photos photos.lmdb --test held_out/
Continue the newest run exactly:
    python -m scripts.train_encoder --resume
What came of it; 0 steps: what it says in one pass
    python projector.py --ckpt ffhq256.pt --encoder expr/encoder.pt --step 0 me.png
    python -m scripts.cartoonize me.jpg --source ffhq256.pt --target cartoon.pt --encoder expr/encoder.pt
"""

from __future__ import annotations

import argparse
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags as shared
from errors import Diverged, InputError, OutOfMemory, helped, named
from inversion.settings import Settings, Weights
from running import flags

if TYPE_CHECKING:
    from torch import Tensor

    from checkpoint import Checkpoint
    from dataset import Images
    from drawer import Drawer
    from inversion.encoder import Encoder
    from inversion.training import Inversion
    from running.base import Stream
    from running.run import Start

RESULT = "encoder.pt"
WEIGHTS = {  # name: what it weighs
    "features": "distance of picture and drawing",
    "pixels": "their squared difference of pixels",
    "adversarial": "how real drawings look to the discriminator, which goes on training; 0: without one",
    "latents": "difference from the known w of drawn faces",
    "near_w": "how far w+ is from w",
    "near_mean": "how far latents are from the mean w",
}
FIXED = {
    **dict.fromkeys(("space", "passes", "channel_base", "channel_max"), "has an encoder that was made"),
    **dict.fromkeys(("ckpt", "init"), "began"),
    "seed": "began",
}


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.train_encoder [flags] --ckpt FILE", later=True)
    count, weight, above = cli.number(int, least=1), cli.number(float, least=0), cli.number(float, above=0)
    usual = Settings()
    group = parser.add_argument_group("network and pictures")
    add = group.add_argument
    # fmt: off
    add("--ckpt", type=Path, metavar="FILE", help="checkpoint of any format, of photo faces; its averaged generator draws")
    add("--photos", type=Path, metavar="PICTURES",
        help="photos cut as its were: an LMDB, a folder or a zip (default: drawn faces alone)")
    add("--drawn", type=cli.number(float, least=0, most=0.9), default=0.5, metavar="X",
        help="part of each batch that it draws itself, of known latents; the others are photos (default: 0.5)")
    add("--test", type=Path, metavar="PICTURES", help="others, to measure and to look at")
    add("--eval_every", type=count, default=1000, metavar="N",
        help="iterations between distances to --test; checkpoints/best.pt keeps the best (default: 1000)")
    shared.add_distance(parser, group)
    add = parser.add_argument_group("encoder").add_argument
    add("--init", metavar="FILE", help="begin with this one, ours or a published one (default: a new one)")
    add("--space", choices=("w", "w+"), default="w+", help="one w for all layers, or one for each (default: w+)")
    add("--passes", type=cli.number(int, least=1, most=100), default=1, metavar="N",
        help="looks at photo and drawing, each improving the guess; 3 are nearer to the photo (default: 1, as published)")
    add("--channel_base", type=count, metavar="N",
        help="feature maps times resolution: 2048 are 32 at 64 px (default: those of the network's discriminator)")
    add("--channel_max", type=count, default=512, metavar="N", help="most feature maps of a layer (default: 512)")
    add = parser.add_argument_group("optimisation").add_argument
    add("--batch", type=cli.number(int, least=2), default=16, metavar="N", help="pictures a step (default: 16)")
    add("--lr", type=above, default=usual.lr, metavar="X",
        help="learning rate, which falls to 0 in the second half (default: 0.001; published: 0.0001)")
    add("--jitter", type=weight, default=usual.jitter, metavar="X",
        help="strength of small random turns, shifts and lights of photos; 0: none (default: 1)")
    add("--ema_decay", type=cli.number(float, least=0, most=0.99999), default=usual.ema, metavar="X",
        help="of the average that encodes (default: 0.998)")
    add("--r1", type=weight, default=usual.r1, metavar="X", help="weight of R1, of the discriminator (default: 10)")
    for name, what in WEIGHTS.items():
        value = getattr(usual.weights, name)
        add(f"--{name}_weight", type=weight, default=value, metavar="X", help=f"{what} (default: {value:g})")
    # fmt: on
    parser.needs("--eval_every", "--test")
    parser.needs("--jitter --drawn", "--photos")
    parser.needs("--channel_max", "--channel_base")
    parser.idle_with("--space --passes --channel_base", "--init")
    parser.idle_with("--r1", "--adversarial_weight 0")
    flags.add_arguments(parser, iterations=usual.iterations, usual={"sample_every": 500, "n_sample": 16})
    return parser


@helped(OutOfMemory, by="--batch, --channel_base, --adversarial_weight 0")
@helped(Diverged, by="--resume RUN --lr X")
def main(args: argparse.Namespace) -> Path | None:
    from inversion import cost
    from inversion.symptoms import EncoderSymptoms
    from running import guard, loop, resuming
    from running.run import Run

    start = loop.begin(args, parser(), continued=partial(resuming.continued, fixed=FIXED), needed=("ckpt",))
    if start.finished:
        return loop.leave(start)
    parser().check(start.args)
    with guard.memory_advice(start.device):
        training, batches, test, remarks = prepared(start)
    run = Run(
        start,
        training,
        batches,
        beside={"encoder": training.encoder.as_dict()},
        remarks=[*remarks, cost.describe(training, start.left)],
        losses=("features", "pixels", "latents", "near_w", "near_mean", "adversarial", "d", "r1"),
        told=("variety",),
        watch=lambda folder: EncoderSymptoms(start.args.command, folder).new,
    )
    if test is not None:
        from running.evaluation import Evaluation

        score = partial(training.score, test)
        run.evaluation = Evaluation("distance", score, start.args.eval_every, resuming.scores_so_far(run))
    written = loop.train(run, training.step)
    if written:
        write(run.report.folder / RESULT, training, start.args)
        print(f"{run.report.folder / RESULT}: the encoder alone, for projector.py --encoder")
    return written


def prepared(start: Start) -> tuple[Inversion, Stream, Tensor | None, list[str]]:
    """(training, its stream of photos, test pictures, what to say). Raises InputError, in one line, for what cannot work."""
    import torch

    import checkpoint
    from inversion import training
    from vision import perceptual

    args, device = start.args, start.device
    source = cli.read("--ckpt", args.ckpt, checkpoint.read)
    with cli.named_by(args, "ckpt"):
        generator = source.generator().to(device)
    generator.w_avg = generator.w_avg  # measured once, where the file states none
    with cli.named_by(args, "vgg", "perceptual"):
        distance, note = perceptual.choose(args.perceptual, source, args.vgg)
    torch.manual_seed(args.seed)  # the weights
    encoder = first_encoder(start, source, generator)
    settings = settings_of(args)
    judge, remarks = None, [f"Network: {args.ckpt} ({source.format}), {encoder.home}", f"distance: {note}"]
    if "d" in source.networks:
        judge = source.discriminator()
        begun = not args.init and training.begun_as(judge, encoder)
        remarks += ["The encoder begins with the layers of its discriminator"] * begun
    elif settings.weights.adversarial:
        judge = source.architecture.discriminator()
        remarks.append(f"{args.ckpt} holds no discriminator: a new one begins with random weights")
    photos, test = (read(f"--{name}", getattr(args, name), generator.size) for name in ("photos", "test"))
    batches = start.stream(photos, settings.photos) if photos else drawn_alone(start, generator)
    test, shown = test and tensors(test), tensors(test or batches.images, args.n_sample)
    judge = judge if settings.weights.adversarial else None
    inversion = training.Inversion(settings, encoder, generator, distance.to(device), judge, shown, device, args.seed)
    said = [photos.summary(), *photos.remarks()] if photos else ["Drawn faces alone: --photos brings it nearer to real ones"]
    return inversion, batches, test, said + remarks


def settings_of(args: argparse.Namespace) -> Settings:
    weights = Weights(**{name: vars(args)[f"{name}_weight"] for name in WEIGHTS})
    photos = max(1, args.batch - math.ceil(args.batch * args.drawn)) if args.photos else 0
    return Settings(args.batch, photos, args.lr, args.iter, args.jitter, args.ema_decay, args.r1, weights=weights)


def first_encoder(start: Start, source: Checkpoint, generator: Drawer) -> Encoder:
    """That of the run that goes on, of --init, or a new one. Raises InputError for one of another network than --ckpt."""
    import checkpoint
    from inversion import files

    args, home = start.args, checkpoint.fingerprint(generator.state_dict())
    if start.saved:
        with named(f"--resume {start.saved.path}"):
            encoder = files.understood(start.saved.contents)
        if encoder.home != home:
            raise InputError(f"--ckpt {args.ckpt}: not the network that the run began with; leave --resume out to begin anew")
        return encoder
    encoder = cli.read("--init", args.init, files.opened, generator) if args.init else new_encoder(args, source, home)
    encoder.home = home
    return encoder


def new_encoder(args: argparse.Namespace, source: Checkpoint, home: str) -> Encoder:
    from inversion.encoder import Encoder
    from model import channel_table

    shape, generator = source.architecture, source.generator()
    channels = source.discriminator().channels if "d" in source.networks else shape.channels
    if args.channel_base:
        channels = channel_table(shape.size, base=args.channel_base, maximum=args.channel_max)
    codes = 1 if args.space == "w" else generator.n_latent
    return Encoder(shape.size, generator.style_dim, dict(channels), codes, args.passes, home=home)


def read(flag: str, path: Path | None, size: int) -> Images | None:
    from dataset import open_images

    return cli.read(flag, path, open_images, size) if path else None


def tensors(images: Images, most: int | None = None) -> Tensor:
    """The first of them, [count, 3, size, size] in [-1, 1]."""
    import torch

    import utils

    return utils.from_pixels(torch.stack([images[i] for i in range(min(len(images), most or len(images)))]))


def drawn_alone(start: Start, generator: Drawer) -> Stream:
    """Nothing, and some of what the generator draws, for reals.png."""
    import utils
    from editing import latents
    from running.base import NoBatches

    people = latents.draw(generator, latents.people(generator, range(start.args.n_sample)))
    return NoBatches([*utils.eight_bits(people)], start.args.batch, start.position)


def write(path: Path, training: Inversion, args: argparse.Namespace) -> None:
    from inversion import files

    files.write(path, training.average, iteration=training.iteration, args=flags.as_options(args))


if __name__ == "__main__":
    cli.run(main, parser())

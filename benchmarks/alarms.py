"""How often a training warns that D knows its images by heart, and how often that is true: unseen images then get a lower r_t.

    python -m benchmarks.alarms
    python -m benchmarks.alarms --sizes 100,1000 --runs 2 --kimg 20

A small source network, trained on rendered photos, is fine-tuned to rendered cartoons: data sets of several sizes under a
preset, where no run should say it, and very few pictures without augmentation, where each should. All at 16 px, on the CPU.
"""

import argparse
import contextlib
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import cli
from training.transfer.presets import PRESETS

SHAPE = ["--size", "16", "--channel_base", "128", "--channel_max", "16", "--style_dim", "16", "--n_mlp", "2"]
PHOTOS = 1000  # rendered, for the source network
UNSEEN = 500  # images of the same domain, for the truth


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.alarms [flags]")
    count, positive = cli.number(int, least=1), cli.number(float, above=0)
    add = parser.add_argument_group("measurement").add_argument
    sizes = "pictures in the data sets (default: %(default)s)"
    add("--sizes", type=cli.numbers(int, least=1), default="30,60,120,300,1000", metavar="LIST", help=sizes)
    add("--few", type=count, default=10, metavar="N", help="pictures without augmentation (default: 10)")
    add("--runs", type=count, default=4, metavar="N", help="of each kind (default: 4)")
    add("--preset", choices=(*PRESETS, "none"), default="freezesg", help="of the data sets (default: freezesg)")
    add("--kimg", type=positive, default=6.4, metavar="N", help="thousands of images that a run shows (default: 6.4)")
    add("--batch", type=count, default=32, metavar="N", help="images per step (default: 32)")
    return parser


class Outcome(NamedTuple):
    alarms: int
    r_t: float  # of the last thousand images
    unseen: float  # the same of images that the discriminator has not seen


def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawings = rendered(folder / "drawings", "B", max(args.sizes) + UNSEEN)
        source = trained(rendered(folder / "photos", "A", PHOTOS), [*SHAPE, *flags(args, 0)], folder / "source")
        unseen = part_of(drawings, folder / "unseen", -UNSEEN)
        print(f"{'pictures':>9} {'flags':<20} {'seed':>4} {'alarms':>6} {'r_t':>6} {'unseen':>6}")
        preset = [] if args.preset == "none" else ["--preset", args.preset]
        for count, kind in [*((size, preset) for size in args.sizes), (args.few, [])]:
            images = part_of(drawings, folder / str(count), count)
            for seed in range(args.runs):
                run = trained(images, ["--ckpt", str(source), *kind, *flags(args, seed)], folder / "run")
                outcome = judged(run, unseen)
                print(f"{count:>9} {' '.join(kind) or 'no augmentation':<20} {seed:>4} {outcome.alarms:>6} "
                      f"{outcome.r_t:>6.2f} {outcome.unseen:>6.2f}", flush=True)  # fmt: skip
                shutil.rmtree(folder / "run")


def flags(args: argparse.Namespace, seed: int) -> list[str]:
    never = ["--sample_every", "1000000", "--save_every", "1000000", "--n_sample", "1"]
    return ["--device", "cpu", "--kimg", str(args.kimg), "--batch", str(args.batch), "--seed", str(seed), *never]


def rendered(folder: Path, domain: str, count: int) -> Path:
    from scripts import render_faces

    words = ["--domain", domain, "--n", str(count), "--size", "16", "--out", str(folder)]
    with contextlib.redirect_stderr(io.StringIO()):
        return render_faces.main(render_faces.parser().parse_args(words))


def part_of(images: Path, folder: Path, count: int) -> Path:
    """The first `count` pictures in a folder of their own, the last ones below 0."""
    folder.mkdir(exist_ok=True)
    paths = sorted(images.iterdir())
    for path in paths[:count] if count > 0 else paths[count:]:
        shutil.copy(path, folder)
    return folder


def trained(images: Path, words: list[str], folder: Path) -> Path:
    """The checkpoint of a training."""
    import train

    with contextlib.redirect_stdout(io.StringIO()):
        return train.main(train.parser().parse_args([str(images), *words, "--outdir", str(folder)]))


def judged(run: Path, unseen: Path) -> Outcome:
    import torch

    import checkpoint
    import utils
    from dataset import open_images

    folder = run.parent.parent
    alarms = (folder / "log.txt").read_text().count("by heart")
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    late = [line["r_t"] for line in lines if line["kimg"] > lines[-1]["kimg"] - 1]
    discriminator = checkpoint.read(run).discriminator()
    images = open_images(unseen, 16)
    with torch.no_grad():
        batches = torch.stack([images[i] for i in range(len(images))]).split(20)
        signs = torch.cat([discriminator(utils.from_pixels(batch)).sign() for batch in batches])
    return Outcome(alarms, sum(late) / len(late), float(signs.mean()))


if __name__ == "__main__":
    cli.run(main, parser())

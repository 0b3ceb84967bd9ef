"""Measure a generator against a data set: how near its pictures come, how varied they are, whether the person survives.

    python -m scripts.evaluate --ckpt expr/checkpoints/002000.pt --data faces.lmdb --source ffhq256.pt

The published FID, through Inception-v3 (python -m scripts.download inception):
    python -m scripts.evaluate --ckpt cartoon.pt --data faces.lmdb --metrics fid,kid --features inception --n 50000

Whether the rendered faces of the demo keep their attributes, and how much of the style is reached:
    python -m scripts.evaluate --ckpt cartoon.pt --data cartoons.lmdb --source demo/source64.pt --metrics structure

Values of different --features, --n or data sets do not compare.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
import progress
from errors import InputError, named
from metrics.table import FEATURES, METRICS, Metric, Subject, labels

if TYPE_CHECKING:
    import torch

    from checkpoint import Checkpoint
    from dataset import Images
    from metrics.features import Features
    from model import Generator


def parser() -> cli.Parser:
    whole = cli.number(int, least=1)
    parser = cli.Parser(__doc__, "python -m scripts.evaluate [flags] --ckpt FILE --data LMDB")
    add = parser.add_argument_group("networks and images").add_argument
    add("--ckpt", required=True, metavar="FILE", help="checkpoint of any format; its averaged generator is measured")
    add("--data", required=True, metavar="LMDB", help="the images it should resemble: LMDB, folder, zip or film")
    add("--source", metavar="FILE", help="the network it was fine-tuned from; for --features disc and --metrics structure")
    group = parser.add_argument_group("measures")
    add = group.add_argument
    add("--metrics", default="fid,kid,pr", metavar="LIST", help=f"some of {','.join(METRICS)} (default: fid,kid,pr)")
    add("--features", choices=FEATURES, default="disc", help="what fid, kid, pr and ppl look at (default: disc)")
    add("--n", type=whole, default=5000, metavar="N", help="generated pictures, of the seeds from 0 on (default: 5000)")
    add("--truncation", type=cli.number(float), default=1.0, metavar="PSI", help="1: all the variety (default: 1)")
    add("--inception", type=Path, metavar="FILE", help="weights of torch-fidelity (default: where scripts.download puts them)")
    add("--regressor", type=Path, metavar="FILE", help="from scripts.train_regressor (default: demo/regressor.pt)")
    for name, metric in METRICS.items():
        if metric.flags:
            with parser.needing(f"--metrics {name}"):
                metric.flags(group, whole)
    group = parser.add_argument_group("output")
    add = group.add_argument
    add("--out", type=Path, metavar="FILE", help="a line is appended (default: metrics.jsonl in the run's folder, or here)")
    add("--batch", type=whole, default=16, metavar="N", help="pictures at a time (default: 16)")
    flags.add_device(group)
    parser.needs("--features", *(f"--metrics {name}" for name in METRICS if METRICS[name].looks != "source"))
    parser.needs("--inception", "--features inception")
    parser.needs("--regressor", "--metrics structure", "--features structure")
    return parser


def main(args: argparse.Namespace) -> Path:
    chosen = chosen_metrics(args)
    looks = [metric.looks for metric in chosen.values()]
    out = args.out or run_folder(Path(args.ckpt)) / "metrics.jsonl"
    if out.is_dir():
        raise InputError(f"--out {out}: is a folder; name a file in it, such as {out / 'metrics.jsonl'}")

    import checkpoint
    import dataset
    import utils
    from metrics.attributes import regressor

    started = time.monotonic()
    device = cli.read("--device", args.device, utils.choose_device)
    source = cli.read("--source", args.source, checkpoint.read_aloud) if args.source else None
    look = features(args, source, device) if set(looks) - {"source"} else None
    target = cli.read("--ckpt", args.ckpt, checkpoint.read_aloud)
    generator = target.generator().to(device)
    images = dataset.open_images(args.data, generator.size)
    print(images.summary())
    if source and source.architecture.size != generator.size:
        raise InputError(f"--source {args.source}: draws pictures of another size than {args.ckpt}")
    check_counts(chosen, len(images), args)
    subject = Subject(generator=generator, look=look, n=args.n, batch=args.batch, images=images, options=vars(args))
    if "source" in looks:
        subject.source = source.generator().to(device)
        subject.regressor = cli.read("--regressor", args.regressor or regressor.SHIPPED, regressor.read)
        warn_of_another_source(args, target, subject.source, generator)
    with named(f"{len(images)} images in --data, --n {args.n}"):
        numbers = measured(chosen, subject, args.truncation)

    show(numbers, images, args.n if look else len(images))
    entry = {"ckpt": args.ckpt, "network": checkpoint.fingerprint(generator.state_dict())}
    entry |= {"iteration": target.extra["iteration"]} if "iteration" in target.extra else {}
    entry |= {"data": args.data, "images": len(images), "passed_over": len(images.refused)}
    entry |= {"source": args.source} if args.source else {}
    entry |= {"features": args.features, "n": args.n, "truncation": args.truncation} if look else {}
    return append(out, entry | numbers, started)


def chosen_metrics(args: argparse.Namespace) -> dict[str, Metric]:
    """Those of --metrics, in the order of the table. Raises InputError where they do not go with the other flags."""
    names = cli.some_of(METRICS, "--metrics", args.metrics)
    chosen = {name: metric for name, metric in METRICS.items() if name in names}
    for name, metric in chosen.items():
        if metric.looks == "source" and not args.source:
            raise InputError(f"--metrics {name}: compares with the network of the same latents; name it by --source FILE")
        if metric.looks != "source" and args.features == "disc" and not args.source:
            raise InputError("--features disc: looks through the source's discriminator; name that checkpoint by --source FILE")
        if reason := metric.unfit.get(args.features):
            raise InputError(f"--metrics {name}: {reason}; choose other --features")
    return chosen


def features(args: argparse.Namespace, source: Checkpoint | None, device: torch.device) -> Features:
    """What fid, kid, pr and ppl look through."""
    from metrics.features import choose

    flag = {"inception": "inception", "structure": "regressor"}.get(args.features)
    file = flag and getattr(args, flag)
    with named(f"--{flag} {file}" if file else f"--features {args.features}"):
        return choose(args.features, source, args.inception, args.regressor, device)


def check_counts(chosen: dict[str, Metric], count: int, args: argparse.Namespace) -> None:
    """Before the hours of looking at them: enough pictures for each metric."""
    for name, metric in chosen.items():
        least = metric.least(vars(args))
        if metric.looks == "people" and args.n < least:
            raise InputError(f"--n {args.n}: --metrics {name} needs at least {least} seeds")
        if metric.looks == "sets" and min(count, args.n) < least:
            needs = f"--metrics {name} needs at least {least} pictures in each set"
            raise InputError(f"{count} images in --data, --n {args.n}: {needs}")


def warn_of_another_source(args: argparse.Namespace, target: Checkpoint, photo: Generator, generator: Generator) -> None:
    """A line on stderr where --ckpt was not fine-tuned from --source: they draw other people."""
    import checkpoint
    from editing import layer_swap

    if target.extra.get("source") is None:
        layer_swap.warn_of_strangers(args.source, args.ckpt, photo, generator)
    elif target.extra["source"] != checkpoint.fingerprint(photo.state_dict()):
        text = f"warning: {args.ckpt} was fine-tuned from another network than {args.source}: it shows other people"
        print(text, file=sys.stderr)


def measured(chosen: dict[str, Metric], subject: Subject, psi: float) -> dict[str, float]:
    """{name: number} of all that are chosen; `subject` gets its two sets of features where one of them looks at those."""
    from metrics.features import of_generator, of_images

    looks, generator, images = [metric.looks for metric in chosen.values()], subject.generator, subject.images
    seen = ("sets" in looks) * (subject.n + len(images)) + looks.count("people") * subject.n
    with progress.Bar(seen, "pictures") as bar:
        subject.done = bar.update
        if "sets" in looks:
            subject.real = of_images(images, subject.look, subject.batch, generator.device, bar.update)
            subject.fake = of_generator(generator, range(subject.n), subject.look, subject.batch, psi, bar.update)
        return {name: number for metric in chosen.values() for name, number in metric.measure(subject).items()}


def show(numbers: dict[str, float], images: Images, count: int) -> None:
    """Print them, after what there is to say of the images. count: pictures on the other side."""
    from metrics.distances import doubt

    for line in images.remarks():
        print(line)
    if reason := doubt(count, len(images)):
        print(f"warning: {reason}", file=sys.stderr)
    for name, label in labels().items():
        if name in numbers:
            deviation = f" +- {numbers[f'{name}_std']:.5g}" if f"{name}_std" in numbers else ""
            print(f"{label:<24}{numbers[name]:.5g}{deviation}")


def run_folder(ckpt: Path) -> Path:
    """expr/checkpoints/002000.pt -> expr; of any other file, the current folder."""
    return ckpt.parent.parent if ckpt.parent.name == "checkpoints" else Path()


def append(path: Path, entry: dict, started: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(entry | {"seconds": round(time.monotonic() - started, 1)})
    try:
        with path.open("a") as file:
            print(line, file=file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    return path


if __name__ == "__main__":
    cli.run(main, parser())

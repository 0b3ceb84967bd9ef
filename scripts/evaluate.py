"""Measure a generator against a data set: how near its pictures come, how varied they are, whether the person survives.

    python -m scripts.evaluate --ckpt expr/checkpoints/002000.pt --data faces.lmdb --source ffhq256.pt

The published FID, through Inception-v3 (python -m scripts.download inception):
    python -m scripts.evaluate --ckpt cartoon.pt --data faces.lmdb --metrics fid,kid --features inception --n 50000

Whether the rendered faces of the demo keep their attributes, and how much of the style is reached:
    python -m scripts.evaluate --ckpt cartoon.pt --data cartoons.lmdb --source demo/source64.pt --metrics structure

Values of different --features, --n or data sets do not compare.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import cli
import progress
from errors import InputError

METRICS = ("fid", "kid", "pr", "ppl", "structure")
FEATURES = ("inception", "disc", "structure", "pixels")
NAMES = {  # of what stands in metrics.jsonl, as printed
    "fid": "Frechet distance (FID)",
    "kid": "kernel distance (KID)",
    "precision": "precision",
    "recall": "recall",
    "ppl": "path length (PPL)",
    "style": "style reached (ST)",
    "kept": "structure kept (SK)",
    "style_last": "ST of the last maps",
    "spread": "spread",
    "nearest": "nearest training image",
}


def parser() -> cli.Parser:
    whole = cli.number(int, least=1)
    parser = cli.Parser(__doc__, "python -m scripts.evaluate [flags] --ckpt FILE --data LMDB")
    add = parser.add_argument_group("networks and images").add_argument
    add("--ckpt", required=True, metavar="FILE", help="checkpoint of any format; its averaged generator is measured")
    add("--data", required=True, metavar="LMDB", help="the images it should resemble: LMDB, folder, zip or film")
    add("--source", metavar="FILE", help="the network it was fine-tuned from; for --features disc and --metrics structure")
    add = parser.add_argument_group("measures").add_argument
    add("--metrics", default="fid,kid,pr", metavar="LIST", help=f"some of {','.join(METRICS)} (default: fid,kid,pr)")
    add("--features", choices=FEATURES, default="disc", help="what fid, kid, pr and ppl look at (default: disc)")
    add("--n", type=whole, default=5000, metavar="N", help="generated pictures, of the seeds from 0 on (default: 5000)")
    add("--kid_subset", type=whole, metavar="N", help="pictures in each of 100 subsets (default: 1000, or the smaller set)")
    add("--truncation", type=cli.number(float), default=1.0, metavar="PSI", help="1: all the variety (default: 1)")
    add("--inception", type=Path, metavar="FILE", help="weights of torch-fidelity (default: where scripts.download puts them)")
    add("--regressor", type=Path, metavar="FILE", help="from scripts.train_regressor (default: demo/regressor.pt)")
    add = parser.add_argument_group("output").add_argument
    add("--out", type=Path, metavar="FILE", help="a line is appended (default: metrics.jsonl in the run's folder, or here)")
    add("--batch", type=whole, default=16, metavar="N", help="pictures at a time (default: 16)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    return parser


def main(args: argparse.Namespace) -> Path:
    chosen = args.metrics.replace(" ", "").split(",")
    if unknown := [name for name in chosen if name not in METRICS]:
        raise InputError(f"--metrics {unknown[0]}: choose from {', '.join(METRICS)}")
    if "structure" in chosen and not args.source:
        raise InputError("--metrics structure: compares with the network of the same latents; name it by --source FILE")
    if args.features == "disc" and not args.source and set(chosen) - {"structure"}:
        raise InputError("--features disc: looks through the source's discriminator; name that checkpoint by --source FILE")
    if "ppl" in chosen and args.features == "inception":
        raise InputError("--metrics ppl: Inception sees 8-bit pictures, which hide small steps; choose other --features")

    import checkpoint
    import dataset
    import utils
    from editing import layer_swap
    from metrics import distances as distance_between
    from metrics import features
    from metrics.attributes import regressor

    started = time.monotonic()
    device = utils.choose_device(args.device)
    ruler = args.regressor or regressor.SHIPPED
    source = checkpoint.read_aloud(args.source, "--source") if args.source else None
    look = features.choose(args.features, source, args.inception, ruler, device) if set(chosen) - {"structure"} else None
    target = checkpoint.read_aloud(args.ckpt, "--ckpt")
    generator = target.generator().to(device)
    images = dataset.open_images(args.data, generator.size)
    print(images.summary())
    if source and source.architecture.size != generator.size:
        raise InputError(f"--source {args.source}: draws pictures of another size than {args.ckpt}")

    found, out = {}, args.out or run_folder(Path(args.ckpt)) / "metrics.jsonl"
    if out.is_dir():
        raise InputError(f"--out {out}: is a folder; name a file in it, such as {out / 'metrics.jsonl'}")
    check_counts(chosen, len(images), args)
    if look:
        try:
            found |= distances(args, chosen, generator, images, look)
        except InputError as error:
            raise InputError(f"{len(images)} images in --data, --n {args.n}: {error}") from None
    if "structure" in chosen:
        photo = source.generator().to(device)
        if target.extra.get("source") is None:
            layer_swap.warn_of_strangers(args.source, args.ckpt, photo, generator)
        elif target.extra["source"] != checkpoint.fingerprint(photo.state_dict()):
            print(
                f"warning: {args.ckpt} was fine-tuned from another network than {args.source}: it shows other people",
                file=sys.stderr,
            )
        found |= structure(generator, photo, images, ruler, device)

    for line in images.remarks():
        print(line)
    if doubt := distance_between.doubt(args.n if look else len(images), len(images)):
        print(f"warning: {doubt}", file=sys.stderr)
    for name, label in NAMES.items():
        if name in found:
            spread = f" +- {found[f'{name}_std']:.5g}" if f"{name}_std" in found else ""
            print(f"{label:<24}{found[name]:.5g}{spread}")
    measured = {"ckpt": args.ckpt, "network": checkpoint.fingerprint(generator.state_dict())}
    measured |= {"iteration": target.extra["iteration"]} if "iteration" in target.extra else {}
    measured |= {"data": args.data, "images": len(images), "passed_over": len(images.refused)}
    measured |= {"source": args.source} if args.source else {}
    measured |= {"features": args.features, "n": args.n, "truncation": args.truncation} if look else {}
    return append(out, measured | found, started)


def check_counts(chosen: list[str], count: int, args: argparse.Namespace) -> None:
    """Before the hours of looking at them: enough pictures for each metric."""
    from metrics.distances import LEAST
    from metrics.path_length import LEAST as LEAST_SEEDS

    if "ppl" in chosen and args.n < LEAST_SEEDS:
        raise InputError(f"--n {args.n}: --metrics ppl needs at least {LEAST_SEEDS} seeds")
    needed = LEAST | {"kid": max(LEAST["kid"], args.kid_subset or 0)}
    for name in chosen:
        if min(count, args.n) < needed.get(name, 0):
            raise InputError(
                f"{count} images in --data, --n {args.n}: --metrics {name} needs at least {needed[name]} pictures in each set"
            )


def distances(args: argparse.Namespace, chosen: list[str], generator, images, look) -> dict[str, float]:
    """fid, kid, pr and ppl, whichever are chosen."""

    from metrics import distances, features
    from metrics.path_length import path_length

    found = {}
    compared = bool({"fid", "kid", "pr"} & set(chosen))
    device = generator.input.input.device
    with progress.Bar(compared * (args.n + len(images)) + ("ppl" in chosen) * args.n, "pictures") as bar:
        if compared:
            real = features.of_images(images, look, args.batch, device, bar.update)
            fake = features.of_generator(generator, range(args.n), look, args.batch, args.truncation, bar.update)
        if "fid" in chosen:
            found["fid"] = distances.frechet_distance(fake, real)
        if "kid" in chosen:
            subset = args.kid_subset or min(1000, len(real), len(fake))
            kid = distances.kernel_distance(fake, real, subset_size=subset)
            found |= {"kid": kid.mean, "kid_subset": subset} | ({} if kid.std is None else {"kid_std": kid.std})
        if "pr" in chosen:
            found |= distances.precision_recall(fake, real)._asdict()
        if "ppl" in chosen:
            found["ppl"] = path_length(generator, look, range(args.n), args.batch, done=bar.update)
    return found


def structure(generator, source, images, ruler: Path, device) -> dict:
    """The ruler for the rendered faces; `images` are those that the network was trained on."""
    from dataclasses import asdict

    from metrics.attributes import regressor
    from metrics.attributes.ruler import Ruler

    network, truth = regressor.read(ruler)
    measuring = Ruler(network.to(device), truth)
    noise = source.stored_noise()
    readings = [measuring.read_people(one, noise) for one in (source, generator)]
    measured = asdict(measuring.measure(*readings, measuring.read_images(images)))
    return measured | {"ceiling": measuring.ceiling, "references": measuring.between}


def run_folder(ckpt: Path) -> Path:
    """expr/checkpoints/002000.pt -> expr; of any other file, the current folder."""
    return ckpt.parent.parent if ckpt.parent.name == "checkpoints" else Path()


def append(path: Path, measured: dict, started: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(measured | {"seconds": round(time.monotonic() - started, 1)})
    try:
        with path.open("a") as file:
            print(line, file=file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    return path


if __name__ == "__main__":
    cli.run(main, parser())

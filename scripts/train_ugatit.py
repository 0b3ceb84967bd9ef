"""Train U-GAT-IT: photos to cartoons and back, from two sets of pictures without pairs, and without a StyleGAN.

As published, from dataset/NAME/{trainA,trainB,testA,testB} to results/NAME:
    python -m scripts.train_ugatit --dataset NAME --light True
    python -m scripts.train_ugatit --dataset NAME --phase test
Two folders, zips or films of pictures, on a CPU:
    python -m scripts.train_ugatit --trainA photos.zip --trainB cartoons.zip --light --img_size 64 --ch 16 --iteration 4000
Few pictures of some groups (dataset/NAME/trainA/0, trainB/0, ...), as Face2webtoon:
    python -m scripts.train_ugatit --dataset NAME --useADA True --group 0,1,2,3 --use_grouploss True --neptune False
Continue exactly:
    python -m scripts.train_ugatit --dataset NAME --resume True

model/NAME_params_NNNNNNN.pt holds the six networks as the published program writes and reads them; scripts.translate uses them.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cli
from errors import Diverged, InputError, NoRun, OutOfMemory, helped, named
from metrics.table import FEATURES
from translation import flags

if TYPE_CHECKING:
    from PIL.Image import Image

    from running.evaluation import Evaluation
    from running.run import Run, Start
    from translation.domains import Stretched
    from translation.training import UGATIT

COLUMNS = 8  # of groups.png
FIXED = {  # what cannot change when a run goes on
    **dict.fromkeys(("img_size", "light", "ch", "n_res"), "has networks that were made"),
    **dict.fromkeys(("group", "bottleneck"), "trained"),
    "seed": "began",
}


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.train_ugatit [flags] --dataset NAME")
    flags.add_arguments(parser)
    count = cli.number(int, least=1)
    # fmt: off
    add = parser.add_argument_group("evidence").add_argument
    add("--metric_freq", type=count, metavar="N",
        help="iterations between KIDs of testA, translated, to trainB; checkpoints/best.pt keeps the best (default: none)")
    add("--eval_features", choices=FEATURES, default="inception", help="what KID looks at (default: inception)")
    add("--source", type=Path, metavar="FILE", help="the StyleGAN2 whose discriminator looks, for --eval_features disc")
    add("--kid", choices=("published", "whole"), default="whole",
        help="published: at 96 px, whole batches of 50, subsets of the smaller set (default: whole: all with all)")
    # fmt: on
    parser.needs("--eval_features --source --kid", "--metric_freq")
    parser.needs("--source", "--eval_features disc")
    flags.add_run_arguments(parser)
    return parser


@helped(OutOfMemory, by="--light, --batch_size, --img_size, --ch")
@helped(Diverged, by="--lr, --cam_weight")
@helped(NoRun, by="--ckpt FILE")
def main(args: argparse.Namespace) -> Path | None:
    args = understood(args)
    if args.phase == "test":
        return test(args)
    import torch

    from running import loop, resuming
    from running.run import Run

    start = loop.begin(args, parser(), continued=partial(resuming.continued, fixed=FIXED))
    if start.finished:
        return loop.leave(start)
    args = start.args
    torch.backends.cudnn.benchmark = args.benchmark_flag
    settings = flags.settled(args)
    batches, shown, remarks, overview = pictures(start, settings.groups)
    from translation.training import UGATIT

    training = UGATIT(settings, start.device, shown, args.seed)
    remarks = [*training.described(), *remarks, *begin(training, args, start)]
    run = Run(start, training, batches, losses=("d", "g"), remarks=remarks, watch=watch(args, settings.groups))
    run.evaluation = build_evaluation(run, settings.groups)
    training.drawn = partial(write_images, run, overview)

    def iteration(batch):
        logs = training.step(batch)
        if (training.iteration + 1) % args.save_freq == 0:
            write_networks(run, training.iteration + 1)
        return logs

    written = loop.train(run, iteration)
    if written and training.iteration == args.iter and args.iter % args.save_freq:
        write_networks(run, training.iteration)
    return written


def watch(args: argparse.Namespace, groups: tuple[int, ...]):
    """Of a run with several groups, whose classifiers may not have learned anything."""
    from translation.symptoms import GroupSymptoms

    if len(groups) < 2 or args.group_scale > 1:
        return None
    return lambda folder: GroupSymptoms(args.command, folder, len(groups), "--group_scale 50").new


def understood(args: argparse.Namespace) -> argparse.Namespace:
    """The published words in this program's. Raises InputError for what cannot work."""
    if args.neptune:
        raise InputError("--neptune: that service's interface is gone; --tensorboard or --wandb record the same numbers")
    flags.settled(args)
    word = (args.resume or "").lower()
    resume = {"true": "latest", "false": None}.get(word, args.resume)
    folder = args.outdir
    if folder is None and resume in (None, "latest"):
        if not args.dataset and not (args.trainA and args.trainB):
            what = "--resume: which run? --dataset NAME, or --resume results/NAME" if resume else "--dataset: name one"
            raise InputError(f"{what}, or name --trainA and --trainB" if not resume else what)
        folder = args.result_dir / name_of(args)
    return argparse.Namespace(**vars(args) | {"resume": resume, "outdir": folder})


def name_of(args: argparse.Namespace) -> str:
    """By which results are called."""
    return Path(args.dataset).name if args.dataset else f"{args.trainA.stem}2{args.trainB.stem}"


def path_of(args: argparse.Namespace, part: str) -> Path:
    """Of trainA, trainB, testA or testB. Raises InputError where there is no such data set."""
    from translation import domains

    given = vars(args)[part]
    return given if given else cli.read("--dataset", args.dataset, domains.place) / part


def domain(args: argparse.Namespace, part: str, size: int) -> Stretched:
    """Its pictures. Raises InputError naming the flag."""
    from translation import domains

    path = path_of(args, part)
    with named(f"--{part} {path}" if vars(args)[part] else f"--dataset {args.dataset}"):
        return domains.opened(path, size)


def tests(args: argparse.Namespace, part: str) -> Stretched | None:
    """None where there are none: training does without."""
    if not vars(args)[part] and (not args.dataset or not path_of(args, part).is_dir()):
        return None
    return domain(args, part, args.img_size)


def pictures(start: Start, groups: tuple[int, ...]) -> tuple:
    """(the stream, the pictures of the sheets {"A": ..., "B": ...}, what to say of them, groups.png or None)."""
    import torch

    from translation import domains

    args = start.args
    if groups:
        sets = {part: grouped(args, part, groups) for part in ("trainA", "trainB")}
        batches = domains.in_turn(*sets.values(), args.batch_size, args.seed, start.position)
        remarks, overview = group_report(sets), group_sheet(sets, args.img_size)
        sets = {part: domains.All([*one.values()]) for part, one in sets.items()}
    else:
        sets = {part: domain(args, part, args.img_size + args.margin) for part in ("trainA", "trainB")}
        batches = domains.unpaired(*sets.values(), args.batch_size, args.seed, start.position, not args.no_flip)
        remarks, overview = [line for images in sets.values() for line in (images.summary(), *images.remarks())], None
    shown = {}
    for side in "AB":
        looked_at = tests(args, f"test{side}")
        if looked_at is None:
            remarks.append(f"no test{side}: sheets show training pictures")
        count = args.n_sample if looked_at is None else (args.n_sample + 1) // 2
        parts = [domains.spread(sets[f"train{side}"], count, args.img_size)]
        parts += (
            [domains.spread(looked_at, args.n_sample - count, args.img_size)] if looked_at and args.n_sample > count else []
        )
        shown[side] = torch.cat(parts)
    return batches, shown, remarks, overview


def build_evaluation(run: Run, groups: tuple[int, ...]) -> Evaluation | None:
    """What --metric_freq asks for: KID of translated photos to cartoons, and of each group. Before the first step a line tells
    how far the domains are apart.
    """
    args, device = run.args, run.state.device
    if not args.metric_freq:
        return None
    import torch

    import checkpoint
    from metrics import distances, published_kid
    from metrics.features import choose, of_images
    from running.evaluation import Evaluation
    from running.resuming import scores_so_far
    from translation.translating import translations

    with named(f"--eval_features {args.eval_features}"):
        source = cli.read("--source", args.source, checkpoint.read) if args.source else None
        look = choose(args.eval_features, source, device=device)
    photos = {"": tests(args, "testA") or domain(args, "trainA", args.img_size)}
    cartoons = {"": domain(args, "trainB", args.img_size)}
    for group in groups if len(groups) > 1 else ():
        photos[f"_{group}"], cartoons[f"_{group}"] = (grouped(args, part, (group,))[group] for part in ("trainA", "trainB"))
    if args.kid == "published":
        look = published_kid.at_96_px(look)

    def kid(fake, real) -> float:
        if args.kid == "published":
            return published_kid.published_kid(*map(published_kid.whole_batches, (fake, real))).mean
        return distances.kernel_distance(fake, real).mean

    with named(f"--eval_features {args.eval_features}"):
        reals = {name: of_images(images, look, device=device) for name, images in cartoons.items() if len(images) > 1}
        apart = {name: kid(of_images(photos[name], look, device=device), real) for name, real in reals.items()}
    run.remarks += [
        f"KID x 1000 of photos as they are to cartoons{name.replace('_', ' of group ')}: {1000 * value:.4g}"
        for name, value in apart.items()
    ]

    def score() -> dict[str, float]:
        generator = run.state.drawing()["A2B"]
        fakes = {name: torch.cat([look(fake) for fake in translations(generator, photos[name], device)]) for name in reals}
        whole = {"spread": distances.relative_spread(fakes[""], reals[""])}
        return {f"kid{name}": kid(fakes[name], real) for name, real in reals.items()} | whole

    return Evaluation("kid", score, args.metric_freq, scores_so_far(run))


def grouped(args: argparse.Namespace, part: str, groups: tuple[int, ...]) -> dict:
    from translation import domains

    with named(f"--group {args.group}"):
        return domains.grouped(path_of(args, part), groups, args.img_size)


def group_report(sets: dict[str, dict]) -> list[str]:
    """A line for each group: how many pictures, their share, and how far its photos are from its cartoons, before training."""
    from metrics.distances import kernel_distance
    from metrics.features import of_images
    from vision.features import pixels

    a, b = sets.values()
    whole = [sum(map(len, one.values())) for one in (a, b)]
    lines = []
    for group in a:
        shares = [f"{len(one[group])} {name} ({len(one[group]) / all:.0%})" for one, name, all in zip((a, b), "AB", whole)]
        if min(len(a[group]), len(b[group])) > 1:
            apart = kernel_distance(*(of_images(one[group], pixels) for one in (a, b))).mean
            shares.append(f"KID x 1000 of photos to cartoons, by pixels, {1000 * apart:.4g}")
        lines.append(f"group {group}: {', '.join(shares)}")
    return lines


def group_sheet(sets: dict[str, dict], size: int) -> Image:
    """A row for each group of each domain."""
    import utils
    from translation import domains

    rows, paper = {}, utils.Image.new("RGB", (size, size), utils.PAPER)
    for part, groups in sets.items():
        for group, images in groups.items():
            shown = utils.to_pictures(utils.from_pixels(domains.spread(images, COLUMNS, size)))
            rows[f"{part} {group}"] = shown + [paper] * (COLUMNS - len(shown))
    return utils.paired_sheet(rows, COLUMNS)


def begin(training: UGATIT, args: argparse.Namespace, start: Start) -> list[str]:
    """Take over the networks of --ckpt, or, as published, of the newest file in model/ of a folder that is to go on."""
    from translation import files

    path, flag = args.ckpt, "--ckpt"
    if start.saved is None and args.resume and not path:
        found = sorted((args.outdir / "model").glob("*_params_*.pt"), key=files.number_in)
        path, flag = found[-1] if found else None, "--resume"
    if path is None or start.saved:
        return []
    found = cli.read(flag, path, files.read)
    with named(f"{flag} {path}"):
        notes = training.begin_with(found)
    if flag == "--resume":
        training.iteration = found.iteration
        notes += [f"{path}: networks without their optimizers; goes on at iteration {found.iteration}"]
    return notes


def write_images(run: Run, overview: Image | None, sheets: dict[str, Image]) -> None:
    """img/A2B_NNNNNNN.png and img/B2A_NNNNNNN.png, as published; before the first step groups.png as well."""
    import utils

    if overview and not run.state.iteration:
        utils.save_png(overview, run.report.folder / "groups.png")

    for way, picture in sheets.items():
        utils.save_png(picture, run.report.folder / "img" / f"{way}_{run.state.iteration:07d}.png")


def write_networks(run: Run, iteration: int) -> None:
    """model/NAME_params_NNNNNNN.pt: the six networks alone."""
    import checkpoint
    from running import parallel

    path = run.report.folder / "model" / f"{name_of(run.args)}_params_{iteration:07d}.pt"
    if parallel.rank() == 0:
        checkpoint.write(path, run.state.published(), manifest=False, stamp=False)


def test(args: argparse.Namespace) -> Path:
    """Translate testA and testB with the networks of --ckpt, or the newest of a run, as published: seven rows for each."""
    import progress
    import utils
    from translation import files, sheets

    path = args.ckpt or newest_networks(args.outdir)
    found = cli.read("--ckpt" if args.ckpt else "--dataset", path, files.read)
    given = args.img_size if "img_size" in args.given else None
    if given and found.size and given != found.size and not found.light:
        raise InputError(f"--img_size {given}: {path} was trained at {found.size} px, and as a full network fits no other")
    device = cli.read("--device", args.device, utils.choose_device)
    generators = {way: found.generator(way).to(device) for way in files.WAYS}
    size = given or found.size or args.img_size
    args = argparse.Namespace(**vars(args) | {"img_size": size})
    sets = {way: domain(args, f"test{way[0]}", size) for way in files.WAYS}
    folder, groups = args.outdir / "test", bool(args.group or "show_real" in args.given)
    with progress.Bar(sum(map(len, sets.values())), "pictures") as bar:
        for way, images in sets.items():
            where = folder / str(found.iteration) if groups and way == "A2B" else folder
            for number in range(len(images)):
                column = utils.from_pixels(images[number][None].to(device))
                show = sheets.two_rows if groups else sheets.seven_rows
                real = args.show_real is not False
                picture = show(generators, way, column, real) if groups else show(generators, way, column)
                utils.save_png(picture, where / f"{way}_{number + 1}.png", photo=images.name(number), ckpt=path)
                bar.update()
    return folder


def newest_networks(folder: Path) -> Path:
    """Of a run's folder: in checkpoints/, or alone in model/. Raises InputError where there are none."""
    import checkpoint
    from translation import files

    whole, _ = checkpoint.newest_good(folder / "checkpoints")
    alone = max((folder / "model").glob("*_params_*.pt"), key=files.number_in, default=None)
    if not (whole or alone):
        raise InputError(f"{folder}: holds no trained networks; train some, or name them by --ckpt FILE")
    return whole or alone


if __name__ == "__main__":
    cli.run(main, parser())

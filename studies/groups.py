"""Do few-shot groups keep glasses that few people wear? U-GAT-IT with and without them, on rendered portraits.

    python -m studies.groups                            # goes on where it was stopped
    python -m studies.groups --seeds 0 --budget 30      # half an hour of training; the page shows what there is

One in ten wears glasses, in either domain. Every way trains with ordinary scripts.train_ugatit on the same pictures; a network
is then asked for the cartoons of people whom it never saw, each rendered twice, with glasses and without. A network that gives
glasses to everybody keeps them all, and has learned nothing: what counts is how many more have some because the photo has, and
how often a cartoon of somebody with glasses looks more like glasses than that of somebody without (0.5 is chance, 1 always).
"""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
from benchmarks.commands import deadline_in, execute
from errors import InputError
from studies import work
from studies.work import Work

if TYPE_CHECKING:
    from torch import Tensor

IN_TURN = "--group 0,1 --useADA false"
WAYS = {
    "groups": f"{IN_TURN} --bottleneck train --group_scale 50",
    "groups as published": IN_TURN,
    "in turn, no group loss": f"{IN_TURN} --bottleneck train --use_grouploss false",
    "without": "--margin 0 --no_flip",
}
TRAINING = "--light --img_size 32 --ch 16 --n_res 2 --batch_size 4 --lr 0.0004 --cam_weight 100 --ema 0.99"
SIZES = {0: 270, 1: 30}  # people without glasses, and with, in each domain
SEEDS = {"A": 9_100_000, "B": 9_200_000, "people": 7_500_000}
PARTS = 5  # a run is measured after each of them


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m studies.groups [flags]")
    group = parser.add_argument_group("study")
    add = group.add_argument
    add("--ways", nargs="+", choices=WAYS, default=[*WAYS], metavar="WAY", help=f"some of {', '.join(map(repr, WAYS))}")
    add("--seeds", default="0,1", metavar="LIST", help="of the training, one run each (default: 0,1)")
    add("--budget", type=cli.number(float, least=0), metavar="MIN", help="of training (default: no limit; 0: only the page)")
    add("--iter", type=cli.number(int, least=PARTS), default=2000, metavar="N", help="iterations of a run (default: 2000)")
    add("--training", default=TRAINING, metavar="FLAGS", help=f"of scripts.train_ugatit for all (default: {TRAINING})")
    add("--people", type=cli.number(int, least=8), default=200, metavar="N", help="that are translated (default: 200)")
    flags.add_device(group)
    work.add_output(parser, "groups")
    return parser


def main(args: argparse.Namespace) -> Path:
    import utils
    from studies import groups_report

    if args.iter % PARTS:
        raise InputError(f"--iter {args.iter}: must be a multiple of {PARTS}, so that the last step is measured")
    seeds = cli.read("--seeds", args.seeds, utils.parse_seeds)
    deadline = deadline_in(args.budget)
    study = Study(args)
    study.advance_all(((name, seed) for seed in seeds for name in args.ways), deadline)  # every way once, then once more
    return groups_report.write(study)


class Study(Work):
    """Every way, and at each measured step how much like glasses its cartoons look."""

    def __init__(self, args: argparse.Namespace):
        import utils
        from metrics.attributes import regressor
        from metrics.attributes.ruler import Ruler

        super().__init__(args, ("iter", "training", "people"))
        self.device = cli.read("--device", args.device, utils.choose_device)
        self.data, self.every = self.work / "data", args.iter // PARTS
        self.ruler = Ruler(*regressor.read(), args.people)
        self.photos = pair("A", args.people, SEEDS["people"])
        self.known = {(entry["way"], entry["seed"], entry["iteration"]): entry for entry in self.logged()}

    def advance(self, name: str, seed: int, deadline: float) -> bool:
        """Its checkpoints are measured."""
        if (name, seed, self.args.iter) not in self.known and time.monotonic() < deadline:
            self.train(name, seed, deadline)
        for step in range(self.every, self.args.iter + 1, self.every):
            if (name, seed, step) not in self.known and self.checkpoint(name, seed, step).is_file():
                self.measure(name, seed, step)
        return (name, seed, self.args.iter) in self.known

    def train(self, name: str, seed: int, deadline: float) -> None:
        if not self.data.exists():
            write_data(self.data)
        words = ["--dataset", self.data, f"--outdir={self.folder(name, seed)}", "--resume=latest", f"--seed={seed}"]
        words += [f"--iter={self.args.iter}", f"--save_every={self.every}", f"--keep={PARTS}", f"--device={self.args.device}"]
        words += [*shlex.split(self.args.training), *shlex.split(WAYS[name])]
        execute(["-m", "scripts.train_ugatit", *words], f"{name}, seed {seed}", deadline)

    def measure(self, name: str, seed: int, step: int) -> None:
        worn, bare = self.worn(self.translated(name, seed, step, self.args.people))
        entry = {"way": name, "seed": seed, "iteration": step, "worn": worn, "bare": bare}
        self.keep(entry)
        self.known[name, seed, step] = entry

    def worn(self, sides: list[Tensor]) -> list[list[float]]:
        from studies import translation

        return [[round(value, 3) for value in side] for side in translation.worn(self.ruler, sides)]

    def translated(self, name: str, seed: int, step: int, count: int) -> list[Tensor]:
        """Cartoons of the first people with glasses, and of the same people without."""
        from studies.translation import translated
        from translation import files

        network = files.read(self.checkpoint(name, seed, step)).generator("A2B").to(self.device)
        return [translated(network, side[:count]) for side in self.photos]


def portraits(count: int, seed: int, glasses: int) -> dict[str, Tensor]:
    """Attributes of people who face the viewer, calmly, all of them with glasses or without."""
    from faces.rendered.synthetic import as_portraits, sample_attributes

    people = as_portraits(sample_attributes(count, seed))
    return people | {"glasses": 0 * people["glasses"] + glasses}


def pair(domain: str, count: int, seed: int) -> list[Tensor]:
    """The same people with glasses and without."""
    from studies.translation import rendered

    return rendered([portraits(count, seed, glasses) for glasses in (1, 0)], domain)


def write_data(folder: Path) -> None:
    """trainA/0, trainA/1, trainB/0, trainB/1: everybody once, in one domain."""
    import utils
    from faces.rendered.synthetic import render
    from metrics.attributes.regressor import SIZE

    part = folder.with_name("data.partial")
    for domain in "AB":
        for group, count in SIZES.items():
            people = portraits(count, SEEDS[domain] + group, group)
            for number, picture in enumerate(utils.to_pictures(render(people, SIZE, domain, SEEDS[domain] + group))):
                utils.save_png(picture, part / f"train{domain}" / str(group) / f"{number:03d}.png")
    part.rename(folder)


if __name__ == "__main__":
    cli.run(main, parser())

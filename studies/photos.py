"""Which transfer method keeps the person, from real faces to cartoons? The ruler of rendered faces cannot be asked; this can.

    python -m studies.photos --data "Fluent 3D"=heads.lmdb               # goes on where it was stopped
    python -m studies.photos --data "Fluent 3D"=heads.lmdb --budget 60   # an hour of training; the page shows what there is

Every method trains with ordinary train.py from the shipped network of real faces; its levels are those of its preset, the
other flags are the same for all. Of the last network: KID to the cartoons, in features of the source's discriminator; and of
the same people, drawn by the source and by it, how their skin, hair and pose agree (metrics/same_person.py). A person is a
seed: z goes through the mapping network of whoever draws, as in scripts.generate; or the source's w is drawn by both, as in
scripts.cartoonize. Beside it chance, people who are shuffled, and the most there is, the source with other noise.
"""

import argparse
import shlex
import time
from pathlib import Path

import cli
import flags
from benchmarks.commands import ROOT, deadline_in
from errors import InputError
from studies import work
from studies.methods import Runs

TRAINING = "--augment --augment_p 0.1 --r1 1 --ema_decay 0.995 --lr 0.002 --batch 8"
METHODS = {  # the levels that the presets choose at 64 px
    "plain": "",
    "baseline": "--freezeD 3",
    "FreezeG": "--freezeG 3",
    "FreezeSG": "--freezeG 3 --freezeStyle 3 --train_mapping",
    "structure": "--structure_loss 2",
}
ROADS = {"z": "each network's mapping network", "w": "the source's"}
PEOPLE = "1,5,6,9,15,17"  # of the sheet
PSI = 0.7


def parser() -> cli.Parser:
    whole = cli.number(int, least=1)
    parser = cli.Parser(__doc__, "python -m studies.photos [flags]")
    group = parser.add_argument_group("study")
    add = group.add_argument
    add("--data", required=True, metavar="NAME=PATH", help="cartoons as train.py takes them, cut as the photos were")
    add("--methods", default=",".join(METHODS), metavar="LIST", help=f"some of {','.join(METHODS)}")
    add("--seeds", default="0-2", metavar="LIST", help="of the training, one run each (default: 0-2)")
    add("--budget", type=cli.number(float, least=0), metavar="MIN", help="of training (default: no limit; 0: only the page)")
    add("--iter", type=whole, default=500, metavar="N", help="iterations of a run (default: 500)")
    add("--training", default=TRAINING, metavar="FLAGS", help=f"of train.py for all methods (default: {TRAINING})")
    add("--source", type=Path, default=ROOT / "demo/photo64.pt", metavar="FILE", help="default: demo/photo64.pt")
    add("--n", type=cli.number(int, least=8), default=1000, metavar="N", help="pictures for KID (default: 1000)")
    add("--people", type=cli.number(int, least=12), default=200, metavar="N", help="that are compared (default: 200)")
    flags.add_device(group)
    work.add_output(parser, "photos")
    return parser


def main(args: argparse.Namespace) -> Path:
    methods = cli.some_of(METHODS, "--methods", args.methods)
    if not all(args.data.partition("=")):
        raise InputError(f"--data {args.data}: NAME=PATH")

    import utils
    from studies import photos_report

    seeds = cli.read("--seeds", args.seeds, utils.parse_seeds)
    deadline = deadline_in(args.budget)
    study = Study(args)
    study.advance_all(((name, seed) for seed in seeds for name in methods), deadline)  # every method once, then once more
    return photos_report.write(study, [name for name in methods if study.entries(name)])


class Study(Runs):
    """Every method, and how its last network draws the people of the source."""

    def __init__(self, args: argparse.Namespace):
        import dataset
        from metrics import features, same_person, scores

        same_person.finder()  # what is missing fails now, not after a training
        self.cartoons, _, data = args.data.partition("=")
        super().__init__(args, ("data", "iter", "training", "n", "people"))
        look = cli.read("--source", "disc", lambda name: features.choose(name, self.start, device=self.device))
        self.images = cli.read("--data", Path(data), lambda path: dataset.open_images(path, self.source.size))
        self.score = scores.scorer("kid", look, self.images, args.n, device=self.device)
        self.w_plus = latents_of(self.source, args.people)
        self.untouched = self.read(self.source, self.w_plus)
        self.known = {(entry["method"], entry["seed"]): entry for entry in self.logged()}

    def advance(self, name: str, seed: int, deadline: float) -> bool:
        """Its last network is measured."""
        if (name, seed) not in self.known:
            if not self.generator(name, seed) and time.monotonic() < deadline:
                words = [f"--iter={self.args.iter}", "--save_every=100000", *shlex.split(METHODS[name])]
                self.train(name, seed, [*words, self.args.data.partition("=")[2]], deadline)
            if network := self.generator(name, seed):
                self._measure(name, seed, network)
        return (name, seed) in self.known

    def entries(self, name: str) -> list[dict]:
        return [entry for (method, _), entry in sorted(self.known.items()) if method == name]

    def read(self, network, w_plus, noise=None) -> dict:
        from editing import latents
        from metrics import same_person

        return same_person.read(latents.draw(network, w_plus, noise=noise or self.source.stored_noise()))

    def _measure(self, name: str, seed: int, network) -> None:
        from metrics.same_person import agreement

        entry = {"method": name, "seed": seed} | self.score(network)
        for road, w_plus in {"z": latents_of(network, self.args.people), "w": self.w_plus}.items():
            entry[road] = agreement(self.untouched, self.read(network, w_plus))
        self.keep(entry)
        self.known[name, seed] = entry
        print(f"{name}, seed {seed}: KID {entry['kid']:.4f}", flush=True)


def latents_of(network, count: int):
    from editing import latents

    return latents.people(network, range(count), PSI)


if __name__ == "__main__":
    cli.run(main, parser())

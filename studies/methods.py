"""Which transfer method keeps the person? All of them from one source to the same 200 cartoons, measured by the ruler.

    python -m studies.methods                               # everything, for hours; goes on where it was stopped
    python -m studies.methods --minutes 60                  # an hour at most; the report shows what there is
    python -m studies.methods --methods baseline,FreezeG --seeds 0 --iter 400 --work quick --out quick/report

Every method trains with ordinary train.py. Its checkpoints are measured (ST: style reached, SK: structure kept, see
metrics/attributes/ruler.py) and deleted, but for the last. The report holds curves, tables, the same six people by every
method, and the layer swap with the source on top of each.
"""

import argparse
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cli
import flags
from benchmarks.commands import deadline_in, execute
from errors import InputError
from studies.work import Work

ROOT = Path(__file__).parent.parent
AS_PUBLISHED = "--freezeD 3 --augment --augment_p 0.3"
METHODS = {  # 3 of 5 levels at 64 px: FreezeG leaves 16, 32 and 64 px trainable, 4 and 8 px are frozen
    "baseline": AS_PUBLISHED,
    "FreezeG": f"{AS_PUBLISHED} --freezeG 3",
    "FreezeSG": f"{AS_PUBLISHED} --freezeG 3 --freezeStyle 3",
    "FreezeG+map": f"{AS_PUBLISHED} --freezeG 3 --train_mapping",
    "FreezeSG+map": f"{AS_PUBLISHED} --freezeG 3 --freezeStyle 3 --train_mapping",
    "structure1": f"{AS_PUBLISHED} --structure_loss 1",
    "structure2": f"{AS_PUBLISHED} --structure_loss 2",
    "structure3": f"{AS_PUBLISHED} --structure_loss 3",
    "FreezeFC": f"{AS_PUBLISHED} --freezeFC",
    "plain": "",
}
TWINS = "FreezeSG", "FreezeG"  # the same training: the mapping network, which --freezeStyle is about, is frozen in both
TRAINING = "--batch 8 --lr 0.002 --r1 0.5 --ema_decay 0.98"  # as `make demo`
FACES_SEED = 2  # of the training set


def parser() -> cli.Parser:
    whole = cli.number(int, least=1)
    parser = cli.Parser(__doc__, "python -m studies.methods [flags]")
    group = parser.add_argument_group("study")
    add = group.add_argument
    add("--methods", default=",".join(METHODS), metavar="LIST", help=f"some of {','.join(METHODS)}")
    add("--seeds", default="0-2", metavar="LIST", help="of the training, one run each (default: 0-2)")
    add("--minutes", type=cli.number(float, least=0), metavar="N", help="of training (default: no limit; 0: only the report)")
    add("--iter", type=whole, default=1000, metavar="N", help="iterations of a run (default: 1000)")
    add("--every", type=whole, default=100, metavar="N", help="iterations between measurements (default: 100)")
    add("--training", default=TRAINING, metavar="FLAGS", help=f"of train.py for all methods (default: {TRAINING})")
    add("--source", type=Path, default=ROOT / "demo" / "source64.pt", metavar="FILE", help="default: demo/source64.pt")
    add("--regressor", type=Path, metavar="FILE", help="the ruler's (default: demo/regressor.pt)")
    add("--faces", type=whole, default=200, metavar="N", help="rendered cartoons to train on (default: 200)")
    add("--people", type=cli.number(int, least=8), default=400, metavar="N", help="that are measured (default: 400)")
    flags.add_device(group)
    add = parser.add_argument_group("output").add_argument
    work = ROOT / "demo/work/study"
    add("--work", type=Path, default=work, metavar="DIR", help="runs and measurements (default: demo/work/study)")
    add("--out", type=Path, default=ROOT / "docs/study", metavar="DIR", help="the report (default: docs/study)")
    return parser


def main(args: argparse.Namespace) -> Path:
    methods = cli.some_of(METHODS, "--methods", args.methods)
    if args.iter % args.every:
        raise InputError(f"--every {args.every}: must divide --iter {args.iter}, so that the last step is measured")

    import utils
    from studies import methods_report

    seeds = cli.read("--seeds", args.seeds, utils.parse_seeds)
    deadline = deadline_in(args.minutes)
    study = Study(args)
    study.advance_all(plan(methods, seeds), deadline)
    if study.twins_are_equal(seeds[0]) is False:
        raise InputError(f"{' and '.join(TWINS)} differ after {args.every} iterations, though both freeze the mapping network")
    return methods_report.write(study, methods, seeds, args)


def plan(methods: list[str], seeds: list[int]) -> list[tuple[str, int]]:
    """Every method with the first seed, then with the next one. Of the twins one is trained a little, to be compared."""
    return [(name, seed) for seed in seeds for name in methods if name != TWINS[0] or seed == seeds[0]]


class Runs(Work):
    """Trainings by train.py, all from one source."""

    def __init__(self, args: argparse.Namespace, settings: Sequence[str]):
        import checkpoint
        import utils

        self.device = cli.read("--device", args.device, utils.choose_device)
        self.start = cli.read("--source", args.source, checkpoint.read)
        self.source = self.start.generator().to(self.device)
        super().__init__(args, settings)

    def facts(self) -> dict[str, object]:
        import checkpoint

        return {"source": checkpoint.fingerprint(self.source.state_dict())}

    def train(self, name: str, seed: int, words: list, deadline: float) -> None:
        """To the end, or to the deadline; what a stopped run did is kept."""
        train = ["train.py", "--ckpt", self.args.source, f"--outdir={self.folder(name, seed)}", "--resume=latest"]
        train += [f"--seed={seed}", f"--device={self.args.device}", *shlex.split(self.args.training), "--n_sample=16"]
        execute([*train, *words], f"{name}, seed {seed}", deadline)

    def generator(self, name: str, seed: int):
        """The last one of a whole run, None where there is none yet."""
        import checkpoint

        path = self.checkpoint(name, seed, self.args.iter)
        return checkpoint.read(path).generator().to(self.device) if path.is_file() else None


class Study(Runs):
    """Every method, measured by the ruler at each of the steps."""

    def __init__(self, args: argparse.Namespace):
        import dataset
        from metrics.attributes import regressor
        from metrics.attributes.ruler import Ruler

        super().__init__(args, ("iter", "every", "training", "faces", "people"))
        self.data = self._faces()
        network, truth = cli.read("--regressor", args.regressor or regressor.SHIPPED, regressor.read)
        self.ruler = Ruler(network.to(self.device), truth, args.people)
        self.untouched = self.ruler.read_people(self.source)
        images = dataset.open_images(self.data, self.source.size)
        print(images.summary())
        self.training = self.ruler.read_images(images)
        self.measurements = {(entry["method"], entry["seed"], entry["iteration"]): entry for entry in self.logged()}

    def advance(self, name: str, seed: int, deadline: float) -> bool:
        """Its checkpoints are measured; of the twins one is trained no longer than it takes to compare them."""
        iterations = self.args.every if name == TWINS[0] else self.args.iter
        steps = range(self.args.every, iterations + 1, self.args.every)
        if all((name, seed, step) in self.measurements for step in steps):
            return True
        if time.monotonic() >= deadline:
            return False
        words = [f"--iter={iterations}", f"--save_every={self.args.every}", *shlex.split(METHODS[name]), self.data]
        self.train(name, seed, words, deadline)
        for step in steps:
            if (name, seed, step) not in self.measurements and self.checkpoint(name, seed, step).is_file():
                self._measure(name, seed, step)
        for path in sorted((self.folder(name, seed) / "checkpoints").glob("[0-9]*.pt"))[:-1]:  # all but the newest
            path.unlink()
        return all((name, seed, step) in self.measurements for step in steps)

    def twins_are_equal(self, seed: int) -> bool | None:
        """Whether FreezeSG and FreezeG, as published, gave the same network; None while one of them has not been trained."""
        twins = [self.measurements.get((name, seed, self.args.every)) for name in TWINS]
        return twins[0]["network"] == twins[1]["network"] if all(twins) else None

    def _measure(self, name: str, seed: int, iteration: int) -> None:
        import checkpoint

        generator = checkpoint.read(self.checkpoint(name, seed, iteration)).generator().to(self.device)
        people = self.ruler.read_people(generator, self.source.stored_noise())
        result = self.ruler.measure(self.untouched, people, self.training)
        entry = {"method": name, "seed": seed, "iteration": iteration} | asdict(result)
        entry["network"] = checkpoint.fingerprint(generator.state_dict())
        self.keep(entry)
        self.measurements[name, seed, iteration] = entry
        print(f"{name}, seed {seed}, iteration {iteration}: ST {result.style:.3f}, SK {result.kept:.3f}", flush=True)

    def _faces(self) -> Path:
        folder, data = self.work / "faces", self.work / "faces.lmdb"
        if not data.exists():
            words = ["--overwrite", "--domain=B", f"--n={self.args.faces}", f"--seed={FACES_SEED}", f"--out={folder}"]
            execute(["-m", "scripts.render_faces", *words, f"--size={self.source.size}"], "rendering faces")
            execute(["prepare_data.py", f"--out={data}", f"--size={self.source.size}", folder], "preparing faces")
        return data


if __name__ == "__main__":
    cli.run(main, parser())

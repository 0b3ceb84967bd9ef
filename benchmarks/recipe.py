"""Which settings turn real faces into good cartoons? Each of a table of settings, on each of several sets of cartoons.

    python -m benchmarks.recipe                                             # rendered cartoons; goes on where it was stopped
    python -m benchmarks.recipe --data rendered fluent3d=fluent3d.zip --budget 60
    python -m benchmarks.recipe --settings demo,no_freezed --iter 300
    python -m benchmarks.recipe --settings "mine=--freezeG 4 --augment --r1 2"

Every setting trains with ordinary train.py from --source. Then: KID to the cartoons, in features of the source's
discriminator; `beads` and `lines` of the dark outlines (metrics/lines.py), behind them those of the cartoons themselves: more
beads are dotted lines, fewer lines are missing ones; rank correlations of `skin` and `hair` lightness, and of how much lighter
the hair is (`contrast`), between people and their cartoons, where 1 is the person kept, and the share of the dark-haired who
become fair or bald (`faded`, metrics/same_person.py); of rendered cartoons ST, the style reached, and SK, the structure kept,
which says something of rendered people only (metrics/attributes/ruler.py). Sheets of the same six people are for the eye, which
decides.
"""

import argparse
import hashlib
import json
import shlex
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cli
import flags
from benchmarks.commands import ROOT, deadline_in, execute
from errors import InputError

TRAINING = "--batch 8 --lr 0.002 --ema_decay 0.99"  # of all settings, which may say otherwise
G4 = "--freezeG 4 --augment --augment_p 0.1"
CARTOON = f"--no_noise {G4} --r1 3 --ema_decay 0.995"  # --preset cartoon at 64 px
SETTINGS = {
    "demo": "--freezeG 3 --freezeD 3 --augment --augment_p 0.3 --r1 0.5 --ema_decay 0.98",  # good for rendered photos
    "freezeg_4": f"{G4} --r1 1",
    "freezefc": "--freezeFC --augment --augment_p 0.1 --r1 1",
    "r1_5": f"{G4} --r1 5",
    "cartoon": CARTOON,
    "cartoon_freezed": f"{CARTOON} --freezeD 3",
    "cartoon_structure": f"{CARTOON} --structure_loss 2",
    "cartoon_correlation": f"{CARTOON} --correlation_loss 8 --correlation_weight 4",
    "cartoon_diff": CARTOON.replace("--augment_p 0.1", "--augment_kind diff"),
    "cartoon_one_way": f"{CARTOON} --no_flip",
    "cartoon_lr": f"{CARTOON} --lr 0.004",
}
RENDERED = "rendered"  # cartoons that are rendered here
SEEDS = "1,5,6,9,15,17"  # of the sheet
LOOKED_AT = 200  # pictures whose lines are measured
PSI = 0.7  # of the people on the sheet, and of those whose skin and hair are compared


def parser() -> cli.Parser:
    whole = cli.number(int, least=1)
    parser = cli.Parser(__doc__, "python -m benchmarks.recipe [flags]")
    group = parser.add_argument_group("sweep")
    add = group.add_argument
    names = ", ".join(SETTINGS)
    add("--settings", metavar="LIST", help=f"some of {names}, or NAME=FLAGS of one's own (default: all)")
    add(
        "--data", nargs="+", default=[RENDERED], metavar="NAME=PATH", help="sets of cartoons; rendered: made here (the default)"
    )
    add("--budget", type=cli.number(float, least=0), metavar="MIN", help="minutes (default: no limit; 0: only the report)")
    add("--iter", type=whole, default=500, metavar="N", help="iterations of a training (default: 500)")
    add("--seed", type=cli.number(int, least=0), default=0, metavar="N", help="of the trainings (default: 0)")
    add("--training", default=TRAINING, metavar="FLAGS", help=f"of all settings (default: {TRAINING})")
    add("--source", type=Path, default=ROOT / "demo/photo64.pt", metavar="FILE", help="default: demo/photo64.pt")
    add("--faces", type=whole, default=250, metavar="N", help="rendered cartoons (default: 250)")
    add("--n", type=cli.number(int, least=8), default=1000, metavar="N", help="pictures for KID (default: 1000)")
    add("--people", type=cli.number(int, least=10), default=400, metavar="N", help="whose cartoons are compared (default: 400)")
    flags.add_device(group)
    add = parser.add_argument_group("output").add_argument
    work = ROOT / "demo/work/recipe"
    add("--work", type=Path, default=work, metavar="DIR", help="networks and measurements (default: demo/work/recipe)")
    out = ROOT / "benchmarks/results"
    add("--out", type=Path, default=out, metavar="DIR", help="DATE-recipe.md, .json and .webp (default: benchmarks/results)")
    return parser


@dataclass(frozen=True)
class Trial:
    """A setting on a set of cartoons: its name, the flags of train.py, and the folder of the run."""

    data: str
    path: Path
    setting: str
    words: tuple[str, ...]
    folder: Path


def main(args: argparse.Namespace) -> Path:
    deadline = deadline_in(args.budget)
    settings, sweep = chosen(args.settings), Sweep(args)
    trials = [sweep.trial(data, name, own) for data in args.data for name, own in settings.items()]
    for trial in trials:
        if not sweep.advance(trial, deadline):
            print(f"out of time for {trial.setting} on {trial.data}; the same command goes on", flush=True)
    return sweep.report([trial for trial in trials if trial in sweep.results])


def chosen(text: str | None) -> dict[str, str]:
    """{name: flags} of --settings; own ones, NAME=FLAGS, may hold commas in no flag.

    >>> chosen("mine=--freezeG 4 --r1 2")
    {'mine': '--freezeG 4 --r1 2'}
    """
    if text is None:
        return SETTINGS
    settings = {}
    for entry in text.split(","):
        name, own, words = entry.strip().partition("=")
        if not own and name not in SETTINGS:
            raise InputError(f"--settings {name}: choose from {', '.join(SETTINGS)}, or give NAME=FLAGS")
        settings[name] = words if own else SETTINGS[name]
    return settings


class Sweep:
    """The trials in --work, and what was measured of them: measurements.jsonl, a line for each."""

    def __init__(self, args: argparse.Namespace):
        import checkpoint
        import utils
        from metrics.features import choose

        self.args, self.device = args, cli.read("--device", args.device, utils.choose_device)
        start = cli.read("--source", args.source, checkpoint.read)
        self.source = start.generator().to(self.device)
        self.fingerprint = checkpoint.fingerprint(self.source.state_dict())
        self.look = cli.read("--source", "disc", lambda name: choose(name, start, device=self.device))
        args.work.mkdir(parents=True, exist_ok=True)
        self.log = args.work / "measurements.jsonl"
        entries = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        self.known = {entry["folder"]: entry for entry in entries}
        self.results: dict[Trial, dict] = {}
        self._judges: dict[str, Judge] = {}

    def trial(self, data: str, setting: str, own: str) -> Trial:
        name, given, path = data.partition("=")
        if not given and name != RENDERED:
            raise InputError(f"--data {data}: NAME=PATH, or {RENDERED}")
        path = Path(path) if given else self._faces()
        words = (*shlex.split(self.args.training), *shlex.split(own), f"--iter={self.args.iter}", f"--seed={self.args.seed}")
        told = json.dumps([self.fingerprint, str(path), self.args.n, self.args.people, *words])
        folder = f"{name}-{setting}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
        return Trial(name, path, setting, words, self.args.work / folder)

    def advance(self, trial: Trial, deadline: float) -> bool:
        """Train to the end, or to the deadline, and measure what is at its end. False: out of time."""
        if entry := self.known.get(trial.folder.name):
            self.results[trial] = entry
            return True
        newest = trial.folder / "checkpoints" / f"{self.args.iter:06d}.pt"
        if not newest.is_file():
            if time.monotonic() >= deadline:
                return False
            words = [
                "train.py",
                "--ckpt",
                self.args.source,
                *trial.words,
                f"--outdir={trial.folder}",
                "--resume=latest",
                trial.path,
            ]
            words += ["--save_every=100000", "--sample_every=250", "--n_sample=16", f"--device={self.args.device}"]
            execute(words, f"{trial.setting} on {trial.data}", deadline)
            if not newest.is_file():
                return False
        self._keep(trial, newest)
        return True

    def _keep(self, trial: Trial, newest: Path) -> None:
        import checkpoint

        generator = checkpoint.read(newest).generator().to(self.device)
        if trial.data not in self._judges:
            self._judges[trial.data] = Judge(self, trial)
        judge = self._judges[trial.data]
        entry = {"data": trial.data, "setting": trial.setting, "flags": shlex.join(trial.words), "folder": trial.folder.name}
        entry |= {"source": self.fingerprint, "minutes": minutes(trial.folder)} | judge.measure(generator)
        with self.log.open("a") as file:
            print(json.dumps(entry), file=file)
        self.results[trial] = entry
        print(
            f"{trial.setting} on {trial.data}: {', '.join(f'{COLUMNS[name]} {figure(entry, name)}' for name in COLUMNS)}",
            flush=True,
        )

    def _faces(self) -> Path:
        folder = self.args.work / f"faces{self.args.faces}-{self.source.size}"
        if not folder.exists():
            words = ["--domain=B", f"--n={self.args.faces}", "--seed=2", f"--size={self.source.size}", f"--out={folder}"]
            execute(["-m", "scripts.render_faces", *words], "rendering cartoons")
        return folder

    def report(self, trials: list[Trial]) -> Path:
        from benchmarks import machine
        from benchmarks.tables import table

        stem = self.args.out / f"{date.today()}-recipe"
        stem.parent.mkdir(parents=True, exist_ok=True)
        entries = [self.results[trial] for trial in trials]
        stem.with_suffix(".json").write_text(json.dumps(entries, indent=1) + "\n")
        head = ["cartoons", "setting", *COLUMNS.values()]
        rows = [[entry["data"], entry["setting"], *(figure(entry, name) for name in COLUMNS)] for entry in entries]
        facts = f"{machine.told(self.device.type, 1)}."
        parts = ["# Settings for real faces", f"    {cli.command_line(self.args)}", facts, table(head, rows)]
        words = {entry["setting"]: entry["flags"] for entry in entries}
        parts += ["\n".join(f"- {name}: `{flags}`" for name, flags in words.items())]
        for data in dict.fromkeys(trial.data for trial in trials):
            sheet = stem.with_name(f"{stem.name}-{data}.webp")
            self._sheet([trial for trial in trials if trial.data == data]).save(sheet, quality=90)
            parts.append(f"![{data}]({sheet.name})")
        page = stem.with_suffix(".md")
        page.write_text("\n\n".join(parts) + "\n")
        return page

    def _sheet(self, trials: list[Trial]):
        """The same six people, from the source and by every setting, one below the other."""
        import checkpoint
        from editing import people, sheets

        networks = {"source": self.source}
        for trial in trials:
            newest = max((trial.folder / "checkpoints").glob("[0-9]*.pt"), default=None)
            if newest:
                networks[trial.setting] = checkpoint.read(newest).generator().to(self.device)
        return sheets.people_sheet(networks, people.by_seed(SEEDS), brush=people.Brush(psi=PSI))


COLOURS = {"skin lightness": "skin", "hair lightness": "hair", "hair against skin": "contrast"}
OTHERS = {"faded": "faded", "style": "ST", "kept": "SK", "minutes": "minutes"}
COLUMNS = {"kid": "KID", "beads": "beads", "lines": "lines"} | COLOURS | OTHERS


class Judge:
    """What a network is compared with: one set of cartoons."""

    def __init__(self, sweep: Sweep, trial: Trial):
        import torch

        import dataset
        import utils
        from editing import latents
        from metrics import lines, same_person, scores
        from metrics.attributes import regressor
        from metrics.attributes.ruler import Ruler

        self.source, self.ruler = sweep.source, None
        images = dataset.open_images(trial.path, sweep.source.size)
        self.score = scores.scorer("kid", sweep.look, images, sweep.args.n, device=sweep.device)
        some = torch.stack([images[index] for index in range(min(LOOKED_AT, len(images)))])
        self.fresh = lines.measure(utils.from_pixels(some))
        self.people = latents.people(sweep.source, range(sweep.args.people), PSI)
        self.colours = same_person.read_colours(latents.draw(sweep.source, self.people))
        if trial.data == RENDERED:
            network, truth = regressor.read(regressor.SHIPPED)
            self.ruler = Ruler(network.to(sweep.device), truth, sweep.args.people)
            self.start = self.ruler.read_people(sweep.source)

    def measure(self, generator) -> dict[str, float]:
        import torch

        from editing import latents
        from metrics import features, lines, same_person

        found = lines.measure(torch.cat([*features.pictures(generator, range(LOOKED_AT))]))
        numbers = self.score(generator) | found._asdict()
        numbers |= {f"fresh_{name}": value for name, value in self.fresh._asdict().items()}
        cartoons = latents.draw(generator, self.people, noise=self.source.stored_noise())
        colours = same_person.read_colours(cartoons)
        kept = same_person.rank_correlations(self.colours, colours)
        numbers |= {name: kept[name] for name in COLOURS} | {"faded": same_person.faded(self.colours, colours)}
        if self.ruler:
            result = self.ruler.measure(self.start, self.ruler.read_people(generator, self.source.stored_noise()))
            numbers |= {"style": result.style, "kept": result.kept}
        return numbers


def figure(entry: dict, name: str) -> str:
    """What stands in a cell; beads and lines with those of the cartoons behind them."""
    if name not in entry:
        return ""
    fresh = f" ({entry[f'fresh_{name}']:.3f})" if f"fresh_{name}" in entry else ""
    return f"{entry[name]:.3g}{fresh}"


def minutes(folder: Path) -> float:
    """That a run has trained for, from its statistics."""
    lines = (folder / "stats.jsonl").read_text().splitlines()
    return round(json.loads(lines[-1])["seconds"] / 60, 1)


if __name__ == "__main__":
    cli.run(main, parser())

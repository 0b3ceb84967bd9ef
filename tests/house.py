"""What the house consists of: its rooms from the ground up, its files, and the commands among them."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
LINES = [  # from the ground up; a module imports from lines below its own only
    {"op", "allocation", "errors", "filenames", "lettering", "progress", "threads"},
    {"writing"},
    {"unfinished", "canvas"},
    {"cli", "published"},
    {"utils", "flags", "newfolder"},
    {"animation"},
    {"model", "drawer", "augment", "data"},
    {"dataset", "faces", "stylegan1"},
    {"checkpoint"},
    {"vision", "running"},
    {"training", "editing", "metrics", "translation", "baselines"},
    {"inversion"},
    {"exporting"},
    {"drawing"},
    {"explorer"},
    {"train", "prepare_data", "projector", "closed_form_factorization", "apply_factor", "scripts"},
    {"benchmarks"},
    {"studies"},
    {"tests"},
]
LEVEL = {name: level for level, names in enumerate(LINES) for name in names}


def room_of(path: Path) -> str:
    """The folder or the module of the root that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = [path for path in sorted(ROOT.rglob("*.py")) if room_of(path) in LEVEL.keys() - {"tests"}]
LONG_TRIALS = sorted((ROOT / "tests" / "soak").glob("*.py"))
COMMANDS = [path for path in FILES + LONG_TRIALS if path.name != "cli.py" and "cli.run(main, parser())" in path.read_text()]

"""All commands in groups, a line each: python -m scripts."""

import ast
from pathlib import Path

import cli

ROOT = Path(__file__).parent.parent
GROUPS = {
    "data": "prepare_data.py scripts.align scripts.render_faces",
    "train": "train.py scripts.train_ugatit scripts.train_dcgan scripts.train_encoder scripts.report",
    "draw and edit": "closed_form_factorization.py apply_factor.py",  # and what is in no other group
    "photos": "scripts.cartoonize projector.py scripts.translate",
    "measure": "scripts.evaluate scripts.train_regressor studies.methods studies.photos studies.round_trip studies.sefa "
    "studies.translation studies.groups",
    "files and machine": "scripts.inspect scripts.convert scripts.export scripts.grow scripts.download scripts.doctor",
    "measure the program": "benchmarks.ops benchmarks.train_step benchmarks.trace benchmarks.scaling benchmarks.data "
    "benchmarks.formats benchmarks.busy benchmarks.user benchmarks.page benchmarks.alarms benchmarks.finding "
    "benchmarks.likeness benchmarks.recipe benchmarks.translation tests.soak.rehearsal tests.soak.soak",
}

NAMES = [f"scripts.{path.stem}" for path in sorted(ROOT.glob("scripts/[a-z]*.py")) if path.stem != "cli"]
GROUPS["draw and edit"] += "".join(f" {name}" for name in NAMES if name not in " ".join(GROUPS.values()).split())


def purpose(command: str) -> str:
    """The first line of its docstring."""
    path = ROOT / (command.removesuffix(".py").replace(".", "/") + ".py")
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))).splitlines()[0]


def overview() -> str:
    lines = ["Run from this folder: python NAME.py, or python -m NAME without .py; --help explains each."]
    for group, commands in GROUPS.items():
        lines += ["", group, *(f"  {command:<30}{purpose(command)}" for command in commands.split())]
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run(lambda args: print(overview()), cli.Parser(__doc__, "python -m scripts"))

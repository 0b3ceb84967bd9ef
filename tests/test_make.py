"""What make and a poorly furnished machine rely on."""

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WITHOUT = """
import functools, importlib.machinery, sys
find = importlib.machinery.PathFinder.find_spec
hidden = functools.partial(lambda name, *rest, **more: None if name == "lmdb" else find(name, *rest, **more))
importlib.machinery.PathFinder.find_spec = hidden
import pytest
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def made(target: str, *variables: str) -> str:
    return subprocess.run(["make", "-n", "-B", target, *variables], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def commands_of_the_demo(*variables: str) -> dict[str, list[str]]:
    """{module: its words}, in the order in which they run."""
    lines = re.sub(r"\\\n\s*", " ", made("demo", *variables)).splitlines()
    words = [shlex.split(line.partition(" || ")[0]) for line in lines if line.startswith(".venv/bin/python ")]
    return {
        (line[2] if line[1] == "-m" else line[1].removesuffix(".py")): line[3 if line[1] == "-m" else 2 :] for line in words
    }


def demo(folder: Path, *variables: str) -> subprocess.CompletedProcess:
    """`make demo` with the Python of the tests, which has what it needs, and results in a folder."""
    (folder / "bin").mkdir(exist_ok=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    words = ["make", "-o", ".venv/faces", "demo", f"BIN={python.parent}", f"OUT={folder / 'out'}", *variables]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def test_on_a_machine_without_lmdb_the_other_tests_are_found():
    files = ["tests/test_dataset.py", "tests/training/test_estimate.py", "tests/training/test_losses.py"]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *files], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "lmdb is not installed" in done.stdout and "tests/training/test_losses.py::" in done.stdout


def test_gpu_test_names_every_file_with_a_test_for_a_gpu():
    marked = {str(p.relative_to(ROOT)) for p in (ROOT / "tests").rglob("test_*.py") if "pytest.mark.cuda" in p.read_text()}
    assert set(re.findall(r"tests/\S+", made("gpu-test"))) == marked - {"tests/test_make.py"}


def test_the_oldest_versions_are_the_lower_bounds_of_the_requirements():
    pinned = [line for line in made("test-oldest").splitlines() if line.startswith("sed")]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert pinned and all(re.fullmatch(r"[\w-]+>=[\d.]+(  # .+)?", line) for line in lines), (
        "one bound each, which the pins are made from"
    )


@pytest.mark.parametrize("variables", [(), ('PHOTO=a b/it\'s "me".jpg', "TOONS=my toons.zip")], ids=["plain", "own"])
def test_the_commands_of_the_demo_are_understood(variables):
    commands = commands_of_the_demo(*variables)
    for module, words in commands.items():
        importlib.import_module(module).parser().parse_args(words)
    assert [*commands] == [
        *("scripts.align", *["scripts.render_faces"] * (not variables), "prepare_data", "train"),
        *("scripts.generate", "scripts.cartoonize"),
    ]
    if variables:
        assert commands["scripts.align"][-1] == 'a b/it\'s "me".jpg' and commands["prepare_data"][-1] == "my toons.zip"


def test_flags_for_a_photo_in_which_no_face_is_found_reach_the_command():
    words = commands_of_the_demo("PHOTO=me.jpg", "ALIGN=--eyes 205,102,247,104")["scripts.align"]
    assert importlib.import_module("scripts.align").parser().parse_args(words).eyes


@pytest.mark.parametrize("what", ["PHOTO", "TOONS"])
@pytest.mark.parametrize("is_there", [False, True])
def test_what_the_demo_cannot_use_is_said_before_the_training_and_loses_nothing(what, is_there, tmp_path):
    given = tmp_path / "not one.jpg"
    if is_there:
        given.write_text("no picture")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "photos.png").write_text("of the last demo")
    done = demo(tmp_path, f"{what}={given}")
    said = [line for line in done.stderr.splitlines() if line.startswith(("align: ", "prepare_data.py: "))]
    assert done.returncode and len(said) == 1 and f"{given}: " in said[0] and "Traceback" not in done.stderr
    assert ("ALIGN=" in done.stderr) == (what == "PHOTO")
    assert "train.py" not in done.stdout and (tmp_path / "out" / "photos.png").read_text() == "of the last demo"


@pytest.mark.slow
def test_the_demo_ends_with_pictures_also_over_an_earlier_and_an_interrupted_one(tmp_path):
    out, people = tmp_path / "out", ROOT / "demo" / "people"
    crops = out / "photos" / "crops"
    for earlier in ("new/photos", "run/checkpoints/000009.pt", "cartoonized/latents.pt", "photos/crops/old.png", "mine.txt"):
        (out / earlier).parent.mkdir(parents=True, exist_ok=True)
        (out / earlier).write_text("of before")
    mine = shutil.copy(next(people.glob("*.jpg")), crops / "mine.jpg")  # lies where the demo writes
    done = demo(tmp_path, "DEMO_ITERATIONS=1", "DEMO_STEPS=2", f"PHOTO={mine}", f"TOONS={people}")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in crops.iterdir()] == ["mine.png"] and not (out / "new").exists()
    assert {"people.png", "photos.png", "cartoon64.pt", "mine.txt"} <= {path.name for path in out.iterdir()}

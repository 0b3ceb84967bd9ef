"""What make and a poorly furnished machine rely on."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
WITHOUT = """
import functools, importlib.machinery, sys
find = importlib.machinery.PathFinder.find_spec
hidden = functools.partial(lambda name, *rest, **more: None if name == "lmdb" else find(name, *rest, **more))
importlib.machinery.PathFinder.find_spec = hidden
import pytest
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def made(target: str) -> str:
    return subprocess.run(["make", "-n", "-B", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout


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

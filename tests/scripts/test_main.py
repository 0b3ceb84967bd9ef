"""python -m scripts: every command, once, with what it is for."""

import os
import subprocess
import sys

import pytest

from scripts.__main__ import GROUPS, overview, purpose
from tests.house import COMMANDS, ROOT, module_of

LISTED = [command for commands in GROUPS.values() for command in commands.split()]


def test_every_command_is_listed_once():
    assert sorted(name.removesuffix(".py") for name in LISTED) == sorted(map(module_of, COMMANDS))


@pytest.mark.parametrize("command", LISTED)
def test_a_command_is_shown_with_what_it_is_for(command):
    assert any(line.split() == [command, *purpose(command).split()] for line in overview().splitlines())
    assert purpose(command).endswith((".", "?"))


def test_a_reader_that_has_seen_enough_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nobody:
        done = subprocess.run([sys.executable, "-m", "scripts"], cwd=ROOT, stdout=nobody, stderr=subprocess.PIPE, text=True)
    assert done.stderr == ""


def test_the_list_comes_without_torch():
    program = "import runpy, sys; runpy.run_module('scripts', run_name='__main__'); assert 'torch' not in sys.modules"
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == f"{overview()}\n"


@pytest.mark.parametrize("name", sorted(command.split(".")[1] for command in LISTED if command.startswith("scripts.")))
def test_a_command_run_by_its_path_says_how_it_is_called(name, tmp_path):
    path = ROOT / "scripts" / f"{name}.py"
    done = subprocess.run([sys.executable, path, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"{name}: commands run from the project's folder with -m and without .py: python -m scripts.{name}"
    ]

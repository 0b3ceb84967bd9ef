"""The house rules that a machine can check: imports point down, and every command explains itself at once."""

import ast
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import COMMANDS, FILES, LEVEL, ROOT, module_of, room_of


def imported(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, also inside its functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names & set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    own = room_of(path)
    for other in imported(path) - {own}:
        assert LEVEL[other] < LEVEL[own], f"{own} imports {other}"
        assert own != "op", f"op stands alone, but imports {other}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/**/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_needs_another_one(path):
    """What several of them use has a file of its own, beside them."""
    modules = [node.module for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    assert not [module for module in modules if module and module.startswith("tests.") and ".test_" in module]


def test_the_commands_are_found():
    assert {path.name for path in COMMANDS} >= {"train.py", "prepare_data.py", "generate.py", "inspect.py"}


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_help_shows_an_example_without_loading_torch(path):
    module = module_of(path)
    program = f"""
import os, runpy, sys
os.environ.pop("GOMP_SPINCOUNT", None), os.environ.pop("OMP_WAIT_POLICY", None)
sys.argv = [{str(path)!r}, "--help"]
try:
    runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert not stop.code
assert "torch" not in sys.modules, "torch was imported"
assert "GOMP_SPINCOUNT" in os.environ, "threads was not imported before torch"
"""
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    example = f"python {path.name}" if path.parent == ROOT else f"python -m {module}"
    assert any(line.strip().startswith(example) for line in shown.stdout.splitlines())


DRAWING = [path for path in COMMANDS if "import drawing" in path.read_text() and room_of(path) != "studies"]


def test_the_drawing_commands_are_found():
    assert {path.name for path in DRAWING} >= {"generate.py", "style_mixing.py", "layer_swap.py", "apply_factor.py"}


@pytest.mark.parametrize("path", DRAWING, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_drawing_command_imports_what_it_draws_with_once_in_main(path):
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    importing = [one.name for one in functions if any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.walk(one))]
    assert importing == ["main"]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_command_runs_another_one(path):
    if room_of(path) == "benchmarks":
        pytest.skip("measures what commands do")
    called = {node.func.value.id for node in ast.walk(ast.parse(path.read_text())) if is_call_of_main(node)}
    assert not called


def is_call_of_main(node: ast.AST) -> bool:
    """other.main(...)"""
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
    return named and node.func.attr == "main"


EXAMPLES = [path for path in FILES if ">>> " in path.read_text()]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_in_docstrings_give_what_they_say(path):
    module = importlib.import_module(module_of(path))
    examples = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert examples
    assert [doctest.DocTestRunner().run(test).failed for test in examples] == [0] * len(examples)


COMMAND_ROOMS = {
    "train",
    "prepare_data",
    "projector",
    "closed_form_factorization",
    "apply_factor",
    "scripts",
    "cli",
    "flags",
    "newfolder",
    "drawing",
    "explorer",  # whose matter is to write lines of commands
}
LIBRARY = [path for path in FILES if room_of(path) not in COMMAND_ROOMS | {"benchmarks", "studies"}]
FLAG = re.compile(r"(?<![\w-])--[A-Za-z][\w-]*")
OF_OTHERS = {"--version", "--gpu-architecture", "--standalone", "--nproc_per_node"}  # of nvcc, gcc and torchrun
OF_ALL = {"--help"}  # of every command


def flags_in(nodes: list[ast.AST]) -> list[str]:
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [flag for text in texts for flag in FLAG.findall(text)]


def flags_declared(source: str) -> set[str]:
    """Those of the functions `add_arguments`, or `add_WHOSE_arguments`, of a module."""
    declares = re.compile(r"add_(\w+_)?arguments")
    functions = [node for node in ast.walk(ast.parse(source)) if declares.fullmatch(getattr(node, "name", None) or "")]
    return {flag for function in functions for flag in flags_in(list(ast.walk(function)))}


def flags_spelled(source: str) -> list[str]:
    """Flags in the texts of a module, but for docstrings and the flags of other programs."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    return [flag for flag in flags_in([node for node in nodes if node not in docstrings]) if flag not in OF_OTHERS | OF_ALL]


DECLARED = {room: set() for room in map(room_of, LIBRARY)}
for file in LIBRARY:
    DECLARED[room_of(file)] |= flags_declared(file.read_text())
DECLARED["training"] |= DECLARED["running"]  # training/flags.py takes them along


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_flag_is_spelled_in_the_library_but_by_the_room_that_declares_it(path):
    assert not set(flags_spelled(path.read_text())) - DECLARED[room_of(path)]


def test_a_spelled_flag_is_noticed():
    assert flags_spelled('"""--seeds 0"""\nraise InputError(f"--seeds {text}: no; leave --out out")') == ["--seeds", "--out"]
    declaration = 'def add_arguments(group):\n    group.add_argument("--seeds", help="one for each person")'
    assert flags_declared(declaration) == {"--seeds"} and not flags_declared('"--seeds"')


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_knows_no_command_line(path):
    declares = "def add_arguments(" in path.read_text()
    assert "cli" not in imported(path) or declares

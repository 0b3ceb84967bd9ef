"""Every flag that a message names exists in the command that can say it.

Read from the sources: what a command can reach (its functions, what they call, and the methods whose names they use) is
searched for texts with flags in them. "prepare_data.py --crop" speaks of the flag of another command, which must have it.
"""

import ast
import importlib
import re
from functools import cache

import pytest

from tests.house import COMMANDS, FILES, module_of

FLAG = re.compile(r"(?<![\w'-])--([A-Za-z]\w*)")
STRANGERS = re.compile(r"\b(torchrun|pip|git)\b")  # programs with flags of their own
PLACEHOLDER = "flag"  # "write --flag=-1 when it begins with a minus"


MODULES = {module_of(path): ast.parse(path.read_text()) for path in FILES}
USERS = [module for module in map(module_of, COMMANDS) if not module.startswith(("benchmarks", "studies", "tests"))]


@cache
def flags_of(command: str) -> set[str]:
    return {flag.lstrip("-") for flag in importlib.import_module(command).parser()._option_string_actions}


@cache
def imports(module: str) -> dict[str, tuple[str, ...]]:
    """What a name of a module stands for: (module,) or (module, name in it)."""
    found = {}
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name: (alias.name,) for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found[alias.asname or alias.name] = (whole,) if whole in MODULES else (node.module, alias.name)
    return found


@cache
def definitions(module: str) -> dict[str, ast.AST]:
    return {node.name: node for node in MODULES[module].body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def resolved(module: str, name: str) -> list[tuple[str, str]]:
    """Where a name is defined, followed through packages that pass it on: one place or none."""
    while module in MODULES:
        if name in definitions(module):
            return [(module, name)]
        module, name = (*imports(module).get(name, ()), "", "")[:2]
    return []


@cache
def mentions(module: str, node: ast.AST) -> tuple[set[tuple[str, str]], set[str]]:
    """The functions and classes that a piece of code names, and the attributes it uses."""
    places, attributes = set(), set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            places.update(resolved(module, part.id))
        elif isinstance(part, ast.Attribute):
            attributes.add(part.attr)
            if isinstance(part.value, ast.Name) and len(other := imports(module).get(part.value.id, ())) == 1:
                places.update(resolved(other[0], part.attr))
    return places, attributes


def bodies(node: ast.AST, used: set[str]) -> list[ast.AST]:
    """A function; of a class what is run: methods whose name is used somewhere, and what stands outside of methods."""
    if isinstance(node, ast.FunctionDef):
        return [node]
    return [part for part in node.body if not isinstance(part, ast.FunctionDef) or part.name in used or part.name[:2] == "__"]


def reached(command: str) -> list[ast.AST]:
    places, used = {(command, name) for name in definitions(command)}, set()
    while True:
        nodes = [(module, part) for module, name in places for part in bodies(definitions(module)[name], used)]
        found = [mentions(module, node) for module, node in nodes]
        more, attributes = places.union(*(some for some, _ in found)), used.union(*(some for _, some in found))
        if (more, attributes) == (places, used):
            return [node for _, node in nodes]
        places, used = more, attributes


@cache
def texts(node: ast.AST) -> list[str]:
    """All but docstrings and single words, {} where values go."""
    inner = {id(part) for text in ast.walk(node) if isinstance(text, ast.JoinedStr) for part in ast.walk(text)}
    inner |= {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Expr)}
    whole = [part for part in ast.walk(node) if isinstance(part, ast.JoinedStr)]
    found = ["".join(str(value.value) if isinstance(value, ast.Constant) else "{}" for value in part.values) for part in whole]
    plain = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and id(part) not in inner]
    return [text for text in [*found, *plain] if isinstance(text, str) and " " in text.strip()]


def strange_flags(text: str, command: str) -> list[str]:
    """The flags in a text that neither the command has, nor another one that is named before them."""
    found = []
    for flag in FLAG.finditer(text):
        before = text[: flag.start()]
        others = [other for other in USERS if re.search(rf"\b{re.escape(other)}\b", before)]
        known = flags_of(command).union({PLACEHOLDER}, *map(flags_of, others))
        if flag[1] not in known and not STRANGERS.search(before):
            found.append(f"--{flag[1]} in {text[:80]!r}")
    return found


@pytest.mark.parametrize("command", USERS)
def test_messages_name_flags_that_exist(command):
    assert not [strange for node in reached(command) for text in texts(node) for strange in strange_flags(text, command)]


def test_what_a_command_can_say_is_found():
    said = [text for node in reached("scripts.cartoonize") for text in texts(node)]
    assert any("no face with two visible eyes found" in text for text in said)  # three calls away
    assert not any("no crop of" in text for text in said)  # of scripts.align, which it never calls
    assert strange_flags("raise it by --max_pixels", "projector") and not strange_flags(
        "raise it by --max_pixels", "prepare_data"
    )
    assert not strange_flags("prepare_data.py --crop top", "train")

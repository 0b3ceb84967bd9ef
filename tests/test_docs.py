"""The documents promise only what is there: links lead somewhere, and every flag that a command line shows exists."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
COMMAND = re.compile(r"python3? (?:-m )?((?:scripts\.|benchmarks\.|studies\.|tests\.soak\.)?\w+)(?:\.py)?(?= )(.*)")


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def command_lines(page: Path) -> list[tuple[str, list[str]]]:
    """(module, words) of every command that a page shows, continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", page.read_text("utf-8"))
    return [(match[1], shlex.split(re.split(r"[`#|]|\[flags\]", match[2])[0])) for match in COMMAND.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_flags_of_shown_commands_exist(page):
    for module, words in command_lines(page):
        if not (ROOT / (module.replace(".", "/") + ".py")).exists():
            continue  # a program of somebody else
        known = importlib.import_module(module).parser()._option_string_actions
        for word in words:
            flag = word.partition("=")[0]
            if re.fullmatch(r"--?[A-Za-z_-]+", flag):
                assert flag in known or flag.replace("-", "_").replace("__", "--", 1) in known, f"{module} has no {flag}"


def test_command_lines_are_found():
    assert sum(len(command_lines(page)) for page in PAGES) > 40

"""The example of docs/adding-a-command.md works as printed."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from editing import latents
from tests.commands import failure, run
from tests.networks import tiny_generator
from tests.scripts.sheets import cells, differ, people, saved, shown, told

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-a-command.md"


@pytest.fixture
def command(monkeypatch):
    """Its files as modules, under the names that the document gives them."""
    text = DOCUMENT.read_text("utf-8")
    names = re.findall(r"`(\w+)/(\w+)\.py`[;:]", text)
    codes = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for (folder, name), code in zip(names, codes, strict=True):
        module = ModuleType(f"{folder}.{name}")
        exec(compile(code, f"{folder}/{name}.py", "exec"), module.__dict__)
        monkeypatch.setitem(sys.modules, f"{folder}.{name}", module)
        monkeypatch.setattr(importlib.import_module(folder), name, module, raising=False)
    return module


def test_people_stand_beside_the_one_half_way_between_them(command, cartoon, file, tmp_path, capsys):
    photo = tiny_generator(seed=2)
    source = saved(tmp_path / "photo.pt", photo)
    run(command, "--ckpt", file, "--source", source, "--seeds", "3,7", "--outdir", tmp_path / "out", "--device", "cpu")
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "out" / "sheet.png")
    drawn = cells(tmp_path / "out" / "sheet.png", columns=3, rows=2)
    for row, network in zip(drawn, (photo, cartoon)):
        mean = shown(network, latents.people(network, [3, 7]).mean(0, keepdim=True))
        assert differ(row, np.concatenate([people(network, 3, 7), mean])) <= 2
    text = {"seeds": "3,7", "truncation": "1.0", "ckpt": str(file), "source": str(source)}
    assert told(tmp_path / "out" / "sheet.png") == text
    assert (tmp_path / "out" / "command.txt").read_text().startswith("python -m scripts.family --ckpt ")


def test_wrong_input_is_told_with_its_flag(command, file, tmp_path, capsys):
    assert "--seeds 3-1: " in failure(capsys, command, "--ckpt", file, "--seeds", "3-1", "--outdir", tmp_path / "out")
    assert "GiB" in failure(capsys, command, "--ckpt", file, "--seeds", "0-99999", "--outdir", tmp_path / "out")
    assert not (tmp_path / "out").exists()

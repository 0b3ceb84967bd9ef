"""studies.translation: a page for translators of rendered faces, and shares that tell who kept the glasses."""

import pytest
import torch
from PIL import Image

import checkpoint
from metrics.attributes import regressor
from metrics.attributes.ruler import Ruler
from studies import translation
from studies.glasses import kept
from tests.commands import failure, run
from translation.networks import Generator


@pytest.fixture
def translator(tmp_path):
    torch.manual_seed(0)
    checkpoint.write(tmp_path / "t.pt", {"genA2B": Generator(2, 1, 64, light=True).state_dict()}, manifest=False)
    return tmp_path / "t.pt"


def test_the_page_compares_translators_with_chance_and_the_renderer(networks, translator, tmp_path):
    words = ["--regressor", networks / "regressor.pt", "--people", 8, "--device", "cpu", "--out", tmp_path / "page"]
    run(translation, f"one={translator}", translator, *words)
    page = (tmp_path / "page" / "translation.md").read_text()
    assert "| attributes | one | t | the renderer's cartoon | chance |" in page
    assert "| pose: yaw, pitch, roll |" in page and "| the photo itself |" in page
    with Image.open(tmp_path / "page" / "translation.webp") as sheet:
        assert sheet.width > 8 * 64 and sheet.height > 4 * 64


def test_the_shipped_regressor_sees_who_wears_glasses():
    people = translation.worn_and_bare(12)
    ruler = Ruler(*regressor.read(), count=8)
    for domain in "AB":
        both = translation.rendered(people, domain)
        assert kept(*translation.worn(ruler, both)) == (1, 0, 1, 0, 1)
        assert kept(*translation.worn(ruler, both[::-1])) == (0, 1, -1, 0, 0)


def test_what_is_no_translator_is_said_in_a_line(networks, tmp_path, capsys):
    assert "no such file" in failure(capsys, translation, f"one={tmp_path / 'none.pt'}")
    assert "holds no genA2B" in failure(capsys, translation, networks / "source.pt")

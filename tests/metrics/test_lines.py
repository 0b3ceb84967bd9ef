"""metrics/lines: dotted lines are told from whole ones."""

import math

import pytest
import torch
from torch.nn import functional as F

from faces.rendered.synthetic import render, sample_attributes
from metrics import lines

SIZE = 64


@pytest.fixture(scope="module")
def cartoons():
    return render(sample_attributes(30, seed=5), size=SIZE, domain="B")


def dotted(images, gaps):
    """The dark lines are as light as what is beside them, wherever `gaps`."""
    across, _, _ = lines.bends(images.mean(1, keepdim=True))
    line = F.max_pool2d((across > lines.LEAST).float(), 3, 1, 1) > 0
    return torch.where(line & gaps, F.max_pool2d(images, 5, 1, 2), images)


def board():
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return {"dots": (rows // 2 + columns // 2) % 2 == 0, "dashes": (rows + columns) % 6 < 2}


@pytest.mark.parametrize("kind", ["dots", "dashes"])
def test_broken_lines_bend_along_as_well(cartoons, kind):
    whole, broken = lines.measure(cartoons), lines.measure(dotted(cartoons, board()[kind]))
    assert broken.beads > 2 * whole.beads
    halfway = lines.measure((cartoons + dotted(cartoons, board()[kind])) / 2)
    assert halfway.beads > 1.5 * whole.beads


def test_soft_pictures_lose_lines_and_have_no_more_beads(cartoons):
    whole, soft = lines.measure(cartoons), lines.measure(F.avg_pool2d(F.pad(cartoons, [2] * 4, mode="replicate"), 5, 1))
    assert soft.lines < whole.lines / 2
    assert not soft.beads > whole.beads


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 140])
def test_a_straight_line_has_no_beads_however_it_lies(degrees):
    angle = torch.tensor(math.radians(degrees))
    rows, columns = torch.meshgrid(torch.arange(SIZE) - SIZE / 2, torch.arange(SIZE) - SIZE / 2, indexing="ij")
    away = rows * angle.cos() + columns * angle.sin()
    found = lines.measure((1 - 2 * torch.exp(-away.square() / 2)).expand(1, 3, SIZE, SIZE))
    assert found.beads < 0.08
    assert 0.5 / SIZE < found.lines < 3 / SIZE


def test_a_dot_is_all_bead_and_nothing_is_no_line():
    rows, columns = torch.meshgrid(torch.arange(SIZE) - SIZE / 2, torch.arange(SIZE) - SIZE / 2, indexing="ij")
    dot = 1 - 2 * torch.exp(-(rows.square() + columns.square()) / 2).expand(1, 3, SIZE, SIZE)
    assert lines.measure(dot).beads > 0.6
    assert lines.measure(torch.ones(1, 3, SIZE, SIZE)).lines == 0

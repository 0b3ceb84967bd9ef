"""Style mixing: which layers come from whom."""

import pytest
import torch

from editing import style_mixing


@pytest.fixture
def rows():
    return torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def columns():
    return torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(1))


def test_no_layer_leaves_the_first_person_and_all_give_the_second(rows, columns):
    anna, bert = rows[:2], columns
    assert torch.equal(style_mixing.mix(anna, bert, []), anna)
    assert torch.equal(style_mixing.mix(anna, bert, range(6)), bert)


@pytest.mark.parametrize("layers", [[0], [1, 4], [0, 1, 2, 5]])
def test_each_layer_comes_from_one_person_and_the_rest_swaps_roles(rows, columns, layers):
    anna, bert = rows[:2], columns
    mixed = style_mixing.mix(anna, bert, layers)
    for layer in range(6):
        assert torch.equal(mixed[:, layer], (bert if layer in layers else anna)[:, layer])
    assert torch.equal(style_mixing.mix(bert, anna, [layer for layer in range(6) if layer not in layers]), mixed)


def test_a_grid_holds_every_pair(rows, columns):
    table = style_mixing.grid(rows, columns, [2, 3])
    assert table.shape == (3, 2, 6, 8)
    for r, row in enumerate(rows):
        for c, column in enumerate(columns):
            assert torch.equal(table[r, c], style_mixing.mix(row[None], column[None], [2, 3])[0])


def test_layers_one_by_one_differ_in_that_layer_only(rows, columns):
    anna, bert = rows[:2], columns
    steps = style_mixing.one_by_one(anna, bert, [4, 1])
    assert steps.shape == (2, 2, 6, 8)
    for i, layer in enumerate([4, 1]):
        others = [other for other in range(6) if other != layer]
        assert torch.equal(steps[:, i, layer], bert[:, layer])
        assert torch.equal(steps[:, i, others], anna[:, others])

"""studies.sefa: rulers that know the answer, and movements that are planted."""

import math

import pytest
import torch

import checkpoint
from faces.rendered.synthetic import render, sample_attributes
from metrics.attributes.ruler import pearson
from studies import sefa
from tests.commands import failure, run
from tests.networks import tiny_generator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rulers():
    return sefa.fit(32)


def test_rulers_read_the_attributes_of_faces_they_have_not_seen(rulers):
    attributes = sample_attributes(200, seed=99)
    readings = rulers.read(render(attributes, 32, "A", 99))
    assert {"skin", "hair_dark", "bg_hue", "light"} <= set(rulers.names)
    for name, values in zip(rulers.names, readings.T):
        true = attributes[name]
        if sefa.hue(name):
            apart = torch.remainder(values - math.tau * true + math.pi, math.tau) - math.pi
            assert apart.abs().mean() < 0.3
        else:
            assert pearson(values[:, None], true[:, None]) > sefa.LEAST_R - 0.05


def test_a_ruler_says_which_attribute_was_turned(rulers):
    attributes = sample_attributes(40, seed=5)
    steps = []
    for value in torch.linspace(0.2, 0.8, 7).tolist():
        images = render(attributes | {"skin": torch.full((40,), value)}, 32, "A", 5)
        steps.append(rulers.read(images))
    unit = rulers.read(render(sample_attributes(200, seed=6), 32, "A", 6)).std(0)
    first, *others = sefa.movements(sefa.unrolled(torch.stack(steps), rulers.names) / unit, rulers.names)
    assert (first.name, first.people, first.steady, first.sure) == ("skin", 1.0, True, True)
    assert all(abs(other.by) < abs(first.by) / 2 for other in others)


def test_movements_are_steady_only_if_every_step_goes_one_way():
    steps = torch.arange(7.0)
    series = {"up": steps, "down": -2 * steps, "turning": (steps - 2).abs(), "still": 0 * steps}
    readings = torch.stack(list(series.values()), dim=1)[:, None].repeat(1, 5, 1)
    found = {movement.name: movement for movement in sefa.movements(readings, list(series))}
    assert (found["up"].by, found["up"].people, found["up"].sure) == (6, 1, True)
    assert (found["down"].by, found["down"].people, found["down"].sure) == (-12, 1, True)
    assert not found["turning"].sure and not found["still"].sure


def test_people_are_counted_one_by_one():
    steps = torch.arange(7.0)
    readings = torch.stack([steps, steps, steps, steps, -steps / 10], dim=1)[..., None]
    (movement,) = sefa.movements(readings, ["x"])
    assert movement.people == pytest.approx(0.8) and movement.sure


def test_rank_correlation_sees_order_alone():
    steps = torch.arange(7.0)
    series = torch.stack([steps.exp(), -(steps**3), steps[[1, 0, 2, 3, 4, 5, 6]]], dim=1)
    assert sefa.rank_correlation(series).tolist() == pytest.approx([1, -1, 1 - 6 * 2 / (7 * 48)])


def test_hues_go_on_beyond_half_a_turn():
    true = torch.linspace(0, 7, 12)
    wrapped = torch.remainder(true + math.pi, math.tau) - math.pi
    readings = torch.stack([wrapped, wrapped], dim=1)[:, None]
    found = sefa.unrolled(readings, ["bg_hue", "yaw"])
    torch.testing.assert_close(found[:, 0, 0], true, atol=1e-5, rtol=0)
    assert torch.equal(found[:, 0, 1], wrapped)


def test_a_row_says_what_goes_surely_and_what_else_goes():
    movements = [
        sefa.Movement("a", -2, 0.5, True),
        sefa.Movement("b", 1.5, 0.9, True),
        sefa.Movement("c", 1, 0.85, True),
        sefa.Movement("d", 0.5, 1, True),
    ]
    assert sefa.row(3, movements) == "| 3 | b | +1.5 | 90% | c +1.0 | a -2.0 |"
    assert sefa.row(0, movements[:1]) == "| 0 | nothing surely | | | | a -2.0 |"


def test_the_command_prints_a_row_for_each_direction(tmp_path, capsys, monkeypatch, rulers):
    monkeypatch.setattr(sefa, "fit", lambda size: rulers)
    checkpoint.write(tmp_path / "network.pt", {"g_ema": tiny_generator().state_dict()}, manifest=False)
    run(sefa, "--ckpt", tmp_path / "network.pt", "--n", 2, "--directions", 3)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split(" ")[1] for row in rows] == ["direction", "0", "1", "2"]


@pytest.mark.parametrize(
    "words, message",
    [(["--ckpt", "missing.pt"], "--ckpt missing.pt: no such file"), (["-d", "0"], "/-d: 0: must be above 0")],
    ids=" ".join,
)
def test_wrong_input_gets_one_line(capsys, words, message):
    assert message in failure(capsys, sefa, *words)

"""The ruler: its definitions as laws, on a regressor that has learnt nothing. test_regressor.py is about the shipped one."""

import math

import pytest
import torch

from errors import InputError
from metrics.attributes import ruler as rulers
from metrics.attributes.regressor import OUTPUTS, Reading, Regressor
from metrics.attributes.ruler import Ruler, attribute_spread, believed, kept_at_style, nearest_ratio, pearson
from tests.networks import tiny_generator

COUNT = 24


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def trusted(value=1.0):
    return {domain: dict.fromkeys(OUTPUTS, value) for domain in "AB"}


@pytest.fixture(scope="module")
def ruler():
    torch.manual_seed(0)
    return Ruler(Regressor().eval(), trusted(), count=COUNT)


@pytest.fixture(scope="module")
def source(ruler):
    return ruler.read_people(tiny_generator())


def shuffled(reading):
    order = torch.randperm(len(reading.values), generator=torch.Generator().manual_seed(1))
    return Reading(*(values[order] for values in reading))


def test_correlation_knows_no_unit_and_no_sign_but_its_own():
    x, y = normal(50, 3), normal(50, 3, seed=1)
    expected = torch.stack([torch.corrcoef(torch.stack([a, b]))[0, 1] for a, b in zip(x.T, y.T)])
    assert torch.allclose(pearson(x, y), expected)
    assert torch.allclose(pearson(5 * x - 2, -0.1 * y), -expected)
    assert torch.equal(pearson(x, torch.ones(50, 3)), torch.zeros(3, dtype=torch.float64))
    with pytest.raises(InputError, match="at least 3 pictures, got 2"):
        pearson(x[:2], y[:2])


def test_an_attribute_counts_where_both_domains_are_read_well():
    truth = trusted(0.9)
    truth["A"]["gaze_x"] = truth["B"]["smile"] = 0.84
    truth["A"]["brow"] = 0.85
    counted = believed(truth)
    assert {"yaw", "skin", "glasses", "brow"} <= set(counted)
    assert not {"gaze_x", "smile", "light", "bg_hue.sin"} & set(counted)  # light and backdrop are not the person's


def test_a_regressor_that_reads_nothing_is_refused():
    with pytest.raises(InputError, match="reads no attribute"):
        Ruler(Regressor().eval(), trusted(0.5), count=4)


def test_the_source_itself_keeps_everything_and_has_no_style(ruler, source):
    found = ruler.measure(source, source)
    assert found.agreement == pytest.approx(1)
    assert (found.style, found.style_last) == pytest.approx((0, 0), abs=1e-12)
    assert set(found.attributes) == set(ruler.outputs)
    assert found.kept == pytest.approx(1 / ruler.ceiling, rel=0.2)
    assert math.isnan(found.nearest)


def test_somebody_else_keeps_nothing(ruler, source):
    people = [ruler.measure(source, shuffled(source)), ruler.measure(source, ruler.cartoons)]
    for found in people:
        assert abs(found.agreement) < 0.5  # correlations of 24 people are about 0.2 by chance
    assert people[0].style == pytest.approx(0, abs=1e-9)  # style does not ask who is who


def test_fresh_cartoons_have_all_the_style(ruler, source):
    fresh = ruler.read(rulers.rendered(COUNT, "B", rulers.SEED + 1))
    found = ruler.measure(source, fresh, training=ruler.cartoons)
    assert (found.style, found.style_last) == pytest.approx((1, 1))
    assert found.distance == pytest.approx(ruler.between["B, B'"])


def test_the_renderer_is_the_ceiling(ruler):
    photos = ruler.read(rulers.rendered(COUNT, "A", rulers.SEED))
    found = ruler.measure(photos, ruler.cartoons)
    assert found.agreement == pytest.approx(ruler.ceiling)
    assert found.kept == pytest.approx(1)
    assert found.spread == pytest.approx(1)
    assert ruler.between["B, B'"] < ruler.between["A, B"]


def test_people_are_the_same_for_every_network(ruler, source):
    again = ruler.read_people(tiny_generator())
    assert torch.equal(again.values, source.values)
    noise = [torch.zeros_like(layer) for layer in tiny_generator().stored_noise()]
    assert not torch.equal(ruler.read_people(tiny_generator(), noise).values, source.values)


def test_a_data_set_is_read_as_its_pictures_are(ruler):
    pixels = torch.randint(0, 256, (55, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = ruler.read_images(list(pixels))
    assert len(found.values) == 55
    assert torch.allclose(found.values, ruler.read(pixels.float() / 127.5 - 1).values, atol=1e-4)


def test_sets_of_other_sizes_are_refused(ruler, source):
    short = Reading(*(values[:10] for values in source))
    with pytest.raises(InputError, match="target: 10 pictures, but this ruler compares sets of 24"):
        ruler.measure(source, short)


def test_spread_is_the_ratio_of_standard_deviations():
    values = normal(400, 3)
    assert attribute_spread(0.5 * values + 7, values) == pytest.approx(0.5)
    assert attribute_spread(torch.zeros(400, 3), values) == 0


def test_memorised_pictures_are_nearer_than_fresh_ones():
    training, fresh = normal(50, 4), normal(50, 4, seed=1)
    assert nearest_ratio(training[:20], fresh, training) == pytest.approx(0, abs=1e-6)
    assert nearest_ratio(fresh, fresh, training) == 1
    assert nearest_ratio(normal(50, 4, seed=2) + 5, fresh, training) > 2


def test_structure_is_compared_at_equal_style():
    curve = [(0.0, 1.0), (0.4, 0.9), (0.8, 0.5), (0.7, 0.4), (0.9, 0.3)]
    assert kept_at_style(curve, 0.0) == 1.0
    assert kept_at_style(curve, 0.6) == pytest.approx(0.7)
    assert kept_at_style(curve, 0.75) == pytest.approx(0.55)  # the first time
    assert kept_at_style(curve, 0.9) == pytest.approx(0.3)
    assert math.isnan(kept_at_style(curve, 0.95))

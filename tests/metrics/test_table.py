"""The table of metrics: every entry measures what it says, and asks for what it needs."""

import dataclasses
import subprocess
import sys
from contextlib import nullcontext

import pytest
import torch

from errors import InputError
from metrics import distances
from metrics.attributes import regressor, ruler
from metrics.features import of_generator, of_images
from metrics.table import METRICS, SCORES, Subject
from tests.networks import tiny_generator
from utils import eight_bits, seeded_normal
from vision.features import pixels


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(ruler, "COUNT", 40)


@pytest.fixture(scope="module")
def subject():
    generator = torch.Generator().manual_seed(0)
    images = list(eight_bits(torch.rand(12, 3, 16, 16, generator=generator) * 2 - 1))
    torch.manual_seed(0)
    reader = regressor.Regressor().eval(), {domain: dict.fromkeys(regressor.OUTPUTS, 1.0) for domain in "AB"}
    network, sets = tiny_generator(), (of_generator(tiny_generator(), range(10), pixels), of_images(images, pixels))
    return Subject(*sets, network, pixels, n=10, source=tiny_generator(1), images=images, regressor=reader)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_gives_the_numbers_that_it_has_labels_for(subject, name):
    numbers = METRICS[name].measure(subject)
    assert set(METRICS[name].labels) <= set(numbers)
    assert all(isinstance(numbers[label], float) for label in METRICS[name].labels)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_takes_as_few_pictures_as_it_says_and_no_fewer(subject, name):
    metric = METRICS[name]
    if metric.looks == "source":
        return
    for count in (metric.fewest, metric.fewest - 1):
        few = dataclasses.replace(subject, fake=subject.fake[:count], real=subject.real[:count], n=count)
        with nullcontext() if count == metric.fewest else pytest.raises(InputError, match=f"at least {metric.fewest} "):
            metric.measure(few)


@pytest.mark.parametrize("name", SCORES)
def test_a_score_is_one_number_and_least_for_the_data_set_itself(subject, name):
    assert METRICS[name].looks == "sets" and METRICS[name].labels.keys() == {name}
    itself = METRICS[name].measure(Subject(subject.real, subject.real))
    assert itself.keys() == {name} and itself[name] < METRICS[name].measure(subject)[name]


def test_kid_is_over_subsets_where_the_command_asks_and_of_all_in_a_training(subject):
    def kid(**options):
        return METRICS["kid"].measure(dataclasses.replace(subject, options=options))

    assert kid() == {"kid": distances.kernel_distance(subject.fake, subject.real).mean}
    assert kid(kid_subset=None)["kid_subset"] == 10
    assert kid(kid_subset=5)["kid_std"] > 0
    assert [METRICS["kid"].least(options) for options in ({}, {"kid_subset": None}, {"kid_subset": 7})] == [2, 2, 7]


def test_pictures_that_are_nearly_one_of_the_real_ones_are_precise_and_recall_little(subject):
    numbers = METRICS["pr"].measure(Subject(subject.real[:1] + 1e-3 * subject.fake, subject.real))
    assert numbers["precision"] == 1 > numbers["recall"]


@pytest.mark.slow
@torch.no_grad()
def test_a_person_is_drawn_by_the_fine_tuned_network_with_the_noise_of_the_source(subject):
    """As images that were drawn so show: they are the nearest ones."""
    z = seeded_normal(range(ruler.COUNT), 8)

    def nearest(network, noise):
        images = eight_bits(network.synthesis(network.broadcast(network.mapping(z)), noise.stored_noise()))
        return METRICS["structure"].measure(dataclasses.replace(subject, images=list(images)))["nearest"]

    photo, cartoon = subject.source, subject.generator
    assert nearest(cartoon, photo) < 0.5 * min(nearest(photo, photo), nearest(cartoon, cartoon))


def test_the_table_is_read_without_torch():
    program = "import sys, metrics.table; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

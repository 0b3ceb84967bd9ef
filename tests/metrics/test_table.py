"""The table of metrics: every entry measures what it says, and asks for what it needs."""

import subprocess
import sys

import pytest
import torch

from metrics import distances
from metrics.attributes import regressor
from metrics.table import METRICS, SCORES, Subject
from tests.networks import tiny_generator
from utils import eight_bits
from vision.features import pixels


@pytest.fixture(scope="module")
def subject():
    generator = torch.Generator().manual_seed(0)
    images = list(eight_bits(torch.rand(12, 3, 16, 16, generator=generator) * 2 - 1))
    torch.manual_seed(0)
    reader = regressor.Regressor().eval(), {domain: dict.fromkeys(regressor.OUTPUTS, 1.0) for domain in "AB"}
    return Subject(tiny_generator(), images, pixels, n=10, source=tiny_generator(1), regressor=reader)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_gives_the_numbers_that_it_has_labels_for(subject, name):
    numbers = METRICS[name].measure(subject)
    assert set(METRICS[name].labels) <= set(numbers)
    assert all(isinstance(numbers[label], float) for label in METRICS[name].labels)


@pytest.mark.parametrize("name", SCORES)
def test_a_score_is_one_number_and_least_for_the_data_set_itself(subject, name):
    real, fake = subject.real, subject.fake
    assert METRICS[name].labels.keys() == {name}
    assert METRICS[name].compare(real, real, {})[name] < METRICS[name].compare(fake, real, {})[name]


def test_features_are_made_once_for_all_metrics(subject):
    seen = []
    fresh = Subject(subject.generator, subject.images, lambda images: seen.append(len(images)) or pixels(images), n=10)
    for name in ("fid", "kid", "pr"):
        METRICS[name].measure(fresh)
    assert sum(seen) == 10 + 12


def test_kid_is_over_subsets_where_the_command_asks_and_of_all_in_a_training(subject):
    real, fake, kid = subject.real, subject.fake, METRICS["kid"]
    assert kid.compare(fake, real, {}) == {"kid": distances.kernel_distance(fake, real).mean}
    assert kid.compare(fake, real, {"kid_subset": None})["kid_subset"] == 10
    assert kid.compare(fake, real, {"kid_subset": 5})["kid_std"] > 0
    assert (kid.least({}), kid.least({"kid_subset": None}), kid.least({"kid_subset": 7})) == (2, 2, 7)


def test_the_table_is_read_without_torch():
    program = "import sys, metrics.table; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

"""Scores of a training: what they say of a generator that copies, collapses or draws something else."""

import pytest
import torch

from errors import InputError
from metrics.features import pictures
from metrics.scores import scorer
from metrics.table import SCORES
from tests.networks import tiny_generator
from utils import to_pixels
from vision.features import pixels


def drawn(generator, count):
    """uint8 [3, 16, 16] of each seed."""
    return list(to_pixels(torch.cat(list(pictures(generator, range(count))))).permute(0, 3, 1, 2))


@pytest.fixture(scope="module")
def images():
    """A data set that tiny_generator(1) has drawn, of the seeds 0 to 29."""
    return drawn(tiny_generator(1), 30)


@torch.no_grad()
def one_face():
    generator = tiny_generator(1)
    for name, parameter in generator.named_parameters():
        if name.endswith(("noise.weight", "modulation.weight")):
            parameter.zero_()
    return generator


def test_a_generator_that_draws_the_data_set_is_at_no_distance_and_copies_it(images):
    scores = scorer("fid", pixels, images, n=30, batch=7)(tiny_generator(1))
    assert abs(scores["fid"]) < 1e-6 and scores["nearness"] < 1e-6
    assert scores["spread"] == pytest.approx(1)


@pytest.mark.parametrize("name", SCORES)
def test_another_generator_is_farther_away(images, name):
    score = scorer(name, pixels, images, n=30)
    assert score(tiny_generator(2))[name] > score(tiny_generator(1))[name]
    assert score(tiny_generator(2))["nearness"] > 0.1


def test_a_generator_that_draws_one_face_has_no_spread(images):
    assert scorer("kid", pixels, images, n=10)(one_face())["spread"] < 1e-3


def test_spread_is_that_of_the_generator_in_units_of_the_data_set(images):
    narrow = [image // 2 for image in images]
    assert scorer("kid", pixels, narrow, n=30)(tiny_generator(1))["spread"] == pytest.approx(2, rel=0.02)


def test_the_same_pictures_are_judged_each_time_and_the_data_set_is_looked_at_once(images):
    class Watched(list):
        looks = 0

        def __getitem__(self, index):
            Watched.looks += isinstance(index, int)
            return super().__getitem__(index)

    score = scorer("kid", pixels, Watched(images), n=8)
    assert Watched.looks == 2  # a try
    Watched.looks = 0
    assert score(tiny_generator(2)) == score(tiny_generator(2))
    assert Watched.looks == len(images)


@pytest.mark.parametrize("name", SCORES)
def test_too_few_pictures_are_refused_before_the_training(images, name):
    with pytest.raises(InputError, match="at least 2 pictures, and there is 1; add some"):
        scorer(name, pixels, images[:1])
    scorer(name, pixels, images[:2], n=2)(tiny_generator(1))


def test_features_that_fail_do_so_before_the_training(images):
    with pytest.raises(InputError, match="not finite"):
        scorer("kid", lambda images: pixels(images) / 0, images)

"""From photo to cartoon in the library: each person as alone, drawn from what was found, and no strangers for parents."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import checkpoint
import utils
from editing import cartoon, latents
from editing.projection import Schedule
from editing.reach import Reach
from errors import InputError
from tests.networks import tiny_generator
from vision.perceptual import PixelDistance

SOURCE, TARGET = (tiny_generator(seed).eval().requires_grad_(False) for seed in (0, 1))
NUMBERS = np.random.default_rng(0)
PHOTOS = [Image.fromarray(NUMBERS.integers(0, 256, (*sides, 3), dtype=np.uint8)) for sides in ((16, 16), (24, 40))]


def people(photos, **options):
    return [*cartoon.cartoonize(SOURCE, TARGET, photos, PixelDistance(), schedule=Schedule(4), **options)]


def test_a_person_is_cut_projected_and_drawn_by_the_target():
    square, wide = people(PHOTOS)
    assert np.array_equal(square.photo, PHOTOS[0]) and wide.photo.size == (16, 16)  # a photo of this size, to the pixel
    for person in (square, wide):
        w_plus, (projected,) = person.found.latent, person.found.snapshots.values()
        assert w_plus.shape == (1, SOURCE.n_latent, 8) and person.found.noise is None
        assert np.array_equal(person.projected, utils.to_pictures(projected)[0])
        held = Reach.of(SOURCE).within(w_plus, cartoon.REACH)
        assert np.array_equal(person.cartoon, utils.to_pictures(latents.draw(TARGET, held))[0])


def test_somebody_comes_out_of_a_list_as_alone():
    for together, photo in zip(people(PHOTOS), PHOTOS, strict=True):
        (alone,) = people([photo])
        assert torch.equal(together.found.latent, alone.found.latent) and np.array_equal(together.cartoon, alone.cartoon)


@pytest.mark.parametrize("steps", [1, 20, 240])
def test_the_search_takes_long_steps_that_shrink_early_and_jitters_at_the_start_alone(steps):
    pace, published = replace(cartoon.SCHEDULE, steps=steps), Schedule(steps)
    rates, jitter = ([of(step) for step in range(steps)] for of in (pace.learning_rate, pace.jitter))
    falling = rates[math.ceil(0.4 * steps) :]
    assert falling == sorted(falling, reverse=True) and rates[0] == 0
    assert jitter[0] == published.jitter(0) > 0 and not any(jitter[math.ceil(0.2 * steps) :])
    assert steps < 20 or max(rates) == pytest.approx(3 * max(map(published.learning_rate, range(steps)))) == 0.3


def test_photos_are_opened_one_by_one():
    opened = []
    crowd = cartoon.cartoonize(
        SOURCE, TARGET, (opened.append(i) or PHOTOS[0] for i in range(3)), PixelDistance(), "w", Schedule(1)
    )
    next(crowd)
    assert opened == [0]


def test_psi_0_draws_the_average_of_the_source():
    average = utils.to_pictures(latents.draw(TARGET, SOURCE.broadcast(SOURCE.w_avg[None])))[0]
    assert all(np.array_equal(person.cartoon, average) for person in people(PHOTOS, psi=0.0))


def test_a_target_of_other_latents_is_no_child_and_a_stranger_is_pointed_out(tmp_path, capsys):
    checkpoint.write(tmp_path / "wide.pt", {"g_ema": tiny_generator(size=32).state_dict()})
    with pytest.raises(InputError, match=r"wide\.pt: has 32 px .* s\.pt 16 px .* no child"):
        cartoon.open_target(tmp_path / "wide.pt", SOURCE, "s.pt")
    checkpoint.write(tmp_path / "t.pt", {"g_ema": TARGET.state_dict()})
    opened = cartoon.open_target(tmp_path / "t.pt", SOURCE, "s.pt")
    assert checkpoint.fingerprint(opened.state_dict()) == checkpoint.fingerprint(TARGET.state_dict())
    assert "t.pt looks unrelated to s.pt" in capsys.readouterr().err

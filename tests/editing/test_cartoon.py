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
    return [*cartoon.cartoonize(SOURCE, TARGET, photos, PixelDistance(), **{"schedule": Schedule(4), "tune": 3} | options)]


def test_a_person_is_cut_projected_and_drawn_by_the_target():
    square, wide = people(PHOTOS, tune=0, psi=1.0)
    assert np.array_equal(square.photo, PHOTOS[0]) and wide.photo.size == (16, 16)  # a photo of this size, to the pixel
    for person in (square, wide):
        w_plus = person.found.latent
        assert w_plus.shape == (1, SOURCE.n_latent, 8) and person.found.noise is None and person.networks == (SOURCE, TARGET)
        assert np.array_equal(person.projected, utils.to_pictures(latents.draw(SOURCE, w_plus))[0])
        held = Reach.of(SOURCE).within(w_plus, cartoon.REACH)
        assert np.array_equal(person.cartoon, utils.to_pictures(latents.draw(TARGET, held))[0])


def test_nobody_is_found_further_away_than_allowed():
    reach = Reach.of(SOURCE)
    for most in (0.5, 100.0):
        (person,) = people(PHOTOS[:1], tune=0, most=most, space="w", schedule=Schedule(20))
        w = person.found.latent
        torch.testing.assert_close(reach.within(w, most), w)
        assert (most == 100) == (not torch.allclose(reach.within(w, 0.5), w, atol=1e-3))


def test_networks_are_bent_to_each_person_alone():
    before = checkpoint.fingerprint(SOURCE.state_dict()), checkpoint.fingerprint(TARGET.state_dict())
    plain, bent = (people(PHOTOS, tune=steps, psi=1.0) for steps in (0, 30))
    assert before == (checkpoint.fingerprint(SOURCE.state_dict()), checkpoint.fingerprint(TARGET.state_dict()))
    apart = lambda person: np.abs(np.asarray(person.projected, float) - np.asarray(person.photo)).mean()
    for one, other in zip(plain, bent, strict=True):
        assert torch.equal(one.found.latent, other.found.latent) and apart(other) < 0.9 * apart(one)
        assert not np.array_equal(one.cartoon, other.cartoon)
        redrawn = (utils.to_pictures(latents.draw(network, other.found.latent))[0] for network in other.networks)
        assert all(map(np.array_equal, redrawn, (other.projected, other.cartoon)))


def test_a_target_of_other_widths_takes_nothing(capsys):
    slim = tiny_generator(channels={4: 4, 8: 4, 16: 4})
    for person, plain in zip(*([*cartoon.cartoonize(SOURCE, slim, PHOTOS, PixelDistance(), schedule=Schedule(2), tune=n)]
                               for n in (2, 0))):  # fmt: skip
        assert np.array_equal(person.cartoon, plain.cartoon) and not np.array_equal(person.projected, plain.projected)


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

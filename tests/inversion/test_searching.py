"""An encoder in front of a search, and in it."""

import pytest
import torch

from editing import projection
from editing.projection import Schedule
from inversion.encoder import Encoder
from inversion.searching import held, starter
from tests.networks import CHANNELS, tiny_discriminator, tiny_generator
from vision.perceptual import DiscriminatorDistance

DISTANCE = DiscriminatorDistance(tiny_discriminator(2).requires_grad_(False))


def faces(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def pair():
    generator = tiny_generator().requires_grad_(False)
    torch.manual_seed(0)
    encoder = Encoder(16, 8, CHANNELS, 6).eval().requires_grad_(False)
    encoder.convs[-1].weight.mul_(0.1)
    return encoder, generator


def found(generator, space, steps, start, distance=DISTANCE, batch=2, **settings):
    schedule = Schedule(steps=steps, **settings)
    parts = projection.find(generator, distance, [*faces()], space, schedule, start=start, batch=batch, fixed_noise=True)
    return projection.joined([*parts])


@pytest.mark.parametrize("space", ["w", "w+"])
def test_no_step_is_what_the_encoder_says_of_each_photo(pair, space):
    encoder, generator = pair
    w_plus = encoder.w_plus(faces(), generator)
    result = found(generator, space, 0, starter(encoder, generator, space))
    torch.testing.assert_close(result.latent, w_plus if space == "w+" else w_plus.mean(1))
    assert result.distances.shape == result.mse.shape == (0, 3) and result.noise is None


def test_a_search_begins_there(pair):
    encoder, generator = pair
    still = found(generator, "w+", 1, starter(encoder, generator, "w+"), lr=1e-9, noise=0.0)
    torch.testing.assert_close(still.latent, encoder.w_plus(faces(), generator))
    assert starter(None, generator, "w+") is None


def test_where_the_weight_is_nothing_the_distance_stays(pair):
    assert held(DISTANCE, *pair, None) is DISTANCE and held(DISTANCE, *pair, 0.0) is DISTANCE
    assert held(DISTANCE, None, pair[1], None) is DISTANCE


def test_the_distance_gains_what_the_encoder_sees(pair):
    encoder, generator = pair
    ours, theirs = faces(), faces().flip(0)
    apart = (encoder.w_plus(ours, generator) - encoder.w_plus(theirs, generator)).square().sum(2).mean(1)
    expected = DISTANCE(ours, theirs) + 3 * apart / projection.latent_spread(generator) ** 2
    torch.testing.assert_close(held(DISTANCE, encoder, generator, 3.0)(ours, theirs), expected)


def test_a_heavy_weight_holds_the_search_where_the_encoder_says_the_same(pair):
    encoder, generator = pair
    encoder.convs[-1].weight.mul_(10)  # a random one hardly tells pictures apart
    apart = []
    for weight in (0.0, 1000.0):
        distance = held(DISTANCE, encoder, generator, weight)
        latent = found(generator, "w+", 30, starter(encoder, generator, "w+"), distance, noise=0.0).latent
        drawn = generator.synthesis(latent, generator.stored_noise())
        apart.append((encoder.w_plus(drawn, generator) - encoder.w_plus(faces(), generator)).square().mean())
    assert apart[1] < 0.8 * apart[0]

"""editing.reach: who is usual stays, who is not comes back, along each axis on its own."""

import pytest
import torch

from editing import latents
from editing.reach import Reach
from tests.networks import tiny_generator

SOURCE = tiny_generator(0)
REACH = Reach.of(SOURCE)


@pytest.fixture
def people():
    return latents.people(SOURCE, range(8))


def coordinates(w_plus):
    return ((w_plus - REACH.centre) @ REACH.axes[0] / REACH.spread[0].clamp(min=1e-12)).abs()


def test_whoever_is_within_stays(people):
    assert torch.allclose(REACH.within(people, 100), people, atol=1e-5)


def test_nobody_is_further_than_allowed_and_who_was_brought_back_stays(people):
    far = SOURCE.w_avg + 5 * (people - SOURCE.w_avg)
    near = REACH.within(far, 1.5)
    assert coordinates(far).max() > 3 and coordinates(near)[..., REACH.spread[0] > 1e-6].max() <= 1.501
    assert torch.allclose(REACH.within(near, 1.5), near, atol=1e-5)


def test_an_axis_that_is_usual_is_left_alone(people):
    """Unlike by truncation, where an extreme in one axis shortens all."""
    usual, axis = REACH.within(people, 0.5), REACH.axes[0][:, -1] * REACH.spread[0][-1]
    strange = usual + 40 * axis
    apart = (REACH.within(strange, 1.0) - usual) @ REACH.axes[0]
    assert apart[..., :-1].abs().max() < 1e-4 and (apart[..., -1] > 0).all()


def test_people_of_a_network_spread_by_one_along_each_axis():
    w = torch.cat([SOURCE.mapping(torch.randn(4000, SOURCE.style_dim, generator=torch.Generator().manual_seed(9)))])
    along = (w - REACH.centre) @ REACH.axes[0]
    assert torch.allclose(along.std(0), REACH.spread[0], rtol=0.1, atol=1e-4)


def test_nobody_reaches_further_than_the_average_at_0(people):
    assert torch.allclose(REACH.within(people, 0), SOURCE.broadcast(SOURCE.w_avg[None]).expand_as(people), atol=1e-5)


def test_networks_whose_layers_differ_have_axes_for_each(people):
    class Layered:
        style_dim, n_latent, device = SOURCE.style_dim, 2, SOURCE.device
        w_avg = torch.stack([SOURCE.w_avg, 2 * SOURCE.w_avg])

        def mapping(self, z):
            w = SOURCE.mapping(z)
            return torch.stack([w, 2 * w], 1)

    reach = Reach.of(Layered())
    pair = torch.stack([people[:, 0], 2 * people[:, 0]], 1)
    held = reach.within(pair, 0.7)
    assert torch.allclose(held[:, 1], 2 * held[:, 0], atol=1e-4)
    assert torch.allclose(held[:, 0], REACH.within(people, 0.7)[:, 0], atol=1e-4)

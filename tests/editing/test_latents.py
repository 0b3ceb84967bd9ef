"""Latents of people: the same person for the same seed, and the truncation trick."""

import pytest
import torch

import utils
from checkpoint import BlendedGenerator
from editing import latents
from errors import InputError
from model import truncate
from tests.networks import CHANNELS, tiny_generator

SEEDS = [5, 0, 17]


def test_a_seed_is_a_person_whose_z_is_mapped_and_broadcast():
    generator = tiny_generator()
    w_plus = latents.people(generator, SEEDS)
    assert w_plus.shape == (3, generator.n_latent, 8)
    expected = generator.broadcast(generator.mapping(utils.seeded_normal(SEEDS, 8)))
    assert torch.equal(w_plus, expected)
    assert not w_plus.requires_grad


def test_a_person_does_not_depend_on_the_company():
    generator = tiny_generator()
    together = latents.people(generator, SEEDS, psi=0.6)
    for person, seed in zip(together, SEEDS):
        torch.testing.assert_close(person, latents.people(generator, [seed], psi=0.6)[0], atol=1e-6, rtol=1e-5)


def test_a_person_is_shared_by_all_generators_with_the_same_mapping_network():
    source, target = tiny_generator(seed=1), tiny_generator(seed=2)
    target.style.load_state_dict(source.style.state_dict())
    assert torch.equal(latents.people(source, SEEDS, 0.7), latents.people(target, SEEDS, 0.7))
    assert not torch.equal(latents.people(source, SEEDS), latents.people(tiny_generator(seed=2), SEEDS))


def test_a_blended_generator_shares_the_layers_of_its_source():
    source = tiny_generator(seed=1)
    torch.manual_seed(2)
    blended = BlendedGenerator(16, 8, 2, channels=CHANNELS, freeze_style=2)
    blended.load_source(source.style.state_dict())
    for psi in (1, 0.7):
        ours, theirs = latents.people(blended, SEEDS, psi), latents.people(source, SEEDS, psi)
        torch.testing.assert_close(ours[:, :2], theirs[:, :2])
        assert not torch.allclose(ours[:, 2:], theirs[:, 2:])


def test_psi_1_leaves_a_person_as_it_is_and_0_gives_the_average():
    generator = tiny_generator()
    assert torch.equal(latents.people(generator, SEEDS, psi=1), latents.people(generator, SEEDS))
    assert torch.equal(latents.people(generator, SEEDS, psi=0), generator.w_avg.expand(3, 6, -1))


@pytest.mark.parametrize("psi", [0.25, 0.7, 1.5])
def test_psi_is_the_share_of_the_way_from_the_average(psi):
    generator = tiny_generator()
    average, whole = generator.w_avg, latents.people(generator, SEEDS)
    pulled = latents.people(generator, SEEDS, psi)
    torch.testing.assert_close(pulled - average, psi * (whole - average), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "shape, centre", [((3, 8), (8,)), ((3, 8), (1, 8)), ((3, 6, 8), (8,)), ((3, 6, 8), (1, 8)), ((3, 6, 8), (1, 6, 8))]
)
def test_truncating_twice_multiplies_psi(shape, centre):
    torch.manual_seed(0)
    w, w_avg = torch.randn(shape), torch.randn(centre)
    twice = truncate(truncate(w, w_avg, 0.5), w_avg, 0.6)
    torch.testing.assert_close(twice, truncate(w, w_avg, 0.3))
    torch.testing.assert_close(truncate(w, w_avg), w)
    torch.testing.assert_close(truncate(w, w_avg, 0), w_avg.expand(shape))


def test_random_numbers_of_others_are_left_alone():
    generator = tiny_generator()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    latents.draw(generator, latents.people(generator, SEEDS, 0.5))
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("batch", [1, 2, 5, 8])
def test_pictures_are_the_synthesis_with_the_stored_noise_in_any_batch(batch):
    generator = tiny_generator()
    w_plus = latents.people(generator, range(5))
    images = latents.draw(generator, w_plus, batch)
    assert images.shape == (5, 3, 16, 16)
    assert (images.dtype, images.device.type, images.requires_grad) == (torch.float32, "cpu", False)
    with torch.no_grad():
        expected = generator.synthesis(w_plus, generator.stored_noise())
    torch.testing.assert_close(images, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("far", [float("inf"), float("nan")])
def test_what_no_picture_can_show_is_refused_and_not_drawn_black(far):
    generator = tiny_generator()
    with pytest.raises(InputError, match="draws no numbers"):
        latents.draw(generator, latents.people(generator, range(3)) * torch.tensor([1.0, 1.0, far])[:, None, None])


@pytest.mark.cuda
def test_people_are_the_same_on_every_device():
    generator = tiny_generator()
    here = latents.people(generator, SEEDS, 0.7)
    pictures = latents.draw(generator, here)
    there = latents.people(generator.to("cuda"), SEEDS, 0.7)
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), here, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(latents.draw(generator, there), pictures, atol=1e-2, rtol=1e-2)

"""StyleGAN1: laws of its parts, and what the other files of the project ask of its networks."""

import pytest
import torch
from torch.nn import functional as F

from editing import layer_swap, layers, sefa
from model import truncate
from stylegan1 import AdaIN, Discriminator1, FusedDownsample, FusedUpsample, Generator1
from tests.networks import tiny_discriminator1, tiny_generator1


def names_of(network, modules):
    own = {id(parameter): name for name, parameter in network.named_parameters()}
    return sorted(own[id(parameter)] for module in modules for parameter in module.parameters())


def test_the_published_networks_have_as_many_parameters():
    with torch.device("meta"):
        counts = [sum(p.numel() for p in network.parameters()) for network in (Generator1(256), Discriminator1(256))]
    assert counts == [26_219_115, 25_444_737]


@torch.no_grad()
def test_fused_layers_are_the_two_that_they_replace():
    x = torch.randn(2, 3, 6, 6)
    up, down = FusedUpsample(3, 4), FusedDownsample(3, 4)
    up.bias.normal_(), down.bias.normal_()
    gain = (2 / 27) ** 0.5
    apart = F.conv2d(F.interpolate(x, scale_factor=2), up.weight.transpose(0, 1).flip(2, 3) * gain / 4, up.bias, padding=1)
    torch.testing.assert_close(up(x), apart)
    torch.testing.assert_close(down(x), F.avg_pool2d(F.conv2d(x, down.weight * gain, down.bias, padding=1), 2))


@torch.no_grad()
def test_adain_sets_mean_and_deviation_whatever_came_in():
    adain, w = AdaIN(5, 8), torch.randn(3, 8)
    x = 7 + 3 * torch.randn(3, 5, 16, 16)
    scale, shift = adain.style(w).chunk(2, 1)
    torch.testing.assert_close(adain(x, w), adain(2 * x - 5, w), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(adain(x, w).mean((2, 3)), shift)
    torch.testing.assert_close(adain(x, w).std((2, 3), unbiased=False), scale.abs(), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_discriminator_compares_the_whole_of_each_batch():
    discriminator = tiny_discriminator1()
    first, second = torch.randn(6, 3, 16, 16), 3 * torch.randn(6, 3, 16, 16)
    apart = torch.cat([discriminator(first), discriminator(second)])
    torch.testing.assert_close(discriminator(torch.cat([first, second]), batches=2), apart)
    assert not torch.allclose(discriminator(first)[:3], discriminator(first[:3]))


@pytest.mark.parametrize("size", [8, 16, 32])
def test_levels_and_what_is_idle_hold_every_parameter_once(size):
    generator, discriminator = tiny_generator1(size=size), tiny_discriminator1(size=size)
    for network, rest in ((generator, [generator.style, generator.idle]), (discriminator, [discriminator.idle])):
        found = names_of(network, [*(network.level(res) for res in network.resolutions), *rest])
        assert found == sorted(name for name, _ in network.named_parameters())


def test_what_is_idle_changes_nothing_and_all_else_does():
    generator, discriminator = tiny_generator1(), tiny_discriminator1()
    w = torch.randn(2, generator.n_latent, 8)
    image = generator.synthesis(w, generator.stored_noise())
    discriminator(image).square().sum().backward()
    for network in (generator, discriminator):
        idle = {id(parameter) for parameter in network.idle.parameters()}
        for name, parameter in network.named_parameters():
            assert (parameter.grad is None) == (id(parameter) in idle or name.startswith("style.")), name


@torch.no_grad()
def test_each_layer_of_w_begins_to_count_at_its_resolution():
    generator, noise = tiny_generator1(), tiny_generator1().stored_noise()
    w = torch.randn(1, generator.n_latent, 8)
    before = generator.features(w, noise)
    for layer in range(generator.n_latent):
        changed = w.clone()
        changed[:, layer] += 1
        equal = [torch.equal(*pair) for pair in zip(before, generator.features(changed, noise))]
        assert equal == [k < layer // 2 for k in range(3)]


@torch.no_grad()
def test_it_draws_as_others_do():
    """`Drawer`: fresh noise without any, the same picture with the stored one, truncation, mixing, and from half-way on."""
    generator, z = tiny_generator1(), torch.randn(2, 8)
    assert [tuple(noise.shape) for noise in generator.stored_noise()] == [(1, 1, 4, 4), (1, 1, 8, 8), (1, 1, 16, 16)]
    w = generator.broadcast(generator.mapping(z))
    image = generator.synthesis(w, generator.stored_noise())
    assert image.shape == (2, 3, 16, 16) and not torch.equal(generator.synthesis(w), generator.synthesis(w))
    drawn, used = generator([z], return_latents=True, truncation=0.5, randomize_noise=False)
    torch.testing.assert_close(used, truncate(w, generator.w_avg, 0.5))
    torch.testing.assert_close(drawn, generator.synthesis(used, generator.stored_noise()))
    first, *_ = generator.stages(w, generator.stored_noise())
    assert first.image is None
    *_, last = generator.stages(w, generator.stored_noise(), first, above=4)
    assert torch.equal(last.image, image)


@torch.no_grad()
def test_bf16_convolutions_draw_nearly_the_same():
    generator, discriminator = tiny_generator1(), tiny_discriminator1()
    w = torch.randn(2, generator.n_latent, 8)
    exact = generator.synthesis(w, generator.stored_noise())
    logits = discriminator(exact)
    generator.compute_dtype = discriminator.compute_dtype = torch.bfloat16
    image = generator.synthesis(w, generator.stored_noise())
    assert image.dtype == torch.float32 and 0 < (image - exact).std() < 0.1 * exact.std()
    assert discriminator(exact).dtype == torch.float32
    torch.testing.assert_close(discriminator(exact), logits, atol=0.1, rtol=0.1)


def test_layers_and_directions_are_those_of_two_to_a_resolution():
    generator = tiny_generator1()
    assert layers.layers_of_resolutions("8-16", generator) == [2, 3, 4, 5]
    weights = sefa.modulation_weights(generator, [2, 5])
    assert [tuple(weight.shape) for weight in weights.values()] == [(16, 8), (8, 8)]
    assert sefa.sefa(generator).vectors.shape == (8, 8)


@torch.no_grad()
def test_blends_of_two():
    low, high = tiny_generator1(1), tiny_generator1(2)
    w, noise = torch.randn(1, low.n_latent, 8), low.stored_noise()
    assert torch.equal(layer_swap.blend(low, low, 8).synthesis(w, noise), low.synthesis(w, noise))
    mixture = layer_swap.blend(low, high, 16)
    ours, theirs = mixture.features(w, noise), low.features(w, noise)
    assert torch.equal(ours[1], theirs[1]) and not torch.equal(ours[2], theirs[2])
    swapped = layer_swap.swap_features(low, high, w, 16)
    *_, given = low.stages(w, noise)
    torch.testing.assert_close(swapped, high.painted(given.features, w, 16))
    assert set(layer_swap.level_distances(low, high)) == {"mapping", "4", "8", "16"}

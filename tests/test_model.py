"""Generator and discriminator: their levels, and the laws of their parts. Recorded images are in test_vectors_model.py."""

import copy
import inspect
import itertools
import math
import random

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import model
from model import (
    ConvLayer,
    Discriminator,
    EqualLinear,
    Generator,
    ModulatedConv2d,
    PixelNorm,
    ResBlock,
    StyledConv,
    ToRGB,
    Upsample,
    channel_table,
    computing_in,
    make_kernel,
    minibatch_stddev,
    mix_styles,
    weights_stay,
)
from op import upfirdn2d
from tests.networks import tiny_discriminator, tiny_generator

SIZES = [8, 16, 32, 64, 128, 256, 512, 1024]


def normal(*shape: int, seed: int = 0, dtype=torch.float32) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def without_memory(size: int) -> tuple[Generator, Discriminator]:
    """The published networks, as shapes only."""
    with torch.device("meta"):
        return Generator(size), Discriminator(size)


@pytest.mark.parametrize("clamp", [None, 0.7])
def test_a_residual_block_is_the_sum_of_its_halves_over_the_root_of_2(clamp):
    """The gains of both halves stand in place of the division."""
    block, x = ResBlock(3, 4, clamp=clamp), normal(2, 3, 8, 8)
    halves = ConvLayer(3, 4, 3, downsample=True, clamp=clamp), ConvLayer(3, 4, 1, downsample=True, activate=False, clamp=clamp)
    for half, own in zip(halves, (block.conv2, block.skip)):
        half.load_state_dict(own.state_dict())
    expected = (halves[0](block.conv1(x)) + halves[1](x)) / math.sqrt(2)
    torch.testing.assert_close(block(x), expected)
    assert clamp is None or block(x).abs().max() <= clamp * math.sqrt(2) + 1e-6


@pytest.mark.parametrize("size", SIZES)
def test_multiplier_is_a_multiple_of_base_16384(size):
    assert channel_table(size) == channel_table(size, base=32768)
    assert channel_table(size, channel_multiplier=1) == channel_table(size, base=16384)


def test_channel_table_names_every_resolution_and_no_more_than_the_maximum():
    assert channel_table(1024, base=2**20, maximum=7) == {2**k: 7 for k in range(2, 11)}
    assert channel_table(64, base=40) == {4: 10, 8: 5, 16: 2, 32: 1, 64: 1}


@pytest.mark.parametrize("size", [0, 4, 24, 100, 2048, -8])
def test_sizes_that_are_no_power_of_two_from_8_to_1024_are_refused(size):
    for build in (channel_table, Generator, Discriminator):
        with pytest.raises(ValueError, match=f"size {size}: expected a power of two from 8 to 1024"):
            build(size)


@pytest.mark.parametrize("size", [8, 16, 32, 64])
@torch.no_grad()
def test_every_size_draws_and_judges_any_number_of_images(size):
    generator, discriminator = tiny_generator(size=size), tiny_discriminator(size=size)
    assert generator.n_latent == generator.num_layers + 1 == 2 * math.log2(size) - 2
    for batch in (1, 2, 3, 5, 6, 7):
        images, latents = generator([normal(batch, 8)])
        assert images.shape == (batch, 3, size, size)
        assert latents is None
        assert discriminator(images).shape == (batch, 1)


@pytest.mark.parametrize("size", [8, 64, 256, 1024])
def test_levels_and_mapping_hold_every_parameter_once(size):
    for network in without_memory(size):
        parts = [network.level(resolution) for resolution in network.resolutions]
        if isinstance(network, Generator):
            parts.append(network.style)
        held = [id(parameter) for part in parts for parameter in part.parameters()]
        assert sorted(held) == sorted(id(parameter) for parameter in network.parameters())


@pytest.mark.parametrize("size", [8, 64, 1024])
def test_levels_are_the_documented_modules(size):
    generator, discriminator = without_memory(size)
    assert list(generator.level(4)) == [generator.input, generator.conv1, generator.to_rgb1]
    assert list(discriminator.level(4)) == [discriminator.final_conv, discriminator.final_linear]
    top = size.bit_length() - 1
    for k in range(3, top + 1):
        expected = [generator.convs[2 * k - 6], generator.convs[2 * k - 5], generator.to_rgbs[k - 3]]
        assert list(generator.level(2**k)) == expected
        from_rgb = [discriminator.convs[0]] if k == top else []
        assert list(discriminator.level(2**k)) == [*from_rgb, discriminator.convs[1 + top - k]]
    assert len(generator.to_rgbs) == len(discriminator.convs) - 1 == top - 2


@pytest.mark.parametrize("resolution", [2, 12, 32])
def test_a_level_that_does_not_exist_is_named(resolution):
    for network in (tiny_generator(), tiny_discriminator()):
        with pytest.raises(ValueError, match=rf"no level {resolution}: this network has \[4, 8, 16\]"):
            network.level(resolution)


@torch.no_grad()
def test_every_level_takes_the_documented_layers_of_w():
    generator = tiny_generator(size=32)
    seen = {}
    for name, module in generator.named_modules():
        if isinstance(module, ModulatedConv2d):
            module.modulation.register_forward_pre_hook(
                lambda _, given, name=name: seen.update({name: given[0].unique().item()})
            )
    numbered = torch.arange(generator.n_latent)[None, :, None].expand(2, -1, 8).float()
    generator.synthesis(numbered)
    expected = {"conv1.conv": 0, "to_rgb1.conv": 1}
    for k in (3, 4, 5):
        names = f"convs.{2 * k - 6}.conv", f"convs.{2 * k - 5}.conv", f"to_rgbs.{k - 3}.conv"
        expected |= dict(zip(names, (2 * k - 5, 2 * k - 4, 2 * k - 3)))
    assert seen == expected


@torch.no_grad()
def test_pyramid_and_features_have_one_entry_for_each_resolution():
    generator = tiny_generator(size=32)
    w_plus, noise = normal(2, generator.n_latent, 8), generator.stored_noise()
    pyramid, features = generator.rgb_pyramid(w_plus, noise), generator.features(w_plus, noise)
    assert torch.equal(pyramid[-1], generator.synthesis(w_plus, noise))
    assert [image.shape for image in pyramid] == [(2, 3, res, res) for res in generator.resolutions]
    assert [x.shape for x in features] == [(2, generator.channels[res], res, res) for res in generator.resolutions]


@torch.no_grad()
def test_each_image_is_its_own_rgb_and_the_enlarged_one_below():
    generator = tiny_generator()
    w_plus = normal(2, generator.n_latent, 8)
    stages = list(generator.stages(w_plus, generator.stored_noise()))
    for j, (below, stage) in enumerate(itertools.pairwise(stages)):
        to_rgb = generator.to_rgbs[j]
        alone = to_rgb.conv(stage.features, w_plus[:, 2 * j + 3]) + to_rgb.bias
        torch.testing.assert_close(stage.image, alone + to_rgb.upsample(below.image))


@torch.no_grad()
def test_asking_for_two_stages_does_not_run_the_layers_above():
    generator = tiny_generator(size=32)
    ran = []
    for name, module in generator.named_modules():
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    first_two = list(itertools.islice(generator.stages(normal(1, generator.n_latent, 8)), 2))
    assert [stage.image.shape[-1] for stage in first_two] == [4, 8]
    assert "to_rgbs.0" in ran
    assert not any(name.startswith(("convs.2", "convs.3", "to_rgbs.1")) for name in ran)


@pytest.mark.parametrize("taps", [(1, 1), (1, 2, 1), (1, 3, 3, 1), (1, 4, 6, 4, 1), (1, 5, 10, 10, 5, 1)], ids=len)
@torch.no_grad()
def test_every_filter_length_doubles_the_size(taps):
    assert tiny_generator(blur_kernel=taps)([normal(1, 8)])[0].shape == (1, 3, 16, 16)


@pytest.mark.parametrize("index", range(7))
@torch.no_grad()
def test_mixing_draws_the_composed_w_plus(index):
    generator = tiny_generator()
    noise, z1, z2 = generator.stored_noise(), normal(3, 8, seed=1), normal(3, 8, seed=2)
    first, second = (generator.broadcast(generator.mapping(z)) for z in (z1, z2))
    mixed, w_plus = generator([z1, z2], return_latents=True, inject_index=index, noise=noise)
    assert torch.equal(w_plus, torch.cat([first[:, :index], second[:, index:]], 1))
    assert torch.equal(w_plus, mix_styles(first, second, index))
    assert torch.equal(mixed, generator.synthesis(w_plus, noise))


@torch.no_grad()
def test_mixing_without_an_index_draws_from_every_layer_but_the_first():
    generator = tiny_generator(size=8)
    random.seed(0)
    styles = [torch.zeros(1, 8), torch.ones(1, 8)]
    found = set()
    for _ in range(60):
        _, w_plus = generator(styles, return_latents=True, input_is_latent=True)
        found.add(int((w_plus == 0).all(-1).sum()))
    assert found == set(range(1, generator.n_latent))


@torch.no_grad()
def test_one_w_draws_what_the_same_w_in_every_layer_draws():
    generator = tiny_generator()
    noise, z = generator.stored_noise(), normal(3, 8)
    w = generator.mapping(z)
    w_plus = w[:, None].repeat(1, generator.n_latent, 1)
    from_z, _ = generator([z], noise=noise)
    for latent in (w, w_plus):
        image, returned = generator([latent], return_latents=True, input_is_latent=True, noise=noise)
        assert torch.equal(image, from_z)
        assert torch.equal(returned, w_plus)


@torch.no_grad()
def test_truncation_1_changes_nothing_and_0_draws_one_face_for_all():
    generator = tiny_generator()
    noise, z = generator.stored_noise(), normal(4, 8)
    centre = generator.mean_latent(64)
    assert torch.equal(generator([z], truncation=1, truncation_latent=centre, noise=noise)[0], generator([z], noise=noise)[0])
    average, w_plus = generator([z], return_latents=True, truncation=0, truncation_latent=centre, noise=noise)
    assert torch.equal(w_plus, generator.broadcast(centre).expand(4, -1, -1))
    torch.testing.assert_close(average, average[:1].expand(4, -1, -1, -1))
    assert not torch.equal(average, generator([z], noise=noise)[0])


@pytest.mark.parametrize("psi", [0.3, 0.7])
@torch.no_grad()
def test_truncation_moves_every_layer_of_both_styles_the_same_share_of_the_way(psi):
    generator = tiny_generator()
    styles = [normal(2, 8, seed=1), normal(2, 8, seed=2)]
    centre = generator.mean_latent(64)
    _, free = generator(styles, return_latents=True, inject_index=3)
    for latent in (centre, centre[0], generator.broadcast(centre)):
        _, pulled = generator(styles, return_latents=True, inject_index=3, truncation=psi, truncation_latent=latent)
        torch.testing.assert_close(pulled - centre, psi * (free - centre), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_truncation_pulls_towards_the_centre_of_the_network():
    generator, z = tiny_generator(), normal(2, 8)
    for centre in (None, torch.linspace(-1, 1, 8)):
        generator.w_avg = centre
        expected = generator([z], truncation=0.7, truncation_latent=generator.w_avg, randomize_noise=False)[0]
        assert torch.equal(generator([z], truncation=0.7, randomize_noise=False)[0], expected)


def test_the_centre_is_the_mean_of_many_w_the_same_at_every_call_and_for_every_random_state():
    generator = tiny_generator()
    torch.manual_seed(1)
    w_avg, drawn = generator.w_avg, torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)
    assert torch.equal(generator.w_avg, w_avg)
    assert w_avg.shape == (8,) and not w_avg.requires_grad
    same = generator.mapping(normal(10_000, 8, seed=0)).mean(0)  # of these z, so that a truncated face stays what it is
    torch.testing.assert_close(w_avg, same)


def test_the_centre_follows_the_mapping_network_unless_it_is_known():
    generator, other = tiny_generator(seed=1), tiny_generator(seed=2)
    for known in (None, torch.linspace(-1, 1, 8)):
        generator.w_avg = known
        generator.style.load_state_dict(other.style.state_dict())
        assert torch.equal(generator.w_avg, other.w_avg if known is None else known)


def test_a_known_centre_moves_and_copies_with_the_network_and_is_not_saved():
    generator = tiny_generator()
    names, generator.w_avg = list(generator.state_dict()), torch.linspace(-1, 1, 8)
    assert list(generator.state_dict()) == names
    moved = copy.deepcopy(generator).double()
    assert torch.equal(moved.w_avg, generator.w_avg.double())


@pytest.mark.parametrize("count", [0, 3])
def test_other_than_one_or_two_styles_are_refused(count):
    with pytest.raises(ValueError, match=f"expected one or two, got {count}"):
        tiny_generator()([normal(1, 8)] * count)


@pytest.mark.parametrize("above", [4, 8, 16])
@torch.no_grad()
def test_a_walk_that_begins_in_the_middle_ends_as_the_whole_one(above):
    generator = tiny_generator()
    w_plus = normal(2, generator.n_latent, 8)
    whole = list(generator.stages(w_plus, generator.stored_noise()))
    reached = generator.resolutions.index(above)
    upper = list(generator.stages(w_plus, generator.stored_noise(), whole[reached], above))
    assert len(upper) == len(whole) - reached - 1
    for ours, expected in zip(upper, whole[reached + 1 :], strict=True):
        assert torch.equal(ours.features, expected.features) and torch.equal(ours.image, expected.image)


@torch.no_grad()
def test_published_names_are_kept():
    generator = tiny_generator()
    z = normal(2, 8)
    assert torch.equal(generator.get_latent(z), generator.mapping(z))
    published = {
        "styles": inspect.Parameter.empty,
        "return_latents": False,
        "inject_index": None,
        "truncation": 1,
        "truncation_latent": None,
        "input_is_latent": False,
        "noise": None,
        "randomize_noise": True,
    }
    parameters = inspect.signature(generator.forward).parameters
    assert list(parameters) == list(published)
    assert {name: parameter.default for name, parameter in parameters.items()} == published


@torch.no_grad()
def test_mean_latent_is_the_mean_of_mapped_z_and_repeats_with_a_generator():
    generator = tiny_generator()
    mean = generator.mean_latent(50, torch.Generator().manual_seed(3))
    assert mean.shape == (1, 8)
    torch.testing.assert_close(mean, generator.mapping(normal(50, 8, seed=3)).mean(0, keepdim=True))


@torch.no_grad()
def test_stored_noise_repeats_an_image_and_fresh_noise_does_not():
    generator = tiny_generator()
    z = normal(2, 8)
    assert torch.equal(generator([z], randomize_noise=False)[0], generator([z], randomize_noise=False)[0])
    assert torch.equal(generator([z], randomize_noise=False)[0], generator([z], noise=generator.stored_noise())[0])
    assert not torch.equal(generator([z])[0], generator([z])[0])


@torch.no_grad()
def test_none_draws_fresh_noise_for_that_layer_only():
    generator = tiny_generator()
    w_plus = normal(1, generator.n_latent, 8)
    noise = [*generator.stored_noise()[:-1], None]
    first, second = (generator.features(w_plus, noise) for _ in range(2))
    assert [torch.equal(a, b) for a, b in zip(first, second)] == [True, True, False]


@torch.no_grad()
def test_fresh_noise_differs_from_image_to_image_of_a_batch():
    """Two equal latents: only their noise can tell them apart, at every resolution."""
    generator = tiny_generator()
    w_plus = normal(1, generator.n_latent, 8).expand(2, -1, -1)
    for maps in generator.features(w_plus):
        assert not torch.equal(*maps)
    stored = generator.stored_noise()
    for layer in range(len(stored)):
        first, second = generator.synthesis(w_plus, [*stored[:layer], None, *stored[layer + 1 :]])
        assert not torch.equal(first, second)


@torch.no_grad()
def test_a_styled_convolution_is_its_parts_one_after_the_other():
    """Convolution, noise, activation: what the pass over all at once stands for."""
    layer, x, w, noise = StyledConv(4, 6, 8), normal(2, 4, 5, 5), normal(2, 8), normal(2, 1, 5, 5)
    layer.noise.weight.fill_(0.7)
    torch.testing.assert_close(layer(x, w, noise), layer.activate(layer.noise(layer.conv(x, w), noise)))
    first, second = layer.noise(x[:1].expand(2, -1, -1, -1))
    assert not torch.equal(first, second)  # fresh noise, of each image its own


@torch.no_grad()
def test_noise_of_one_image_serves_the_whole_batch():
    generator = tiny_generator()
    w_plus, noise = normal(3, generator.n_latent, 8), generator.stored_noise()
    repeated = [layer.expand(3, -1, -1, -1) for layer in noise]
    assert torch.equal(generator.synthesis(w_plus, noise), generator.synthesis(w_plus, repeated))


def test_make_noise_fits_the_layers_and_repeats_with_a_generator():
    generator = tiny_generator()
    noise, again = (generator.make_noise(3, torch.Generator().manual_seed(1)) for _ in range(2))
    assert [layer.shape for layer in noise] == [(3, 1, res, res) for res in (4, 8, 8, 16, 16)]
    assert all(torch.equal(a, b) for a, b in zip(noise, again))
    assert not torch.equal(noise[1], noise[2])
    assert [layer.shape for layer in generator.make_noise()] == [layer.shape for layer in generator.stored_noise()]


def modulated_convolution(layer: ModulatedConv2d, x: Tensor, w: Tensor) -> Tensor:
    """The definition: weights of its own for each sample (Karras et al. 2020, Eqs. 1 and 3)."""
    outputs = []
    for sample, style in zip(x.split(1), layer.modulation(w)):
        weight = layer.scale * layer.weight[0] * style[:, None, None]
        if layer.demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        if layer.upsample:
            outputs.append(layer.blur(F.conv_transpose2d(sample, weight.transpose(0, 1), stride=2)))
        else:
            outputs.append(F.conv2d(sample, weight, padding=weight.shape[-1] // 2))
    return torch.cat(outputs)


@pytest.mark.parametrize(
    "options",
    [{}, {"upsample": True}, {"kernel_size": 1, "demodulate": False}, {"upsample": True, "demodulate": False}],
    ids=["plain", "upsampling", "to_rgb", "upsampling, not demodulated"],
)
def test_modulated_convolution_is_the_definition_with_first_and_second_gradients(options):
    torch.manual_seed(0)
    layer = ModulatedConv2d(3, 5, style_dim=4, **{"kernel_size": 3} | options).double()
    x, w = normal(2, 3, 6, 5, dtype=torch.float64).requires_grad_(), normal(2, 4, seed=1, dtype=torch.float64).requires_grad_()
    inputs = [x, w, *layer.parameters()]

    def value_and_gradients(y: Tensor) -> list[Tensor]:
        first = torch.autograd.grad(y, inputs, normal(*y.shape, seed=2, dtype=torch.float64), create_graph=True)
        return [y, *first, *torch.autograd.grad(sum(grad.square().sum() for grad in first), inputs)]

    found, truth = value_and_gradients(layer(x, w)), value_and_gradients(modulated_convolution(layer, x, w))
    torch.testing.assert_close(found, truth, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_demodulation_undoes_the_size_of_a_style():
    layer = ModulatedConv2d(3, 5, 3, style_dim=4)
    x, w = normal(2, 3, 6, 6), normal(2, 4)
    before = layer(x, w)
    layer.modulation.weight *= 10
    layer.modulation.bias *= 10
    torch.testing.assert_close(layer(x, w), before, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(5, 8), (5, 6, 8)])
def test_pixel_norm_gives_every_latent_unit_mean_square(shape):
    x = 7 * normal(*shape)
    scaled = PixelNorm()(x)
    torch.testing.assert_close(scaled.square().mean(-1), torch.ones(shape[:-1]))
    torch.testing.assert_close(F.cosine_similarity(scaled, x, dim=-1), torch.ones(shape[:-1]))


@torch.no_grad()
def test_learning_rate_multiplier_leaves_the_start_as_it_is_and_scales_what_is_learnt():
    layers = []
    for lr_mul in (1, 0.01):
        torch.manual_seed(0)
        layers.append(EqualLinear(4, 3, lr_mul=lr_mul))
    x = normal(5, 4)
    start = layers[0](x)
    torch.testing.assert_close(layers[1](x), start)
    for layer in layers:
        layer.weight += 1
        layer.bias += 1
    torch.testing.assert_close(layers[1](x) - start, 0.01 * (layers[0](x) - start), atol=1e-6, rtol=1e-4)


def test_kernels_sum_to_one_from_taps_or_from_a_table():
    kernel = make_kernel([1, 3, 3, 1])
    assert kernel.sum() == 1
    assert torch.equal(kernel, kernel.T)
    assert torch.equal(make_kernel((5 * kernel).tolist()), kernel)


@pytest.mark.parametrize("group", [1, 2, 4, 5])
@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 6, 7, 8, 12])
def test_minibatch_stddev_compares_images_that_are_groups_apart(batch, group):
    x = normal(batch, 3, 4, 4)
    size = max(n for n in range(1, group + 1) if batch % n == 0)
    groups = batch // size
    result = minibatch_stddev(x, group)
    assert result.shape == (batch, 4, 4, 4)
    assert torch.equal(result[:, :3], x)
    for i in range(batch):
        members = x[i % groups :: groups]
        assert len(members) == size
        expected = (members.var(0, correction=0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(result[i, 3], expected.expand(4, 4))


@pytest.mark.parametrize("batch", [1, 4])
def test_minibatch_stddev_of_equal_images_is_the_root_of_epsilon_with_a_finite_gradient(batch):
    x = normal(1, 3, 4, 4).repeat(batch, 1, 1, 1).requires_grad_()
    stddev = minibatch_stddev(x)[:, 3]
    torch.testing.assert_close(stddev, torch.full_like(stddev, 1e-4))
    (grad,) = torch.autograd.grad(stddev.sum(), x)
    assert torch.isfinite(grad).all()


@torch.no_grad()
def test_weights_that_stay_are_prepared_once_and_only_there():
    generator, discriminator = (network.requires_grad_(False) for network in (tiny_generator(), tiny_discriminator()))
    w, noise = normal(2, generator.n_latent, 8), generator.stored_noise()

    def seen():
        return discriminator(generator.synthesis(w, noise))

    def double():
        generator.convs[0].conv.weight.mul_(2).add_(1)
        discriminator.convs[1].conv1[0].weight.mul_(2)

    before = seen()
    with weights_stay():
        assert torch.equal(seen(), before)
        double()
        assert torch.equal(seen(), before)
        discriminator.requires_grad_(True)
        assert not torch.equal(seen(), before)  # weights that train are looked at
    changed = seen()
    double()
    assert not torch.equal(seen(), changed)


def test_networks_compute_in_another_type_for_a_while_also_where_that_ends_in_an_error():
    generator, discriminator = tiny_generator(), tiny_discriminator()
    discriminator.compute_dtype = torch.float16
    w = normal(1, generator.n_latent, 8)
    with pytest.raises(KeyError), computing_in(torch.bfloat16, nn.ModuleList([generator]), discriminator):
        assert generator.features(w)[0].dtype == torch.bfloat16 == discriminator.compute_dtype
        raise KeyError
    assert generator.features(w)[0].dtype == torch.float32 and discriminator.compute_dtype == torch.float16
    with computing_in(None, discriminator):
        assert discriminator.compute_dtype == torch.float16


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_convolutions_get_weights_as_they_read_them_and_feature_maps_of_one_type(dtype, monkeypatch):
    seen = []
    for name in ("conv2d", "conv_transpose2d"):
        way = getattr(model, name)
        monkeypatch.setattr(
            model, name, lambda x, weight, *a, way=way, **k: seen.append((x, weight)) or way(x, weight, *a, **k)
        )
    generator, discriminator = tiny_generator(), tiny_discriminator()
    generator.compute_dtype = discriminator.compute_dtype = dtype
    features = discriminator.features(generator.synthesis(normal(2, generator.n_latent, 8)))
    assert len(seen) == 8 + 7 and {each.dtype for pair in seen for each in pair} == {dtype}
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for _, weight in seen)
    assert all(maps.dtype == dtype for maps in features)


@pytest.mark.parametrize("batch", [1, 3, 4, 6, 8])
def test_batches_that_go_through_the_discriminator_together_are_strangers(batch):
    discriminator, images = tiny_discriminator(), normal(2 * batch, 3, 16, 16)
    together = discriminator(images, batches=2)
    one_by_one = torch.cat([discriminator(part) for part in images.split(batch)])
    torch.testing.assert_close(together, one_by_one, atol=1e-5, rtol=1e-4)
    grads = [torch.autograd.grad(out.square().sum(), list(discriminator.parameters())) for out in (together, one_by_one)]
    torch.testing.assert_close(*grads, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_logits_of_a_group_do_not_depend_on_the_other_groups():
    discriminator = tiny_discriminator()
    images = normal(8, 3, 16, 16)
    torch.testing.assert_close(discriminator(images)[::2], discriminator(images[::2]), atol=1e-5, rtol=1e-4)


def test_the_skips_early_decimation_is_blur_then_a_strided_convolution():
    skip = ConvLayer(3, 5, 1, downsample=True, activate=False).double()
    blur, conv = skip[0], skip[1]
    x = normal(2, 3, 8, 8, dtype=torch.float64)
    truth = F.conv2d(upfirdn2d(x, blur.kernel, pad=blur.pad), conv.weight * conv.scale, stride=2)
    torch.testing.assert_close(skip(x), truth)


@pytest.mark.parametrize("kernel_size", [1, 3])
@torch.no_grad()
def test_resampling_shifts_to_no_side(kernel_size):
    x, w = normal(1, 3, 8, 8), normal(1, 4)
    down = ConvLayer(3, 3, kernel_size, downsample=True)
    up = ModulatedConv2d(3, 3, 3, style_dim=4, upsample=True)
    for weight in (down[1].weight, up.weight):
        weight += weight.flip(-2) + weight.flip(-1) + weight.flip(-2, -1)
    for resample in (down, Upsample(), lambda x: up(x, w)):
        torch.testing.assert_close(resample(x.flip(-2, -1)), resample(x).flip(-2, -1))


@torch.no_grad()
def test_a_residual_block_halves_the_resolution_and_keeps_the_variance():
    torch.manual_seed(0)
    smooth = normal(16, 64, 1, 1).expand(-1, -1, 16, 16)
    x = ResBlock(64, 64)(smooth)
    assert x.shape == (16, 64, 8, 8)
    assert 0.8 < x[:, :, 2:-2, 2:-2].square().mean() < 1.25


@torch.no_grad()
def test_discriminator_features_halve_down_to_4():
    discriminator = tiny_discriminator(size=32)
    features = discriminator.features(normal(2, 3, 32, 32))
    assert [x.shape for x in features] == [(2, discriminator.channels[res], res, res) for res in (32, 16, 8, 4)]


@torch.no_grad()
def test_the_memory_layout_of_the_images_does_not_matter():
    discriminator = tiny_discriminator()
    images = normal(4, 3, 16, 16)
    logits = discriminator(images)
    wide = torch.zeros(4, 5, 16, 32)
    wide[:, 1:4, :, ::2] = images
    for same in (
        images.contiguous(memory_format=torch.channels_last),
        images.mT.contiguous().mT,
        wide[:, 1:4, :, ::2],
    ):
        assert same.stride() != images.stride()
        assert torch.equal(discriminator(same), logits)
        torch.testing.assert_close(discriminator.features(same), discriminator.features(images))


def limited_layers(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, nn.Hardtanh)]


def largest_outputs(network: nn.Module, given: Tensor) -> list[tuple[float, float]]:
    """(before, after the limit) for each limited layer that a forward pass goes through."""
    largest = []
    for layer in limited_layers(network):
        layer.register_forward_hook(lambda _, given, result: largest.append((given[0].abs().max(), result.abs().max())))
    network.synthesis(given) if isinstance(network, Generator) else network(given)
    return largest


@torch.no_grad()
def test_conv_clamp_limits_the_output_of_every_layer():
    of_generator = largest_outputs(tiny_generator(conv_clamp=0.25), normal(2, 6, 8))
    of_discriminator = largest_outputs(tiny_discriminator(conv_clamp=0.25), normal(4, 3, 16, 16))
    assert (len(of_generator), len(of_discriminator)) == (5 + 3, 1 + 2 * 3 + 1)
    for largest in (of_generator, of_discriminator):
        assert all(after <= 0.25 for _, after in largest)
        assert any(before > 0.25 for before, _ in largest)


@torch.no_grad()
def test_the_limit_applies_to_each_rgb_layer_and_not_to_their_sum():
    to_rgb = ToRGB(3, 4, clamp=0.5)
    below = torch.full((1, 3, 4, 4), 3.0)
    image = to_rgb(100 * normal(1, 3, 8, 8), normal(1, 4), below)
    added = image - to_rgb.upsample(below)
    torch.testing.assert_close(added.abs().max(), torch.tensor(0.5))
    assert image.max() > 3


@torch.no_grad()
def test_the_limit_applies_to_an_rgb_layer_with_its_bias():
    """NVIDIA's networks limit what they have added, so that a picture of a large bias is the limit."""
    to_rgb = ToRGB(3, 4, upsample=False, clamp=0.5)
    to_rgb.bias.fill_(10)
    assert (to_rgb(0.1 * normal(1, 3, 8, 8), normal(1, 4)) == 0.5).all()


@torch.no_grad()
def test_without_conv_clamp_nothing_is_limited():
    generator, roomy = tiny_generator(), tiny_generator(conv_clamp=1e6)
    assert limited_layers(generator) == limited_layers(tiny_discriminator()) == []
    z = normal(2, 8)
    noise = generator.stored_noise()
    assert torch.equal(generator([z], noise=noise)[0], roomy([z], noise=noise)[0])


@pytest.mark.parametrize("network", [tiny_generator, tiny_discriminator])
def test_bf16_convolutions_leave_results_in_fp32_and_as_near_as_autocast_does(network):
    """Over several inputs: in one of them rounding may turn a kink of the activation, which counts for more than all else."""
    net = network(size=32)
    generates = network is tiny_generator
    call, weight = (net.synthesis, net.conv1.conv.weight) if generates else (net, net.convs[1].conv1[0].weight)
    shape, noise = ((4, net.n_latent, 8), [net.stored_noise()]) if generates else ((4, 3, 32, 32), [])
    inputs = [normal(*shape, seed=seed).requires_grad_() for seed in range(6)]

    def derivatives(given: Tensor, autocast: bool = False) -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            out = call(given, *noise).float()
            (grad,) = torch.autograd.grad((out * normal(*out.shape, seed=1)).sum(), given, create_graph=True)
            return [out, grad, *torch.autograd.grad(grad.square().sum(), weight)]

    exact, autocast = ([derivatives(given, some) for given in inputs] for some in (False, True))
    net.compute_dtype = torch.bfloat16
    seen = []
    net.convs[0].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    rounded = [derivatives(given) for given in inputs]
    assert {*seen} == {torch.bfloat16}
    assert all(t.dtype == torch.float32 for results in rounded for t in results)
    for ours, theirs, truth in zip(*(map(torch.stack, zip(*some)) for some in (rounded, autocast, exact)), strict=True):
        assert 0 < (ours - truth).norm() < 1.5 * (theirs - truth).norm()

"""Blending two generators: the laws of each way to do it."""

import copy
import math

import pytest
import torch

import utils
from checkpoint import BlendedGenerator
from editing import layer_swap
from errors import InputError
from tests.networks import CHANNELS, tiny_generator

WIDTHS = [None, 0.5, 2.0]
POSITIONS = {  # of the published names, at 16 px
    "input": 0,
    "conv1": 1,
    "to_rgb1": 1,
    "noises.noise_0": 1,
    "convs.0": 2,
    "noises.noise_1": 2,
    "convs.1": 3,
    "to_rgbs.0": 3,
    "noises.noise_2": 3,
    "convs.2": 4,
    "noises.noise_3": 4,
    "convs.3": 5,
    "to_rgbs.1": 5,
    "noises.noise_4": 5,
}


@pytest.fixture
def a():
    return tiny_generator(seed=1)


@pytest.fixture
def b():
    return tiny_generator(seed=2)


@pytest.fixture
def w_plus(a):
    return a.broadcast(a.mapping(utils.seeded_normal([0, 1, 2], 8))).detach()


def position_of(name):
    return next(position for start, position in POSITIONS.items() if name == start or name.startswith(f"{start}."))


def with_styles_of(source, seed, layers=3):
    """A generator of a --freezeStyle run."""
    torch.manual_seed(seed)
    network = BlendedGenerator(16, 8, 2, channels=CHANNELS, freeze_style=layers)
    network.load_source(source.style.state_dict())
    return network


def image(generator, w_plus):
    with torch.no_grad():
        return generator.synthesis(w_plus, generator.stored_noise())


def assert_same_network(found, expected):
    for name, tensor in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor), name


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("mapping", layer_swap.MAPPINGS)
@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_a_swap_with_itself_is_the_identity(a, resolution, mapping, width):
    assert_same_network(layer_swap.blend(a, copy.deepcopy(a), resolution, width, mapping=mapping), a)


def test_a_swap_at_the_lowest_resolution_with_the_mapping_is_the_other_network(a, b):
    assert_same_network(layer_swap.blend(a, b, 4, mapping="high"), b)
    assert_same_network(layer_swap.blend(a, b, 4, mapping="blend"), b)
    assert_same_network(layer_swap.blend_at(a, b, 6, mapping="low"), a)  # above the highest rung


@pytest.mark.parametrize("t, expected", [(0, "a"), (1, "b")])
def test_interpolation_begins_and_ends_bit_exactly(a, b, t, expected):
    assert_same_network(layer_swap.interpolate(a, b, t), {"a": a, "b": b}[expected])


@pytest.mark.parametrize("t", [-0.5, 0.25, 0.5, 2])
def test_interpolation_moves_every_weight_by_the_same_part_of_the_way(a, b, t):
    between = layer_swap.interpolate(a, b, t)
    for ours, low, high in zip(between.parameters(), a.parameters(), b.parameters()):
        torch.testing.assert_close(ours, (1 - t) * low + t * high)


@pytest.mark.parametrize("resolution", [8, 16])
def test_a_hard_swap_takes_whole_levels_with_their_noise(a, b, resolution):
    swapped = layer_swap.blend(a, b, resolution)
    for level in a.resolutions:
        assert_same_network(swapped.level(level), (a if level < resolution else b).level(level))
    for ours, low, high in zip(*(network.stored_noise() for network in (swapped, a, b))):
        assert torch.equal(ours, low if ours.shape[-1] < resolution else high)
    assert_same_network(swapped.style, a.style)


def test_level_1_swaps_between_the_two_convolutions(a, b):
    first, second, to_rgb = layer_swap.blend(a, b, 8, level=1).level(8)
    assert_same_network(first, a.level(8)[0])
    assert_same_network(second, b.level(8)[1])
    assert_same_network(to_rgb, b.level(8)[2])


@pytest.mark.parametrize("width, at", [(None, 2), (None, 3), (0.5, 2), (1.0, 2.5), (2.0, -1)])
def test_every_tensor_is_blended_by_its_position(a, b, width, at):
    for network, value in ((a, 0.0), (b, 1.0)):
        for name, tensor in network.state_dict().items():
            if not name.endswith("kernel"):
                tensor.fill_(value)
    mixed = layer_swap.blend_at(a, b, at, width)
    for name, tensor in mixed.state_dict().items():
        if name.startswith("style."):
            expected = 0.0
        elif name.endswith("kernel"):
            expected = a.state_dict()[name]
        else:
            expected = layer_swap.share(position_of(name) - at, width)
            expected = float(expected >= 0.5) if name.startswith("noises.") else expected
        torch.testing.assert_close(tensor, torch.as_tensor(expected).expand_as(tensor), msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("width", [0.1, 0.5, 2.0])
def test_the_smooth_share_is_a_sigmoid(width):
    xs = [-1000, -3, -1, 0, 0.5, 2, 1000]
    expected = torch.sigmoid(torch.tensor(xs, dtype=torch.float64) / width)
    found = torch.tensor([layer_swap.share(x, width) for x in xs], dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-9)


def test_the_published_hard_swap_is_ours_one_resolution_higher():
    for rung in range(12):
        for resolution_rung in range(0, 10, 2):
            published = float(rung - resolution_rung > 1)
            assert published == layer_swap.share(rung - (resolution_rung + 2))


@pytest.mark.parametrize("width", WIDTHS)
def test_both_directions_together_hold_every_weight_once(a, b, width):
    one, other = layer_swap.blend(a, b, 8, width, mapping="low"), layer_swap.blend(b, a, 8, width, mapping="low")
    for x, y, low, high in zip(*(network.parameters() for network in (one, other, a, b))):
        torch.testing.assert_close(x + y, low + high, atol=1e-5, rtol=1e-5)


def test_the_mapping_network_is_that_of_low_of_high_or_between(a, b):
    z = utils.seeded_normal([0, 1], 8)
    assert torch.equal(layer_swap.blend(a, b, 8).mapping(z), a.mapping(z))
    assert torch.equal(layer_swap.blend(a, b, 8, mapping="high").mapping(z), b.mapping(z))
    between = layer_swap.blend(a, b, 8, mapping="blend").style  # 4 of the 6 positions are b's
    for ours, low, high in zip(between.parameters(), a.style.parameters(), b.style.parameters()):
        torch.testing.assert_close(ours, low / 3 + high * 2 / 3)
    with pytest.raises(ValueError, match="mapping"):
        layer_swap.blend(a, b, 8, mapping="source")


def test_the_networks_that_are_blended_stay_as_they_are(a, b):
    before = [copy.deepcopy(network) for network in (a, b)]
    mixed = layer_swap.blend(a, b, 8, 1.0, mapping="blend")
    for tensor in mixed.state_dict().values():
        tensor.zero_()
    for network, copied in zip((a, b), before):
        assert_same_network(network, copied)


def test_a_network_with_blended_styles_keeps_its_mapping(a, b):
    z = utils.seeded_normal([0, 1], 8)
    styled = with_styles_of(a, seed=2)
    for mixed in (layer_swap.blend(styled, b, 8), layer_swap.blend(b, styled, 8, mapping="high")):
        assert torch.equal(mixed.mapping(z), styled.mapping(z))
        assert set(mixed.saved_entries()) == {"freeze_style", "source_style"}
    assert torch.equal(layer_swap.blend(b, styled, 8).mapping(z), b.mapping(z))
    with pytest.raises(InputError, match="low or high"):
        layer_swap.blend(a, styled, 8, mapping="blend")


@pytest.mark.parametrize("rgb", ["giver", "receiver"])
@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_features_of_the_network_itself_change_nothing(a, w_plus, resolution, rgb):
    assert torch.equal(layer_swap.swap_features(a, copy.deepcopy(a), w_plus, resolution, rgb=rgb), image(a, w_plus))


@pytest.mark.parametrize("resolution", [4, 8])
def test_swapped_features_and_image_are_a_swap_of_weights(a, b, w_plus, resolution):
    """Where both networks have the same ToRGB at that resolution, which belongs to the receiver in one and not in the other."""
    b.level(resolution)[2].load_state_dict(a.level(resolution)[2].state_dict())
    found = layer_swap.swap_features(a, b, w_plus, resolution, rgb="giver")
    torch.testing.assert_close(found, image(layer_swap.blend(a, b, 2 * resolution), w_plus))


def test_the_receiver_keeps_its_own_lower_image(a, b, w_plus):
    """At the highest resolution only the last ToRGB layer sees the giver's features."""
    found = layer_swap.swap_features(a, b, w_plus, 16)
    features = a.features(w_plus, a.stored_noise())[-1]
    below = b.rgb_pyramid(w_plus, b.stored_noise())[-2]
    assert torch.equal(found, b.to_rgbs[-1](features, w_plus[:, -1], below))


def test_features_take_the_noise_that_is_given(a, b, w_plus):
    silence = [torch.zeros_like(noise) for noise in a.stored_noise()]
    found = layer_swap.swap_features(a, a, w_plus, 8, silence)
    assert torch.equal(found, a.synthesis(w_plus, silence))
    assert not torch.equal(found, layer_swap.swap_features(a, a, w_plus, 8))


def test_distances_are_relative_and_counted_by_level(a):
    moved = copy.deepcopy(a)
    for parameter in moved.level(8).parameters():
        parameter.data *= 1.25
    for parameter in moved.style.parameters():
        parameter.data.zero_()
    found = layer_swap.level_distances(a, moved)
    assert list(found) == ["mapping", "4", "8", "16"]
    assert found == pytest.approx({"mapping": 1.0, "4": 0.0, "8": 0.25, "16": 0.0})


def test_independent_networks_look_unrelated_and_a_fine_tuned_one_does_not(a, b):
    distances = layer_swap.level_distances(a, b)
    assert distances["8"] == pytest.approx(math.sqrt(2), abs=0.15)
    assert layer_swap.look_unrelated(distances)
    torch.manual_seed(0)
    tuned = copy.deepcopy(a)
    for parameter in tuned.parameters():
        parameter.data += 0.3 * parameter.data.square().mean().sqrt() * torch.randn_like(parameter)
    assert not layer_swap.look_unrelated(layer_swap.level_distances(a, tuned))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"channels": {4: 8, 8: 8, 16: 6}}, ["convs.2.conv.weight", "[1, 4, 8, 3, 3]", "[1, 6, 8, 3, 3]"]),
        ({"n_mlp": 3}, ["style.3.weight", "missing"]),
        ({"size": 32}, ["missing"]),
        ({"lr_mlp": 0.1}, ["lr_mlp"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_networks_of_different_shapes_are_refused_with_the_first_difference(a, w_plus, options, words):
    other = tiny_generator(seed=2, **options)
    for attempt in (
        lambda: layer_swap.blend(a, other, 8),
        lambda: layer_swap.interpolate(a, other, 0.5),
        lambda: layer_swap.swap_features(a, other, w_plus, 8),
        lambda: layer_swap.level_distances(a, other),
    ):
        with pytest.raises(InputError) as refusal:
            attempt()
        assert all(word in str(refusal.value) for word in words) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("resolution", [0, 2, 12, 32])
def test_a_resolution_that_they_lack_is_refused(a, b, w_plus, resolution):
    for attempt in (layer_swap.blend, lambda a, b, r: layer_swap.swap_features(a, b, w_plus, r)):
        with pytest.raises(InputError, match=f"{resolution}: .* 4, 8, 16"):
            attempt(a, b, resolution)

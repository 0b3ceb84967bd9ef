"""The transfer methods: what each freezes, blends and adds, alone and together."""

import argparse
import copy
import itertools
import json

import pytest
import torch

from errors import InputError
from model import Discriminator, Generator, StyledConv
from tests.networks import tiny_discriminator, tiny_generator
from tests.vectors import for_each_folder
from tests.vision import doubles
from training import steps
from training.state import Settings, new_state
from training.transfer import METHODS, NADA, CorrelationLoss, FreezeD, FreezeFC, FreezeG, FreezeStyle, NoNoise, StructureLoss
from training.transfer.correlation_loss import LEVEL, correlation
from training.transfer.presets import PRESETS, preset_flags
from vision import clip_files

EXAMPLES = {
    "freezeD": FreezeD(1),
    "freezeG": FreezeG(1),
    "freezeG+mapping": FreezeG(1, train_mapping=True),
    "freezeFC": FreezeFC(),
    "freezeStyle": FreezeStyle(2),
    "no_noise": NoNoise(),
    "structure": StructureLoss(2),
    "structure features": StructureLoss(2, target="features"),
    "correlation": CorrelationLoss(4),
    "nada": NADA("photo", "sketch"),
}
PAIRS = [*itertools.combinations(EXAMPLES, 1), *itertools.combinations(EXAMPLES, 2)]


@pytest.fixture(autouse=True)
def no_clip(monkeypatch):
    monkeypatch.setattr(clip_files, "load", lambda text: doubles.clip())


def state_with(*methods, **settings):
    source = tiny_generator(seed=1)
    return new_state(
        Settings(**settings),
        copy.deepcopy(source),
        tiny_discriminator(seed=2),
        methods,
        source=source,
    )


def one_iteration(state, batch=4):
    real = torch.randn(batch, 3, 16, 16, generator=torch.Generator().manual_seed(5))
    logs = steps.discriminator_step(state, [real], [steps.draw_latents(state, batch)])
    logs |= steps.r1_step(state, [real])
    logs |= steps.generator_step(state, [steps.draw_latents(state, batch)])
    logs |= steps.path_length_step(state, [steps.draw_latents(state, batch // 2)])
    state.update_ema()
    state.iteration += 1
    return logs


def trainable_modules(network, names):
    """Which of the named modules train: all of each module's parameters, or none of them."""
    found = set()
    for name in names:
        states = {parameter.requires_grad for parameter in network.get_submodule(name).parameters()}
        assert len(states) == 1, f"{name} is only partly frozen"
        if states == {True}:
            found.add(name)
    return found


@for_each_folder("tables")
def test_vectors_of_what_the_published_freeze_flags_leave_trainable(folder):
    table = json.loads((folder / "freeze_256_reference.json").read_text())
    with torch.device("meta"):
        generator, discriminator = Generator(256), Discriminator(256)
    g_modules = ["style", "input", "conv1", "to_rgb1", *(f"convs.{i}" for i in range(12)), *(f"to_rgbs.{i}" for i in range(6))]
    d_modules = [*(f"convs.{i}" for i in range(7)), "final_conv", "final_linear"]
    for case, expected in table.items():
        kind, count, _ = case.split("_")
        method, network, modules = {
            "freezeG": (FreezeG(int(count)), generator, g_modules),
            "freezeD": (FreezeD(int(count)), discriminator, d_modules),
        }[kind]
        network.requires_grad_(True)
        for parameter in method.frozen_parameters(generator, discriminator):
            parameter.requires_grad_(False)
        assert trainable_modules(network, modules) == set(expected), case


def test_freezing_the_generator_leaves_the_mapping_network_to_train_when_asked():
    state = state_with(FreezeG(1, train_mapping=True))
    assert trainable_modules(state.generator, ["style", "conv1", "convs.0", "convs.2"]) == {"style", "convs.2"}


def test_freezing_the_mapping_network_freezes_nothing_else():
    state = state_with(FreezeFC())
    frozen = {name for name, parameter in state.generator.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name, _ in state.generator.named_parameters() if name.startswith("style.")}


@pytest.mark.parametrize("names", PAIRS, ids="+".join)
def test_frozen_parameters_stay_bit_equal_and_the_others_move_under_any_two_methods(names):
    state = state_with(*(EXAMPLES[name] for name in names), r1=1.0)
    before = {which: copy.deepcopy(getattr(state, which).state_dict()) for which in ("generator", "discriminator", "source")}
    for _ in range(2):
        logs = one_iteration(state)
    assert all(torch.isfinite(value) for value in logs.values())
    for which in ("generator", "discriminator"):
        for name, parameter in getattr(state, which).named_parameters():
            assert torch.equal(parameter, before[which][name]) == (not parameter.requires_grad), name
    for name, parameter in state.generator.named_parameters():
        unmoved = torch.equal(state.g_ema.get_parameter(name), before["generator"][name])
        assert unmoved == (not parameter.requires_grad), name
    assert all(torch.equal(tensor, before["source"][name]) for name, tensor in state.source.state_dict().items())


def test_without_noise_no_noise_shows_and_all_else_is_the_sources():
    state = state_with(NoNoise(), FreezeG(1))
    one_iteration(state)
    for network in (state.generator, state.g_ema):
        w = network.broadcast(network.mapping(torch.ones(1, network.style_dim)))
        drawn = [network.synthesis(w, network.make_noise(1, torch.Generator().manual_seed(seed))) for seed in (1, 2)]
        assert torch.equal(*drawn)
    state = state_with(NoNoise())
    others = {name: value for name, value in state.g_ema.state_dict().items() if not name.endswith("noise.weight")}
    assert len(others) < len(state.g_ema.state_dict())
    assert all(torch.equal(value, state.source.state_dict()[name]) for name, value in others.items())


@pytest.mark.parametrize("target", ["rgb", "features"])
def test_structure_loss_of_an_untouched_copy_is_exactly_zero(target):
    state = state_with(StructureLoss(3, target=target), mixing=1.0)
    logs = steps.generator_step(state, [steps.draw_latents(state, 4)])
    assert logs["structure"].item() == 0


@pytest.mark.parametrize("target", ["rgb", "features"])
def test_structure_loss_is_the_mean_square_at_the_lowest_resolutions(target):
    state = state_with(method := StructureLoss(2, target=target))
    with torch.no_grad():
        state.generator.conv1.conv.weight.add_(0.5)
    drawn = steps.draw_latents(state, 4)
    w, w_source = steps.style_codes(state, state.generator, drawn)
    theirs = [getattr(state.source, "rgb_pyramid" if target == "rgb" else "features")(w_source, drawn.noise)]
    ours = [getattr(state.generator, "rgb_pyramid" if target == "rgb" else "features")(w, drawn.noise)]
    expected = sum((a - b).square().mean() for a, b in zip(ours[0][:2], theirs[0][:2]))
    logs = steps.generator_step(state, [drawn])
    assert method.levels == 2
    torch.testing.assert_close(logs["structure"], expected.detach())
    assert expected > 0


def test_structure_weight_scales_the_gradient_and_not_the_logged_value():
    moved = {}
    for weight in (0.0, 1.0):
        state = state_with(StructureLoss(2, weight=weight))
        with torch.no_grad():
            state.generator.conv1.conv.weight.add_(0.5)
        logs = steps.generator_step(state, [steps.draw_latents(state, 4)])
        moved[weight] = logs["structure"], state.generator.conv1.conv.weight.clone()
    assert moved[0.0][0] == moved[1.0][0]
    assert not torch.equal(moved[0.0][1], moved[1.0][1])


def test_an_untouched_copy_and_one_in_other_colours_correlate_wholly():
    for tint in (0.0, 0.7):
        state = state_with(CorrelationLoss(4), mixing=1.0)
        with torch.no_grad():
            state.generator.to_rgbs[-1].bias.add_(tint)
        logs = steps.generator_step(state, [steps.draw_latents(state, 4)])
        torch.testing.assert_close(logs["correlation"], torch.tensor(0.0), atol=1e-5, rtol=0)


def test_correlation_is_pearsons_over_the_people():
    ours, theirs = torch.randn(2, 6, 3, 2, 2, generator=torch.Generator().manual_seed(0)).double()
    pairs = zip(ours.reshape(6, -1).T, theirs.reshape(6, -1).T)
    expected = torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in pairs]).mean()
    torch.testing.assert_close(correlation(ours, theirs), expected)
    torch.testing.assert_close(correlation(3 * ours + 1, ours), torch.tensor(1.0).double())
    torch.testing.assert_close(correlation(-ours, ours), torch.tensor(-1.0).double())


def test_people_who_do_not_differ_correlate_with_nobody_and_pull_no_harder_for_it():
    ours = torch.ones(4, 3, 2, 2, requires_grad=True)
    value = correlation(ours, torch.randn(4, 3, 2, 2))
    value.backward()
    assert value.item() == 0
    assert ours.grad.norm(dim=0).max() <= 1 / (LEVEL * 4**0.5 * ours[0].numel()) + 1e-6


def test_one_person_alone_cannot_be_compared():
    state = state_with(CorrelationLoss(4))
    with pytest.raises(InputError, match="has nobody to compare"):
        steps.generator_step(state, [steps.draw_latents(state, 1)])


@pytest.mark.parametrize("mixing", [0.0, 1.0])
def test_low_layers_take_the_sources_style_with_one_z_or_two(mixing):
    state = state_with(FreezeStyle(2), mixing=mixing)
    with torch.no_grad():
        state.generator.style[1].weight.add_(1.0)
    drawn = steps.draw_latents(state, 4)
    assert (drawn.inject_index < state.generator.n_latent) == bool(mixing)
    blended, w_source = steps.style_codes(state, state.generator, drawn)
    own, _ = steps.style_codes(state_without_methods(state), state.generator, drawn)
    assert torch.equal(blended[:, :2], w_source[:, :2])
    assert torch.equal(blended[:, 2:], own[:, 2:])
    assert not torch.equal(blended[:, 2:], w_source[:, 2:])


def state_without_methods(state):
    bare = copy.copy(state)
    bare.methods = []
    return bare


def test_a_frozen_mapping_network_makes_freeze_style_say_that_it_has_no_effect():
    state = state_with(FreezeG(1), style := FreezeStyle(2))
    assert "no effect" in style.describe(state.generator, state.discriminator)
    state = state_with(FreezeG(1, train_mapping=True), style)
    assert "no effect" not in style.describe(state.generator, state.discriminator)


@pytest.mark.parametrize(
    "method, words",
    [
        (FreezeG(99), "--freezeG 99: .* 1 to 2"),
        (FreezeD(99), "--freezeD 99: .* 1 to 2"),
        (FreezeStyle(99), "--freezeStyle 99: .* 6"),
        (StructureLoss(99), "--structure_loss 99: .* 3"),
        (CorrelationLoss(5), "--correlation_loss 5: .* 16; try 8"),
    ],
    ids=["freezeG", "freezeD", "freezeStyle", "structure_loss", "correlation_loss"],
)
def test_counts_beyond_the_network_are_refused_with_what_would_do(method, words):
    with pytest.raises(InputError, match=words):
        state_with(method)


def options(**given):
    return argparse.Namespace(**{name: value for method in METHODS for name, value in method.flags().items()} | given)


def test_no_flag_means_no_method():
    assert [method.from_args(options()) for method in METHODS] == [None] * len(METHODS)


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128, 256, 512, 1024])
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_fits_every_size_and_leaves_something_to_train(name, size):
    channels = {2**k: 2 for k in range(2, size.bit_length())}
    generator, discriminator = Generator(size, 4, 1, channels=channels), Discriminator(size, channels=channels)
    own = {flag for kind in METHODS for flag in kind.flags()}
    flags = {key: value for key, value in preset_flags(name, size).items() if key in own}
    methods = [method for kind in METHODS if (method := kind.from_args(options(**flags)))]
    assert methods
    for method in methods:
        for parameter in method.frozen_parameters(generator, discriminator):
            parameter.requires_grad_(False)
    assert discriminator.convs[0][0].weight.requires_grad == (name == "cartoon")
    for network in (generator, discriminator):
        assert any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512, 1024])
def test_presets_keep_the_levels_that_hold_pose_and_shape(size):
    """4 and 8 px, from 256 px up 16 px as well: frozen, compared, and the styles of just their convolutions."""
    coarse = [res for res in (4, 8, 16) if res < 16 or size >= 256]
    with torch.device("meta"):
        generator, discriminator = Generator(size), Discriminator(size)
    flags = preset_flags("freezesg", size)
    for parameter in FreezeG(flags["freezeG"], train_mapping=True).frozen_parameters(generator, discriminator):
        parameter.requires_grad_(False)
    frozen = [res for res in generator.resolutions if not any(p.requires_grad for p in generator.level(res).parameters())]
    assert frozen == coarse
    convolutions = [module for res in coarse for module in generator.level(res) if isinstance(module, StyledConv)]
    assert flags["freezeStyle"] == len(convolutions)
    assert preset_flags("freezeg", size)["freezeG"] == flags["freezeG"]
    assert preset_flags("structure", size)["structure_loss"] == len(coarse)


@pytest.mark.parametrize("name", PRESETS[:4])
@pytest.mark.parametrize("size", [64, 256, 1024])
def test_published_presets_train_the_discriminator_up_to_32_px(name, size):
    with torch.device("meta"):
        generator, discriminator = Generator(size), Discriminator(size)
    for parameter in FreezeD(preset_flags(name, size)["freezeD"]).frozen_parameters(generator, discriminator):
        parameter.requires_grad_(False)
    levels = {res: {p.requires_grad for p in discriminator.level(res).parameters()} for res in discriminator.resolutions}
    assert [res for res, states in levels.items() if states == {True}] == [4, 8, 16, 32]
    assert all(states == {False} for res, states in levels.items() if res > 32)

"""NADA: the published loss, what trains and what stays, and layers that are chosen anew in each step."""

import copy

import pytest
import torch
from torch.nn import functional as F

from errors import InputError
from tests.networks import tiny_discriminator, tiny_discriminator1, tiny_generator, tiny_generator1
from tests.vision import doubles
from training import estimate, steps
from training.state import Settings, new_state
from training.transfer import NADA, FreezeG
from training.transfer.nada import SOFT
from vision import clip_files

KINDS = {"stylegan2": (tiny_generator, tiny_discriminator), "stylegan1": (tiny_generator1, tiny_discriminator1)}


@pytest.fixture(autouse=True)
def no_clip(monkeypatch):
    monkeypatch.setattr(clip_files, "load", lambda text: doubles.clip())


def alone(*methods, kind="stylegan2", **settings):
    """Words alone: there are no pictures."""
    generator, discriminator = (make(seed=1) for make in KINDS[kind])
    for method in methods:
        method.pictures = False
    settings = Settings(**{"batch": 4, "path_regularize": 0.0, "mixing": 0.0} | settings)
    return new_state(settings, copy.deepcopy(generator), discriminator, methods, source=generator, adversarial=False)


def step(state, batch=4):
    logs = steps.generator_step(state, [steps.draw_latents(state, batch)])
    state.update_ema()
    return logs


def moved(state, before):
    """{index in w_plus: whether the convolution has another weight}, and the names of all parameters that have."""
    after = state.generator.state_dict()
    names = {name for name, _ in state.generator.named_parameters() if not torch.equal(after[name], before[name])}
    layers = {
        layer
        for layer, module in state.generator.convolutions().items()
        for parameter in module.parameters()
        if any(parameter is state.generator.get_parameter(name) for name in names)
    }
    return layers, names


def test_source_and_target_that_draw_the_same_turn_nowhere_and_gradients_are_finite():
    state = alone(NADA("photo", "sketch"))
    logs = step(state)
    assert logs == {"clip": torch.tensor(1.0)}
    assert all(parameter.isfinite().all() for parameter in state.generator.parameters())


def test_the_loss_is_1_less_the_cosine_of_what_changed_and_what_was_said():
    state = alone(method := NADA("photo", "sketch"))
    with torch.no_grad():
        state.generator.conv1.conv.weight.add_(0.5)
    drawn = steps.draw_latents(state, 4)
    w, w_source = steps.style_codes(state, state.generator, drawn)
    with torch.no_grad():
        ours, theirs = (n.synthesis(c, drawn.noise) for n, c in ((state.generator, w), (state.source, w_source)))
        turned = method.eyes(ours) - method.eyes(theirs)
        clip = doubles.clip()
        said = (clip.concept("sketch") - clip.concept("photo")).mean(0)
        cosine = F.cosine_similarity(turned, said[None])
        lengths = turned.norm(dim=1)
    expected = 1 - (cosine * lengths / (lengths**2 + SOFT**2).sqrt()).mean()
    logs = steps.generator_step(state, [drawn])
    torch.testing.assert_close(logs["clip"], expected)
    assert (lengths > 2.5 * SOFT).all(), "where the published cosine and ours are near each other"
    assert logs["clip"].item() == pytest.approx((1 - cosine.mean()).item(), abs=0.08)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_falls_the_convolutions_train_and_all_else_stays_the_sources(kind):
    state = alone(NADA("photo", "sketch"), kind=kind, lr=0.01)
    before = copy.deepcopy(state.generator.state_dict())
    judged = copy.deepcopy(state.discriminator.state_dict())
    values = [step(state)["clip"].item() for _ in range(40)]
    assert sum(values[-5:]) / 5 < 0.6 < values[0]
    layers, names = moved(state, before)
    assert layers == set(state.generator.convolutions())
    assert not any(name.startswith("style.") or "to_rgb" in name for name in names)
    assert all(torch.equal(value, judged[name]) for name, value in state.discriminator.state_dict().items())
    for name, parameter in state.source.named_parameters():
        assert torch.equal(parameter, before[name])


@pytest.mark.parametrize("kind", KINDS)
def test_in_each_step_the_chosen_layers_move_and_the_others_stay_bit_equal(kind):
    state = alone(method := NADA("photo", "sketch", layers=2), kind=kind)
    seen = set()
    for _ in range(4):
        before = copy.deepcopy(state.generator.state_dict())
        step(state)
        layers, _ = moved(state, before)
        assert layers == set(method.chosen.nonzero().flatten().tolist()) and len(layers) == 2
        seen |= layers
    assert method.chosen.sum() == 2


def test_the_layers_are_those_whose_latents_move_most_towards_the_words():
    state = alone(method := NADA("photo", "sketch", layers=1))
    drawn = steps.draw_latents(state, 4)
    w, _ = steps.style_codes(state, state.generator, drawn)
    w_plus = w.detach().requires_grad_()
    wanted = F.normalize(doubles.clip().concept("sketch").mean(0), dim=0)
    away = (1 - method.eyes(state.generator.synthesis(w_plus, drawn.noise)) @ wanted).sum()
    optimizer = torch.optim.SGD([w_plus], lr=0.01)
    away.backward()
    optimizer.step()
    distances = (w_plus.detach() - w).abs().mean((0, 2))[: len(state.generator.convolutions())]
    steps.generator_step(state, [drawn])
    assert method.chosen.argmax() == distances.argmax()


def test_a_frozen_layer_is_never_chosen():
    state = alone(FreezeG(1), method := NADA("photo", "sketch", layers=2))
    before = copy.deepcopy(state.generator.state_dict())
    for _ in range(3):
        step(state)
    layers, _ = moved(state, before)
    assert layers == {3, 4} and method.chosen.tolist() == [0, 0, 0, 1, 1]


def test_with_pictures_the_adversary_goes_on_and_nothing_more_is_frozen():
    method = NADA("photo", "sketch")
    method.pictures = True
    generator = tiny_generator(seed=1)
    state = new_state(Settings(batch=4), copy.deepcopy(generator), tiny_discriminator(seed=2), [method], source=generator)
    assert all(parameter.requires_grad for parameter in state.generator.parameters())
    assert {"g", "clip"} <= step(state).keys()


def test_the_weight_scales_the_gradient_and_not_the_logged_value():
    grown = {}
    for weight in (1.0, 3.0):
        state = alone(NADA("photo", "sketch", weight))
        with torch.no_grad():
            state.generator.conv1.conv.weight.add_(0.5)
        drawn = steps.draw_latents(state, 4)
        gradients = []
        state.generator.conv1.conv.weight.register_hook(gradients.append)
        grown[weight] = steps.generator_step(state, [drawn])["clip"], gradients[0]
    assert grown[1.0][0] == grown[3.0][0]
    torch.testing.assert_close(3 * grown[1.0][1], grown[3.0][1])


@pytest.mark.parametrize(
    "method, message",
    [
        (NADA("photo", "sketch", layers=6), "--clip_layers 6: the generator has 5 convolutions"),
        (NADA("photo", "photo"), "--clip_target photo: 'photo' and 'photo' are the same"),
        (NADA("photo", " "), "--clip_target  : no words"),
        (NADA("photo", "so " * 80), "--clip_target .* CLIP reads 75"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(method, message):
    with pytest.raises(InputError, match=message):
        alone(method)


def test_a_missing_clip_names_the_flag(monkeypatch):
    def missing(text):
        raise InputError("nothing here")

    monkeypatch.setattr(clip_files, "load", missing)
    for given, flag in ((None, "--clip: nothing here"), ("a.pt", "--clip a.pt: nothing here")):
        with pytest.raises(InputError, match=flag):
            alone(NADA("photo", "sketch", clip=given))


def test_a_choice_of_layers_and_clip_itself_are_in_the_estimate():
    need = {}
    for layers in (None, 2):
        state = alone(NADA("photo", "sketch", layers=layers))
        how = (state.generator, state.discriminator, state.settings, 4, 4, torch.device("cpu"))
        bare = estimate.estimate(*how, adversarial=False)
        need[layers] = estimate.estimate(*how, methods=state.methods, adversarial=False)
        whole = estimate.estimate(*how)
        assert bare.gflop < need[layers].gflop and bare.gib < need[layers].gib and bare.gflop < whole.gflop
    assert need[None].gflop < need[2].gflop

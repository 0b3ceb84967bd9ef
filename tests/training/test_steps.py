"""The four updates, by laws: who moves, what the discriminator gets to see, and what a micro-batch counts."""

import copy

import pytest
import torch

from augment import Ada, Augmentation, ada
from tests.networks import tiny_discriminator, tiny_generator
from training import steps
from training.state import Settings, new_state
from training.transfer import FreezeD, FreezeG, FreezeStyle, StructureLoss

REAL = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
NETWORKS = ("generator", "discriminator", "g_ema", "source")


def state_of(*methods, augmentation=None, **settings):
    """A state whose source differs from its generator, and of which no image is compared with another."""
    networks = tiny_generator(seed=1), tiny_discriminator(seed=2, stddev_group=1)
    return new_state(Settings(**settings), *networks, methods, source=tiny_generator(seed=4), augmentation=augmentation, seed=3)


def take(step, state, parts=1):
    """One update on REAL, in so many micro-batches; its logs."""
    reals, latents = list(REAL.split(len(REAL) // parts)), split(steps.draw_latents(state, len(REAL)), parts)
    inputs = {"discriminator_step": (reals, latents), "r1_step": (reals,)}.get(step, (latents,))
    return getattr(steps, step)(state, *inputs)


def split(drawn, parts):
    each = zip(*[torch.cat([x]).chunk(parts) for x in (*drawn.z, *drawn.noise)])
    return [steps.Latents([*part[:2]], drawn.inject_index, [*part[2:]]) for part in each]


def moved(network, before):
    return {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}


def copies(state):
    return {which: copy.deepcopy(getattr(state, which).state_dict()) for which in NETWORKS}


STEPS = {
    "discriminator_step": "discriminator",
    "r1_step": "discriminator",
    "generator_step": "generator",
    "path_length_step": "generator",
}
every_step = pytest.mark.parametrize("step, own", STEPS.items(), ids=STEPS)


@every_step
def test_a_step_moves_its_own_network_and_no_other(step, own):
    state = state_of()
    before = copies(state)
    take(step, state)
    assert {which for which in NETWORKS if moved(getattr(state, which), before[which])} == {own}


@every_step
def test_a_step_leaves_no_gradient_and_nothing_frozen_that_was_not(step, own):
    state = state_of(FreezeG(1), FreezeD(1))
    wanted = {which: [p.requires_grad for p in getattr(state, which).parameters()] for which in NETWORKS}
    take(step, state)
    assert {which: [p.requires_grad for p in getattr(state, which).parameters()] for which in NETWORKS} == wanted
    assert all(p.grad is None for which in NETWORKS for p in getattr(state, which).parameters())


def gradients(state, own):
    """Adam's first moments, which are the gradients, since beta1 is 0; its step would hide a factor."""
    optimizer = state.d_optim if own == "discriminator" else state.g_optim
    return [entry["exp_avg"] for entry in optimizer.state.values()]


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("step", ["discriminator_step", "r1_step", "generator_step"])
def test_a_step_takes_the_averaged_gradient_of_its_micro_batches(step, parts):
    states = [state_of(StructureLoss(2), mixing=0.0) for _ in range(2)]
    whole, logs = take(step, states[0]), take(step, states[1], parts)
    torch.testing.assert_close(logs, whole, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(*[gradients(state, STEPS[step]) for state in states], atol=1e-5, rtol=1e-3)


def test_path_lengths_are_averaged_over_micro_batches_too():
    """The same person in each, as every micro-batch has a mean of its own to be compared with."""
    states, logs = [state_of() for _ in range(2)], []
    for state, parts in zip(states, (1, 4)):
        drawn, y = steps.draw_latents(state, 1), torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)
        people = steps.Latents([z.expand(4 // parts, -1) for z in drawn.z], 6, drawn.noise)
        logs.append(steps.path_length_step(state, [people] * parts, y.expand(4 // parts, -1, -1, -1)))
    torch.testing.assert_close(*logs, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(*[gradients(state, "generator") for state in states], atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(*[state.mean_path_length for state in states])


class BlotsOut(Augmentation):
    def __call__(self, images, rng=None):
        return 0 * images


def test_the_discriminator_sees_augmented_images_only():
    """An augmentation that blots everything out leaves nothing to tell apart, to penalise or to learn from."""
    state = state_of(augmentation=BlotsOut())
    logs = take("discriminator_step", state)
    torch.testing.assert_close(logs["real_score"], logs["fake_score"])
    assert take("r1_step", state)["r1"] == 0
    before = copies(state)
    take("generator_step", state)
    assert not moved(state.generator, before["generator"])


def test_images_are_augmented_with_the_p_of_the_controller_and_the_random_numbers_of_the_run(monkeypatch):
    given = []
    monkeypatch.setattr(ada, "augment", lambda images, p, rng: given.append((p, rng)) or images)
    state = state_of(augmentation=Ada(fixed_p=0.25))
    for step in ("discriminator_step", "r1_step", "generator_step"):
        take(step, state)
    assert given == [(0.25, state.rng)] * 4  # real and fake images of the first step


def test_adaptation_follows_the_logits_of_real_images():
    """A discriminator that is wrong about everything: generated images, which it sees first, are real to it."""
    state = state_of(augmentation=Ada(interval=1, length=1000))
    signs = torch.tensor([1.0, -1.0]).repeat_interleave(len(REAL))[:, None]
    forward = state.discriminator.forward
    state.discriminator.forward = lambda images, batches: signs * (forward(images, batches).abs() + 1)
    logs = take("discriminator_step", state)
    assert logs["fake_score"] > 1 and logs["real_score"] < -1
    assert (state.augmentation.r_t, logs["r_t"]) == (-1, -1)


def test_the_generator_is_fooling_and_the_discriminator_is_telling_apart():
    """Each step lowers its own loss on the same images, and the generator's raises the logits of its images."""
    state = state_of(lr=1e-4, mixing=0.0)
    drawn = steps.draw_latents(state, 4)
    first, second = (steps.generator_step(state, [drawn]) for _ in range(2))
    assert second["g"] < first["g"]
    first, second = (steps.discriminator_step(state, [REAL], [drawn]) for _ in range(2))
    assert second["d"] < first["d"]
    assert second["real_score"] - second["fake_score"] > first["real_score"] - first["fake_score"]


@pytest.mark.parametrize(
    "step, term, weight, every",
    [("r1_step", "r1", "r1", "d_reg_every"), ("path_length_step", "path", "path_regularize", "g_reg_every")],
)
def test_a_rare_penalty_weighs_as_if_it_came_each_time_and_is_logged_without_its_weight(step, term, weight, every):
    """Half the weight twice as rarely is the same gradient; three times the weight is three times the gradient."""
    found = {}
    for settings in ((4, 4), (2, 8), (12, 4)):
        state = state_of(**dict(zip((weight, every), settings)), mixing=0.0)
        logs = take(step, state)
        found[settings] = logs[term], gradients(state, STEPS[step])
    plain = found[4, 4]
    torch.testing.assert_close(found[2, 8], plain, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(found[12, 4], (plain[0], [3 * gradient for gradient in plain[1]]), atol=1e-5, rtol=1e-3)


def test_r1_adds_half_its_weight_of_the_penalty():
    """weight / 2 E|grad D(x)|^2, differentiated here by the definition."""
    state = state_of(r1=6.0, d_reg_every=1)
    real = REAL.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(state.discriminator(real).sum(), real, create_graph=True)
    weights = list(state.discriminator.convs.parameters())
    expected = torch.autograd.grad(3.0 * slope.square().sum() / len(REAL), weights, allow_unused=True)
    take("r1_step", state)
    found = [state.d_optim.state[weight]["exp_avg"] for weight in weights]
    for moment, gradient in zip(found, expected):
        torch.testing.assert_close(moment, torch.zeros_like(moment) if gradient is None else gradient, atol=1e-5, rtol=1e-3)


def test_mixing_happens_as_often_as_asked_and_never_below_the_first_layer():
    state = state_of(mixing=0.75)
    drawn = [int(steps.draw_latents(state, 1).inject_index) for _ in range(400)]
    n_latent = state.generator.n_latent
    mixed = [index for index in drawn if index < n_latent]
    assert 0.68 < len(mixed) / 400 < 0.82
    assert set(mixed) == set(range(1, n_latent))
    assert set(drawn) <= set(range(1, n_latent + 1))


def test_people_of_a_batch_differ_in_both_latents_and_in_their_noise():
    drawn = steps.draw_latents(state_of(), 3)
    for numbers in (*drawn.z, *drawn.noise):
        assert len(numbers) == 3 and len({tuple(one.flatten().tolist()) for one in numbers}) == 3
    assert not torch.equal(*drawn.z)


def test_mixed_codes_are_those_of_the_first_person_below_and_of_the_second_above():
    state = state_of()
    drawn = steps.draw_latents(state, 3)
    drawn.inject_index = 2
    w, _ = steps.style_codes(state, state.generator, drawn)
    first, second = (state.generator.mapping(z) for z in drawn.z)
    torch.testing.assert_close(w[:, :2], first[:, None].expand(-1, 2, -1))
    torch.testing.assert_close(w[:, 2:], second[:, None].expand(-1, w.shape[1] - 2, -1))


def test_methods_get_the_sources_codes_of_the_same_people_and_the_noise_of_the_images():
    """Structure loss of a copy is zero in the step as it is by itself; of another network it is not."""
    state = state_of(StructureLoss(2))
    assert take("generator_step", state)["structure"] > 0
    state.source.load_state_dict(state.generator.state_dict())
    assert take("generator_step", state)["structure"] == 0


def test_every_image_of_a_step_has_the_styles_that_the_methods_blend(monkeypatch):
    """Discriminator, generator and path-length step see FreezeSG's faces, and their mapping is not the source's."""
    state = state_of(FreezeStyle(2))
    seen = []

    def watch(w, noise):
        seen.append(w.detach())
        return stages(w, noise)

    stages = state.generator.stages
    monkeypatch.setattr(state.generator, "stages", watch)
    for step in ("discriminator_step", "generator_step", "path_length_step"):
        seen.clear()
        drawn = steps.draw_latents(state, 4)
        getattr(steps, step)(state, *([[REAL]] if step == "discriminator_step" else []), [drawn])
        (w,) = seen
        source, _ = steps.style_codes(state_of(), state.source, drawn)
        torch.testing.assert_close(w[:, :2], source[:, :2])
        assert not torch.isclose(w[:, 2:], source[:, 2:]).all()


def test_the_mean_path_length_moves_towards_that_of_the_images():
    state = state_of()
    lengths = []
    for _ in range(3):
        before = state.mean_path_length.clone()
        lengths.append(take("path_length_step", state)["path_length"])
        torch.testing.assert_close(state.mean_path_length, before + 0.01 * (lengths[-1] - before))

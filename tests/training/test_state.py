"""The state of a run: optimizers, the average, seeds, and what is saved."""

import copy

import pytest
import torch

from augment import Ada, Augmentation, DiffAugment
from errors import InputError
from tests.networks import tiny_discriminator, tiny_generator
from training import steps
from training.state import Settings, lazy_adam, new_state
from training.transfer import FreezeD, FreezeFC, FreezeG


def state_of(*methods, seed=0, augmentation=None, **settings):
    return new_state(
        Settings(**settings),
        tiny_generator(seed=1),
        tiny_discriminator(seed=2),
        methods,
        source=tiny_generator(seed=1),
        augmentation=augmentation,
        seed=seed,
    )


def one_iteration(state):
    real = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(state.iteration))
    logs = steps.discriminator_step(state, [real], [steps.draw_latents(state, 4)])
    logs |= steps.r1_step(state, [real])
    logs |= steps.generator_step(state, [steps.draw_latents(state, 4)])
    logs |= steps.path_length_step(state, [steps.draw_latents(state, 2)])
    state.update_ema()
    state.iteration += 1
    return logs


def hyperparameters(optimizer):
    (group,) = optimizer.param_groups
    return group["lr"], group["betas"], group["eps"]


@pytest.mark.parametrize("reg_every, c", [(4, 4 / 5), (16, 16 / 17), (1, 1 / 2), (None, 1)])
def test_lazy_adam_shrinks_rate_and_memory_by_the_share_of_ordinary_steps(reg_every, c):
    lr, betas, eps = hyperparameters(lazy_adam(torch.nn.Linear(2, 2), 0.002, reg_every))
    assert (lr, betas, eps) == (pytest.approx(0.002 * c), (0, pytest.approx(0.99**c)), 1e-8)


@pytest.mark.parametrize("r1, path, c_d, c_g", [(10, 2, 16 / 17, 4 / 5), (0, 2, 1, 4 / 5), (10, 0, 16 / 17, 1)])
def test_a_penalty_that_is_off_leaves_its_optimizer_at_the_full_rate(r1, path, c_d, c_g):
    state = state_of(r1=r1, path_regularize=path)
    assert hyperparameters(state.d_optim)[0] == pytest.approx(0.002 * c_d)
    assert hyperparameters(state.g_optim)[0] == pytest.approx(0.002 * c_g)


def test_optimizers_hold_every_parameter_in_order_frozen_ones_too():
    state = state_of(FreezeG(1), FreezeD(1))
    for optimizer, network in ((state.g_optim, state.generator), (state.d_optim, state.discriminator)):
        held = optimizer.param_groups[0]["params"]
        assert [id(parameter) for parameter in held] == [id(parameter) for parameter in network.parameters()]
        assert {parameter.requires_grad for parameter in held} == {True, False}


def test_settings_have_the_published_defaults():
    assert Settings() == Settings(
        batch=16,
        accumulate=1,
        lr=0.002,
        r1=10,
        d_reg_every=16,
        path_regularize=2,
        g_reg_every=4,
        path_batch_shrink=2,
        mixing=0.9,
        ema_decay=0.5 ** (32 / 10_000),
    )


def test_a_new_state_starts_from_equal_networks_of_which_only_the_first_trains():
    state = state_of()
    for other in (state.g_ema, state.source):
        assert all(torch.equal(a, b) for a, b in zip(other.parameters(), state.generator.parameters(), strict=True))
        assert not any(parameter.requires_grad for parameter in other.parameters())
        assert not other.training
    assert all(parameter.requires_grad for parameter in state.generator.parameters())
    assert not {id(p) for p in state.g_ema.parameters()} & {id(p) for p in state.generator.parameters()}
    assert state.iteration == state.mean_path_length == 0


def test_what_an_earlier_run_froze_trains_again():
    generator = tiny_generator().requires_grad_(False)
    state = new_state(Settings(), generator, tiny_discriminator(), [])
    assert all(parameter.requires_grad for parameter in state.generator.parameters())
    assert state.source is None


def test_average_moves_by_the_decay_and_leaves_equal_values_bit_equal():
    state = state_of(ema_decay=0.75)
    moving = state.generator.conv1.conv.weight
    with torch.no_grad():
        moving += 1
    before = copy.deepcopy(dict(state.g_ema.named_parameters()))
    state.update_ema()
    for name, averaged in state.g_ema.named_parameters():
        if name == "conv1.conv.weight":
            torch.testing.assert_close(averaged, 0.75 * before[name] + 0.25 * moving)
        else:
            assert torch.equal(averaged, before[name]), name


def test_average_follows_constant_networks_geometrically():
    state = state_of(ema_decay=0.9)
    start = state.g_ema.conv1.conv.weight.clone()
    with torch.no_grad():
        state.generator.conv1.conv.weight += 1
    for _ in range(10):
        state.update_ema()
    torch.testing.assert_close(state.g_ema.conv1.conv.weight - start, torch.full_like(start, 1 - 0.9**10))
    assert torch.equal(state.generator.conv1.conv.weight, start + 1)


def test_random_numbers_follow_the_seed_alone():
    drawn = {}
    for name, seed, everywhere in [("a", 3, 0), ("same", 3, 1), ("other", 4, 0)]:
        state = state_of(seed=seed)
        torch.manual_seed(everywhere)
        drawn[name] = steps.draw_latents(state, 2)
    assert torch.equal(drawn["a"].z[0], drawn["same"].z[0])
    assert all(torch.equal(a, b) for a, b in zip(drawn["a"].noise, drawn["same"].noise))
    assert drawn["a"].inject_index == drawn["same"].inject_index
    assert not torch.equal(drawn["a"].z[0], drawn["other"].z[0])


def test_a_state_is_saved_under_the_published_names():
    saved = state_of(augmentation=Ada(fixed_p=0.3)).state_dict()
    assert {"g", "d", "g_ema", "g_optim", "d_optim", "ada_aug_p"} <= saved.keys()
    assert saved["ada_aug_p"] == 0.3
    assert state_of().state_dict()["ada_aug_p"] == 0
    g_ema = tiny_generator(seed=1)
    assert torch.equal(saved["latent_avg"], g_ema.w_avg)


def test_the_centre_of_truncation_in_a_file_is_that_of_its_averaged_generator():
    state = state_of()
    state.generator.style.load_state_dict(tiny_generator(seed=7).style.state_dict())
    z = torch.randn(20_000, 8, generator=torch.Generator().manual_seed(9))
    averaged, current = (network.mapping(z).mean(0) for network in (state.g_ema, state.generator))
    centre = state.state_dict()["latent_avg"]
    assert (centre - averaged).norm() < (centre - current).norm() / 10


@pytest.mark.parametrize("trains", [False, True])
def test_the_centre_of_the_source_stays_as_long_as_its_mapping_network(trains):
    generator = tiny_generator()
    generator.w_avg = torch.linspace(-1, 1, 8)
    methods = [] if trains else [FreezeFC()]
    state = new_state(Settings(), generator, tiny_discriminator(), methods)
    expected = tiny_generator().w_avg if trains else torch.linspace(-1, 1, 8)
    assert torch.equal(state.state_dict()["latent_avg"], expected)


@pytest.mark.parametrize("kind", [Augmentation, Ada, DiffAugment])
def test_a_state_goes_on_exactly_where_it_was_saved(kind):
    state = state_of(augmentation=kind())
    one_iteration(state)
    saved = copy.deepcopy(state.state_dict())
    expected = one_iteration(state)

    again = state_of(seed=99, augmentation=kind())
    again.load_state_dict(saved)
    assert again.iteration == 1
    found = one_iteration(again)
    assert {name: value.item() for name, value in found.items()} == {name: value.item() for name, value in expected.items()}
    for which in ("generator", "discriminator", "g_ema"):
        ours, theirs = (getattr(a_state, which).state_dict() for a_state in (again, state))
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs), which
    assert torch.equal(again.mean_path_length, state.mean_path_length)
    assert again.mean_path_length > 0


@pytest.mark.parametrize("missing", ["g", "d", "g_ema", "g_optim", "d_optim", "iteration", "mean_path_length", "guard", "rng"])
def test_what_a_saved_state_lacks_is_named(missing):
    state = state_of()
    saved = {name: value for name, value in state.state_dict().items() if name != missing}
    with pytest.raises(InputError, match=missing):
        state.load_state_dict(saved)


DAMAGED = {
    "g": {"input.input": torch.zeros(1)},
    "g_optim": {"state": {}},
    "mean_path_length": "long",
    "guard": {"skipped": {"R1": 1.0}, "total": 0.0},
    "rng": [{"host": 3, "device": 3}],
    "ada": [3],
}


@pytest.mark.parametrize("damaged", DAMAGED)
def test_what_does_not_fit_is_named(damaged):
    state = state_of(augmentation=Ada(fixed_p=0.3))
    with pytest.raises(InputError, match=f"^{damaged}: does not fit this run [^\\n]*$"):
        state.load_state_dict(state.state_dict() | {damaged: DAMAGED[damaged]})


@pytest.mark.parametrize("before", [Augmentation, DiffAugment])
def test_augmentation_that_is_new_begins_at_its_start(before):
    saved = copy.deepcopy(state_of(augmentation=before()).state_dict())
    state = state_of(augmentation=Ada(interval=2))
    state.load_state_dict(saved)
    assert state.augmentation.state_dict() == Ada().state_dict()


class Dims(Augmentation):
    """Another one, as it would be added: darker with each batch of real images."""

    name = "dims"

    def __init__(self):
        self.tensors = (torch.ones(()),)

    def __call__(self, images, rng=None):
        return images * self.tensors[0]

    def update(self, real_pred):
        self.tensors[0].mul_(0.5)

    def figures(self):
        return {"brightness": float(self.tensors[0])}

    def state_dict(self):
        return self.figures()

    def load_state_dict(self, state):
        self.tensors[0].fill_(state["brightness"])


def test_another_augmentation_is_used_saved_and_restored():
    state = state_of(augmentation=Dims())
    logs = [one_iteration(state) for _ in range(2)]
    assert state.augmentation.figures() == {"brightness": 0.25} and logs[1]["r1"] < logs[0]["r1"]
    saved = copy.deepcopy(state.state_dict())
    assert (saved["dims"], saved["ada"], saved["ada_aug_p"]) == ([{"brightness": 0.25}], None, 0.0)
    again = state_of(augmentation=Dims())
    again.load_state_dict(saved)
    assert again.augmentation.figures() == {"brightness": 0.25}

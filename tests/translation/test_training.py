"""What a step of U-GAT-IT moves, and what it leaves."""

import copy
import math

import pytest
import torch

from errors import InputError
from translation.networks import Generator, attended
from translation.norms import ILN, AdaLIN, mixed
from translation.settings import GROUPS, Settings, Weights, learning_rate
from translation.training import DISCRIMINATORS, GENERATORS, UGATIT

TINY = {"size": 32, "ch": 2, "n_res": 1, "light": True}
CPU = torch.device("cpu")


def pixels(seed: int, side: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, side, side), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def training(**settings) -> UGATIT:
    return UGATIT(Settings(**TINY | settings), CPU, {"A": pixels(1), "B": pixels(2)}, seed=3)


def moved(before: UGATIT, after: UGATIT, names) -> set[str]:
    found = set()
    for name in names:
        pairs = zip(before.trained[name].named_parameters(), after.trained[name].parameters())
        found |= {f"{name}.{key}" for (key, old), new in pairs if not torch.equal(old, new)}
    return found


def test_the_learning_rate_falls_to_zero_and_never_below():
    for iterations in (1, 2, 3, 7, 10):
        rates = [learning_rate(Settings(lr=1, iterations=iterations), t) for t in range(1, iterations + 1)]
        assert min(rates) >= 0 and rates == sorted(rates, reverse=True)
        assert rates[: iterations // 2] == [1] * (iterations // 2)
    assert rates[-1] == 0
    assert learning_rate(Settings(lr=1, iterations=10, decay=False), 10) == 1


def test_the_mixed_norm_is_its_definition():
    x, rho = torch.randn(2, 3, 5, 4, dtype=torch.float64), torch.rand(1, 3, 1, 1)
    gamma, beta = torch.randn(2, 2, 3, 1, 1).unbind()
    var, mean = torch.var_mean(x, (2, 3), keepdim=True)
    layer_var, layer_mean = torch.var_mean(x, (1, 2, 3), keepdim=True)
    instance, layer = (x - mean) / (var + 1e-5).sqrt(), (x - layer_mean) / (layer_var + 1e-5).sqrt()
    expected = gamma * (rho * instance + (1 - rho) * layer) + beta
    torch.testing.assert_close(mixed(x.float(), rho, gamma, beta).double(), expected, atol=1e-5, rtol=1e-5)


def test_attention_is_the_published_concatenation():
    generator, x = Generator(2, 1, 32, light=True), torch.randn(2, 8, 4, 4)
    both = torch.cat([x * generator.gap_fc.weight[:, :, None, None], x * generator.gmp_fc.weight[:, :, None, None]], 1)
    found = attended(x, generator.conv1x1, generator.gap_fc.weight, generator.gmp_fc.weight)
    torch.testing.assert_close(found, generator.conv1x1(both))


def test_a_step_moves_all_networks_and_keeps_rho_a_share():
    ours = training(lr=0.5)
    before = copy.deepcopy(ours.trained)
    ours.step((pixels(1), pixels(2)))
    for name in (*GENERATORS, *DISCRIMINATORS):
        assert not all(torch.equal(a, b) for a, b in zip(before[name].parameters(), ours.trained[name].parameters()))
    for module in ours.trained["genA2B"].modules():
        if isinstance(module, AdaLIN | ILN):
            assert module.rho.min() >= 0 and module.rho.max() <= 1


@pytest.mark.parametrize(("mode", "by_base", "by_other"), [("train", 1, 1), ("freeze", 0, 0), ("base_group", 1, 0)])
def test_who_updates_the_bottleneck(mode, by_base, by_other):
    for group, expected in ((1, by_base), (3, by_other)):
        ours = training(groups=(1, 3), bottleneck=mode, weights=Weights(group=1))
        before = copy.deepcopy(ours.bottleneck)
        ours.step((pixels(1), pixels(2), group))
        assert (not all(torch.equal(a, b) for a, b in zip(before, ours.bottleneck))) == expected


def test_the_group_classifier_of_photos_is_never_trained():
    ours = training(groups=(0, 1), weights=Weights(group=1), weight_decay=0.0)
    before = copy.deepcopy(ours.trained)
    ours.step((pixels(1), pixels(2), 1))
    for name in ("disGA", "disGB"):
        same = torch.equal(before[name].group_classfier.weight_orig, ours.trained[name].group_classfier.weight_orig)
        assert same == (name == "disGA")


def test_group_logits_are_scaled_in_every_group_loss():
    """Of almost nothing the cross entropy is that of a guess among all classes."""
    ours = training(groups=(0, 1), weights=Weights(group=1), group_scale=1e-6)
    losses = ours.step((pixels(1), pixels(2), 1))
    found = [value.item() for name, value in losses.items() if "_group_" in name]
    assert found == pytest.approx([math.log(GROUPS)] * 4, abs=1e-4)


def test_augmentation_follows_the_share_of_places_that_believe_in_reals():
    """Of one picture all places together count once: p moves by the pictures of an interval, whatever the size of the map."""
    ours = training(ada=True, kimg=1, batch=2)
    ada = ours.augmentations["ada"]
    for logit, direction in ((1.0, 1), (0.0, -1)):
        judged = type("Judged", (), {"logit": torch.full((2, 1, 6, 6), logit)})
        before = float(ada.p)
        for _ in range(128):
            ours.controlled("B", judged)
        assert float(ada.p) - before == pytest.approx(direction * 0.256)
    for _ in range(128 * 10):
        ours.controlled("B", type("Judged", (), {"logit": torch.ones(2, 1, 6, 6)}))
    assert float(ada.p) == 0.8
    assert float(ours.augmentations["ada2"].p) == 0


def test_averages_follow_and_draw():
    ours = training(ema=0.5, lr=0.1)
    before = copy.deepcopy(ours.trained["genA2B"].conv1x1.weight)
    ours.step((pixels(1), pixels(2)))
    expected = (before + ours.trained["genA2B"].conv1x1.weight) / 2
    torch.testing.assert_close(ours.averaged["genA2B_ema"].conv1x1.weight, expected)
    assert ours.drawing()["A2B"] is ours.averaged["genA2B_ema"]


def test_mixed_precision_stays_near_full_precision():
    whole, mixed = training(), training(bf16=True)
    for ours in (whole, mixed):
        ours.logs = ours.step((pixels(1), pixels(2)))
    for name, value in whole.logs.items():
        assert mixed.logs[name].dtype == torch.float32
        torch.testing.assert_close(mixed.logs[name], value, rtol=0.05, atol=0.02)


def test_larger_pictures_are_cut_at_random():
    ours = training()
    large = torch.arange(40, dtype=torch.uint8).expand(2, 3, 40, 40)
    firsts = {float(ours.prepared(large)[0, 0, 0, 0]) for _ in range(20)}
    assert ours.prepared(large).shape == (2, 3, 32, 32) and len(firsts) > 3


def test_a_full_network_of_another_size_is_refused():
    full = UGATIT(Settings(**TINY | {"light": False}), CPU, {})
    found = type("Found", (), {"size": 64, "path": "x.pt", "networks": {}})
    with pytest.raises(InputError, match="trained at 64 px"):
        full.begin_with(found)

"""The augmentations against numbers recorded from the reference implementation (folder `ada`)."""

import math

import pytest
import torch

from augment import Ada, transform
from augment.color import sample_color
from augment.draw import Draw
from augment.geometric import SYM6, apply_geometric, sample_geometric
from tests.vectors import for_each_folder, part

DRAWS = 200_000
FACTORS = {  # recorded statistics of one factor alone -> its place in the product
    "xflip": 0,
    "rot90": 1,
    "int_translate_256": 2,
    "iso": 3,
    "rotate": 4,
    "aniso": 5,
    "frac_translate_256": 7,
}


class Replay(Draw):
    """Hands out recorded numbers, and insists that they are asked for in the recorded order."""

    def __init__(self, kinds, draws):
        self.recorded = iter(list(zip(kinds, draws, strict=True)))

    def uniform(self, low, high, rows=None):
        return self._next("uniform_sample")

    def normal(self, std, rows=None):
        return self._next("normal_sample")

    def lognormal(self, std):
        return self._next("lognormal_sample")

    def either(self, first, second):
        return self._next("category_sample")

    def bernoulli(self, chance):
        return self._next("bernoulli_sample").bool()

    def used_up(self):
        return next(self.recorded, None) is None

    def _next(self, kind):
        recorded_kind, numbers = next(self.recorded)
        assert kind == recorded_kind
        return numbers


class OneFactor(Draw):
    """Lets a single factor of the product act."""

    def __init__(self, place, batch, generator):
        super().__init__(batch, generator=generator)
        self.place = place
        self.asked = -1

    def sometimes(self, chance, matrices):
        self.asked += 1
        return super().sometimes(1.0 if self.asked == self.place else 0.0, matrices)


def load(folder, name):
    return part(folder, "non_leaking.pt", name)


@for_each_folder("ada")
def test_vectors_filter(folder):
    assert torch.equal(torch.tensor(SYM6), load(folder, "filter_sym6"))


@for_each_folder("ada")
def test_vectors_geometric_matrices_from_recorded_draws(folder):
    for case in load(folder, "affine"):
        draw = Replay(case["draw_kinds"], case["draws"])
        G = sample_geometric(draw, case["p"], case["height"], case["width"])
        assert draw.used_up()
        torch.testing.assert_close(G, case["G"], atol=1e-6, rtol=0)


@for_each_folder("ada")
def test_vectors_color_matrices_from_recorded_draws(folder):
    for case in load(folder, "color"):
        draw = Replay(case["draw_kinds"], case["draws"])
        C = sample_color(draw, case["p"])
        assert draw.used_up()
        torch.testing.assert_close(C, case["C"], atol=1e-6, rtol=0)


@for_each_folder("ada")
def test_vectors_augmented_images_and_gradients(folder):
    for case in load(folder, "augment"):
        images = case["img"].requires_grad_()
        moved = apply_geometric(images, case["G_inverse"])
        torch.testing.assert_close(moved, case["affine_only"], atol=2e-5, rtol=0)
        augmented = transform(images, case["G_inverse"], case["C"])
        torch.testing.assert_close(augmented, case["out"], atol=2e-5, rtol=0)
        (grad,) = torch.autograd.grad(augmented, images, case["grad_out"])
        torch.testing.assert_close(grad, case["grad_img"], atol=2e-5 * case["grad_img"].abs().max().item(), rtol=0)


@for_each_folder("ada")
def test_vectors_single_transforms(folder):
    recorded = load(folder, "single_transforms")
    for name, case in recorded["cases"].items():
        moved = apply_geometric(recorded["img"], torch.linalg.inv(case["G"]))
        torch.testing.assert_close(moved, case["out"], atol=2e-5, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


def sample_named(name, generator):
    """200,000 matrices of the kind that a recorded statistic names: "xflip" alone, or "G_full_p0.5_256" together."""
    if name in FACTORS:
        return sample_geometric(OneFactor(FACTORS[name], DRAWS, generator), 1.0, 256, 256)
    kind, _, p, *_ = name.split("_")
    draw = Draw(DRAWS, generator=generator)
    return sample_geometric(draw, float(p[1:]), 256, 256) if kind == "G" else sample_color(draw, float(p[1:]))


@for_each_folder("ada")
def test_vectors_statistics_of_own_draws(folder):
    n = load(folder, "stats_n")
    for seed, (name, recorded) in enumerate(load(folder, "stats").items()):
        matrices = sample_named(name, torch.Generator().manual_seed(seed)).double()
        mean, var = matrices.mean(0), matrices.var(0)
        m4 = (matrices - mean).pow(4).mean(0)
        constant = recorded["var"] == 0
        assert torch.equal(var == 0, constant), name
        assert torch.equal(mean[constant], recorded["mean"][constant].double()), name
        assert ((mean - recorded["mean"]).abs() <= 4 * (2 * var / n).sqrt()).all(), name
        # The 1e-6 is for the recorded float32 (a flip's variance has next to no error of its own).
        allowed = 4 * (2 * (m4 - var.square()).clamp(min=0) / n).sqrt() + 1e-6 * var
        assert ((var - recorded["var"]).abs() <= allowed).all(), name
        if "frac_identity" in recorded:
            share = (matrices == torch.eye(matrices.shape[-1])).all(-1).all(-1).double().mean().item()
            expected = recorded["frac_identity"].item()
            assert abs(share - expected) <= 4 * math.sqrt(2 * expected * (1 - expected) / n), name


@for_each_folder("ada")
def test_vectors_adaptive_p(folder):
    recorded = load(folder, "adaptive")
    controller = Ada(recorded["target"], recorded["length"], recorded["update_every"])
    for logits, p, r_t in zip(recorded["logits"], recorded["p_after"], recorded["rt_after"], strict=True):
        controller.update(logits)
        assert controller.p == pytest.approx(p.item(), abs=1e-6)
        assert controller.r_t == pytest.approx(r_t.item(), abs=1e-6)

"""Perceptual path length: the closed form of a linear generator, and what it must not depend on."""

import pytest
import torch

from errors import InputError
from metrics.path_length import path_length, trimmed_mean
from tests.networks import tiny_generator
from vision.features import pixels


class Linear:
    """w -> M w as a picture of one row: the path length is |M (w2 - w1)|^2, whatever t and the step are."""

    style_dim, device = 4, torch.device("cpu")

    def __init__(self):
        random = torch.Generator().manual_seed(0)
        self.matrix = torch.randn(6, 4, generator=random, dtype=torch.float64)

    def mapping(self, z):
        return z.double() * 2

    def broadcast(self, w):
        return w[:, None].expand(-1, 3, -1)

    def stored_noise(self):
        return []

    def synthesis(self, w_plus, noise):
        return (w_plus[:, 0] @ self.matrix.T).view(len(w_plus), 3, 1, 2)


@pytest.mark.parametrize("step", [1e-4, 1e-2])
def test_of_a_linear_generator_is_the_squared_distance_of_the_ends(step):
    generator = Linear()
    expected = []
    for seed in range(50):
        random = torch.Generator().manual_seed(seed)
        z1, z2 = torch.randn(4, generator=random), torch.randn(4, generator=random)
        expected.append((generator.matrix @ (2 * (z2 - z1)).double()).square().sum())
    found = path_length(generator, lambda images: images.flatten(1), range(50), batch=7, step=step)
    assert found == pytest.approx(trimmed_mean(torch.stack(expected)), rel=1e-6)


def test_does_not_depend_on_the_batch_nor_much_on_the_step():
    generator = tiny_generator()
    found = path_length(generator, pixels, range(12), batch=5)
    assert path_length(generator, pixels, range(12), batch=12) == pytest.approx(found, rel=0.02)
    assert path_length(generator, pixels, range(12), step=1e-3) == pytest.approx(found, rel=0.05)


def test_grows_with_the_square_of_the_features():
    generator = tiny_generator()
    once, thrice = (path_length(generator, lambda x, k=k: k * pixels(x), range(6)) for k in (1, 3))
    assert thrice == pytest.approx(9 * once, rel=1e-3)


def test_outliers_are_left_out_and_few_seeds_refused():
    assert trimmed_mean(torch.cat([torch.ones(500), torch.tensor([1e9])])) == 1
    with pytest.raises(InputError, match="at least 3 seeds, got 2"):
        path_length(tiny_generator(), pixels, range(2))

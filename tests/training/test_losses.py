"""The losses against their closed forms."""

import math

import pytest
import torch
from torch.nn import functional as F

from training import losses


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_an_undecided_discriminator_costs_log_4_and_its_generator_log_2():
    undecided = torch.zeros(5, 1)
    assert losses.discriminator_loss(undecided, undecided).item() == pytest.approx(math.log(4))
    assert losses.generator_loss(undecided).item() == pytest.approx(math.log(2))


def test_losses_are_the_mean_cross_entropy():
    real, fake = normal(7, 1), normal(7, 1, seed=1)
    ones = torch.ones_like(real)
    of_real, of_fake = (
        F.binary_cross_entropy_with_logits(real, ones),
        F.binary_cross_entropy_with_logits(fake, 0 * ones),
    )
    torch.testing.assert_close(losses.discriminator_loss(real, fake), of_real + of_fake)
    torch.testing.assert_close(losses.generator_loss(fake), F.binary_cross_entropy_with_logits(fake, ones))


def test_exchanging_real_and_fake_with_their_signs_changes_nothing():
    real, fake = normal(4, 1), normal(4, 1, seed=1)
    assert torch.equal(losses.discriminator_loss(real, fake), losses.discriminator_loss(-fake, -real))


def test_losses_of_certain_logits_are_linear_and_finite():
    certain = torch.tensor([[1e4]])
    assert losses.discriminator_loss(certain, -certain) == 0
    assert losses.discriminator_loss(-certain, certain) == 2e4
    assert losses.generator_loss(-certain) == 1e4


def test_a_hopeless_generator_still_gets_a_gradient():
    fake_pred = torch.tensor([[-20.0], [20.0]], requires_grad=True)
    (grad,) = torch.autograd.grad(losses.generator_loss(fake_pred), fake_pred)
    torch.testing.assert_close(grad, torch.tensor([[-0.5], [0.0]]))


@pytest.mark.parametrize("batch", [1, 4])
def test_r1_of_a_linear_discriminator_is_the_square_of_its_weights(batch):
    weight = normal(3, 4, 4).requires_grad_()
    real = normal(batch, 3, 4, 4, seed=1).requires_grad_()
    penalty = losses.r1_penalty((real * weight).flatten(1).sum(1, keepdim=True), real)
    torch.testing.assert_close(penalty, weight.square().sum())
    torch.testing.assert_close(torch.autograd.grad(penalty, weight), (2 * weight,))


def test_r1_of_a_quadratic_discriminator_is_the_mean_square_of_the_images():
    real = normal(4, 3, 4, 4).requires_grad_()
    penalty = losses.r1_penalty(real.square().flatten(1).sum(1, keepdim=True) / 2, real)
    torch.testing.assert_close(penalty, real.square().flatten(1).sum(1).mean())


@pytest.mark.parametrize("layers", [1, 3])
def test_path_length_of_a_linear_generator_is_that_of_its_transpose(layers):
    matrices = normal(layers, 3 * 4 * 5, 6)  # one for each layer of w
    w_plus = normal(2, layers, 6, seed=1).requires_grad_()
    y = normal(2, 3, 4, 5, seed=2)
    image = torch.einsum("lps,bls->bp", matrices, w_plus).view_as(y)
    back = torch.einsum("lps,bp->bls", matrices, y.flatten(1)) / 20**0.5
    lengths = losses.path_lengths(image, w_plus, y)
    torch.testing.assert_close(lengths, back.square().sum(2).mean(1).sqrt())
    torch.testing.assert_close(losses.path_lengths(3 * image, w_plus, y), 3 * lengths)


def test_path_lengths_of_an_isometry_are_those_of_the_noise():
    w_plus = normal(4, 1, 3 * 2 * 2).requires_grad_()
    y = normal(4, 3, 2, 2, seed=1)
    lengths = losses.path_lengths(w_plus.view(4, 3, 2, 2), w_plus, y)
    torch.testing.assert_close(lengths, y.flatten(1).norm(dim=1) / 2)


def test_path_length_can_be_learnt():
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    w_plus = normal(2, 1, 12).requires_grad_()
    lengths = losses.path_lengths(scale * w_plus.view(2, 3, 2, 2), w_plus, normal(2, 3, 2, 2, seed=1))
    (grad,) = torch.autograd.grad(lengths.sum(), scale)
    torch.testing.assert_close(grad, lengths.sum() / scale)


def test_path_length_penalty_is_the_variance_about_the_new_mean():
    lengths = torch.tensor([1.0, 3.0, 8.0], requires_grad=True)
    penalty, mean = losses.path_length_penalty(lengths, torch.tensor(2.0))
    assert mean.item() == pytest.approx(2 + 0.01 * (4 - 2))
    torch.testing.assert_close(penalty, (lengths - mean).square().mean())
    assert penalty.requires_grad and not mean.requires_grad


def test_equal_lengths_at_the_mean_cost_nothing():
    penalty, mean = losses.path_length_penalty(torch.full((4,), 1.5), torch.tensor(1.5))
    assert (penalty, mean) == (0, 1.5)


@pytest.mark.parametrize("decay", [0.01, 0.5, 1.0])
def test_mean_length_approaches_the_lengths_by_the_decay(decay):
    mean = torch.tensor(0.0)
    for _ in range(5):
        _, mean = losses.path_length_penalty(torch.full((3,), 2.0), mean, decay)
    assert mean.item() == pytest.approx(2 * (1 - (1 - decay) ** 5))

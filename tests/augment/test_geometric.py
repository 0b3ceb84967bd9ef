"""Laws of the geometric augmentation that need no recorded number."""

import math

import pytest
import torch

from augment import geometric
from augment.draw import Draw
from augment.geometric import (
    SYM6,
    apply_geometric,
    flip_x,
    rotate,
    sample_geometric,
    scale,
    stretch,
    translate,
)
from op import build
from tests.op import emulated

ONE = torch.ones(1)


def noise(batch=1, height=32, width=32, **kwargs):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0), **kwargs) * 2 - 1


def smooth(size=32):
    """Slow waves: the filter, which is not quite symmetric, mirrors and turns only those faithfully."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    return torch.stack([torch.sin(x + 0.5 * y), torch.cos(1.5 * y - x), 0.5 * x * y])[None]


def random_matrices(batch, height, width, p=1.0, seed=0):
    G = sample_geometric(Draw(batch, generator=torch.Generator().manual_seed(seed)), p, height, width)
    return torch.linalg.inv(G)


def moved(images, G):
    return apply_geometric(images, torch.linalg.inv(G))


def test_the_filter_is_orthogonal_to_its_own_shifts_by_two():
    taps = torch.tensor(SYM6, dtype=torch.float64)
    assert taps.sum().item() == pytest.approx(math.sqrt(2))
    assert taps.square().sum().item() == pytest.approx(1)
    for shift in range(2, len(SYM6), 2):
        assert (taps[shift:] * taps[:-shift]).sum().item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("size", [(32, 32), (20, 37), (7, 64)])
def test_the_identity_changes_nothing(size):
    images = noise(2, *size)
    torch.testing.assert_close(apply_geometric(images, torch.eye(3).expand(2, 3, 3)), images, atol=1e-5, rtol=0)


@pytest.mark.skipif(emulated.reason() is not None, reason=str(emulated.reason()))
@pytest.mark.parametrize("size", [(20, 16), (7, 33)])
def test_on_a_gpu_one_pass_for_both_axes_does_what_two_do(size, monkeypatch):
    images, M, used = noise(2, *size).requires_grad_(), random_matrices(2, *size), set()

    def derivatives():
        moved = apply_geometric(images, M)
        grad = noise(2, *size).requires_grad_()
        (first,) = torch.autograd.grad(moved, images, grad, create_graph=True)
        return [moved, first, *torch.autograd.grad(first.square().sum(), grad)]

    def launch(name, *arguments):
        used.add(name)
        emulated.launch(name, *arguments)

    expected, operators = derivatives(), emulated.beside_the_cpus(launch)
    monkeypatch.setattr(build, "has_kernel", lambda x, impl: True)
    monkeypatch.setattr(geometric, "_at_once", lambda x: True)
    monkeypatch.setattr(torch.ops, "cartoon_stylegan2", operators)
    for ours, theirs in zip(derivatives(), expected):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert used == {"upfirdn2d_up12_float_one", "upfirdn2d_down12_float_one"}, "the kernels that were made for it"


@pytest.mark.parametrize("size", [(1, 1), (2, 3)])
def test_tiny_images_keep_their_size(size):
    result = apply_geometric(noise(2, *size), random_matrices(2, *size))
    assert result.shape == (2, 3, *size)
    assert result.isfinite().all()


@pytest.mark.parametrize("x, y", [(3, -2), (-1, 0), (0, 5)])
def test_whole_pixels_shift_and_edges_reflect(x, y):
    images = noise()
    shifted = moved(images, translate(torch.tensor([[float(x)], [float(y)]])))
    reflected = torch.nn.functional.pad(images, (8, 8, 8, 8), mode="reflect")
    expected = reflected[:, :, 8 - y : 40 - y, 8 - x : 40 - x]
    torch.testing.assert_close(shifted, expected, atol=1e-5, rtol=0)


def test_a_flip_mirrors_left_and_right():
    assert (moved(smooth(), flip_x(ONE)) - smooth().flip(3)).abs().max() < 0.01


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_permute_the_pixels(turns):
    turned = moved(smooth(), rotate(-math.pi / 2 * turns * ONE))  # negative: anticlockwise, as torch.rot90
    assert (turned - smooth().rot90(turns, (2, 3))).abs().max() < 0.02


def test_enlarging_shows_the_middle():
    enlarged = moved(smooth(64), scale(2 * ONE))
    middle = torch.nn.functional.interpolate(smooth(64)[:, :, 16:48, 16:48], scale_factor=2, mode="bicubic")
    assert (enlarged - middle)[:, :, 4:-4, 4:-4].abs().max() < 0.01


def test_stretching_keeps_the_area():
    assert torch.det(stretch(torch.tensor([0.5, 1.7]))).tolist() == pytest.approx([1, 1])


def test_brightness_is_kept():
    constant = torch.full((8, 3, 16, 24), 0.7)
    # At p = 0.5 nothing reaches beyond the reflections, where the grey would show.
    changed = apply_geometric(constant, random_matrices(8, 16, 24, p=0.5, seed=1))
    torch.testing.assert_close(changed[:, :, 8, 12], constant[:, :, 8, 12], atol=5e-3, rtol=0)


def test_the_operator_is_linear():
    images, others, G_inverse = noise(3), noise(3).flip(3), random_matrices(3, 32, 32)
    both = apply_geometric(2 * images - others, G_inverse)
    torch.testing.assert_close(
        both, 2 * apply_geometric(images, G_inverse) - apply_geometric(others, G_inverse), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("size", [(32, 32), (20, 37)])
def test_batch_mates_do_not_matter(size):
    images, G_inverse = noise(6, *size), random_matrices(6, *size)
    together = apply_geometric(images, G_inverse)
    alone = torch.cat([apply_geometric(images[i : i + 1], G_inverse[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    "relaid",
    [
        lambda images: images.contiguous(memory_format=torch.channels_last),
        lambda images: images.transpose(2, 3).contiguous().transpose(2, 3),
        lambda images: images.repeat_interleave(2, dim=3)[..., ::2],
    ],
    ids=["channels_last", "transposed", "strided"],
)
def test_memory_layout_does_not_matter(relaid):
    images, G_inverse = noise(2, 20, 28), random_matrices(2, 20, 28)
    torch.testing.assert_close(apply_geometric(relaid(images), G_inverse), apply_geometric(images, G_inverse))


def test_any_number_of_channels_is_moved_alike():
    images, G_inverse = noise(2), random_matrices(2, 32, 32)
    grey = apply_geometric(images[:, :1], G_inverse)
    torch.testing.assert_close(grey, apply_geometric(images, G_inverse)[:, :1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(32, 32), (20, 37), (1, 2)])
def test_margins_that_serve_every_matrix_give_the_same_images(size, monkeypatch):
    """While a CUDA graph is recorded nobody knows the matrices to come."""
    images, G_inverse = noise(16, *size), random_matrices(16, *size)
    fitting = apply_geometric(images, G_inverse)
    monkeypatch.setattr(geometric, "_being_recorded", lambda images: True)
    torch.testing.assert_close(apply_geometric(images, G_inverse), fitting, atol=2e-4, rtol=0)


def test_second_derivatives_are_right():
    images = noise(2, 4, 5, dtype=torch.float64)[:, :1].requires_grad_()
    G_inverse = random_matrices(2, 4, 5)
    assert torch.autograd.gradcheck(apply_geometric, (images, G_inverse))
    assert torch.autograd.gradgradcheck(apply_geometric, (images, G_inverse))


def test_images_of_half_precision_are_refused():
    with pytest.raises(TypeError, match="float32"):
        apply_geometric(noise().bfloat16(), torch.eye(3)[None])


def test_at_p_0_every_matrix_is_the_identity():
    assert torch.equal(sample_geometric(Draw(5), 0.0, 8, 8), torch.eye(3).expand(5, 3, 3))

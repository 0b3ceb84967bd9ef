"""The pipeline as a whole."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from augment import augment, sample_matrices, transform
from augment.color import apply_color
from augment.draw import Draw
from augment.geometric import sample_geometric

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=[pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]),
]


def seeded(seed=0, device="cpu"):
    return torch.Generator(device).manual_seed(seed)


@pytest.fixture
def images():
    return torch.rand(4, 3, 16, 24, generator=seeded()) * 2 - 1


def test_at_p_0_the_same_tensor_comes_back(images):
    assert augment(images, 0.0) is images


def test_augment_is_sampling_then_transforming(images):
    matrices = sample_matrices(4, 16, 24, 0.7, generator=seeded(3))
    assert torch.equal(augment(images, 0.7, seeded(3)), transform(images, *matrices))


@pytest.mark.parametrize("p", [0.7, 1.0])
def test_a_tensor_for_p_gives_what_the_number_gives(images, p):
    assert torch.equal(augment(images, torch.tensor(p, dtype=torch.float64), seeded(3)), augment(images, p, seeded(3)))


def test_a_tensor_for_p_is_not_looked_at(images):
    """Whether its value is 0 or not, as many numbers are drawn, and at 0 next to nothing happens to the images."""
    one, other = seeded(3), seeded(3)
    same = augment(images, torch.tensor(0.0), one)
    torch.testing.assert_close(same, images, atol=1e-5, rtol=0)
    augment(images, torch.tensor(1.0), other)
    assert same is not images and torch.equal(one.get_state(), other.get_state())


def test_a_seeded_generator_repeats(images):
    assert torch.equal(augment(images, 1.0, seeded(1)), augment(images, 1.0, seeded(1)))
    assert not torch.equal(augment(images, 1.0, seeded(1)), augment(images, 1.0, seeded(2)))


def test_a_generator_of_its_own_leaves_the_global_one_alone(images):
    before = torch.get_rng_state()
    augment(images, 1.0, seeded(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_identity_matrices_change_next_to_nothing(images):
    same = transform(images, torch.eye(3).expand(4, 3, 3), torch.eye(4).expand(4, 4, 4))
    torch.testing.assert_close(same, images, atol=1e-5, rtol=0)


def test_the_sampled_inverse_is_the_inverse():
    G_inverse, _ = sample_matrices(64, 256, 256, 1.0, generator=seeded(5))
    G = sample_geometric(Draw(64, generator=seeded(5)), 1.0, 256, 256)  # the geometry is drawn first
    torch.testing.assert_close(G_inverse @ G, torch.eye(3).expand(64, 3, 3), atol=1e-4, rtol=0)
    torch.testing.assert_close((G_inverse @ G)[:, :2, :2], torch.eye(2).expand(64, 2, 2), atol=1e-6, rtol=0)


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_p_must_be_a_probability(images, p):
    with pytest.raises(ValueError, match="0 to 1"):
        augment(images, p)


def test_mixed_precision_around_it_changes_nothing(images):
    plain = augment(images, 1.0, seeded())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augment(images, 1.0, seeded()), plain)


@pytest.mark.parametrize("device", DEVICES)
def test_r1_goes_through_the_augmentation(device):
    """The gradient of |grad_x f(A x + c)|^2 for f = sum of y^3 / 6, against its closed form."""
    x = torch.rand(1, 3, 4, 5, generator=seeded(), dtype=torch.float64).to(device).requires_grad_()
    matrices = [matrix.double() for matrix in sample_matrices(1, 4, 5, 1.0, device, seeded(2, device))]
    A = torch.autograd.functional.jacobian(lambda x: transform(x, *matrices), x).reshape(x.numel(), x.numel())

    y = transform(x, *matrices)
    (grad,) = torch.autograd.grad((y**3).sum() / 6, x, create_graph=True)
    (r1_grad,) = torch.autograd.grad(grad.square().sum(), x)

    y = y.detach().flatten()
    expected_grad = A.T @ (y.square() / 2)
    torch.testing.assert_close(grad.flatten(), expected_grad)
    torch.testing.assert_close(r1_grad.flatten(), 2 * A.T @ (y * (A @ expected_grad)))


@pytest.mark.parametrize("device", DEVICES)
def test_draws_are_made_where_the_images_are(device, images):
    augmented = augment(images.to(device), 1.0, seeded(0, device))
    assert augmented.device == images.to(device).device
    assert augmented.isfinite().all()


class HostCopies(TorchDispatchMode):
    """Notes every operator that takes a number from the host to a GPU."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        result = operator(*args, **kwargs or {})
        devices = {tensor.device.type for tensor in tree_leaves((args, kwargs, result)) if isinstance(tensor, torch.Tensor)}
        if devices == {"cpu", "cuda"}:
            self.found.append(str(operator))
        return result


def test_matrices_are_made_on_the_gpu_since_a_graph_cannot_copy_from_the_host():
    with FakeTensorMode(), HostCopies() as copies:
        p = torch.full((), 0.3, dtype=torch.float64, device="cuda")
        G_inverse, C = sample_matrices(2, 16, 16, p, device="cuda")
        assert apply_color(torch.empty(2, 3, 16, 16, device="cuda"), C).is_cuda and G_inverse.is_cuda
        assert copies.found == []
        torch.empty(4, device="cuda").copy_(
            torch.zeros(4)
        )  # what would be found; up to 2.11 an assignment, v[3] = 0, is that too
    assert copies.found == ["aten.copy_.default"]

"""SeFa: what the closed form promises."""

import math

import pytest
import torch

import checkpoint
from editing import sefa
from errors import InputError
from tests.networks import tiny_generator


def planted(values, rows=40, size=8):
    """A matrix whose right singular vectors and singular values are known."""
    left = torch.linalg.qr(torch.randn(rows, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    axes = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))[0]
    count = len(values)
    return left[:, :count] * torch.tensor(values, dtype=torch.float64) @ axes[:, :count].T, axes[:, :count]


@pytest.mark.parametrize("values", [[5.0, 3.0, 2.0, 1.0], [5.0, 3.0], [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0]])
def test_a_planted_matrix_gives_back_its_axes(values):
    matrix, axes = planted(values)
    eigvec, eigenvalues = sefa.factorize(matrix)
    count = len(values)
    torch.testing.assert_close((eigvec[:, :count] * axes).sum(0).abs(), torch.ones(count).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(eigenvalues[:count], torch.tensor(values).double().square(), atol=1e-9, rtol=1e-9)
    assert (eigenvalues[count:] < 1e-9).all()


def test_directions_are_unit_and_orthogonal_and_fall_in_strength():
    found = sefa.sefa(tiny_generator())
    torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(8), atol=1e-6, rtol=0)
    assert (found.values.diff() <= 0).all() and (found.values >= 0).all()
    assert (found.space, found.method, len(found.names)) == ("w", "sefa", 8)
    assert found.ckpt == checkpoint.fingerprint(tiny_generator().state_dict())


def test_no_unit_vector_moves_the_styles_more_than_the_first_direction():
    stack = torch.cat(list(sefa.modulation_weights(tiny_generator()).values()))
    first = sefa.sefa(tiny_generator()).vectors[0]
    others = torch.nn.functional.normalize(torch.randn(1000, 8), dim=1)
    assert (stack @ first).norm() >= (stack @ others.T).norm(dim=0).max()


def test_eigenvalues_are_the_squared_movement_of_the_styles():
    found = sefa.sefa(tiny_generator())
    stack = torch.cat(list(sefa.modulation_weights(tiny_generator()).values()))
    torch.testing.assert_close((stack @ found.vectors.T).square().sum(0), found.values, atol=1e-4, rtol=1e-4)


def test_signs_are_fixed_by_the_largest_entry():
    for vector in sefa.sefa(tiny_generator()).vectors:
        assert vector[vector.abs().argmax()] > 0
    columns = torch.tensor([[0.0, 3.0], [-2.0, 1.0]])
    assert torch.equal(sefa.fix_signs(columns), torch.tensor([[0.0, 3.0], [2.0, 1.0]]))
    assert torch.equal(sefa.fix_signs(-columns), sefa.fix_signs(columns))


def test_normalised_rows_count_alike_however_large_they_are():
    generator = tiny_generator()
    before = sefa.sefa(generator, normalize=True)
    with torch.no_grad():
        generator.conv1.conv.modulation.weight *= 10
    after, raw = sefa.sefa(generator, normalize=True), sefa.sefa(generator)
    torch.testing.assert_close(after.vectors, before.vectors, atol=1e-5, rtol=0)
    rows = sum(map(len, sefa.modulation_weights(generator).values()))
    assert math.isclose(before.values.sum(), rows, rel_tol=1e-5)  # the trace of A^T A
    assert not torch.allclose(raw.vectors, sefa.sefa(tiny_generator()).vectors, atol=0.1)


def test_a_row_of_zeros_is_no_obstacle():
    generator = tiny_generator()
    with torch.no_grad():
        generator.conv1.conv.modulation.weight[0] = 0
    assert sefa.sefa(generator, normalize=True).vectors.isfinite().all()


@pytest.mark.parametrize(
    "layers, names",
    [
        ([0], ["conv1"]),
        ([1], ["to_rgb1", "convs.0"]),
        ([2, 4], ["convs.1", "convs.3"]),
        ([4, 5], ["convs.3"]),
        (None, ["conv1", "to_rgb1", "convs.0", "convs.1", "convs.2", "convs.3"]),
    ],
)
def test_layers_choose_the_weights_that_read_them(layers, names):
    generator = tiny_generator()
    weights = sefa.modulation_weights(generator, layers)
    assert list(weights) == [f"{name}.conv.modulation.weight" for name in names]
    for name, weight in weights.items():
        assert torch.equal(weight, generator.state_dict()[name])
    assert sefa.sefa(generator, layers).layers == layers


def test_a_direction_of_some_layers_moves_those_layers_most():
    generator = tiny_generator()
    stack = torch.cat(list(sefa.modulation_weights(generator, [3, 4]).values()))
    own, common = sefa.sefa(generator, [3, 4]).vectors[0], sefa.sefa(generator).vectors[0]
    assert (stack @ own).norm() > (stack @ common).norm() * 1.001


def test_the_last_torgb_layer_alone_cannot_be_factorised():
    with pytest.raises(InputError, match=r"^only a ToRGB layer"):
        sefa.sefa(tiny_generator(), [5])

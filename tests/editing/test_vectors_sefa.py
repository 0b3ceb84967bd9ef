"""Recorded factors and pictures of the reference: an eigenvector agrees up to its sign, a picture within rounding."""

import functools

import pytest
import torch

from editing import directions, latents, sefa
from model import truncate
from tests.networks import recorded_generator
from tests.vectors import folders, for_each_folder, part


@functools.cache
def network(folder):
    """The recorded generator whose weights this factor is of, else one of their shapes, and its record."""
    matrix, fitting = part(folder, "sefa_applied.pt", "weight_matrix"), []
    for place in folders("g*"):
        generator, record = recorded_generator(place)
        weights = torch.cat(list(sefa.modulation_weights(generator).values()))
        if weights.shape == matrix.shape:
            fitting.append((not torch.equal(weights, matrix), len(fitting), generator, record))
    if not fitting:
        pytest.skip(f"no generator with modulation weights {list(matrix.shape)}")
    return min(fitting)[2:]


@for_each_folder("sefa")
def test_vectors_of_the_stacked_weights(folder):
    names, matrix = (part(folder, "sefa_applied.pt", name) for name in ("keys_in_order", "weight_matrix"))
    weights = sefa.modulation_weights(network(folder)[0])
    assert list(weights) == names
    assert torch.equal(torch.cat(list(weights.values())), matrix)


@for_each_folder("sefa")
def test_vectors_of_the_factor(folder):
    theirs, found = part(folder, "factor.pt", "eigvec"), sefa.sefa(network(folder)[0])
    singular_values = part(folder, "sefa_applied.pt", "singular_values")
    torch.testing.assert_close(found.values.sqrt(), singular_values, atol=1e-5, rtol=1e-5)
    for ours, column in zip(found.vectors, theirs.T, strict=True):
        torch.testing.assert_close(ours * (ours @ column).sign(), column, atol=5e-5, rtol=0)


@for_each_folder("sefa")
def test_vectors_of_edited_pictures_by_their_factor(folder):
    """A factor file of the reference gives the reference's pictures: the edit first, then the truncation."""
    generator, record = network(folder)
    found = directions.read_directions(folder / "factor.pt")
    for case in part(folder, "sefa_applied.pt", "images"):
        w_plus = generator.broadcast(record["w1"][: len(case["base"])])
        for name, sign in {"minus": -1, "base": 0, "plus": 1}.items():
            edited = directions.apply(w_plus, found, case["index"], sign * case["degree"])
            truncated = truncate(edited, record["mean_latent"], case["truncation"])
            image = latents.draw(generator, truncated, noise=record["noise"])
            torch.testing.assert_close(image, case[name], atol=5e-5, rtol=1e-4)

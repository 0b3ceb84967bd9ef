"""GANSpace: a planted covariance comes back, however it was sampled."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import checkpoint
from checkpoint import BlendedGenerator
from editing import directions, ganspace
from tests.networks import tiny_generator


def planted(n=20_000, sigmas=(5.0, 3.0, 2.0, 1.0, 0.5, 0.1), shift=10.0):
    """Gaussian samples with known axes, standard deviations and mean."""
    numbers = torch.Generator().manual_seed(1)
    axes = torch.linalg.qr(torch.randn(len(sigmas), len(sigmas), dtype=torch.float64, generator=numbers))[0]
    coordinates = torch.randn(n, len(sigmas), dtype=torch.float64, generator=numbers) * torch.tensor(sigmas)
    return coordinates @ axes.T + shift, axes, torch.tensor(sigmas)


def moments_of(samples, parts=()):
    moments = ganspace.Moments(samples.shape[1])
    for part in samples.tensor_split(parts):
        moments.add(part)
    return moments


def test_a_planted_covariance_is_found():
    samples, axes, sigmas = planted()
    found = ganspace.components(moments_of(samples))
    torch.testing.assert_close(found.scale, sigmas, rtol=0.02, atol=0)
    torch.testing.assert_close(found.values, sigmas.square(), rtol=0.04, atol=0)
    torch.testing.assert_close(found.mean, torch.full((6,), 10.0), atol=0.1, rtol=0)
    alike = (found.vectors.double() @ axes).diagonal().abs()
    torch.testing.assert_close(alike, torch.ones(6, dtype=torch.float64), atol=1e-3, rtol=0)


@given(parts=st.lists(st.integers(1, 499), max_size=6, unique=True).map(sorted))
@settings(max_examples=20, deadline=None)
def test_the_sizes_of_the_batches_do_not_matter(parts):
    samples = planted(500)[0] * 1e-3 + 1e3  # far from zero, where sums of squares would lose their digits
    whole, split = moments_of(samples), moments_of(samples, parts)
    torch.testing.assert_close(split.mean, samples.mean(0), rtol=1e-12, atol=0)
    torch.testing.assert_close(split.covariance, samples.T.cov(), rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(split.covariance, whole.covariance, rtol=1e-6, atol=1e-12)


def test_components_are_unit_orthogonal_and_fall_in_variance():
    found = ganspace.ganspace(tiny_generator(), n=500)
    torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(8), atol=1e-6, rtol=0)
    assert (found.values.diff() <= 0).all() and (found.values >= 0).all()
    torch.testing.assert_close(found.scale.square(), found.values)
    for vector in found.vectors:
        assert vector[vector.abs().argmax()] > 0
    assert (found.method, found.space) == ("ganspace", "w")
    assert found.ckpt == checkpoint.fingerprint(tiny_generator().state_dict())


def test_a_degree_is_one_standard_deviation_of_people():
    """Their coordinates on each component have mean 0 and deviation 1, and do not correlate."""
    generator = tiny_generator()
    found = ganspace.ganspace(generator, n=5000)
    w = generator.mapping(torch.randn(5000, 8, generator=torch.Generator().manual_seed(9)))
    coordinates = (w - found.mean) @ found.vectors.T / found.scale
    torch.testing.assert_close(coordinates.mean(0), torch.zeros(8), atol=0.08, rtol=0)
    torch.testing.assert_close(coordinates.T.cov(), torch.eye(8), atol=0.12, rtol=0)


def test_the_strongest_are_kept():
    every, some = (ganspace.ganspace(tiny_generator(), n=200, count=count) for count in (80, 3))
    assert (len(every), len(some), len(some.names)) == (8, 3, 3)
    assert torch.equal(some.vectors, every.vectors[:3]) and torch.equal(some.values, every.values[:3])


def test_the_seed_decides_and_more_people_begin_with_the_same_ones():
    generator, block = tiny_generator(), ganspace.BLOCK
    one, same, other = (ganspace.moments_of_w(generator, 100, seed) for seed in (0, 0, 1))
    assert torch.equal(one.scatter, same.scatter) and not torch.allclose(one.mean, other.mean, atol=1e-3)
    z = torch.randn(block, 8, generator=torch.Generator().manual_seed(0))
    expected = generator.mapping(z).double()
    for n in (100, block):
        torch.testing.assert_close(ganspace.moments_of_w(generator, n).mean, expected[:n].mean(0))
    counts = []
    more = ganspace.moments_of_w(generator, block + 1, sampled=counts.append)
    torch.testing.assert_close(more.covariance, moments_of(expected).covariance, rtol=0.01, atol=1e-4)
    assert (more.count, counts) == (block + 1, [block, 1])


@pytest.mark.parametrize("n", [2, 3, 7, 8, 9])
def test_any_number_of_people_from_two_on(n):
    """n people vary in n - 1 directions at most."""
    found = ganspace.ganspace(tiny_generator(), n=n)
    assert found.vectors.isfinite().all() and found.scale.isfinite().all()
    assert (found.scale[n - 1 :] < 1e-3 * found.scale[0]).all()


def test_a_network_with_the_styles_of_its_source_gives_the_people_of_its_own_mapping():
    own, source = tiny_generator(1), tiny_generator(2)
    channels = dict.fromkeys((4, 8), own.convs[0].conv.weight.shape[1]) | {16: own.convs[3].conv.weight.shape[1]}
    blended = BlendedGenerator(16, 8, 2, channels=channels, freeze_style=2)
    blended.load_state_dict(own.state_dict())
    blended.load_source(source.style.state_dict())
    found, expected = (ganspace.moments_of_w(network, 50) for network in (blended, own))
    torch.testing.assert_close(found.covariance, expected.covariance)


def test_components_are_read_as_written(tmp_path):
    found = ganspace.ganspace(tiny_generator(), n=100, count=4)
    read = directions.read_directions(directions.save_directions(tmp_path / "pca.pt", found))
    for name in ("vectors", "scale", "mean", "values"):
        assert torch.equal(getattr(read, name), getattr(found, name))

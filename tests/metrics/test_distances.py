"""Distances between sets of features: laws, closed forms, and torch-fidelity's values on the same features."""

import math

import pytest
import torch

from errors import InputError
from metrics.distances import (
    Gaussian,
    frechet_distance,
    gaussian_distance,
    kernel_distance,
    precision_recall,
    relative_nearness,
    relative_spread,
    squared_mmd,
)


def normal(n, dims, seed=0, mean=0.0, std=1.0):
    return mean + std * torch.randn(n, dims, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shuffled(features, seed=0):
    return features[torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))]


ALL = {
    "frechet": frechet_distance,
    "kernel": lambda x, y: kernel_distance(x, y).mean,
    "kernel over subsets": lambda x, y: kernel_distance(x, y, subsets=5, subset_size=20).mean,
    "precision": lambda x, y: precision_recall(x, y).precision,
    "recall": lambda x, y: precision_recall(x, y).recall,
}


@pytest.mark.parametrize("n, dims", [(200, 5), (40, 64), (2, 3)], ids=["many", "fewer pictures than dimensions", "two"])
def test_frechet_distance_of_a_set_to_itself_is_zero(n, dims):
    x = normal(n, dims) @ normal(dims, dims, seed=1)
    assert abs(frechet_distance(x, x)) <= 1e-9 * float(x.square().sum())
    assert abs(frechet_distance(x, shuffled(x))) <= 1e-9 * float(x.square().sum())


def test_frechet_distance_of_gaussians_in_closed_form():
    mean, zero = torch.tensor([1.0, -2.0, 0.5]).double(), torch.zeros(3).double()
    some, others = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([4.0, 0.0, 1.0]).double()
    # commuting covariances: |m1 - m2|^2 + sum (s1 - s2)^2, in any rotated system
    turn = torch.linalg.qr(normal(3, 3)).Q
    rotated = [turn @ variances.diag() @ turn.T for variances in (some, others)]
    expected = 5.25 + float((some.sqrt() - others.sqrt()).square().sum())
    assert gaussian_distance(Gaussian(mean, rotated[0]), Gaussian(zero, rotated[1])) == pytest.approx(expected, rel=1e-12)
    # covariances that do not commute, in two dimensions: tr (AB)^(1/2) = sqrt(tr AB + 2 sqrt(det AB))
    a, b = torch.tensor([[2.0, 1.0], [1.0, 3.0]]).double(), torch.tensor([[5.0, -2.0], [-2.0, 1.0]]).double()
    root = math.sqrt(float((a @ b).trace()) + 2 * math.sqrt(float(torch.det(a @ b))))
    zero = torch.zeros(2).double()
    assert gaussian_distance(Gaussian(zero, a), Gaussian(zero, b)) == pytest.approx(11 - 2 * root, rel=1e-12)


def test_frechet_distance_is_symmetric_and_grows_with_the_shift():
    x, y = normal(100, 8), normal(120, 8, seed=1, std=2)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)
    shift = torch.full((8,), 3.0, dtype=torch.float64)
    assert frechet_distance(x + shift, x) == pytest.approx(8 * 9, rel=1e-9)


def test_kernel_distance_of_two_halves_of_one_set_is_zero_and_unbiased():
    values = torch.tensor([squared_mmd(normal(25, 4, seed=2 * i), normal(25, 4, seed=2 * i + 1)) for i in range(400)])
    standard_error = values.std() / len(values) ** 0.5
    assert values.min() < 0 < values.max()  # an estimate that cannot be negative would be biased
    assert values.mean().abs() < 3 * standard_error
    far = kernel_distance(normal(25, 4), normal(25, 4, seed=1, mean=1.0)).mean
    assert far > 5 * values.abs().max()


def test_kernel_distance_is_its_definition():
    x, y = normal(4, 3), normal(5, 3, seed=1)

    def k(a, b):
        return (float(a @ b) / 3 + 1) ** 3

    within_x = [k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    within_y = [k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j]
    between = [k(a, b) for a in x for b in y]
    expected = sum(within_x) / 12 + sum(within_y) / 20 - 2 * sum(between) / 20
    assert kernel_distance(x, y).mean == pytest.approx(expected, rel=1e-12)


def test_kernel_distance_over_subsets_estimates_the_one_of_all():
    x, y = normal(200, 4), normal(150, 4, seed=1, mean=0.5)
    whole, parts = kernel_distance(x, y), kernel_distance(x, y, subsets=200, subset_size=50)
    assert whole.std is None and parts.std > 0
    assert abs(parts.mean - whole.mean) < 4 * parts.std / 200**0.5


@pytest.mark.parametrize("size, told", [(50, True), (99, True), (100, False)])
def test_no_spread_is_told_of_subsets_that_are_the_whole_of_a_set(size, told):
    """They would differ by nothing, or by the other set alone."""
    for x, y in ((normal(100, 4), normal(200, 4, seed=1)), (normal(200, 4), normal(100, 4, seed=1))):
        assert (kernel_distance(x, y, subsets=5, subset_size=size).std is not None) == told


def test_precision_is_about_the_fakes_and_recall_about_the_reals():
    real = torch.cat([normal(60, 2), normal(60, 2, seed=1, mean=50.0)])  # two kinds of pictures
    one_kind = normal(60, 2, seed=2)
    found = precision_recall(one_kind, real)
    assert found.precision > 0.8
    assert 0.3 < found.recall <= 0.5
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(normal(60, 2, mean=-50.0), real) == (0, 0)


@pytest.mark.parametrize("distance", ALL.values(), ids=ALL)
def test_the_order_of_the_pictures_does_not_matter(distance):
    x, y = normal(40, 6), normal(50, 6, seed=1, mean=0.3)
    assert distance(shuffled(x), shuffled(y, 1)) == pytest.approx(distance(x, y), rel=1e-9)


@pytest.mark.parametrize("distance", ALL.values(), ids=ALL)
def test_single_precision_is_enough_for_the_features(distance):
    x, y = normal(40, 6), normal(50, 6, seed=1, mean=0.3)
    assert distance(x.float(), y.float()) == pytest.approx(distance(x, y), rel=1e-5)


def test_too_few_pictures_are_refused_with_the_number_that_is_needed():
    one, many = normal(1, 3), normal(30, 3)
    with pytest.raises(InputError, match="Frechet distance needs at least 2 pictures in each set, got 1"):
        frechet_distance(many, one)
    with pytest.raises(InputError, match="KID needs at least 2 pictures in each set, got 1"):
        kernel_distance(one, many)
    with pytest.raises(InputError, match="KID over subsets of 100 needs at least 100 pictures in each set, got 30"):
        kernel_distance(normal(100, 3), many, subset_size=100)
    with pytest.raises(InputError, match="precision and recall with 3 neighbours needs at least 4 pictures in each set, got 3"):
        precision_recall(many, normal(3, 3))


def test_features_that_are_not_finite_are_refused():
    broken = normal(10, 3)
    broken[4, 1] = math.nan
    for distance in ALL.values():
        with pytest.raises(InputError, match="not finite"):
            distance(broken, normal(30, 3)) if distance is not ALL["kernel over subsets"] else distance(
                broken.repeat(3, 1), normal(30, 3)
            )


@pytest.mark.parametrize("n, m, dims", [(60, 80, 16), (50, 50, 64)], ids=["more pictures", "more dimensions"])
class TestTorchFidelity:
    """The values of torch-fidelity's own functions on the same features, to 1e-5."""

    @pytest.fixture
    def sets(self, n, m, dims):
        mix = normal(dims, dims, seed=3) / dims**0.5
        return normal(n, dims).mul(3) @ mix, normal(m, dims, seed=1, mean=0.5) @ mix

    def test_frechet_distance(self, sets):
        theirs = pytest.importorskip("torch_fidelity.metric_fid", reason="needs the extra `metrics`")
        statistics = [theirs.fid_features_to_statistics(features) for features in sets]
        expected = theirs.fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
        assert frechet_distance(*sets) == pytest.approx(expected, rel=1e-5)

    def test_kernel_distance(self, sets):
        theirs = pytest.importorskip("torch_fidelity.metric_kid", reason="needs the extra `metrics`")
        size = min(map(len, sets))  # subsets that are the whole of both sets, since their random draws are not ours
        x, y = (features[:size] for features in sets)
        expected = theirs.kid_features_to_metric(x, y, kid_subsets=2, kid_subset_size=size, verbose=False)
        found = kernel_distance(x, y, subsets=2, subset_size=size)
        assert found.mean == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-5)
        assert kernel_distance(x, y).mean == pytest.approx(found.mean, rel=1e-9)

    def test_precision_and_recall(self, sets):
        theirs = pytest.importorskip("torch_fidelity.metric_prc", reason="needs the extra `metrics`")
        real, fake = sets
        # their first set is the fakes, their second one the reals
        expected = theirs.prc_features_to_metric(fake, real, verbose=False)
        assert precision_recall(fake, real) == pytest.approx((expected["precision"], expected["recall"]), abs=1e-5)
        assert expected["precision"] != expected["recall"]


def test_spread_and_nearness_of_the_same_distribution_are_one_and_of_copies_and_collapse_near_zero():
    real, fresh = (torch.randn(400, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert abs(relative_spread(fresh, real) - 1) < 0.1
    assert abs(relative_nearness(fresh, real) - 1) < 0.1
    copies = real[torch.arange(200) % 50] + 1e-6
    assert relative_nearness(copies, real) < 1e-3
    assert relative_spread(real[:1].expand(50, -1), real) == 0
    assert abs(relative_spread(3 * fresh.double(), real) - 3 * relative_spread(fresh, real)) < 1e-9

"""KID as Face2webtoon's program computes it."""

import pytest
import torch

from metrics.distances import squared_mmd
from metrics.published_kid import at_96_px, mmd_variance, published_kid, whole_batches
from tests.vectors import root


def test_vectors_of_kid():
    path = root("ugatit") / "kid.pt"
    if not path.is_file():
        pytest.skip(f"no {path}")
    record = torch.load(path, weights_only=True)
    assert squared_mmd(record["x"], record["y"]) == pytest.approx(float(record["mmd2_unbiased"]), abs=1e-10)
    assert mmd_variance(record["x"], record["y"]) == pytest.approx(float(record["variance_estimate"]), abs=1e-10)


def test_sets_of_one_size_are_compared_once_and_whole():
    x, y = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0)).unbind()
    mean, std = published_kid(x, y)
    assert mean == pytest.approx(squared_mmd(x.double(), y.double())) and std is None


def test_a_larger_set_is_drawn_from_as_often_as_the_smaller_goes_into_it():
    x, y = torch.zeros(4, 3), torch.arange(13.0)[:, None].expand(13, 3)
    assert published_kid(x, y).std > 0 and published_kid(x, y[:7]).std is None


def test_what_fills_no_batch_is_dropped_and_pictures_are_seen_at_96_px():
    assert [len(whole_batches(torch.zeros(n, 1))) for n in (7, 50, 149)] == [7, 50, 100]
    assert at_96_px(lambda images: torch.tensor(images.shape))(torch.zeros(2, 3, 40, 30)).tolist() == [2, 3, 96, 96]

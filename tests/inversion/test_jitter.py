"""Photos cut and lit a little otherwise."""

import torch

from inversion.jitter import jittered


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def faces() -> torch.Tensor:
    return torch.nn.functional.interpolate(torch.rand(8, 3, 4, 4, generator=rng()) * 2 - 1, size=32, mode="bicubic").clamp(
        -1, 1
    )


def test_no_strength_changes_nothing():
    torch.testing.assert_close(jittered(faces(), 0, rng()), faces(), atol=1e-5, rtol=0)


def test_each_is_changed_a_little_and_each_otherwise():
    same = faces()[:1].expand(8, -1, -1, -1)
    changed = jittered(same, 1, rng())
    apart = (changed - same).abs().mean((1, 2, 3))
    assert (apart > 0.01).all() and (apart < 0.4).all() and len(set(apart.tolist())) == 8
    assert changed.abs().max() <= 1
    stronger = (jittered(same, 2, rng()) - same).abs().mean()
    assert stronger > apart.mean()

"""What the benchmark of U-GAT-IT compares gives the same numbers."""

import pytest
import torch

from benchmarks import translation
from translation import networks, norms
from translation import training as trainings

SETTING = {"img_size": 32, "ch": 2, "n_res": 1, "full": False, "batch_size": 1, "steps": 1}


@pytest.mark.parametrize("way", translation.WAYS[1:])
def test_all_ways_are_the_same_training(way, monkeypatch):
    ours, batch = translation.made("ours", SETTING)
    expected = [ours.step(batch) for _ in range(2)]
    for owner, name in ((norms, "mixed"), (networks, "attended"), (trainings, "LAYOUT")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    other, _ = translation.made(way, SETTING)
    for step in range(2):
        logs = translation.published_step(other, batch)
        for name in ("d", "g"):
            torch.testing.assert_close(logs[name], expected[step][name], rtol=1e-4, atol=0)

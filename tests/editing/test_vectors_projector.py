"""The recorded helpers of the reference's projector: schedules, the noise regulariser, normalised noise, pixels."""

import re

import pytest
import torch

import utils
from editing import projection
from editing.projection import Schedule
from tests.vectors import for_each_folder, part

HELPER = {"atol": 1e-6, "rtol": 1e-6}


class Record:
    """Of what a set holds; the test is skipped where it lacks what is asked for."""

    def __init__(self, folder):
        self.folder = folder

    def __getitem__(self, name):
        return part(self.folder, "helpers.pt", name)

    def items(self):
        path = self.folder / "helpers.pt"
        return torch.load(path, weights_only=True).items() if path.is_file() else ()


@pytest.fixture
def record(folder):
    return Record(folder)


@for_each_folder("projector")
def test_vectors_of_the_learning_rate(folder, record):
    for name, expected in record.items():
        if match := re.fullmatch(r"lr_schedule_(\d+)_lr([\d.]+)", name):
            schedule = Schedule(steps=int(match[1]), lr=float(match[2]))
            found = torch.tensor([schedule.learning_rate(step) for step in range(schedule.steps)], dtype=torch.float64)
            torch.testing.assert_close(found, expected, **HELPER)


@for_each_folder("projector")
def test_vectors_of_the_jitter(folder, record):
    for name, expected in record.items():
        if match := re.fullmatch(r"noise_strength_factor_(\d+)", name):
            schedule = Schedule(steps=int(match[1]))
            found = torch.tensor([schedule.jitter(step) for step in range(schedule.steps)], dtype=torch.float64)
            torch.testing.assert_close(found, expected, **HELPER)


@for_each_folder("projector")
def test_vectors_of_the_noise_regularizer_and_its_gradients(folder, record):
    """The reference squares the mean of its batch; ours, each photo's own: equal for a batch of one."""
    noises = [layer.clone().requires_grad_() for layer in record["noises"]]
    found = projection.noise_correlations(noises).mean(0).square().sum()
    torch.testing.assert_close(found, record["noise_regularize"], **HELPER)
    for gradient, expected in zip(torch.autograd.grad(found, noises), record["grads"], strict=True):
        torch.testing.assert_close(gradient, expected, **HELPER)


@for_each_folder("projector")
def test_vectors_of_normalized_noise(folder, record):
    """The reference normalises its whole batch as one map; ours, each photo's own."""
    for layer, expected in zip(record["noises"], record["normalized"], strict=True):
        whole = layer.clone().view(1, 1, -1, layer.shape[-1])
        projection.normalize_noise([whole])
        torch.testing.assert_close(whole.view_as(expected), expected, **HELPER)


@for_each_folder("projector")
def test_vectors_of_pixels(folder, record):
    """The reference cuts what ours rounds: half a step apart on average, never more than one."""
    ours, theirs = utils.to_pixels(record["make_image_in"]).int(), record["make_image_out"].int()
    assert ((ours - theirs) >= 0).all() and ((ours - theirs) <= 1).all()
    exact = record["make_image_in"].clamp(-1, 1).add(1).mul(127.5).permute(0, 2, 3, 1)
    assert ((exact - ours).abs() <= 0.5 + 1e-4).all()

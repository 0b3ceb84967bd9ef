"""Adam of the searches: PyTorch's own numbers, without PyTorch's compiler."""

import subprocess
import sys

import torch

from editing.adam import Adam
from tests.house import ROOT


def tensors():
    random = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=random).requires_grad_() for shape in ((3, 8), (1, 6, 5), ())]


def test_it_is_pytorchs_to_the_last_bit_at_any_rate():
    ours, theirs = tensors(), tensors()
    optimizers = Adam(ours, 0.1), torch.optim.Adam(theirs, 0.1, fused=True)
    for lr in (0.0, 0.1, 0.3, 0.01):
        optimizers[0].lr = optimizers[1].param_groups[0]["lr"] = lr
        for optimizer, some in zip(optimizers, (ours, theirs)):
            optimizer.zero_grad()
            sum((tensor.sin() ** 2).sum() for tensor in some).backward()
            optimizer.step()
        assert all(map(torch.equal, ours, theirs))


def test_no_search_loads_the_compiler():
    """Which takes longer than all the rest of one face."""
    program = """
import sys, torch
from editing import projection, styleclip
from tests.networks import tiny_generator
from vision.perceptual import PixelDistance
generator = tiny_generator()
for schedule in (projection.Schedule(0), projection.Schedule(2)):
    (found,) = projection.find(generator, PixelDistance(), [torch.zeros(3, 16, 16)], "w+", schedule)
eyes = lambda images: torch.nn.functional.normalize(images.mean((2, 3)), dim=1)
styleclip.find(generator, eyes, torch.tensor([1.0, 0, 0]), found.latent, search=styleclip.Search(2))
assert "torch._dynamo" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

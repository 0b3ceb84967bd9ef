"""A source network and a ruler for the studies."""

import pytest
import torch

import checkpoint
from metrics.attributes import regressor
from tests.networks import tiny_discriminator, tiny_generator


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    source = {"g_ema": tiny_generator(size=32).state_dict(), "d": tiny_discriminator(size=32).state_dict()}
    checkpoint.write(folder / "source.pt", source)
    torch.manual_seed(0)
    believed = {domain: dict.fromkeys(regressor.OUTPUTS, 1.0) for domain in "AB"}
    regressor.write(folder / "regressor.pt", regressor.Regressor(), believed, {})
    return folder

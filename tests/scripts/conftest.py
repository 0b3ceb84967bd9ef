"""A network that the drawing commands draw with, in memory and in a file."""

import pytest

from tests.networks import tiny_generator
from tests.scripts.sheets import saved


@pytest.fixture(scope="module")
def cartoon():
    return tiny_generator(seed=1)


@pytest.fixture(scope="module")
def file(cartoon, tmp_path_factory):
    return saved(tmp_path_factory.mktemp("networks") / "cartoon.pt", cartoon)

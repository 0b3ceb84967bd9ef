"""The file that comes along holds the networks that come along, and draws as they do."""

import numpy as np
import pytest
import torch

import checkpoint
import shipped
import utils
from editing import instant, latents
from exporting.networks import PhotoToCartoon
from inversion import files

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def networks():
    source, target = (checkpoint.read(path).generator() for path in (shipped.PHOTO, shipped.CARTOON))
    return {"source": source, "target": target, "encoder": files.opened(shipped.ENCODERS[shipped.PHOTO], source)}


def test_it_names_the_networks_that_come_along_and_is_small(networks):
    """Where one is replaced, python -m scripts.export makes the file anew (demo/cartoon64.txt)."""
    told = instant.Cartoonist(shipped.INSTANT).told
    assert {name: told[name].split()[-1] for name in networks} == {
        name: checkpoint.fingerprint(network.state_dict()) for name, network in networks.items()
    }
    assert shipped.INSTANT.stat().st_size <= 6e6 and told["licence"].startswith("MIT")


@torch.no_grad()
def test_it_draws_as_they_do(networks):
    cartoonist, network = instant.Cartoonist(shipped.INSTANT), PhotoToCartoon(**networks)
    faces = utils.to_pictures(latents.draw(networks["source"], latents.people(networks["source"], range(3))))
    expected = network(utils.from_pictures(faces))
    for number, face in enumerate(faces):
        drawn = cartoonist.draw(face)
        for picture, images in zip((drawn.cartoon, drawn.projected), expected):
            theirs = utils.to_pictures(images)[number]
            assert np.abs(np.asarray(picture, int) - np.asarray(theirs, int)).max() <= 1
        np.testing.assert_allclose(drawn.latent, expected[2][number], atol=1e-3)

"""The encoder that comes along is one of the network that comes along, and has learned its faces."""

import pytest
import torch

import checkpoint
import shipped
from editing import latents
from inversion import files
from vision import perceptual


@pytest.fixture(scope="module")
def pair():
    source = checkpoint.read(shipped.PHOTO)
    generator = source.generator()
    return files.read(shipped.ENCODER), generator, perceptual.choose("disc", source)[0]


def test_it_was_trained_for_the_network_that_comes_along_and_is_small(pair):
    encoder, generator, _ = pair
    encoder.check_fits(generator)
    assert encoder.home == checkpoint.fingerprint(generator.state_dict())
    assert shipped.ENCODER.stat().st_size <= 4e6


def test_one_pass_is_much_nearer_than_the_mean_face(pair):
    encoder, generator, distance = pair
    people = latents.people(generator, range(100, 116))
    faces = latents.draw(generator, people).clamp(-1, 1)
    with torch.no_grad():
        drawn = latents.draw(generator, encoder.w_plus(faces, generator))
        mean = latents.draw(generator, generator.broadcast(generator.w_avg[None])).expand_as(faces)
        assert distance(drawn, faces).mean() < 0.6 * distance(mean, faces).mean()

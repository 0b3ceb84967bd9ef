"""The encoders that come along are of networks that come along, and have learned their faces."""

import pytest
import torch

import checkpoint
import shipped
from editing import latents
from inversion import files
from vision import perceptual


@pytest.fixture(scope="module", params=shipped.ENCODERS, ids=lambda network: network.stem)
def pair(request):
    source = checkpoint.read(request.param)
    generator = source.generator()
    return files.read(shipped.ENCODERS[request.param]), generator, perceptual.choose("disc", source)[0]


def test_it_was_trained_for_the_network_that_comes_along(pair):
    encoder, generator, _ = pair
    encoder.check_fits(generator)
    assert encoder.home == checkpoint.fingerprint(generator.state_dict())


def test_they_are_small_enough_to_come_along():
    assert [encoder.stat().st_size <= most for encoder, most in zip(shipped.ENCODERS.values(), (4e6, 9e6))] == [True, True]


def test_one_pass_is_much_nearer_than_the_mean_face(pair):
    encoder, generator, distance = pair
    people = latents.people(generator, range(100, 108))
    faces = latents.draw(generator, people).clamp(-1, 1)
    with torch.no_grad():
        drawn = latents.draw(generator, encoder.w_plus(faces, generator))
        mean = latents.draw(generator, generator.broadcast(generator.w_avg[None])).expand_as(faces)
        assert distance(drawn, faces).mean() < 0.6 * distance(mean, faces).mean()

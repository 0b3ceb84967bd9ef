"""What is recorded does in one call what the commands do in several."""

import numpy as np
import pytest
import torch

import utils
from editing import cartoon, latents
from exporting.networks import Drawing, PhotoToCartoon, Translation
from tests.networks import tiny_encoder, tiny_generator, tiny_generator1
from translation.networks import Generator as Translator
from vision.perceptual import PixelDistance


@pytest.mark.parametrize("passes, n_codes", [(1, 6), (2, 1)])
@pytest.mark.parametrize("most, psi", [(1.5, 1.0), (0.5, 0.7)])
@torch.no_grad()
def test_a_photo_becomes_the_cartoon_of_what_the_encoder_says(passes, n_codes, most, psi):
    source, target, encoder = tiny_generator(0), tiny_generator(1), tiny_encoder(n_codes, passes=passes)
    network = PhotoToCartoon(source, target, encoder, most, psi)
    (photos,) = network.examples(3)
    drawn, projected, w_plus = network(photos)
    torch.testing.assert_close(w_plus, encoder.w_plus(photos, source))
    torch.testing.assert_close(projected, latents.draw(source, w_plus).clamp(-1, 1))
    painter = cartoon.Painter(source, target, PixelDistance(), psi, most, tune=0)
    expected = [painter.paint(one[None], (source, target))[1] for one in w_plus]
    for ours, theirs in zip(utils.to_pictures(drawn), expected, strict=True):
        assert np.abs(np.asarray(ours).astype(int) - np.asarray(theirs)).max() <= 1  # alone, and in a batch


@pytest.mark.parametrize("generator", [tiny_generator(), tiny_generator1()], ids=["StyleGAN2", "StyleGAN1"])
@torch.no_grad()
def test_people_are_those_of_their_seeds_in_every_space(generator):
    expected = latents.draw(generator, latents.people(generator, range(2), psi=0.7)).clamp(-1, 1)
    torch.testing.assert_close(Drawing(generator, "z")(*Drawing(generator, "z").examples(2)), expected)
    for space in ("w", "w+"):
        network = Drawing(generator, space)
        assert [*network.inputs] == [space.replace("+", "_plus")]
        drawn = network(*network.examples(2))
        torch.testing.assert_close(drawn, latents.draw(generator, latents.people(generator, range(2))).clamp(-1, 1))


@torch.no_grad()
def test_without_noise_it_is_drawn_without():
    generator = tiny_generator()
    (w_plus,) = Drawing(generator).examples(2)
    zeros = [torch.zeros_like(layer) for layer in generator.stored_noise()]
    drawn = Drawing(generator, noise=False)(w_plus)
    torch.testing.assert_close(drawn, latents.draw(generator, w_plus, noise=zeros).clamp(-1, 1))
    assert not torch.allclose(drawn, Drawing(generator)(w_plus))


@torch.no_grad()
def test_a_translation_and_where_it_looked():
    torch.manual_seed(0)
    generator = Translator(4, 1, 16, light=True).eval()
    network = Translation(generator, 16)
    image, heatmap = network(*network.examples(2))
    assert image.shape == (2, 3, 16, 16) and heatmap.shape == (2, 1, 4, 4)
    assert torch.equal(image, generator(*network.examples(2)).image)


@torch.no_grad()
def test_inputs_and_outputs_are_named_in_the_order_of_the_call():
    networks = [PhotoToCartoon(tiny_generator(0), tiny_generator(1), tiny_encoder()), Drawing(tiny_generator(), "z")]
    for network in networks:
        inputs = network.examples(2)
        assert len(network.inputs) == len(inputs)
        given = network(*inputs)
        assert len(network.outputs) == (1 if isinstance(given, torch.Tensor) else len(given))
        for tensor, text in zip((given,) if isinstance(given, torch.Tensor) else given, network.outputs.values()):
            assert text.startswith(str([2, *tensor.shape[1:]]).replace("[2,", "[batch,"))

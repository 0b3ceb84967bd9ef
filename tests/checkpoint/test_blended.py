"""A generator whose first layers take their styles from the source's mapping network."""

import copy

import pytest
import torch

import checkpoint
from checkpoint import layouts
from errors import InputError
from tests.checkpoint.files import networks
from tests.networks import tiny_generator

SOURCE, OWN = tiny_generator(10), tiny_generator(3)
LAYERS = OWN.n_latent


def blended(tmp_path, layers: int = 2):
    style = {name.removeprefix("style."): t for name, t in SOURCE.state_dict().items() if name.startswith("style.")}
    checkpoint.write(tmp_path / "a.pt", {**networks(), "freeze_style": layers, "source_style": style})
    return checkpoint.read(tmp_path / "a.pt")


@pytest.mark.parametrize("layers", [1, 2, LAYERS - 1, LAYERS])
def test_the_first_layers_take_the_sources_styles(tmp_path, layers):
    generator = blended(tmp_path, layers).generator()
    z = torch.randn(3, 8)
    w_plus = generator.mapping(z)
    assert w_plus.shape == (3, LAYERS, 8)
    assert torch.equal(w_plus[:, :layers], SOURCE.mapping(z)[:, None].expand(-1, layers, -1))
    assert torch.equal(w_plus[:, layers:], OWN.mapping(z)[:, None].expand(-1, LAYERS - layers, -1))
    image, _ = generator([z], randomize_noise=False)
    assert torch.equal(image, OWN([w_plus], input_is_latent=True, randomize_noise=False)[0])


def test_both_g_and_g_ema_are_blended(tmp_path):
    source, z = blended(tmp_path), torch.randn(1, 8)
    g, g_ema = (source.generator(which).mapping(z) for which in ("g", "g_ema"))
    assert torch.equal(g[:, :2], g_ema[:, :2])
    assert not torch.equal(g[:, 2:], g_ema[:, 2:])


def test_state_dict_and_parameters_are_the_classic_ones(tmp_path):
    generator = blended(tmp_path).generator()
    assert list(generator.state_dict()) == list(OWN.state_dict())
    assert [name for name, _ in generator.named_parameters()] == [name for name, _ in OWN.named_parameters()]
    generator.load_state_dict(OWN.state_dict())


def test_the_sources_mapping_moves_and_copies_with_the_network(tmp_path):
    generator = blended(tmp_path).generator().double()
    w_plus = generator.mapping(torch.randn(1, 8, dtype=torch.float64))
    assert w_plus.dtype == torch.float64
    z = torch.randn(2, 8, dtype=torch.float64)
    assert torch.equal(copy.deepcopy(generator).mapping(z), generator.mapping(z))


def test_truncation_pulls_towards_a_mean_of_every_layer(tmp_path):
    generator, z = blended(tmp_path).generator(), torch.randn(2, 8)
    mean = generator.w_avg
    assert mean.shape == (LAYERS, 8)
    for latent in (None, mean[None]):
        image, w_plus = generator([z], return_latents=True, truncation=0.5, truncation_latent=latent)
        assert image.shape == (2, 3, 16, 16)
        torch.testing.assert_close(w_plus, mean + 0.5 * (generator.mapping(z) - mean))


def test_its_centre_in_a_file_is_one_of_every_layer(tmp_path):
    source = blended(tmp_path)
    centre = torch.randn(LAYERS, 8)
    for stated, expected in ((centre, centre), (centre[0], source.generator().w_avg)):
        checkpoint.write(tmp_path / "b.pt", layouts.reference(source) | {"latent_avg": stated})
        again = checkpoint.read(tmp_path / "b.pt")
        assert again.notes == []
        assert torch.equal(again.generator().w_avg, expected)


def test_w_and_w_plus_may_be_truncated_about_either_mean():
    w, w_mean = torch.randn(2, 8), torch.randn(1, 8)
    expected = OWN.broadcast(w_mean + 0.7 * (w - w_mean))
    for style in (w, OWN.broadcast(w)):
        for mean in (w_mean, w_mean[0], OWN.broadcast(w_mean)):
            _, w_plus = OWN([style], True, input_is_latent=True, truncation=0.7, truncation_latent=mean)
            torch.testing.assert_close(w_plus, expected)


def test_two_blended_styles_mix(tmp_path):
    generator, z = blended(tmp_path).generator(), torch.randn(2, 2, 8)
    _, w_plus = generator([z[0], z[1]], return_latents=True, inject_index=3)
    assert torch.equal(w_plus, torch.cat([generator.mapping(z[0])[:, :3], generator.mapping(z[1])[:, 3:]], 1))


def test_no_layers_is_an_ordinary_generator(tmp_path):
    assert blended(tmp_path, 0).generator().mapping(torch.randn(2, 8)).shape == (2, 8)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"freeze_style": LAYERS + 1}, f"freeze_style: expected a number of layers from 1 to {LAYERS}, found {LAYERS + 1}"),
        ({"freeze_style": "two"}, f"freeze_style: expected a number of layers from 1 to {LAYERS}, found 'two'"),
        ({"source_style": None}, "source_style: expected a state dict, found NoneType"),
        ({"source_style": {"1.weight": torch.zeros(8, 8)}}, "source_style: 1.bias: expected [8], found no such tensor"),
    ],
)
def test_half_a_blend_is_refused(tmp_path, change, line):
    checkpoint.write(tmp_path / "a.pt", {**networks(), "freeze_style": 2, **change})
    with pytest.raises(InputError) as caught:
        checkpoint.read(tmp_path / "a.pt")
    assert str(caught.value) == f"{tmp_path / 'a.pt'}: {line}"


@pytest.mark.parametrize("layout", [layouts.bare, layouts.bare_with_metadata, layouts.to_nvidia])
def test_layouts_that_cannot_hold_it_refuse(tmp_path, layout):
    with pytest.raises(InputError, match=r"which .* cannot hold$"):
        layout(blended(tmp_path))


def test_the_references_layout_keeps_it_beside(tmp_path):
    source = blended(tmp_path)
    checkpoint.write(tmp_path / "b.pt", layouts.reference(source))
    z = torch.randn(1, 8)
    assert torch.equal(checkpoint.read(tmp_path / "b.pt").generator().mapping(z), source.generator().mapping(z))
    assert layouts.losses(source, "reference")

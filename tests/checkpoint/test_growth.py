"""A grown network begins with what the old one draws and judges."""

import pytest
import torch

import checkpoint
from checkpoint.growth import grown
from errors import InputError
from model import Discriminator, Generator
from tests.checkpoint.files import saved

OLD = {4: 6, 8: 4, 16: 4}


def source(tmp_path):
    torch.manual_seed(0)
    g, other, d = (Generator(16, 8, 2, channels=OLD) for _ in range(2)), None, Discriminator(16, channels=OLD)
    g, other = g
    for network in (g, other, d):
        for name, parameter in network.named_parameters():
            if name.endswith(("bias", "noise.weight")):
                parameter.data += 0.3 * torch.randn_like(parameter)
    return checkpoint.read(saved(tmp_path, {"g": g.state_dict(), "g_ema": other.state_dict(), "d": d.state_dict()}))


@pytest.mark.parametrize(
    "channels", [{4: 6, 8: 4, 16: 4, 32: 2, 64: 2}, {4: 9, 8: 8, 16: 5, 32: 3}, {4: 8, 8: 4, 16: 7}], ids=str
)
@pytest.mark.parametrize("which", ["g", "g_ema"])
def test_a_grown_generator_draws_the_same_enlarged(tmp_path, channels, which):
    before = source(tmp_path)
    old, new = before.generator(which), grown(before, channels).generator(which)
    z, noise = torch.randn(3, 8), new.make_noise(3)
    assert torch.equal(old.mapping(z), new.mapping(z))
    with torch.no_grad():
        expected = old.synthesis(old.broadcast(old.mapping(z)), noise[: old.num_layers])
        for layer in new.to_rgbs[len(old.to_rgbs) :]:
            expected = layer.upsample(expected)
        found = new.synthesis(new.broadcast(new.mapping(z)), noise)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_every_new_weight_of_the_generator_learns_after_the_first_steps(tmp_path):
    new = grown(source(tmp_path), {4: 9, 8: 8, 16: 5, 32: 3}).generator("g").requires_grad_(True)
    adam = torch.optim.Adam(new.parameters(), lr=1e-3)
    start = {name: parameter.detach().clone() for name, parameter in new.named_parameters()}
    for _ in range(4):
        new([torch.randn(4, 8)])[0].square().mean().backward()
        adam.step()
        adam.zero_grad()
    assert [name for name, parameter in new.named_parameters() if torch.equal(parameter, start[name])] == []


@pytest.mark.parametrize("above", [{32: 3}, {32: 4}, {32: 6, 64: 5}], ids=str)
def test_a_taller_discriminator_passes_on_what_the_old_one_saw(tmp_path, above):
    before, size = source(tmp_path), max(above)
    old, new = before.discriminator(), grown(before, OLD | above).discriminator()
    flat = torch.randn(3, 3, 1, 1)  # making smaller and FromRGB can change places there, but for the edge
    passed, seen = new.features(flat.expand(-1, -1, size, size))[len(above)], old.features(flat.expand(-1, -1, 16, 16))[0]
    fit = min(4, *above.values())
    torch.testing.assert_close(passed[:, :fit, 6:-6, 6:-6], seen[:, :fit, 6:-6, 6:-6], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(new.final_linear(torch.ones(1, 6 * 16)), old.final_linear(torch.ones(1, 6 * 16)))


def test_a_wider_discriminator_sees_the_old_features_among_its_own(tmp_path):
    before = source(tmp_path)
    old, new = before.discriminator(), grown(before, {4: 9, 8: 8, 16: 5}).discriminator()
    image = torch.randn(4, 3, 16, 16)
    for ours, theirs in zip(new.features(image), old.features(image)):
        torch.testing.assert_close(ours[:, : theirs.shape[1]], theirs, rtol=1e-4, atol=1e-5)
    maps = torch.randn(4, 6, 4, 4)  # of the old channels, and of the standard deviation; nothing comes of the new ones
    deviation = torch.full((4, 1, 4, 4), 0.7)
    theirs = old.final_linear(old.final_conv(torch.cat([maps, deviation], 1)).flatten(1))
    ours = new.final_linear(new.final_conv(torch.cat([maps, torch.randn(4, 3, 4, 4), deviation], 1)).flatten(1))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_g_and_g_ema_get_the_same_new_weights(tmp_path):
    networks = grown(source(tmp_path), {4: 9, 8: 8, 16: 5}).networks
    assert torch.equal(networks["g"]["convs.0.conv.weight"][:, 4:], networks["g_ema"]["convs.0.conv.weight"][:, 4:])
    assert not torch.equal(networks["g"]["input.input"], networks["g_ema"]["input.input"])


@pytest.mark.parametrize("channels", [{4: 5, 8: 4, 16: 4}, {4: 6, 8: 4}], ids=str)
def test_nothing_gets_lost(tmp_path, channels):
    with pytest.raises(InputError, match="do not hold"):
        grown(source(tmp_path), channels)

"""Whatever is a `Drawer` is drawn, edited and measured: here one that is no StyleGAN2, and no network at all."""

import numpy as np
import pytest
import torch

from editing import films, ganspace, interpolation, latents, people, projection, sheets, style_mixing, sweeps, truncation
from editing.directions import Directions, Edit
from metrics import features, path_length
from vision.features import pixels


class Stripes:
    """Layer i decides the colour of rows 2i and 2i + 1."""

    size, style_dim, n_latent = 8, 3, 4
    device, w_avg = torch.device("cpu"), torch.tensor([0.5, 0.0, -0.5])

    def mapping(self, z):
        return z.tanh()

    def broadcast(self, w):
        return w if w.ndim == 3 else w[:, None].expand(-1, self.n_latent, -1)

    def synthesis(self, w_plus, noise=None):
        return w_plus.mT[..., None].repeat_interleave(2, 2).expand(-1, -1, -1, self.size)

    def stored_noise(self):
        return []

    def state_dict(self):
        return {"colours": torch.eye(3)}


STRIPES = Stripes()


def colours(picture) -> np.ndarray:
    """Of the layers, [n_latent, 3] in [-1, 1]."""
    return np.asarray(picture)[::2, 0] / 127.5 - 1


@pytest.mark.parametrize("psi", [0, 0.5, 1])
def test_people_by_seed_and_from_a_file(tmp_path, psi):
    who = people.by_seed("3,5")
    w_plus = STRIPES.w_avg + psi * (who.w_plus(STRIPES) - STRIPES.w_avg)
    latents.save_latents(tmp_path / "a.pt", who.z(STRIPES), space="z", names=who.names)
    everybody = people.together([who, people.from_file(tmp_path / "a.pt", STRIPES)])
    drawn = list(people.everybody(STRIPES, everybody, people.Brush(psi)))
    assert everybody.noise(STRIPES) is None
    for picture, expected in zip(drawn, torch.cat([w_plus, w_plus]), strict=True):
        assert np.abs(colours(picture) - expected.numpy()).max() < 0.01


def test_layers_mix_and_walks_pass_through_people():
    anna, bert = people.by_seed("3,5").w_plus(STRIPES)
    (picture,) = people.pictures(STRIPES, style_mixing.mix(anna, bert, [0, 2])[None])
    assert np.abs(colours(picture) - torch.stack([bert[0], anna[1], bert[2], anna[3]]).numpy()).max() < 0.01
    path = [*people.pictures(STRIPES, interpolation.walk(torch.stack([anna, bert]), frames=2))]
    assert np.abs(colours(path[1]) - (anna + bert).numpy() / 2).max() < 0.01


def test_ladders_of_psi_and_sheets_of_edits():
    who = people.by_seed("3,5")
    ladder = truncation.ladder(who.w_plus(STRIPES), STRIPES.w_avg, [0, 1])
    assert np.abs(colours(next(people.pictures(STRIPES, ladder[0]))) - STRIPES.w_avg.numpy()).max() < 0.01
    found = Directions(torch.eye(3))
    sheet = sweeps.sheet_of_people({"": sweeps.Scene(STRIPES, who, psi=0.5)}, found, Edit(0, low=-0.1, high=0.1))
    assert sheet.width > 2 * STRIPES.size and sheet.height > 3 * STRIPES.size


def test_every_sheet_but_those_of_swapped_layers_is_drawn():
    networks, who, others = {"one": STRIPES, "two": STRIPES}, people.by_seed("3,5"), people.by_seed("7")
    alone = {}

    def keep(name, picture, **shown):
        alone[name] = colours(picture)

    assert sheets.people_sheet(networks, who, brush=people.Brush(0.5), alone=keep)
    assert sheets.truncation_sheet(networks, who, [0, 0.5, 1], cutoff=2)
    assert sheets.mixing_table(networks, who, others, layers=[1], alone=keep)
    assert sheets.single_layers(networks, who, others, layers=[0, 3])
    assert list(alone) == ["seed0003", "seed0005", "seed0003-seed0007", "seed0005-seed0007"]
    assert np.abs(alone["seed0003-seed0007"][1] - others.w_plus(STRIPES)[0, 1].numpy()).max() < 0.01
    for space in ("w", "z"):
        paths = films.walks(networks, who, frames=3, space=space, loop=True)
        assert films.keyframes(networks, paths, 3, who)
        assert {frame.size for frame in films.side_by_side(networks, paths)} == {films.walk_size(networks)}


def test_directions_of_people_and_the_projection_of_a_picture():
    assert ganspace.ganspace(STRIPES, n=100, count=2).vectors.shape == (2, 3)
    target = STRIPES.synthesis(STRIPES.broadcast(torch.tensor([[0.1, 0.2, 0.3]])))
    (found,) = projection.find(STRIPES, Plain(), target, "w", projection.Schedule(steps=100))
    torch.testing.assert_close(found.latent[0], torch.tensor([0.1, 0.2, 0.3]), atol=0.02, rtol=0)


class Plain:
    """The distance of pictures themselves."""

    def features(self, images):
        return images

    def between(self, found, wanted):
        return (found - wanted).square().mean((1, 2, 3))


def test_pictures_are_measured():
    assert features.of_generator(STRIPES, range(3), pixels, psi=0.5).shape[0] == 3
    assert path_length.path_length(STRIPES, pixels, range(4)) > 0

"""Feature functions, and the pictures that they see."""

import pytest
import torch

import checkpoint
import utils
from editing import latents
from errors import InputError
from metrics import features
from metrics.attributes import regressor
from metrics.table import FEATURES
from tests.networks import tiny_discriminator, tiny_generator
from vision.features import pixels


def images(n=6, size=16, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "source.pt"
    checkpoint.write(path, {"g_ema": tiny_generator().state_dict(), "d": tiny_discriminator(seed=1).state_dict()})
    return checkpoint.read(path)


@pytest.fixture(scope="module")
def ruler(tmp_path_factory):
    path = tmp_path_factory.mktemp("ruler") / "regressor.pt"
    regressor.write(path, regressor.Regressor(), {domain: dict.fromkeys(regressor.OUTPUTS, 1.0) for domain in "AB"}, {})
    return path


@pytest.fixture(params=["disc", "structure", "pixels"])
def feature(request, source, ruler):
    return features.choose(request.param, source, ruler=ruler)


def test_a_picture_has_the_same_features_in_any_company(feature):
    some = images()
    together = feature(some)
    assert together.ndim == 2
    assert len(together) == len(some)
    for index in range(len(some)):
        assert torch.allclose(feature(some[index : index + 1]), together[index : index + 1], atol=1e-5)


def test_different_pictures_have_different_features(feature):
    one, other = feature(images(2))
    assert (one - other).abs().max() > 1e-3 * one.abs().max()


def test_the_discriminator_is_the_sources_and_frozen(source):
    feature = features.choose("disc", source)
    assert feature(images()).shape == (6, 4 + 8 + 8)  # its channels after FromRGB, at 8 px and at 4 px
    assert not any(parameter.requires_grad for parameter in feature.discriminator.parameters())
    maps = source.discriminator().features(images())
    assert torch.equal(feature(images())[:, -8:], maps[-1].mean((2, 3)))


def test_without_a_discriminator_to_look_through_the_remedy_is_named(tmp_path):
    checkpoint.write(tmp_path / "g.pt", {"g_ema": tiny_generator().state_dict()})
    for source in (None, checkpoint.read(tmp_path / "g.pt")):
        with pytest.raises(InputError, match=r"looks through the discriminator .* choose pixels"):
            features.choose("disc", source)


def test_every_name_of_the_table_is_a_choice_and_no_other(source, ruler, tmp_path):
    for name in FEATURES:
        if name != "inception":
            assert features.choose(name, source, ruler=ruler)(images(1)).ndim == 2
    with pytest.raises(InputError, match="no such file"):
        features.choose("inception", inception=tmp_path / "missing.pth")
    with pytest.raises(ValueError, match="expected one of"):
        features.choose("clip", source)


def test_a_missing_inception_file_is_named_with_the_place_to_get_it(tmp_path):
    with pytest.raises(InputError) as error:
        features.choose("inception", inception=tmp_path / "missing.pth")
    assert str(tmp_path / "missing.pth") in str(error.value)
    assert "scripts.download inception" in str(error.value)
    assert "https://github.com/toshas/torch-fidelity" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_data_set_is_read_in_batches_of_any_size(feature):
    stored = utils.eight_bits(images(5))
    counted = []
    found = features.of_images(list(stored), feature, batch=2, done=counted.append)
    assert counted == [2, 2, 1]
    assert torch.allclose(found, feature(utils.from_pixels(stored)), atol=1e-5)


def test_a_seed_draws_the_same_picture_in_any_batch():
    generator = tiny_generator()
    alone = torch.cat(list(features.pictures(generator, [7], 1)))
    together = torch.cat(list(features.pictures(generator, range(5, 9), 3)))
    assert torch.allclose(together[2:3], alone, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 0.01


def test_a_seed_is_the_person_it_is_for_every_command():
    generator = tiny_generator()
    for layer in generator.modules():  # without noise the picture is that of scripts.generate
        if type(layer).__name__ == "NoiseInjection":
            torch.nn.init.zeros_(layer.weight)
    found = torch.cat(list(features.pictures(generator, [3, 4])))
    assert torch.allclose(found, latents.draw(generator, latents.people(generator, [3, 4])), atol=1e-5)


def test_truncation_pulls_all_to_one_face():
    generator = tiny_generator()
    spreads = [torch.cat(list(features.pictures(generator, range(8), psi=psi))).std(0).mean() for psi in (1.0, 0.5)]
    assert spreads[1] < spreads[0]


def test_fakes_are_seen_as_eight_bit_pictures():
    generator, seen = tiny_generator(), []

    def feature(some):
        seen.append(some)
        return pixels(some)

    features.of_generator(generator, range(3), feature)
    levels = (seen[0] + 1) * 127.5
    assert (levels - levels.round()).abs().max() < 1e-3
    assert seen[0].abs().max() <= 1

"""Feature functions, and the pictures that they see."""

from unittest import mock

import pytest
import torch

import checkpoint
import utils
from editing import latents
from errors import InputError
from metrics import features, regressor
from tests.networks import tiny_discriminator, tiny_generator


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
    with pytest.raises(InputError, match="no source is named"):
        features.choose("disc")


def test_pixels_are_the_picture_averaged_down():
    assert torch.equal(features.pixels(images(2, 16)).view(2, 3, 16, 16), images(2, 16))
    constant = torch.tensor([0.1, -0.2, 0.3]).view(1, 3, 1, 1).expand(2, 3, 64, 64)
    assert torch.allclose(features.pixels(constant).view(2, 3, 256), constant[:, :, :16, :16].flatten(2))


def test_a_missing_inception_file_is_named_with_the_place_to_get_it(tmp_path):
    with pytest.raises(InputError) as error:
        features.choose("inception", inception=tmp_path / "missing.pth")
    assert str(tmp_path / "missing.pth") in str(error.value)
    assert "scripts.download inception" in str(error.value)
    assert "https://github.com/toshas/torch-fidelity" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_default_inception_file_lies_where_the_download_puts_it():
    from published import PUBLISHED

    file = PUBLISHED["inception"]
    assert file.url == features.INCEPTION_URL
    assert features.INCEPTION_FILE.name.endswith(f"{file.sha256}.pth")


def test_a_file_that_is_not_inception_is_refused(tmp_path):
    pytest.importorskip("torch_fidelity", reason="needs the extra `metrics`")
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="not the weights of torch-fidelity"):
        features.choose("inception", inception=path)


def test_inception_gives_the_features_that_torch_fidelity_gives(tmp_path):
    extractors = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3", reason="needs the extra `metrics`")
    path = tmp_path / "random.pth"
    with mock.patch("torch.load"), mock.patch("torch.nn.Module.load_state_dict"):  # a network of the right shape, untrained
        torch.manual_seed(0)
        theirs = extractors.FeatureExtractorInceptionV3("random", ["2048"], feature_extractor_weights_path=str(tmp_path))
    torch.save({name: tensor for name, tensor in theirs.state_dict().items() if not name.startswith("_")}, path)
    found = features.choose("inception", inception=path)(images(2, 32))
    assert found.shape == (2, 2048)
    pixels = (images(2, 32) * 127.5 + 127.5).round().to(torch.uint8)
    assert torch.allclose(found, theirs.eval()(pixels)[0], atol=1e-5)


def test_a_data_set_is_read_in_batches_of_any_size(feature):
    pixels = (images(5) * 127.5 + 127.5).to(torch.uint8)
    counted = []
    found = features.of_images(list(pixels), feature, batch=2, done=counted.append)
    assert counted == [2, 2, 1]
    assert torch.allclose(found, feature(utils.from_pixels(pixels)), atol=1e-5)


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
        return features.pixels(some)

    features.of_generator(generator, range(3), feature)
    levels = (seen[0] + 1) * 127.5
    assert (levels - levels.round()).abs().max() < 1e-3
    assert seen[0].abs().max() <= 1

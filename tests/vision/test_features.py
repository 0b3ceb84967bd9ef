"""Features of pictures: the picture itself, and Inception as torch-fidelity has it."""

from unittest import mock

import pytest
import torch

import utils
from errors import InputError
from published import PUBLISHED
from vision import features


def images(n, size, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_pixels_are_the_picture_averaged_down():
    assert torch.equal(features.pixels(images(2, 16)).view(2, 3, 16, 16), images(2, 16))
    constant = torch.tensor([0.1, -0.2, 0.3]).view(1, 3, 1, 1).expand(2, 3, 64, 64)
    assert torch.allclose(features.pixels(constant).view(2, 3, 256), constant[:, :, :16, :16].flatten(2))


def test_the_default_inception_file_lies_where_the_download_puts_it():
    file = PUBLISHED["inception"]
    assert file.url == features.INCEPTION_URL
    assert features.INCEPTION_FILE.name.endswith(f"{file.sha256}.pth")


def test_a_file_that_is_not_inception_is_refused(tmp_path):
    pytest.importorskip("torch_fidelity", reason="needs the extra `metrics`")
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="not the weights of torch-fidelity"):
        features.InceptionFeatures(path)


def test_inception_gives_the_features_that_torch_fidelity_gives(tmp_path):
    extractors = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3", reason="needs the extra `metrics`")
    path = tmp_path / "random.pth"
    with mock.patch("torch.load"), mock.patch("torch.nn.Module.load_state_dict"):  # a network of the right shape, untrained
        torch.manual_seed(0)
        theirs = extractors.FeatureExtractorInceptionV3("random", ["2048"], feature_extractor_weights_path=str(tmp_path))
    torch.save({name: tensor for name, tensor in theirs.state_dict().items() if not name.startswith("_")}, path)
    found = features.InceptionFeatures(path)(images(2, 32))
    assert found.shape == (2, 2048)
    assert torch.allclose(found, theirs.eval()(utils.eight_bits(images(2, 32)))[0], atol=1e-5)

"""The attribute regressor: what it should read, and what its file may be."""

import pytest
import torch

from cli import InputError
from faces.synthetic import ATTRIBUTES, sample_attributes
from metrics import regressor
from metrics.regressor import OUTPUTS, Regressor, outputs_of


def trusted():
    return {domain: dict.fromkeys(OUTPUTS, 0.9) for domain in "AB"}


def saved(path):
    torch.manual_seed(0)
    network = Regressor()
    regressor.write(path, network, trusted(), {"steps": 1})
    return network


def test_every_attribute_is_an_output_and_hues_are_two():
    truth = outputs_of(sample_attributes(7, seed=0))
    assert truth.shape == (7, len(OUTPUTS)) == (7, len(ATTRIBUTES) + 2)
    assert torch.equal(truth[:, OUTPUTS.index("smile")], sample_attributes(7, seed=0)["smile"])
    sine, cosine = truth[:, OUTPUTS.index("bg_hue.sin")], truth[:, OUTPUTS.index("bg_hue.cos")]
    assert torch.allclose(sine**2 + cosine**2, torch.ones(7))


def test_outputs_are_in_the_units_of_the_attributes():
    network = Regressor().eval()
    images = torch.zeros(2, 3, 64, 64)
    standardised = network(images)
    network.mean.fill_(3.0)
    network.std.fill_(2.0)
    assert torch.allclose(network(images), 3 + 2 * standardised)


@pytest.mark.parametrize("size", [16, 64, 256])
def test_pictures_of_any_size_are_read(size):
    network = Regressor().eval()
    assert network(torch.zeros(2, 3, size, size)).shape == (2, len(OUTPUTS))
    assert network.features(torch.zeros(2, 3, size, size)).shape == (2, 96)


def test_a_file_holds_the_network_in_half_precision(tmp_path):
    network = saved(tmp_path / "regressor.pt").half().float().eval()
    again, truth = regressor.read(tmp_path / "regressor.pt")
    images = torch.rand(3, 3, 64, 64) * 2 - 1
    assert torch.equal(again(images), network(images))
    assert truth == trusted()
    assert (tmp_path / "regressor.pt").stat().st_size < 10**6


def test_other_files_are_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"--regressor .*missing.pt: no such file; python -m scripts.train_regressor"):
        regressor.read(tmp_path / "missing.pt")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="no regressor of these attributes"):
        regressor.read(tmp_path / "other.pt")
    saved(tmp_path / "whole.pt")
    contents = torch.load(tmp_path / "whole.pt", weights_only=True)
    for part in ("regressor", "truth"):
        damaged = contents | {part: {"A": {}}}
        torch.save(damaged, tmp_path / "damaged.pt")
        with pytest.raises(InputError, match="damaged"):
            regressor.read(tmp_path / "damaged.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(InputError, match="--regressor"):
        regressor.read(tmp_path / "text.pt")

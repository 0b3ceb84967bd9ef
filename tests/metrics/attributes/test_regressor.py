"""The attribute regressor: what it should read, and what its file may be."""

import pytest
import torch

import utils
from errors import InputError
from faces.rendered.synthetic import ATTRIBUTES, render, sample_attributes
from metrics.attributes import regressor, training
from metrics.attributes import ruler as rulers
from metrics.attributes.regressor import OUTPUTS, Regressor, outputs_of
from metrics.attributes.ruler import Ruler, believed, pearson


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


def test_features_are_mean_maps_before_and_after_the_last_convolution():
    network = Regressor().eval()
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    reading = network.read(images)
    assert torch.equal(reading.values, network(images))
    assert torch.equal(reading.features, network.features(images))
    before = network.convs[:19](images)
    assert before.shape == (2, 96, 8, 8)
    assert torch.allclose(reading.features, before.mean((2, 3)), atol=1e-6)
    assert torch.allclose(reading.last, network.convs(images).mean((2, 3)), atol=1e-6)


def test_a_file_holds_the_network_in_half_precision(tmp_path):
    network = saved(tmp_path / "regressor.pt").half().float().eval()
    again, truth = regressor.read(tmp_path / "regressor.pt")
    images = torch.rand(3, 3, 64, 64) * 2 - 1
    assert torch.equal(again(images), network(images))
    assert truth == trusted()
    assert (tmp_path / "regressor.pt").stat().st_size < 10**6


def test_other_files_are_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"^/.*missing.pt: no such file; python -m scripts.train_regressor"):
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
    with pytest.raises(InputError, match=r"text.pt: "):
        regressor.read(tmp_path / "text.pt")


@pytest.fixture(scope="module")
def ruler():
    return Ruler(*regressor.read(), count=200)


class TestShipped:
    """demo/regressor.pt, on faces that neither its training nor its own test saw."""

    def test_it_is_small_and_says_how_far_it_can_be_believed(self):
        assert regressor.SHIPPED.stat().st_size < 10**6
        counted = believed(regressor.read()[1])
        assert len(counted) >= 20
        assert {"yaw", "pitch", "roll", "gaze_x", "gaze_y", "eye_open", "smile", "mouth_open", "glasses", "beard"} <= set(
            counted
        )

    @pytest.mark.parametrize("domain", "AB")
    def test_it_reads_what_it_says(self, domain):
        network, truth = regressor.read()
        faces = training.render_faces(200, 12345, domain)
        found = pearson(network(utils.from_pixels(faces.pixels)), faces.truth)
        for name, value in zip(OUTPUTS, found.tolist()):
            assert value == pytest.approx(truth[domain][name], abs=0.1), name

    @pytest.mark.parametrize("domain", "AB")
    @pytest.mark.parametrize("name", ["yaw", "mouth_open", "smile", "hair_len", "skin", "glasses"])
    def test_an_attribute_that_grows_is_read_as_growing(self, domain, name):
        network, _ = regressor.read()
        people = sample_attributes(30, seed=54321)
        low, high = ATTRIBUTES[name].low, ATTRIBUTES[name].high
        ends = [people | {name: torch.full((30,), value)} for value in (low, high)]
        less, more = (network(render(attributes, 64, domain))[:, OUTPUTS.index(name)] for attributes in ends)
        assert (more - less).mean() > 0.5 * (high - low)
        assert (more > less).float().mean() > 0.9

    def test_both_domains_show_the_same_people(self, ruler):
        assert ruler.ceiling >= 0.95
        assert ruler.between["B, B'"] < ruler.between["A, B"] / 3

    def test_style_asks_for_the_domain_and_not_for_the_people(self, ruler):
        photos, others = (ruler.read(rulers.rendered(200, domain, 999)) for domain in "AB")
        source = ruler.read(rulers.rendered(200, "A", 998))
        assert ruler.measure(source, photos).style == pytest.approx(0, abs=0.05)
        assert ruler.measure(source, others).style == pytest.approx(1, abs=0.05)

"""Distances between images: the published numbers, a law for each, and which one is taken when weights are missing."""

import importlib.util

import pytest
import torch
import torchvision

import checkpoint
from errors import InputError
from tests.networks import tiny_discriminator, tiny_generator
from vision import perceptual


def images(batch=3, size=16, seed=0):
    return torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """A file like torchvision's, with the right shapes and numbers of ours."""
    generator = torch.Generator().manual_seed(0)
    state = {"classifier.0.weight": torch.zeros(2, 2)}
    with torch.device("meta"):
        shapes = torchvision.models.vgg16(init_weights=False).features.state_dict(prefix="features.")
    for name, like in shapes.items():
        deviation = 0.1 if name.endswith("bias") else (2 / like[0].numel()) ** 0.5
        state[name] = torch.randn(like.shape, generator=generator) * deviation
    path = tmp_path_factory.mktemp("vgg") / perceptual.VGG_FILE
    torch.save(state, path)
    return path


@pytest.fixture
def source(tmp_path):
    """A checkpoint with a discriminator, in a place without VGG16."""
    return written(tmp_path / "source.pt", d=tiny_discriminator().state_dict())


def written(path, **networks):
    checkpoint.write(path, {"g_ema": tiny_generator().state_dict(), **networks})
    return checkpoint.read(path)


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


@pytest.fixture(params=["disc", "mse", "lpips"])
def distance(request, source, vgg):
    return perceptual.choose(request.param, source, vgg)[0]


def test_a_distance_is_zero_to_itself_symmetric_and_grows_with_the_difference(distance):
    a, b = images(seed=1), images(seed=2)
    assert torch.equal(distance(a, a), torch.zeros(3))
    near, far = distance(a, a + 0.1 * (b - a)), distance(a, b)
    assert (near > 0).all() and (near < far).all()
    torch.testing.assert_close(distance(b, a), far)


def test_a_distance_does_not_depend_on_the_company(distance):
    a, b = images(seed=1), images(seed=2)
    together = distance(a, b)
    for i in range(3):
        torch.testing.assert_close(distance(a[i : i + 1], b[i : i + 1])[0], together[i], rtol=1e-5, atol=1e-7)


def test_a_distance_leads_towards_the_target(distance):
    target, image = images(1, seed=1), images(1, seed=2).requires_grad_()
    (gradient,) = torch.autograd.grad(distance(image, target).sum(), image)
    with torch.no_grad():
        step = 1e-3 * gradient / gradient.norm()
        assert distance(image - step, target) < distance(image, target) < distance(image + step, target)


def test_mse_is_the_mean_square():
    a, b = images(seed=1), images(seed=2)
    torch.testing.assert_close(perceptual.PixelDistance()(a, b), ((a - b) ** 2).flatten(1).mean(1))


def test_disc_is_the_sum_over_levels_of_the_mean_difference(source):
    a, b = images(seed=1), images(seed=2)
    d = source.discriminator()
    expected = sum((x - y).abs().flatten(1).mean(1) for x, y in zip(d.features(a), d.features(b)))
    torch.testing.assert_close(perceptual.choose("disc", source)[0](a, b), expected)


def test_gradients_of_disc_lie_in_memory_as_its_features_do(source):
    """Otherwise each map meets another layout on its way back, and adding the two takes three times as long."""
    d, seen = perceptual.choose("disc", source)[0], []
    maps = d.features(images(seed=1).requires_grad_())
    for features in maps:
        features.register_hook(seen.append)
    d.between(maps, d.features(images(seed=2))).sum().backward()
    assert len(seen) == len(maps) and all(grad.is_contiguous(memory_format=torch.channels_last) for grad in seen)


@pytest.mark.parametrize("size", [16, 64])
def test_lpips_is_that_of_the_package(vgg, source, size):
    package = pytest.importorskip("lpips")
    theirs = package.LPIPS(net="vgg", pretrained=True, pnet_rand=True, verbose=False)
    state = torch.load(vgg, weights_only=True)
    names = [name.removeprefix("features.") for name in state if name.startswith("features.")]
    for stage in (theirs.net.slice1, theirs.net.slice2, theirs.net.slice3, theirs.net.slice4, theirs.net.slice5):
        own = stage.state_dict()
        stage.load_state_dict({name: state[f"features.{name}"] for name in own if name in names})
    a, b = images(size=size, seed=1), images(size=size, seed=2)
    ours, _ = perceptual.choose("lpips", source, vgg)
    with torch.no_grad():
        torch.testing.assert_close(ours(a, b), theirs(a, b).flatten(), rtol=1e-5, atol=1e-6)


def test_lpips_looks_at_large_images_averaged_down_to_256(source, vgg):
    lpips, _ = perceptual.choose("lpips", source, vgg)
    small = torch.rand(1, 3, 8, 8).repeat_interleave(32, 2).repeat_interleave(32, 3)
    large = small.repeat_interleave(2, 2).repeat_interleave(2, 3)
    with torch.no_grad():
        for a, b in zip(lpips.features(small), lpips.features(large)):
            torch.testing.assert_close(a, b)


def test_lpips_is_the_first_choice_where_its_weights_are(source, vgg):
    assert isinstance(perceptual.choose(None, source, vgg)[0], perceptual.LPIPS)
    place = perceptual.vgg_places()[0]
    place.parent.mkdir()
    place.symlink_to(vgg)
    distance, note = perceptual.choose(None, source)
    assert isinstance(distance, perceptual.LPIPS) and str(place) in note


def test_without_weights_the_discriminator_is_taken_and_that_is_said(source):
    distance, note = perceptual.choose(None, source)
    assert isinstance(distance, perceptual.DiscriminatorDistance)
    assert "disc" in note and "python -m scripts.download vgg16" in note


def test_without_a_discriminator_either_pixels_are_taken_and_that_is_said(tmp_path):
    distance, note = perceptual.choose(None, written(tmp_path / "g.pt"))
    assert isinstance(distance, perceptual.PixelDistance)
    assert "mse" in note and "VGG16" in note


def refusal(*arguments):
    with pytest.raises(InputError) as error:
        perceptual.choose(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_was_asked_for_and_is_missing_gets_one_line(source, tmp_path, vgg, monkeypatch):
    message = refusal("lpips", source)
    assert "python -m scripts.download vgg16" in message and str(perceptual.vgg_places()[1]) in message
    assert "no such file" in refusal(None, source, tmp_path / "missing.pth")
    assert "discriminator" in refusal("disc", written(tmp_path / "g.pt"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install -e .[metrics]" in refusal("lpips", source, vgg)


@pytest.mark.parametrize("damage", ["text", "empty", "network", "shape"])
def test_a_file_that_is_not_vgg16_gets_one_line(source, tmp_path, vgg, damage):
    path = tmp_path / "vgg.pth"
    state = torch.load(vgg, weights_only=True)
    if damage == "text":
        path.write_text("weights")
    else:
        state = {"network": {"g_ema": torch.zeros(1)}, "empty": {}}.get(damage, state)
        torch.save(state | ({"features.28.bias": torch.zeros(3)} if damage == "shape" else {}), path)
    assert f"{path}" in refusal("lpips", source, path)

"""CLIP: pictures as open_clip prepares them, lengths of 1, gradients, and every kind of file that real ones come in."""

import pytest
import torch
from PIL import Image

import utils
from errors import InputError
from faces.rendered.synthetic import render, sample_attributes
from tests.vision import clips
from vision import clip_files

open_clip = clips.open_clip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return clip_files.load(str(clips.folder(tmp_path_factory.mktemp("clip") / "tiny")))


def faces(size, batch=2):
    return utils.as_stored(render(sample_attributes(batch, seed=1), size, "A"))


@pytest.mark.parametrize("size", [16, 32, 64, 256])
def test_pictures_are_prepared_as_open_clip_does(tiny, size):
    images = faces(size)
    theirs = open_clip.image_transform(32, is_train=False)
    expected = torch.stack([theirs(picture) for picture in utils.to_pictures(images)])
    levels = (tiny.eyes.prepared(images) - expected).abs() * tiny.eyes.std * 255
    assert levels.max() < 1.5, "Pillow rounds to 8 bits, across and then down"
    assert levels.mean() < 0.35


def test_real_constants_are_those_of_open_clip(tiny):
    assert tuple(tiny.eyes.mean.flatten().tolist()) == pytest.approx(open_clip.OPENAI_DATASET_MEAN)
    assert tuple(tiny.eyes.std.flatten().tolist()) == pytest.approx(open_clip.OPENAI_DATASET_STD)


def test_embeddings_are_those_of_open_clip_and_have_length_1(tiny):
    images, network = faces(32), clips.network()
    with torch.no_grad():
        expected = network.encode_image(open_clip.image_transform(32, is_train=False)(utils.to_pictures(images)[0])[None])
        words = network.encode_text(open_clip.tokenize(["a smiling face"]))
    torch.testing.assert_close(tiny.eyes(images[:1]), torch.nn.functional.normalize(expected), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(tiny.words(["a smiling face"]), torch.nn.functional.normalize(words))
    for embedding in (tiny.eyes(images), tiny.words(["one", "two"]), tiny.direction("photo", "sketch")[None]):
        torch.testing.assert_close(embedding.norm(dim=1), torch.ones(len(embedding)))


@pytest.mark.parametrize("size", [16, 64])
def test_gradients_reach_the_pictures_and_lead_to_the_words(tiny, size):
    images, wanted = faces(size, 1).requires_grad_(), tiny.words(["a smiling face"])[0]
    (gradient,) = torch.autograd.grad((tiny.eyes(images) @ wanted).sum(), images)
    step = 1e-2 * gradient / gradient.norm()
    low, fit, high = ((tiny.eyes(images.detach() + sign * step) @ wanted).item() for sign in (-1, 0, 1))
    assert low < fit < high
    assert not any(parameter.requires_grad for parameter in tiny.eyes.parameters())


def test_what_no_screen_shows_is_not_seen(tiny):
    images = 3 * faces(32)
    assert torch.equal(tiny.eyes(images), tiny.eyes(images.clamp(-1, 1)))


def test_the_published_preparation_enlarges_sevenfold_and_averages(tmp_path):
    config = clips.TINY | {"vision_cfg": clips.TINY["vision_cfg"] | {"image_size": 224, "patch_size": 56}}
    eyes = clip_files.load(str(clips.folder(tmp_path / "clip", config)), legacy=True).eyes
    images = faces(64)
    pixels = images.repeat_interleave(7, 2).repeat_interleave(7, 3)
    torch.testing.assert_close(eyes.prepared(images), pixels.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)))
    with pytest.raises(InputError, match="from 32 px on"):
        eyes(faces(16))


def test_a_direction_is_the_mean_over_the_published_sentences(tiny):
    sentences = [template("sketch") for template in open_clip.OPENAI_IMAGENET_TEMPLATES]
    assert len(sentences) == len(tiny.concept("sketch")) == 80
    torch.testing.assert_close(tiny.concept("sketch"), tiny.words(sentences))
    torch.testing.assert_close(tiny.direction("photo", "sketch"), -tiny.direction("sketch", "photo"))


@pytest.mark.parametrize("words, message", [(" ", "no words"), ("so " * 90, "CLIP reads 75"), ("photo", "are the same")])
def test_words_that_say_nothing_are_refused(tiny, words, message):
    with pytest.raises(InputError, match=message):
        tiny.direction("photo", words)


@pytest.fixture(scope="module")
def real():
    """Random weights of an architecture that open_clip knows, 16 million: ViT-S-32-alt."""
    return clips.network(open_clip.get_model_config("ViT-S-32-alt"))


def saved(kind, path, network):
    state = network.state_dict()
    if kind == "training file":
        torch.save({"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}, path)
    elif kind == "safetensors":
        from safetensors.torch import save_file

        save_file(state, path)
    elif kind == "half":
        torch.save({name: value.half() for name, value in state.items()}, path)
    elif kind == "before 2020":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


@pytest.mark.parametrize("kind", ["training file", "safetensors", "half", "before 2020"])
def test_a_file_is_known_by_its_shapes_and_gives_the_same_embeddings(real, tmp_path, kind):
    path = saved(kind, tmp_path / f"clip{'.safetensors' if kind == 'safetensors' else '.pt'}", real)
    found = clip_files.load(str(path))
    assert found.name == "ViT-S-32-alt"
    same_as(found, real, 2e-2 if kind == "half" else 1e-5)


def same_as(found, network, tolerance):
    images = faces(224, 1)
    with torch.no_grad():
        expected = torch.nn.functional.normalize(network.encode_image(found.eyes.prepared(images)))
        words = torch.nn.functional.normalize(network.encode_text(open_clip.tokenize(["a face"])))
    torch.testing.assert_close(found.eyes(images), expected, rtol=0, atol=tolerance)
    torch.testing.assert_close(found.words(["a face"]), words, rtol=0, atol=tolerance)


@pytest.mark.slow
def test_vit_b_32_as_openai_publishes_it_is_found_where_it_belongs_and_sees_with_the_quick_gelu(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = clips.network(open_clip.get_model_config("ViT-B-32-quickgelu"))
    (tmp_path / "networks").mkdir()
    clips.program(tmp_path / "networks" / "ViT-B-32.pt", network)
    network.float()
    usual, by_file = clip_files.load(), clip_files.load("networks/ViT-B-32.pt")
    assert (usual.name, by_file.name) == ("ViT-B-32/openai", "ViT-B-32-quickgelu")
    for found in (usual, by_file, clip_files.load("ViT-B-32=networks/ViT-B-32.pt")):
        same_as(found, network, 1e-3)


def test_a_program_is_read_and_not_run(tmp_path):
    network = clips.network()
    path = clips.program(tmp_path / "openai.pt", network)
    state, is_program = clip_files.weights(path)
    assert is_program and state.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(state[name], value.float(), rtol=1e-3, atol=1e-3)


def test_names_tell_the_gelu_or_the_user_is_asked(tmp_path, monkeypatch):
    config = open_clip.get_model_config("ViT-B-32")
    with torch.device("meta"):
        shapes = open_clip.CLIP(**config).state_dict()
    state = {name: torch.empty(value.shape, device="meta") for name, value in shapes.items()}
    kind = lambda name, program=False: clip_files._kind(state, program, tmp_path / name, open_clip)
    assert kind("vit_b_32-laion2b_s34b_b79k.pt") == kind("datacomp_xl_s13b_b90k/open_clip_model.safetensors") == "ViT-B-32"
    assert kind("openai.pt") == kind("vit_b_32-quickgelu-laion400m_e32-46683a32.pt") == "ViT-B-32-quickgelu"
    assert kind("anything.pt", program=True) == "ViT-B-32-quickgelu"
    with pytest.raises(InputError, match="ViT-B-32=FILE"):
        kind("mine.pt")


def test_every_published_clip_is_found_by_its_tag_in_the_cache(tmp_path, monkeypatch):
    import huggingface_hub

    path = tmp_path / "open_clip_model.safetensors"
    saved("safetensors", path, clips.network())
    asked = []

    def cached(repository, name):
        asked.append(repository)
        return str(path) if name == path.name else None

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    monkeypatch.setattr(clip_files, "FOLDERS", (tmp_path / "networks",))
    found = clip_files._found("ViT-B-32/laion2b_s34b_b79k", open_clip)
    assert found.path == path and "quick_gelu" not in found.config and asked == ["laion/CLIP-ViT-B-32-laion2B-s34B-b79K"]
    assert clip_files._found("ViT-B-32/openai", open_clip).config["quick_gelu"] is True


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "ViT-B-32/openai is neither in networks, .*scripts.download clip .*ViT-B-32.pt into networks .* https://"),
        ("ViT-B-32/laion2b_s34b_b79k", "not in the cache of huggingface_hub: fetch open_clip_model.safetensors.* https://"),
        ("ViT-B-32/mine", "mine: ViT-B-32 is published as openai, "),
        ("nowhere.pt", "nowhere.pt: no such file; name a file, a folder"),
        ("picture.png", "picture.png: not a checkpoint: a picture"),
        ("other.pt", "other.pt: not a CLIP"),
        ("empty", "open_clip_config.json: no such file"),
        ("ViT-B-32=tiny.pt", "tiny.pt: not the weights of ViT-B-32 .*expected"),
        ("NoSuch=tiny.pt", "NoSuch: open_clip has no CLIP"),
        ("tiny.pt", "tiny.pt: open_clip knows no CLIP of these shapes"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_line(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(clip_files, "FOLDERS", (clip_files.FOLDERS[0], tmp_path / "cache"))
    Image.new("RGB", (8, 8)).save("picture.png")
    torch.save({"g_ema": {"a": torch.zeros(1)}}, "other.pt")
    (tmp_path / "empty").mkdir()
    torch.save(clips.network().state_dict(), "tiny.pt")
    with pytest.raises(InputError, match=message) as raised:
        clip_files.load(text)
    assert "\n" not in str(raised.value)


def test_weights_that_are_damaged_are_never_replaced_by_random_ones(tmp_path):
    folder = clips.folder(tmp_path / "clip")
    file = folder / "open_clip_pytorch_model.bin"
    state = torch.load(file, weights_only=True)
    for damage, message in (
        (lambda: state.pop("visual.proj"), "visual.proj is missing"),
        (lambda: state.update({"visual.proj": torch.full((64, 32), float("nan"))}), "NaN"),
    ):
        damage()
        torch.save(state, file)
        with pytest.raises(InputError, match=message):
            clip_files.load(str(folder))


def test_without_open_clip_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(InputError, match=r"pip install -e .\[clip\]"):
        clip_files.load()


def test_reading_a_clip_draws_no_random_number(tmp_path):
    folder = clips.folder(tmp_path / "clip")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    clip_files.load(str(folder))
    assert torch.equal(torch.get_rng_state(), before)

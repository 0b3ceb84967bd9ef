"""Generator and discriminator against recorded images, features, logits and gradients."""

import re

import pytest
import torch
from torch import Tensor

from model import mix_styles
from tests.networks import recorded_discriminator, recorded_generator, recorded_swap
from tests.vectors import for_each_folder
from training import losses

IMAGE = {"atol": 5e-5, "rtol": 1e-4}
LOGITS = {"atol": 5e-6, "rtol": 0}
LOSS = {"rtol": 1e-4, "atol": 0}


def assert_gradients_close(found: dict[str, Tensor], expected: dict[str, Tensor]):
    assert set(found) == set(expected)
    for name, truth in expected.items():
        error, largest = (found[name] - truth).abs().max(), truth.abs().max()
        assert error <= 1e-3 * largest + 1e-7, f"{name}: {error} of {largest}"


def gradients(loss: Tensor, network: torch.nn.Module) -> dict[str, Tensor]:
    names, parameters = zip(*network.named_parameters())
    grads = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {name: grad for name, grad in zip(names, grads) if grad is not None}


def arguments(name: str, record: dict) -> dict:
    """What `Generator.forward` was called with for a recorded case."""
    z1, z2, noise, mean = record["z1"], record["z2"], record["noise"], record["mean_latent"]
    truncated = {"truncation_latent": mean}
    if found := re.fullmatch(r"mix_(\d+)(?:_trunc_([\d.]+))?", name):
        case = {"styles": [z1, z2], "inject_index": int(found[1]), "noise": noise}
        return case | ({"truncation": float(found[2])} | truncated if found[2] else {})
    if found := re.fullmatch(r"trunc_(wplus_)?([\d.]+)", name):
        styles = {"styles": [record["w_plus"]], "input_is_latent": True} if found[1] else {"styles": [z1]}
        return styles | truncated | {"truncation": float(found[2]), "noise": noise}
    return {
        "z_fixed_noise": {"styles": [z1], "noise": noise},
        "z_buffer_noise": {"styles": [z1], "randomize_noise": False},
        "z_per_sample_noise": {"styles": [z1], "noise": record["noise_per_sample"]},
        "z_zero_noise": {"styles": [z1], "noise": [torch.zeros_like(n) for n in noise]},
        "w_input": {"styles": [record["w1"]], "input_is_latent": True, "noise": noise},
        "wplus_input": {"styles": [record["w_plus"]], "input_is_latent": True, "noise": noise},
    }[name]


@for_each_folder("g*")
@torch.no_grad()
def test_vectors_of_generator_images(folder):
    generator, record = recorded_generator(folder)
    for name, case in record["cases"].items():
        image, latent = generator(return_latents=True, **arguments(name, record))
        torch.testing.assert_close(image, case["image"], **IMAGE, msg=lambda m, name=name: f"{name}: {m}")
        torch.testing.assert_close(latent, case["latent"], **IMAGE)


@for_each_folder("g*")
@torch.no_grad()
def test_vectors_of_mapping_and_mean_latent(folder):
    generator, record = recorded_generator(folder)
    torch.testing.assert_close(generator.mapping(record["z1"]), record["w1"], **IMAGE)
    torch.testing.assert_close(generator.mapping(record["z2"]), record["w2"], **IMAGE)
    mean = generator.mapping(record["mean_z"]).mean(0, keepdim=True)
    torch.testing.assert_close(mean, record["mean_latent"], **IMAGE)


@for_each_folder("g*")
@torch.no_grad()
def test_vectors_of_every_stage(folder):
    generator, record = recorded_generator(folder)
    layers = record["per_layer_first2"]
    w_plus = generator.broadcast(generator.mapping(record["z1"][:2]))
    stages = list(generator.stages(w_plus, record["noise"]))
    features = ["conv1", *(f"convs.{i}" for i in range(1, len(generator.convs), 2))]
    images = ["to_rgb1", *(f"to_rgbs.{i}" for i in range(len(generator.to_rgbs)))]
    for stage, feature, image in zip(stages, features, images, strict=True):
        torch.testing.assert_close(stage.features, layers[feature], **IMAGE)
        torch.testing.assert_close(stage.image, layers[image], **IMAGE)


@for_each_folder("g*")
@torch.no_grad()
def test_vectors_of_discriminator_logits(folder):
    discriminator, record = recorded_discriminator(folder)
    batches = [name.removeprefix("real_") for name in record if name.startswith("real_")]
    for batch in batches:
        torch.testing.assert_close(discriminator(record[f"real_{batch}"]), record[f"logits_{batch}"], **LOGITS)


@for_each_folder("g*")
@torch.no_grad()
def test_vectors_of_discriminator_features(folder):
    discriminator, record = recorded_discriminator(folder)
    if "per_layer_real4" not in record:
        pytest.skip("this set holds no features of the discriminator")
    for i, features in enumerate(discriminator.features(record["real_4"])):
        torch.testing.assert_close(features, record["per_layer_real4"][f"convs.{i}"], **IMAGE)


@for_each_folder("g*")
def test_vectors_of_r1(folder):
    discriminator, record = recorded_discriminator(folder)
    expected = record["r1"]
    real = record["real_4"].clone().requires_grad_()
    real_pred = discriminator(real)
    penalty = losses.r1_penalty(real_pred, real)
    torch.testing.assert_close(penalty, expected["penalty"], **LOSS)
    torch.testing.assert_close(penalty, expected["grad_real_norm2"].mean(), **LOSS)
    weighted = 10 / 2 * penalty * 16 + 0 * real_pred[0, 0]
    torch.testing.assert_close(weighted, expected["weighted_loss"].squeeze(), **LOSS)
    assert_gradients_close(gradients(weighted, discriminator), expected["param_grads_of_weighted_loss"])


@for_each_folder("g*")
def test_vectors_of_the_discriminator_loss(folder):
    generator, latents = recorded_generator(folder)
    discriminator, record = recorded_discriminator(folder)
    expected = record["d_loss"]
    with torch.no_grad():
        fake, _ = generator([latents["z1"]], noise=latents["noise"])
    torch.testing.assert_close(fake, expected["fake"], **IMAGE)
    fake_pred, real_pred = discriminator(expected["fake"]), discriminator(record["real_4"][: len(fake)])
    torch.testing.assert_close(fake_pred, expected["fake_logits"], **LOGITS)
    torch.testing.assert_close(real_pred, expected["real_logits"], **LOGITS)
    loss = losses.discriminator_loss(real_pred, fake_pred)
    torch.testing.assert_close(loss, expected["loss"], **LOSS)
    assert_gradients_close(gradients(loss, discriminator), expected["param_grads"])


@for_each_folder("g*")
def test_vectors_of_the_generator_loss(folder):
    generator, latents = recorded_generator(folder)
    discriminator, _ = recorded_discriminator(folder)
    expected = torch.load(folder / "generator_losses.pt", weights_only=True)["g_loss"]
    styles = [latents["z1"], latents["z2"]]
    fake, _ = generator(styles, inject_index=expected["inject_index"], noise=latents["noise"])
    loss = losses.generator_loss(discriminator(fake))
    torch.testing.assert_close(loss, expected["loss"], **LOSS)
    assert_gradients_close(gradients(loss, generator), expected["param_grads"])


@for_each_folder("g*")
def test_vectors_of_path_length(folder):
    generator, latents = recorded_generator(folder)
    expected = torch.load(folder / "generator_losses.pt", weights_only=True)["path_length"]
    image, w_plus = generator([expected["z"]], return_latents=True, noise=latents["noise"])
    lengths = losses.path_lengths(image, w_plus, expected["randn_image_noise"])
    torch.testing.assert_close(lengths, expected["path_lengths"], **LOSS)
    mean = torch.as_tensor(expected["mean_path_length_in"])
    penalty, mean = losses.path_length_penalty(lengths, mean, expected["decay"])
    torch.testing.assert_close(penalty, expected["penalty"], **LOSS)
    torch.testing.assert_close(mean, torch.as_tensor(expected["mean_path_length_out"]), **LOSS)
    found = gradients(penalty, generator)
    assert set(expected["params_without_grad"]).isdisjoint(found)
    assert_gradients_close(found, expected["grads"])


@for_each_folder("cartoon")
@torch.no_grad()
def test_vectors_of_source_styles_below_a_layer(folder):
    record, home = recorded_swap(folder)
    target, latents = recorded_generator(home)
    target.load_state_dict(record["target_state_dict_params"], strict=False)
    w = target.broadcast(target.mapping(latents["z1"][:2]))
    for k, case in record["freezeStyle"].items():
        blended = mix_styles(record["source_latent"], w, int(k))
        torch.testing.assert_close(blended, case["latent"], **IMAGE)
        torch.testing.assert_close(target.synthesis(blended, latents["noise"]), case["image"], **IMAGE)

"""Generator and discriminator against recorded images, features, logits and gradients."""

import re

import pytest
import torch
from torch import Tensor

from model import minibatch_stddev, mix_styles
from tests.kinks import Values, assert_agrees, assert_close, in_dtype
from tests.networks import recorded_discriminator, recorded_generator, recorded_swap
from tests.vectors import for_each_folder, part
from training import losses

IMAGE = {"atol": 5e-5, "rtol": 1e-4}
LOGITS = {"atol": 5e-6, "rtol": 0}
LOSS = {"rtol": 1e-4, "atol": 0}


def assert_gradients_close(found: Values, expected: Values) -> None:
    assert set(found) == set(expected)
    for name, truth in expected.items():
        error, largest = (found[name].double() - truth.double()).abs().max(), truth.abs().max()
        assert error <= 1e-3 * largest + 1e-7, f"{name}: {error} of {largest}"


def losses_and_gradients_close(found: Values, expected: Values) -> None:
    """Gradients are called grad ..., the others are losses."""
    for name in expected:
        if not name.startswith("grad "):
            assert_close(found[name], expected[name], name, **LOSS)
    assert_gradients_close(*({n: v for n, v in values.items() if n.startswith("grad ")} for values in (found, expected)))


def gradients(loss: Tensor, network: torch.nn.Module) -> Values:
    names, parameters = zip(*network.named_parameters())
    grads = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {f"grad {name}": grad for name, grad in zip(names, grads) if grad is not None}


def named_gradients(recorded: Values) -> Values:
    return {f"grad {name}": grad for name, grad in recorded.items()}


def batches(record: dict) -> dict[int, Tensor]:
    """The real images by their number."""
    return {int(name.removeprefix("real_")): images for name, images in record.items() if re.fullmatch(r"real_\d+", name)}


def main_batch(record: dict) -> Tensor:
    """The images of `per_layer_realN`, which the losses take too."""
    images = batches(record)
    per_layer = next((int(found[1]) for name in record if (found := re.fullmatch(r"per_layer_real(\d+)", name))), None)
    return images[per_layer if per_layer in images else 4 if 4 in images else max(images)]


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


def watched(network: torch.nn.Module) -> dict[str, Tensor]:
    """{name of the module: its latest output}, which fills as the network runs."""
    outputs = {}
    for name, module in network.named_modules():
        module.register_forward_hook(lambda module, given, out, name=name: outputs.update({name: out}))
    return outputs


@for_each_folder("g*")
@torch.no_grad()
def test_vectors_of_every_layer(folder):
    generator, record = recorded_generator(folder)
    recorded = [layers for name, layers in record.items() if name.startswith("per_layer_first")]
    for layers in recorded:
        people = len(next(iter(layers.values())))
        found = watched(generator)
        w_plus = generator.broadcast(generator.mapping(record["z1"][:people]))
        stages = list(generator.stages(w_plus, record["noise"]))
        found["input"] = generator.input.input.expand(people, -1, -1, -1)
        for i, stage in enumerate(stages):  # of which the record holds the images up to each resolution
            found[f"convs.{2 * i - 1}" if i else "conv1"] = stage.features
            found[f"to_rgbs.{i - 1}" if i else "to_rgb1"] = stage.image
        for name, layer in layers.items():
            torch.testing.assert_close(found[name], layer, **IMAGE, msg=lambda m, name=name: f"{name}: {m}")
    if not recorded:
        pytest.skip("this set holds no layers")


@for_each_folder("g*")
@torch.no_grad()
def test_vectors_of_discriminator_logits(folder):
    discriminator, record = recorded_discriminator(folder)
    for count, images in batches(record).items():
        torch.testing.assert_close(discriminator(images), record[f"logits_{count}"], **LOGITS)


@for_each_folder("g*")
@torch.no_grad()
def test_vectors_of_discriminator_features(folder):
    discriminator, record = recorded_discriminator(folder)
    recorded = [layers for name, layers in record.items() if name.startswith("per_layer_real")]
    for layers in recorded:
        features = discriminator.features(main_batch(record))
        found = {f"convs.{i}": one for i, one in enumerate(features)}
        found["after_stddev"] = minibatch_stddev(features[-1], discriminator.stddev_group)
        found["final_conv"] = discriminator.final_conv(found["after_stddev"])
        for name, layer in layers.items():
            torch.testing.assert_close(found[name], layer, **IMAGE, msg=lambda m, name=name: f"{name}: {m}")
    if not recorded:
        pytest.skip("this set holds no features of the discriminator")


@for_each_folder("g*")
def test_vectors_of_r1(folder):
    recorded = part(folder, "discriminator.pt", "r1")

    def compute(dtype):
        discriminator, record = recorded_discriminator(folder, dtype)
        real = main_batch(record).clone().requires_grad_()
        real_pred = discriminator(real)
        penalty = losses.r1_penalty(real_pred, real)
        weighted = 10 / 2 * penalty * 16 + 0 * real_pred[0, 0]
        found = {"penalty": penalty, "mean": penalty, "weighted": weighted}
        return found | gradients(weighted, discriminator)

    expected = {"penalty": recorded["penalty"], "mean": recorded["grad_real_norm2"].mean()}
    expected |= {"weighted": recorded["weighted_loss"].squeeze()}
    expected |= named_gradients(recorded["param_grads_of_weighted_loss"])
    assert_agrees(compute, expected, losses_and_gradients_close)


@for_each_folder("g*")
def test_vectors_of_the_discriminator_loss(folder):
    generator, latents = recorded_generator(folder)
    recorded = part(folder, "discriminator.pt", "d_loss")
    with torch.no_grad():
        fake, _ = generator([latents["z1"][: len(recorded["fake"])]], noise=latents["noise"])
    torch.testing.assert_close(fake, recorded["fake"], **IMAGE)

    def compute(dtype):
        discriminator, record = recorded_discriminator(folder, dtype)
        fake = recorded["fake"].to(dtype)
        found = {"logits of fakes": discriminator(fake), "logits of reals": discriminator(main_batch(record)[: len(fake)])}
        found["loss"] = losses.discriminator_loss(found["logits of reals"], found["logits of fakes"])
        return found | gradients(found["loss"], discriminator)

    def compare(found, expected):
        for name in ("logits of fakes", "logits of reals"):
            assert_close(found[name], expected[name], name, **LOGITS)
        assert_close(found["loss"], expected["loss"], **LOSS)
        assert_gradients_close(*({n: v for n, v in values.items() if n.startswith("grad ")} for values in (found, expected)))

    expected = {"logits of fakes": recorded["fake_logits"], "logits of reals": recorded["real_logits"]}
    assert_agrees(compute, expected | {"loss": recorded["loss"]} | named_gradients(recorded["param_grads"]), compare)


@for_each_folder("g*")
def test_vectors_of_the_generator_loss(folder):
    recorded = part(folder, "generator_losses.pt", "g_loss")

    def compute(dtype):
        generator, latents = recorded_generator(folder, dtype)
        discriminator, _ = recorded_discriminator(folder, dtype)
        styles = [latents["z1"], latents["z2"]]
        fake, _ = generator(styles, inject_index=recorded["inject_index"], noise=latents["noise"])
        loss = losses.generator_loss(discriminator(fake))
        return {"loss": loss} | gradients(loss, generator)

    expected = {"loss": recorded["loss"]} | named_gradients(recorded["param_grads"])
    assert_agrees(compute, expected, losses_and_gradients_close)


@for_each_folder("g*")
def test_vectors_of_path_length(folder):
    recorded = part(folder, "generator_losses.pt", "path_length")

    def compute(dtype):
        generator, latents = recorded_generator(folder, dtype)
        given = in_dtype(recorded, dtype)
        image, w_plus = generator([given["z"]], return_latents=True, noise=latents["noise"])
        lengths = losses.path_lengths(image, w_plus, given["randn_image_noise"])
        mean = torch.as_tensor(given["mean_path_length_in"], dtype=dtype)
        penalty, mean = losses.path_length_penalty(lengths, mean, given["decay"])
        found = gradients(penalty, generator)
        assert set(named_gradients(dict.fromkeys(given["params_without_grad"]))).isdisjoint(found)
        return {"lengths": lengths, "penalty": penalty, "mean": mean} | found

    expected = {"lengths": recorded["path_lengths"], "penalty": recorded["penalty"]}
    expected |= {"mean": torch.as_tensor(recorded["mean_path_length_out"])} | named_gradients(recorded["grads"])
    assert_agrees(compute, expected, losses_and_gradients_close)


@for_each_folder("cartoon")
@torch.no_grad()
def test_vectors_of_source_styles_below_a_layer(folder):
    record, home = recorded_swap(folder)
    target, latents = recorded_generator(home)
    target.load_state_dict(record["target_state_dict_params"], strict=False)
    w = target.broadcast(target.mapping(latents["z1"][: len(record["source_latent"])]))
    for k, case in record["freezeStyle"].items():
        blended = mix_styles(record["source_latent"], w, int(k))
        torch.testing.assert_close(blended, case["latent"], **IMAGE)
        torch.testing.assert_close(target.synthesis(blended, latents["noise"]), case["image"], **IMAGE)

"""NVIDIA's pickles: options that the tensors do not show, and networks that ours cannot be."""

import numpy as np
import pytest
import torch

import checkpoint
from checkpoint import layouts
from checkpoint.nvidia import discriminator_to_nvidia, generator_to_nvidia
from errors import InputError
from tests.checkpoint.files import networks, saved
from tests.checkpoint.nvidia_pickle import write_nvidia_pickle
from tests.networks import tiny_discriminator, tiny_generator

W_AVG = torch.arange(8.0)


def generator(**options) -> dict:
    return generator_to_nvidia(tiny_generator(3, **options).state_dict(), W_AVG)


def discriminator() -> dict:
    return discriminator_to_nvidia(networks()["d"])


def read(tmp_path, *states, **options):
    return checkpoint.read(write_nvidia_pickle(tmp_path / "network.pkl", *states, **options))


def refusal(tmp_path, *states, **options) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, *states, **options)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'network.pkl'}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_every_network_of_the_file(tmp_path, protocol):
    average = generator_to_nvidia(networks()["g"], W_AVG + 1)
    source = read(tmp_path, generator(), discriminator(), average, protocol=protocol)
    assert source.format == "NVIDIA pickle"
    assert source.notes == []
    for ours, expected in {"g": networks()["g_ema"], "d": networks()["d"], "g_ema": networks()["g"]}.items():
        assert list(source.networks[ours]) == list(expected)
        assert all(torch.equal(source.networks[ours][name], tensor) for name, tensor in expected.items())
    assert torch.equal(source.extra["latent_avg"], W_AVG + 1)


def test_generator_or_discriminator_alone(tmp_path):
    assert set(read(tmp_path, generator()).networks) == {"g", "g_ema"}
    assert set(read(tmp_path, None, discriminator()).networks) == {"d"}


def test_options_from_the_attributes_of_the_layers(tmp_path):
    attributes = {
        "": {"z_dim": 8, "w_dim": 8, "c_dim": 0},
        "mapping.fc0": {"bias_gain": 0.05},
        "synthesis.b4.conv1": {"conv_clamp": 256},
        "b4.mbstd": {"group_size": 8},
    }
    architecture = read(tmp_path, generator(), discriminator(), attributes=attributes).architecture
    assert (architecture.lr_mlp, architecture.conv_clamp, architecture.stddev_group) == (0.05, 256, 8)


def test_options_from_the_arguments_of_the_networks(tmp_path):
    synthesis = {"mapping_kwargs": {"lr_multiplier": 0.02}, "synthesis_kwargs": {"conv_clamp": 100.5, "channel_base": 64}}
    arguments = {"G_ema": synthesis, "D": {"conv_clamp": 7, "epilogue_kwargs": {"mbstd_group_size": 2}}}
    architecture = read(tmp_path, generator(), discriminator(), arguments=arguments).architecture
    assert (architecture.lr_mlp, architecture.conv_clamp, architecture.stddev_group) == (0.02, 100.5, 2)


def test_clamp_of_a_discriminator_alone(tmp_path):
    source = read(tmp_path, None, discriminator(), attributes={"b4.conv": {"conv_clamp": 3.0}})
    assert source.architecture.conv_clamp == 3.0
    assert isinstance(source.discriminator().final_conv[-1], torch.nn.Hardtanh)


def test_a_group_of_the_whole_batch(tmp_path):
    source = read(tmp_path, None, discriminator(), attributes={"b4.mbstd": {"group_size": None}})
    images = torch.randn(6, 3, 16, 16)
    six = tiny_discriminator(2, stddev_group=6)
    torch.testing.assert_close(source.discriminator()(images), six(images))
    assert not torch.allclose(source.discriminator()(images), tiny_discriminator(2)(images))
    assert layouts.to_nvidia(source)["config"]["mbstd_group_size"] is None


def test_training_options_are_plain_values(tmp_path):
    extra = read(tmp_path, generator(), seed=np.int64(3), resolution=np.zeros(2), name=np.dtype("float32")).extra
    assert (extra["seed"], extra["name"]) == (3, "float32")
    assert torch.equal(extra["resolution"], torch.zeros(2, dtype=torch.float64))
    assert extra["training_set_kwargs"]["path"] == "ffhq.zip"
    assert torch.equal(extra["latent_avg"], W_AVG)


def test_clamp_limits_the_layers(tmp_path):
    clamped = read(tmp_path, generator(), attributes={"synthesis.b4.conv1": {"conv_clamp": 0.01}}).generator()
    z = torch.randn(2, 8)
    assert all(layer.abs().max() <= 0.0101 for layer in clamped.features(clamped.broadcast(clamped.mapping(z))))


def test_half_precision_is_widened(tmp_path):
    half = {name: tensor.half() for name, tensor in generator().items()}
    source = read(tmp_path, half)
    assert "g_ema: stored in half precision, widened to float32" in source.notes


def with_labels() -> dict:
    state = generator()
    return state | {"mapping.embed.weight": torch.zeros(8, 10), "mapping.fc0.weight": torch.zeros(8, 16)}


def with_wide_z() -> dict:
    return generator() | {"mapping.fc0.weight": torch.zeros(8, 16)}


def without_skips() -> dict:
    return {name: tensor for name, tensor in generator().items() if not name.startswith("synthesis.b8.torgb")}


def with_resnet() -> dict:
    return generator() | {"synthesis.b8.skip.weight": torch.zeros(8, 8, 1, 1)}


def with_other_filter() -> dict:
    return generator() | {"synthesis.b8.resample_filter": torch.ones(4, 4) / 16}


def gray() -> dict:
    state = generator()
    return state | {name: tensor[:1] for name, tensor in state.items() if name.endswith(("torgb.weight", "torgb.bias"))}


def with_nan() -> dict:
    return generator() | {"synthesis.b4.conv1.bias": torch.full((8,), float("nan"))}


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (with_labels, "mapping.embed.weight: unexpected tensor [8, 10]; only skip generators"),
        (with_wide_z, "mapping.fc0.weight: found [8, 16], z and w of different lengths"),
        (without_skips, "synthesis.b8.torgb.weight: no such tensor; only skip generators"),
        (with_resnet, "synthesis.b8.skip.weight: unexpected tensor"),
        (with_other_filter, "synthesis.b8.resample_filter: expected the filter of the taps [1, 3, 3, 1], found another"),
        (gray, "to_rgb1.bias: expected [1, 3, 1, 1], found [1, 1, 1, 1]"),
        (with_nan, "conv1.activate.bias: expected finite numbers, found NaN or Inf"),
    ],
)
def test_networks_that_cannot_be_converted(tmp_path, state, line):
    assert line in refusal(tmp_path, state())


def test_skip_discriminator(tmp_path):
    state = discriminator() | {"b8.fromrgb.weight": torch.zeros(8, 3, 1, 1)}
    assert "D: b8.fromrgb.weight: unexpected tensor" in refusal(tmp_path, None, state)


def test_pickle_without_networks(tmp_path):
    assert "without the networks G, D or G_ema" in refusal(tmp_path, None)


def test_other_taps_have_no_place_in_nvidias_layout(tmp_path):
    source = checkpoint.read(saved(tmp_path, {"g": tiny_generator(blur_kernel=(1, 2, 1)).state_dict()}))
    with pytest.raises(InputError, match=r"convs\.0\.conv\.blur\.kernel: NVIDIA's networks have the taps"):
        layouts.to_nvidia(source)


def test_w_avg_is_measured_where_the_file_has_none(tmp_path):
    source = checkpoint.read(saved(tmp_path, networks()))
    w_avg = layouts.to_nvidia(source)["G_ema"]["mapping.w_avg"]
    assert w_avg.shape == (8,)
    assert torch.equal(w_avg, source.generator().w_avg)
    assert layouts.losses(source, "nvidia") == ["mapping.w_avg: none in the file, so the mean of 10,000 mapped z"]


def test_names_of_nvidia_in_an_ordinary_file(tmp_path):
    for contents in ({"G": generator(), "D": discriminator()}, generator(), discriminator()):
        source = checkpoint.read(saved(tmp_path, contents))
        assert source.format == "NVIDIA state dicts"

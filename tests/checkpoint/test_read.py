"""Every format that is read, and every mistake that is named."""

import argparse
from pathlib import Path

import pytest
import torch

import checkpoint
from checkpoint import layouts
from errors import InputError
from model import Generator, channel_table
from tests.checkpoint.files import OPTIONS, networks, saved, training_contents
from tests.networks import tiny_discriminator, tiny_generator


def same(ours: dict, theirs: dict) -> bool:
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in theirs)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        checkpoint.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def changed(tmp_path: Path, network: str = "g_ema", **tensors) -> Path:
    """A file whose tensors were replaced, or removed with None. Underscores of the keywords stand for dots."""
    contents = networks()
    for name, tensor in tensors.items():
        name = name.replace("__", ".")
        contents[network].pop(name) if tensor is None else contents[network].update({name: tensor})
    return saved(tmp_path, contents)


@pytest.mark.parametrize("stream", [False, True], ids=["zip", "stream"])
def test_training_file_of_the_reference(tmp_path, stream):
    contents = training_contents()
    source = checkpoint.read(saved(tmp_path, contents, "550000.pt", stream))
    assert source.format == "stylegan2-pytorch training"
    assert all(same(source.networks[name], contents[name]) for name in ("g", "d", "g_ema"))
    assert source.extra["args"] == OPTIONS
    assert source.extra["ada_aug_p"] == 0.25
    assert source.extra["iteration"] == 550000
    step = contents["g_optim"]["state"][3]["exp_avg"]
    assert torch.equal(source.extra["g_optim"]["state"][3]["exp_avg"], step)
    assert source.extra["g_optim"]["param_groups"] == contents["g_optim"]["param_groups"]


def test_optimizer_goes_back_into_adam(tmp_path):
    source = checkpoint.read(saved(tmp_path, training_contents()))
    optimizer = torch.optim.Adam(source.architecture.generator().parameters())
    optimizer.load_state_dict(source.extra["g_optim"])
    assert optimizer.param_groups[0]["betas"] == (0.0, 0.99)


def test_file_name_without_a_number_gives_no_iteration(tmp_path):
    assert "iteration" not in checkpoint.read(saved(tmp_path, training_contents(), "ffhq.pt")).extra


@pytest.mark.parametrize("present", [("g",), ("g_ema",), ("g", "d"), ("g_ema", "d"), ("g", "g_ema")], ids="+".join)
def test_one_generator_stands_in_for_the_other(tmp_path, present):
    every = networks()
    source = checkpoint.read(saved(tmp_path, {name: every[name] for name in present}))
    assert set(source.networks) == set(present)
    for which in ("g", "g_ema"):
        expected = which if which in present else ({"g", "g_ema"} - {which}).pop()
        assert source.generator_name(which) == expected
        assert same(source.generator(which).state_dict(), every[expected])


def test_the_averaged_generator_draws_unless_another_is_asked_for(tmp_path):
    every = networks()
    source = checkpoint.read(saved(tmp_path, every))
    assert source.generator_name() == "g_ema"
    assert same(source.generator().state_dict(), every["g_ema"]) and same(source.generator("g").state_dict(), every["g"])


def test_discriminator_alone(tmp_path):
    source = checkpoint.read(saved(tmp_path, {"d": networks()["d"]}))
    assert source.architecture.channels == {4: 8, 8: 8, 16: 4}
    assert same(source.discriminator().state_dict(), networks()["d"])
    with pytest.raises(InputError, match=r"holds no generator, only d$"):
        source.generator()


def test_no_discriminator(tmp_path):
    with pytest.raises(InputError, match=r"holds no discriminator, only g_ema$"):
        checkpoint.read(saved(tmp_path, {"g_ema": networks()["g_ema"]})).discriminator()


@pytest.mark.parametrize(("name", "kind"), [("g", "g_ema"), ("d", "d")])
@pytest.mark.parametrize("prefix", ["", "module."], ids=["bare", "module."])
def test_bare_state_dict(tmp_path, name, kind, prefix):
    state = {prefix + key: tensor for key, tensor in networks()[name].items()}
    source = checkpoint.read(saved(tmp_path, state))
    assert source.format == "bare state dict"
    assert same(source.networks[kind], networks()[name])


def test_data_parallel_prefix_in_a_training_file(tmp_path):
    wrapped = {name: {f"module.{key}": t for key, t in state.items()} for name, state in networks().items()}
    source = checkpoint.read(saved(tmp_path, wrapped))
    assert all(same(source.networks[name], networks()[name]) for name in wrapped)


def test_converted_weights_keep_latent_avg(tmp_path):
    contents = {"g_ema": networks()["g_ema"], "latent_avg": torch.arange(8.0)}
    source = checkpoint.read(saved(tmp_path, contents))
    assert source.format == "converted weights"
    assert torch.equal(source.extra["latent_avg"], torch.arange(8.0))


def test_the_centre_of_a_network_is_the_files_else_measured(tmp_path):
    stated = checkpoint.read(saved(tmp_path, {**networks(), "latent_avg": torch.arange(8.0)}))
    assert torch.equal(stated.generator().w_avg, torch.arange(8.0))
    silent = checkpoint.read(saved(tmp_path, networks()))
    for which in ("g", "g_ema"):
        measured = silent.generator(which)
        assert torch.equal(measured.w_avg, measured.mean_latent(10_000, torch.Generator().manual_seed(0))[0])
    assert torch.equal(stated.generator("g").w_avg, silent.generator("g").w_avg)  # the file's is that of g_ema
    stated.generator().w_avg.zero_()
    assert torch.equal(stated.generator().w_avg, torch.arange(8.0))


def test_a_centre_of_nan_is_left_out_with_a_note(tmp_path):
    source = checkpoint.read(saved(tmp_path, {**networks(), "latent_avg": torch.full((8,), torch.nan)}))
    assert source.notes == ["latent_avg left out: expected finite numbers, found NaN or Inf"]
    assert source.generator().w_avg.isfinite().all()


def test_latent_avg_of_another_network_is_left_out_with_a_note(tmp_path):
    for strange, shape in [(torch.zeros(14, 512), "[14, 512]"), (torch.zeros(0, 8), "[0, 8]"), (torch.tensor(1.0), "[]")]:
        source = checkpoint.read(saved(tmp_path, {**networks(), "latent_avg": strange}))
        assert "latent_avg" not in source.extra
        assert source.notes == [f"latent_avg left out: expected [8], found {shape}"]
    layers = torch.arange(48.0).view(6, 8)
    assert checkpoint.read(saved(tmp_path, {**networks(), "latent_avg": layers})).notes[0].endswith("found [6, 8]")


def test_missing_noise_and_kernels_are_filled_in_and_said(tmp_path):
    contents = networks()
    g, d = contents["g_ema"], contents["d"]
    whole = {"g_ema": dict(g), "d": dict(d)}
    for state in (g, d):
        for name in [name for name in state if name.startswith("noises.") or name.endswith(".kernel")]:
            del state[name]
    path = saved(tmp_path, contents)
    source = checkpoint.read(path)
    assert source.notes == [
        "d: 4 missing *.kernel filled in",
        "g_ema: 4 missing *.kernel filled in",
        "g_ema: 5 missing noises.* filled in",
    ]
    for name, state in whole.items():
        assert list(source.networks[name]) == list(state)
        assert all(torch.equal(source.networks[name][key], state[key]) for key in state if key.endswith("kernel"))
    torch.manual_seed(5)
    again = checkpoint.read(path)
    assert same(again.networks["g_ema"], source.networks["g_ema"])
    assert source.networks["g_ema"]["noises.noise_4"].std() > 0.5


def test_superfluous_kernels_are_left_out_and_said(tmp_path):
    source = checkpoint.read(changed(tmp_path, upsamples__0__kernel=torch.ones(4, 4)))
    assert source.notes == ["g_ema: 1 superfluous *.kernel left out"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(tmp_path, dtype):
    state = {name: tensor.to(dtype) for name, tensor in networks()["g_ema"].items()}
    source = checkpoint.read(saved(tmp_path, {"g_ema": state}))
    assert same(source.networks["g_ema"], {name: tensor.float() for name, tensor in state.items()})
    assert source.notes == ["g_ema: stored in half precision, widened to float32"]


@pytest.mark.parametrize("taps", [(1, 2, 1), (1, 3, 3, 1), (1, 4, 6, 4, 1), (0.3, 1.0, 0.7), (1, 1)])
def test_blur_taps_are_read_from_the_kernels(tmp_path, taps):
    whole = tiny_generator(blur_kernel=taps)
    source = checkpoint.read(saved(tmp_path, {"g": whole.state_dict()}))
    assert source.generator().convs[0].conv.blur.pad == whole.convs[0].conv.blur.pad
    z = torch.randn(2, 8)
    assert torch.equal(source.generator()([z], randomize_noise=False)[0], whole([z], randomize_noise=False)[0])
    found = torch.tensor(source.architecture.blur_kernel)
    torch.testing.assert_close(found / found.sum(), torch.tensor(taps) / sum(taps))


@pytest.mark.parametrize("channels", [{4: 5, 8: 9, 16: 3, 32: 11}, {4: 1, 8: 1, 16: 1, 32: 1}, {4: 4, 8: 8, 16: 16, 32: 32}])
def test_any_widths(tmp_path, channels):
    generator = tiny_generator(size=32, channels=channels, style_dim=6, n_mlp=3)
    source = checkpoint.read(saved(tmp_path, {"g": generator.state_dict(), "d": tiny_discriminator(size=32).state_dict()}))
    assert (source.architecture.size, source.architecture.style_dim, source.architecture.n_mlp) == (32, 6, 3)
    assert source.architecture.channels == channels
    assert source.discriminator().channels == {4: 8, 8: 8, 16: 4, 32: 4}


def test_network_without_mapping_layers(tmp_path):
    source = checkpoint.read(saved(tmp_path, {"g": tiny_generator(n_mlp=0).state_dict()}))
    assert source.architecture.n_mlp == 0
    source.generator()([torch.randn(1, 8)])


def test_generators_are_ready_to_draw_and_independent(tmp_path):
    source = checkpoint.read(saved(tmp_path, networks()))
    first, second = source.generator(), source.generator()
    assert not first.training
    assert not any(parameter.requires_grad for parameter in [*first.parameters(), *source.discriminator().parameters()])
    first.input.input.zero_()
    assert second.input.input.any()
    assert source.networks["g_ema"]["input.input"].any()


def test_reading_leaves_the_random_state_alone(tmp_path):
    path = saved(tmp_path, training_contents())
    torch.manual_seed(0)
    before = torch.get_rng_state()
    checkpoint.read(path).generator()
    assert torch.equal(torch.get_rng_state(), before)


def test_options_that_do_not_show_in_the_tensors_come_from_our_files(tmp_path):
    architecture = checkpoint.Architecture(16, 8, 2, {4: 8, 8: 8, 16: 4}, lr_mlp=0.02, conv_clamp=3.0, stddev_group=2)
    checkpoint.write(tmp_path / "a.pt", {**networks(), "architecture": architecture.as_dict(), "iteration": 7})
    source = checkpoint.read(tmp_path / "a.pt")
    assert source.format == "this project"
    assert source.architecture == architecture
    assert source.extra == {"iteration": 7}
    assert source.generator().style[1].lr_mul == 0.02
    assert source.discriminator().stddev_group == 2
    assert source.generator()([100 * torch.randn(1, 8)])[0].isfinite().all()
    assert isinstance(source.generator().conv1.clamp, torch.nn.Hardtanh)


@pytest.mark.parametrize("value", [{"lr_mlp": "fast"}, {"lr_mlp": -1}, {"conv_clamp": float("nan")}, {"stddev_group": 0}, [1]])
def test_options_of_the_wrong_kind(tmp_path, value):
    assert refusal(saved(tmp_path, {**networks(), "architecture": value})).startswith("architecture: ")


def test_a_network_of_another_kind_is_refused_by_name(tmp_path):
    line = "architecture: kind: expected stylegan2 or stylegan1, found 'stylegan3'"
    for state in (networks()["g_ema"], {"progression.0.conv1.weight": torch.zeros(1)}):
        checkpoint.write(tmp_path / "a.pt", {"g_ema": state, "architecture": {"kind": "stylegan3"}})
        assert refusal(tmp_path / "a.pt") == line
    assert checkpoint.read(saved(tmp_path, networks())).architecture.kind == "stylegan2"
    options = checkpoint.Architecture(16, 8, 2, {4: 8, 8: 8, 16: 4}).as_dict()
    assert options.pop("kind") == "stylegan2"
    assert checkpoint.read(saved(tmp_path, networks() | {"architecture": options})).architecture.kind == "stylegan2"


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(dict(networks()["g_ema"]), tmp_path / "g.safetensors")
    source = checkpoint.read(tmp_path / "g.safetensors")
    assert source.format == "safetensors"
    assert same(source.networks["g_ema"], networks()["g_ema"])


def test_safetensors_with_our_metadata(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    original = checkpoint.read(
        saved(tmp_path, {**networks(), "latent_avg": torch.ones(8), "architecture": {"conv_clamp": 2.0}})
    )
    tensors, metadata = layouts.bare_with_metadata(original)
    safetensors.save_file(tensors, tmp_path / "g.safetensors", metadata)
    source = checkpoint.read(tmp_path / "g.safetensors")
    assert source.architecture.conv_clamp == 2.0
    assert torch.equal(source.extra["latent_avg"], torch.ones(8))


def test_lazy_reading_gives_the_same(tmp_path):
    path = saved(tmp_path, training_contents())
    assert same(checkpoint.read(path, lazy=True).networks["g"], checkpoint.read(path).networks["g"])


def test_wrong_shape_names_the_tensor_and_both_shapes(tmp_path):
    path = changed(tmp_path, convs__1__activate__bias=torch.zeros(9))
    assert refusal(path) == "g_ema: convs.1.activate.bias: expected [8], found [9]"


def test_g_of_another_width_than_g_ema(tmp_path):
    contents = networks() | {"g": tiny_generator(channels={4: 8, 8: 8, 16: 6}).state_dict()}
    assert refusal(saved(tmp_path, contents)).startswith(
        "g: convs.2.conv.weight: expected [1, 4, 8, 3, 3], found [1, 6, 8, 3, 3]"
    )


def test_discriminator_of_another_size(tmp_path):
    contents = networks() | {"d": tiny_discriminator(size=32).state_dict()}
    assert refusal(saved(tmp_path, contents)) == "d: made for 32 px, the generator for 16 px"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("input.input", "g_ema: input.input: expected 4 dimensions, found no such tensor"),
        ("style.1.weight", "g_ema: style.1.weight: expected [8, 8], found no such tensor"),
        ("to_rgbs.1.conv.weight", "g_ema: to_rgbs.1.conv.weight: expected [1, 3, 4, 1, 1], found no such tensor"),
        ("conv1.noise.weight", "g_ema: conv1.noise.weight: expected [1], found no such tensor"),
    ],
)
def test_missing_tensor_is_named(tmp_path, name, line):
    assert refusal(changed(tmp_path, **{name: None})) == line


def test_unexpected_tensor_is_named(tmp_path):
    path = changed(tmp_path, extra__weight=torch.zeros(2))
    assert refusal(path) == "g_ema: extra.weight: unexpected tensor [2]"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite(tmp_path, value):
    bias = torch.zeros(8)
    bias[3] = value
    path = changed(tmp_path, "d", final_conv__1__bias=bias)
    assert refusal(path) == "d: final_conv.1.bias: expected finite numbers, found NaN or Inf"


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.bool])
def test_wrong_number_format(tmp_path, dtype):
    path = changed(tmp_path, conv1__activate__bias=torch.zeros(8, dtype=dtype))
    name = str(dtype).removeprefix("torch.")
    assert (
        refusal(path)
        == f"g_ema: conv1.activate.bias: expected floating-point numbers, found {name}; quantised networks cannot be used"
    )


@pytest.mark.parametrize(
    ("contents", "line"),
    [
        ({"e": {"convs.0.0.weight": torch.zeros(1)}, "e_optim": {}}, "holds no generator or discriminator, only e, e_optim"),
        ({}, "holds no generator or discriminator, nothing at all"),
        (torch.zeros(3), "expected a dict of networks, found a Tensor"),
        ([1, 2], "expected a dict of networks, found a list"),
        ({"g_ema": 5}, "g_ema: expected a state dict, found int"),
        ({"g_ema": {}}, "g_ema: expected a state dict, found an empty one"),
        ({"g_ema": {"input.input": "text"}}, "g_ema: input.input: expected a tensor, found str"),
        ({"g_ema": {3: torch.zeros(1)}}, "g_ema: 3: expected a text as the tensor's name, found int"),
    ],
)
def test_no_network_in_the_file(tmp_path, contents, line):
    assert refusal(saved(tmp_path, contents)) == line


def test_a_sparse_tensor_is_refused(tmp_path):
    assert "conv1.activate.bias: expected a tensor, found a sparse tensor" in refusal(
        changed(tmp_path, conv1__activate__bias=torch.eye(3).to_sparse())
    )


def test_flags_may_hold_odd_but_plain_values(tmp_path):
    odd = argparse.Namespace(device=torch.device("cuda:0"), nested={"a": [1, (2.5, None)]}, seeds=(1, 2), big=2**100)
    source = checkpoint.read(saved(tmp_path, {**networks(), "args": odd}))
    assert source.extra["args"] == {"device": "cuda:0", "nested": {"a": [1, (2.5, None)]}, "seeds": (1, 2), "big": 2**100}


def test_no_such_file(tmp_path):
    assert refusal(tmp_path / "none.pt").startswith("no such file; docs/checkpoints.md")
    assert refusal(tmp_path).startswith("not an ordinary file")


def test_our_files_hold_plain_dicts_with_the_classic_keys(tmp_path):
    """As a script of the reference would: no allow-list, strict loading under the public names."""
    checkpoint.write(tmp_path / "a.pt", {**training_contents(), "iteration": 1})
    contents = torch.load(tmp_path / "a.pt", weights_only=True)
    assert type(contents) is dict
    assert type(contents["g_ema"]) is dict
    assert type(contents["args"]) is dict
    assert set(contents) == {"g", "d", "g_ema", "g_optim", "d_optim", "args", "ada_aug_p", "iteration", "written_by"}
    fresh = Generator(16, 8, 2, channels={4: 8, 8: 8, 16: 4})
    fresh.load_state_dict(contents["g_ema"])


@pytest.mark.parametrize("multiplier", [1, 2])
def test_published_flags_may_repeat_what_the_file_says(multiplier):
    architecture = checkpoint.Architecture(256, 512, 8, channel_table(256, multiplier))
    architecture.expect(256, multiplier)
    architecture.expect()
    with pytest.raises(InputError, match=r"^the network draws 256 px; leave that out$"):
        architecture.expect(64, multiplier)
    with pytest.raises(InputError, match=r"^the network has .* 256: \d+; leave that out$"):
        architecture.expect(256, 3 - multiplier)

"""StyleGAN1 in files: the public layout is read and written, the size is told by what was trained, the rest is refused."""

import pytest
import torch

import checkpoint
from checkpoint import layouts, stylegan1
from errors import InputError
from tests.networks import CHANNELS1, tiny_discriminator1, tiny_generator1, write_source, write_source1


def refusal(path) -> str:
    with pytest.raises(InputError) as caught:
        checkpoint.read(path)
    return str(caught.value).removeprefix(f"{path}: ")


def public(path):
    return torch.load(write_source1(path), weights_only=True)


def saved(path, contents):
    torch.save(contents, path)
    return path


@torch.no_grad()
def test_a_public_file_draws_and_judges_as_its_networks(tmp_path):
    contents = public(tmp_path / "a.model") | {"g_optimizer": {"state": {}, "param_groups": []}}
    assert list(contents) == ["generator", "discriminator", "g_running", "g_optimizer"]
    assert contents["generator"]["generator.progression.1.conv1.2.weight_flip"].shape == (8, 1, 3, 3)
    source = checkpoint.read(saved(tmp_path / "000700.model", contents))
    assert (source.format, source.extra["iteration"]) == ("style-based-gan-pytorch training", 700)
    found = source.architecture
    assert (found.kind, found.size, found.style_dim, found.n_mlp, found.channels) == ("stylegan1", 16, 8, 2, CHANNELS1)
    for which, expected in (("g", tiny_generator1(1)), ("g_ema", tiny_generator1(2))):
        generator, w = source.generator(which), torch.randn(2, 6, 8)
        assert torch.equal(generator.mapping(w[0]), expected.mapping(w[0]))
        assert torch.equal(generator.synthesis(w, generator.stored_noise()), expected.synthesis(w, expected.stored_noise()))
    image = torch.randn(2, 3, 16, 16)
    assert torch.equal(source.discriminator()(image), tiny_discriminator1(3)(image))


def test_other_ways_to_write_it(tmp_path):
    state = public(tmp_path / "a.pt")["g_running"]
    bare = {name: tensor for name, tensor in state.items() if "weight_flip" not in name and "conv1.2" not in name}
    for contents in (state, bare, {f"module.{name}": tensor for name, tensor in state.items()}, {"g_ema": state}):
        source = checkpoint.read(saved(tmp_path / "b.pt", contents))
        assert source.architecture.size == 16
        assert torch.equal(source.networks["g_ema"]["style.1.linear.bias"], state["style.1.linear.bias"])


@torch.no_grad()
def test_discriminators_of_2019_have_no_activation_after_their_first_layer(tmp_path):
    contents, image = public(tmp_path / "a.pt"), torch.randn(2, 3, 16, 16)
    old = {
        name.replace(".0.conv", ".conv") if "from_rgb" in name else name: tensor
        for name, tensor in contents["discriminator"].items()
    }
    source = checkpoint.read(saved(tmp_path / "old.pt", contents | {"discriminator": old}))
    logits = source.discriminator()(image)
    assert torch.equal(logits, tiny_discriminator1(3, from_rgb_activate=False)(image))
    checkpoint.write(tmp_path / "ours.pt", layouts.own(source))
    assert torch.equal(checkpoint.read(tmp_path / "ours.pt").discriminator()(image), logits)


@pytest.mark.parametrize("size", [8, 16, 32])
def test_the_size_is_that_of_the_highest_stage_that_was_trained(tmp_path, size):
    source = checkpoint.read(write_source1(tmp_path / "a.pt", size))
    assert source.architecture.size == source.generator().size == source.discriminator().size == size
    assert any("have never been trained" in note for note in source.notes) == (size < 32)
    alone = {"d": source.networks["d"]}
    assert checkpoint.read(saved(tmp_path / "d.pt", alone)).architecture.size == size


def test_the_size_that_a_file_of_ours_states_counts(tmp_path):
    source = checkpoint.read(write_source1(tmp_path / "a.pt"))
    contents = layouts.own(source)
    checkpoint.write(tmp_path / "b.pt", contents | {"architecture": contents["architecture"] | {"size": 32}})
    assert checkpoint.read(tmp_path / "b.pt").generator().size == 32
    for size in (64, 12, "16", 4):
        checkpoint.write(tmp_path / "b.pt", contents | {"architecture": contents["architecture"] | {"size": size}})
        assert refusal(tmp_path / "b.pt") == f"architecture: size: expected one of 8, 16, 32, found {size!r}"


@pytest.mark.parametrize("write", [layouts.own, layouts.reference, layouts.bare])
def test_what_is_written_is_read_back_equal(tmp_path, write):
    source = checkpoint.read(write_source1(tmp_path / "a.pt"))
    checkpoint.write(tmp_path / "b.pt", write(source), stamp=write is layouts.own)
    again = checkpoint.read(tmp_path / "b.pt")
    assert again.architecture == source.architecture
    for name, state in again.networks.items():
        assert {*state} == {*source.networks[name]}
        assert all(torch.equal(tensor, source.networks[name][key]) for key, tensor in state.items())


def test_the_public_layout_has_the_public_names(tmp_path):
    """Of a network of all nine stages: blurs lie behind the convolutions, fused from 128 px."""
    contents = layouts.reference(checkpoint.read(write_source1(tmp_path / "a.pt")))
    assert {"generator", "discriminator", "g_running", "architecture"} == {*contents}
    names = {*contents["g_running"]}
    assert not any(name.startswith("noises") for name in names)
    assert {
        "generator.progression.0.conv1.input",
        "generator.progression.3.conv1.2.weight",
        "style.3.linear.weight_orig",
    } <= names
    assert {"progression.0.conv2.0.weight", "progression.3.conv2.0.conv.bias"} <= {*contents["discriminator"]}


def test_it_has_no_place_in_nvidias_layout(tmp_path):
    with pytest.raises(InputError, match="a StyleGAN1, which NVIDIA's layout"):
        layouts.to_nvidia(checkpoint.read(write_source1(tmp_path / "a.pt")))


def test_files_that_cannot_be_used_are_refused_in_a_line(tmp_path):
    contents = public(tmp_path / "a.pt")
    g, d = contents["g_running"], contents["discriminator"]
    blur = "generator.progression.1.conv1.2.weight"
    assert refusal(saved(tmp_path / "b.pt", {"g_running": g | {blur: 2 * g[blur]}})) == (
        f"g_running: {blur}: expected the filter [1, 2, 1], found another one"
    )
    less = {name: tensor for name, tensor in g.items() if name != "generator.progression.1.adain1.style.linear.bias"}
    assert "adain1.style.linear.bias: expected [16], found no such tensor" in refusal(
        saved(tmp_path / "b.pt", {"g_running": less})
    )
    stylegan2 = torch.load(write_source(tmp_path / "two.pt"), weights_only=True)
    mixed = {"g_ema": stylegan2["g_ema"], "d": d}
    assert refusal(saved(tmp_path / "b.pt", mixed)) == "d: a discriminator of stylegan1, beside a generator of stylegan2"
    checkpoint.write(tmp_path / "c.pt", {"g_ema": stylegan2["g_ema"], "architecture": {"kind": "stylegan1"}})
    assert refusal(tmp_path / "c.pt") == "architecture: kind: stylegan1, and the tensors are those of stylegan2"
    half = {name: tensor for name, tensor in g.items() if "conv1.input" not in name}
    assert "a StyleGAN1 generator, of which parts are missing" in refusal(saved(tmp_path / "b.pt", {"g_ema": half}))


def test_styles_of_a_source_are_kept(tmp_path):
    source, other = checkpoint.read(write_source1(tmp_path / "a.pt")), tiny_generator1(9)
    contents = layouts.own(source) | {"freeze_style": 2, "source_style": other.style.state_dict()}
    checkpoint.write(tmp_path / "b.pt", contents)
    blended, z = checkpoint.read(tmp_path / "b.pt").generator(), torch.randn(3, 8)
    w_plus = blended.mapping(z)
    assert torch.equal(w_plus[:, 1], other.mapping(z)) and torch.equal(w_plus[:, 2], tiny_generator1(2).mapping(z))
    assert blended.w_avg.shape == (6, 8)


def test_a_layer_of_the_mapping_is_counted_once():
    assert stylegan1.from_generator(tiny_generator1().state_dict()).n_mlp == 2

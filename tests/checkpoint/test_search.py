"""Networks of other programs: under other keys, behind prefixes, in other layouts, or refused by name; none is lost."""

import pytest
import torch

import checkpoint
from checkpoint.nvidia import discriminator_to_nvidia, generator_to_nvidia
from tests.checkpoint.files import networks, refusal, saved, training_contents
from tests.checkpoint.nvidia_pickle import write_nvidia_pickle
from tests.networks import tiny_discriminator, tiny_generator

G, D, EMA = networks()["g"], networks()["d"], networks()["g_ema"]


def same(ours: dict, theirs: dict) -> bool:
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in theirs)


def prefixed(state: dict, prefix: str) -> dict:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "key",
    ["G_ema", "g_ema", "generator_ema", "ema", "params_ema", "state_dict", "model", "weights", "g_running", "netG_ema", "x"],
)
def test_the_only_generator_is_found_under_any_key(tmp_path, key):
    source = checkpoint.read(saved(tmp_path, {key: EMA, "epoch": 3}))
    assert same(source.networks["g_ema"], EMA)
    assert source.extra == {"epoch": 3}
    assert (key in ("G_ema", "g_ema")) == (source.notes == [])
    assert key in ("G_ema", "g_ema") or source.notes == [f"g_ema: taken from {key}"]


@pytest.mark.parametrize("key", ["generator", "netG", "G", "gen", "g_model"])
def test_a_trained_generator_is_g(tmp_path, key):
    assert same(checkpoint.read(saved(tmp_path, {key: G})).networks["g"], G)


@pytest.mark.parametrize(
    "keys",
    [
        ("generator", "discriminator", "generator_ema"),
        ("netG", "netD", "netG_ema"),
        ("G", "D", "G_ema"),
        ("params", "disc", "params_ema"),
        ("model", "critic", "ema_model"),
    ],
)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_three_networks_under_other_keys(tmp_path, keys, depth):
    contents = dict(zip(keys, (G, D, EMA)))
    for level in range(depth):
        contents = {f"level{level}": contents, "epoch": level}
    source = checkpoint.read(saved(tmp_path, contents))
    assert all(same(source.networks[name], state) for name, state in networks().items())


PREFIXES = ["module.", "_orig_mod.", "generator.", "g_ema.", "G.", "netG.", "module._orig_mod.", "model.decoder.", "a.b.c."]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_of_all_names_is_dropped_and_said(tmp_path, prefix):
    for contents in (
        {"g_ema": prefixed(EMA, prefix), "g": prefixed(G, prefix), "d": prefixed(D, prefix)},
        prefixed(EMA, prefix),
    ):
        source = checkpoint.read(saved(tmp_path, contents))
        assert all(same(state, networks()["g_ema" if len(contents) > 3 else name]) for name, state in source.networks.items())
        assert all(any(part in note for note in source.notes) for part in prefix.strip(".").split("."))


def test_wrappers_within_the_names(tmp_path):
    inner = {name.replace(".", ".module.", 1) if name.startswith("convs") else name: tensor for name, tensor in EMA.items()}
    averaged = {**prefixed(inner, "module."), "n_averaged": torch.tensor(3)}
    source = checkpoint.read(saved(tmp_path, {"g_ema": inner}))
    assert same(source.networks["g_ema"], EMA)
    assert "g_ema: module left out of its names" in source.notes
    for contents in ({"g_ema": averaged}, averaged):
        source = checkpoint.read(saved(tmp_path, contents))
        assert same(source.networks["g_ema"], EMA)
        assert any(note.endswith("n_averaged, 1 tensor of no network known here") for note in source.notes)


def test_both_halves_of_an_average(tmp_path):
    halves = prefixed(EMA, "ema_model.") | prefixed(G, "online_model.") | {"step": torch.tensor(3)}
    for contents in ({"ema": halves}, halves):
        source = checkpoint.read(saved(tmp_path, contents))
        assert same(source.networks["g_ema"], EMA) and same(source.networks["g"], G)


def test_a_discriminator_that_is_not_understood_is_said(tmp_path):
    other = {"mlp.0.weight": torch.zeros(4, 4)}
    source = checkpoint.read(saved(tmp_path, {"g_ema": EMA, "discriminator_state_dict": other, "d": None}))
    assert source.notes == ["left out: discriminator_state_dict, 1 tensor of no network known here"]
    assert set(source.extra) == {"discriminator_state_dict"}


def test_networks_side_by_side_in_one_state_dict(tmp_path):
    flat = prefixed(G, "netG.") | prefixed(D, "netD.") | prefixed(EMA, "netG_ema.") | {"loss.weight": torch.ones(3)}
    source = checkpoint.read(saved(tmp_path, {"state_dict": flat, "epoch": 1}))
    assert all(same(source.networks[name], state) for name, state in networks().items())
    assert "left out: state_dict: loss.*, 1 tensor of no network known here" in source.notes


def encoder(prefix: str = "encoder.") -> dict:
    names = ("input_layer.0.weight", "body.0.res_layer.1.weight", "styles.0.linear.weight")
    return {prefix + name: torch.zeros(4, 4) for name in names}


@pytest.mark.parametrize("rows", [1, 6])
def test_the_generator_of_psp(tmp_path, rows):
    w_avg = torch.arange(8.0).expand(rows, 8).clone()
    contents = {"state_dict": encoder() | prefixed(EMA, "decoder."), "latent_avg": w_avg, "opts": {"output_size": 16}}
    source = checkpoint.read(saved(tmp_path, contents))
    assert source.format == "pSp, e4e or the like"
    assert same(source.networks["g_ema"], EMA)
    assert torch.equal(source.extra["latent_avg"], torch.arange(8.0))
    assert source.extra["opts"] == {"output_size": 16}
    assert source.notes == ["g_ema: taken from state_dict: decoder.*", "left out: state_dict: encoder.*, an encoder (pSp, e4e)"]


def test_each_network_may_have_names_of_its_own(tmp_path):
    mixed = {"G": G, "D": discriminator_to_nvidia(D), "G_ema": generator_to_nvidia(EMA, torch.arange(8.0))}
    source = checkpoint.read(saved(tmp_path, mixed))
    assert all(same(source.networks[name], state) for name, state in networks().items())
    assert torch.equal(source.extra["latent_avg"], torch.arange(8.0))


def stylegan3() -> dict:
    return {"synthesis.input.freqs": torch.zeros(4, 2), "synthesis.L0_36_32.weight": torch.zeros(4, 4, 3, 3)}


@pytest.mark.parametrize("key", ["G", "G_ema", "g", "g_ema", "generator", "ema"])
def test_a_generator_that_is_not_understood_is_never_left_out_beside_a_discriminator(tmp_path, key):
    for d in ({"D": discriminator_to_nvidia(D)}, {"d": D}, {"discriminator": D}):
        line = refusal(saved(tmp_path, {key: stylegan3(), **d}))
        assert key in line and "a StyleGAN3 generator" in line
    path = write_nvidia_pickle(tmp_path / "a.pkl", stylegan3(), discriminator_to_nvidia(D))
    assert "a StyleGAN3 generator" in refusal(path)


def test_a_published_key_is_understood_or_refused(tmp_path):
    for key in ("D", "d"):
        line = refusal(saved(tmp_path, {"g_ema": EMA, key: {"mini_discs.0.main.0.weight": torch.zeros(4, 4)}}))
        assert line.startswith(f"{key}: a projected discriminator")
    for key in ("g", "g_ema"):
        line = refusal(saved(tmp_path, {"d": D, key: {"foo.weight": torch.zeros(4, 4)}}))
        assert line.startswith(f"{key}: 1 tensor of no network known here, such as foo.weight; expected a StyleGAN2 generator")


def test_other_networks_beside_a_generator_are_left_out_and_said(tmp_path):
    vgg = {f"features.{i}.weight": torch.zeros(4, 4, 3, 3) for i in range(4)}
    source = checkpoint.read(saved(tmp_path, {"g_ema": EMA, "vgg": vgg, "e": encoder("")}))
    assert same(source.networks["g_ema"], EMA)
    assert source.notes == ["left out: vgg, a VGG's or AlexNet's layers", "left out: e, an encoder (pSp, e4e)"]


def test_several_of_a_kind(tmp_path):
    assert "several generators, first and second" in refusal(saved(tmp_path, {"first": G, "second": EMA}))
    assert "several" in refusal(saved(tmp_path, {"netG": G, "generator": EMA}))
    source = checkpoint.read(saved(tmp_path, {**networks(), "netG": EMA}))
    assert same(source.networks["g"], G) and "left out: netG, one more generator" in source.notes


def test_optimizers_are_no_networks(tmp_path):
    contents = training_contents()
    assert checkpoint.read(saved(tmp_path, contents)).notes == []
    line = refusal(saved(tmp_path, {name: contents[name] for name in ("g_optim", "d_optim")}))
    assert line.startswith("holds no generator or discriminator, only g_optim, d_optim")
    assert "an optimizer's state" in refusal(saved(tmp_path, contents["g_optim"]))


OTHERS = {
    "a StyleGAN3 generator": ["synthesis.input.freqs"],
    "a StyleGAN1 generator": ["generator.progression.0.conv1.conv.weight_orig", "generator.to_rgb.0.conv.weight_orig"],
    "a U-GAT-IT translator": ["FC.0.weight", "gamma.weight", "DownBlock.1.weight"],
    "an Inception network": ["Conv2d_1a_3x3.conv.weight", "Mixed_5b.branch1x1.conv.weight"],
    "an LPIPS distance": ["lin0.model.1.weight"],
    "an encoder (pSp, e4e)": ["encoder.input_layer.0.weight", "encoder.body.0.res_layer.1.weight"],
    "a VGG or AlexNet classifier": ["features.0.weight", "classifier.0.weight"],
    "a ResNet": ["layer1.0.conv1.weight", "fc.weight"],
    "a CycleGAN or pix2pix translator": ["model.1.weight", "model.10.conv_block.1.weight"],
    "an AnimeGAN translator": ["block_a.0.1.weight"],
    "lucidrains": ["G.blocks.0.to_style1.weight"],
    "BasicSR": ["style_mlp.1.weight", "style_convs.0.modulated_conv.weight"],
    "a diffusion model": ["model.diffusion_model.input_blocks.0.0.weight"],
    "a CLIP network": ["visual.conv1.weight"],
}


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("key", ["", "state_dict", "g_ema", "module."])
def test_other_networks_are_named(tmp_path, what, key):
    state = {name: torch.zeros(4, 4) for name in OTHERS[what]}
    contents = prefixed(state, "module.") if key == "module." else {key: state} if key else state
    assert what in refusal(saved(tmp_path, contents))


def test_files_of_other_programs_are_named(tmp_path):
    translator = {"FC.0.weight": torch.zeros(4, 4), "DownBlock.1.weight": torch.zeros(4, 4)}
    for contents in (
        {"genA2B": translator, "genB2A": translator, "disGA": {"model.1.weight_orig": torch.zeros(1)}, "disLA": {}},
        {"genA2B": {"module.first.weight": torch.zeros(1)}},
        {"state": {"gen_A2B": translator, "dis_A": {}}, "step": 3},
    ):
        assert refusal(saved(tmp_path, contents)) == "a U-GAT-IT translator, not a StyleGAN2 network"
    assert "a U-GAT-IT translator" in refusal(saved(tmp_path, translator))
    assert "directions" in refusal(saved(tmp_path, {"eigvec": torch.eye(3), "ckpt": "a.pt"}))
    assert "latents" in refusal(saved(tmp_path, {"latent": torch.zeros(1, 512)}))


def with_channels(count: int) -> dict:
    state = dict(EMA)
    for name, tensor in EMA.items():
        if name.endswith("conv.weight") and name.startswith("to_rgb"):
            state[name] = tensor[:, :1].repeat(1, count, 1, 1, 1)
        elif name.startswith("to_rgb") and name.count(".") < 3 and name.endswith("bias"):
            state[name] = tensor[:, :1].repeat(1, count, 1, 1)
    return state


@pytest.mark.parametrize(
    ("count", "kind"), [(1, "1 channel (grey)"), (4, "4 channels (RGB and transparency)"), (5, "5 channels;")]
)
def test_channels_are_said_in_plain_words(tmp_path, count, kind):
    assert kind in refusal(saved(tmp_path, {"g_ema": with_channels(count)}))
    assert kind in refusal(saved(tmp_path, {"G_ema": generator_to_nvidia(with_channels(count))}))
    d = D | {"convs.0.0.weight": D["convs.0.0.weight"][:, :1].repeat(1, count, 1, 1)}
    assert f"d: looks at pictures of {kind}" in refusal(saved(tmp_path, {"d": d}))


@pytest.mark.parametrize(("start", "picture"), [((4, 8), "32 x 16"), ((8, 4), "16 x 32"), ((4, 6), "24 x 16")])
def test_oblong_networks_are_said_to_be(tmp_path, start, picture):
    state = EMA | {"input.input": torch.zeros(1, 8, *start)}
    assert f"oblong: draws pictures of {picture} px" in refusal(saved(tmp_path, {"g_ema": state}))
    d = D | {"final_linear.0.weight": torch.zeros(8, 8 * start[0] * start[1])}
    assert "oblong" in refusal(saved(tmp_path, {"d": d}))


def test_labels_are_said(tmp_path):
    state = EMA | {"style.1.weight": torch.zeros(8, 16)}
    assert "with labels (conditional" in refusal(saved(tmp_path, {"g_ema": state}))
    embedded = generator_to_nvidia(EMA) | {"mapping.embed.weight": torch.zeros(8, 10), "mapping.embed.bias": torch.zeros(8)}
    assert "with labels (conditional)" in refusal(saved(tmp_path, {"G_ema": embedded}))
    mapped = discriminator_to_nvidia(D) | {"mapping.fc0.weight": torch.zeros(8, 8), "b4.out.weight": torch.zeros(8, 8)}
    assert "with labels (conditional)" in refusal(saved(tmp_path, {"D": mapped, "G": generator_to_nvidia(EMA)}))
    assert "with labels (conditional)" in refusal(saved(tmp_path, {"d": D | {"final_linear.1.weight": torch.zeros(5, 8)}}))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float8_e4m3fn, torch.float8_e5m2])
def test_other_precisions(tmp_path, dtype):
    state = {name: tensor.to(dtype) for name, tensor in EMA.items()}
    if dtype != torch.float64:  # the filter of 8 bits is another one
        state = {name: tensor for name, tensor in state.items() if not name.endswith("kernel")}
    source = checkpoint.read(saved(tmp_path, {"g_ema": state}))
    assert all(torch.equal(source.networks["g_ema"][name], tensor.float()) for name, tensor in state.items())
    kind = "float64, narrowed" if dtype == torch.float64 else f"{str(dtype).removeprefix('torch.')}, widened"
    assert f"g_ema: stored in {kind} to float32" in source.notes


def test_numbers_too_large_for_float32(tmp_path):
    state = EMA | {"conv1.activate.bias": torch.full((8,), 1e300, dtype=torch.float64)}
    assert "expected finite numbers" in refusal(saved(tmp_path, {"g_ema": state}))


def test_networks_of_other_widths_and_sizes(tmp_path):
    big = tiny_generator(size=32, style_dim=6, n_mlp=3)
    flat = prefixed(big.state_dict(), "decoder.") | prefixed(tiny_discriminator(size=32).state_dict(), "discriminator.")
    source = checkpoint.read(saved(tmp_path, flat))
    assert (source.architecture.size, source.architecture.style_dim) == (32, 6)
    assert set(source.networks) == {"g_ema", "d"}


def test_the_count_of_an_average_behind_a_prefix(tmp_path):
    """Lightning's modules keep torch's AveragedModel so."""
    state = {**prefixed(G, "g."), **prefixed(EMA, "g_ema.module."), "g_ema.n_averaged": torch.tensor(5)}
    source = checkpoint.read(saved(tmp_path, {"state_dict": state}))
    assert same(source.networks["g"], G) and same(source.networks["g_ema"], EMA)


@pytest.mark.parametrize(
    "averaged, what",
    [
        ({"shadow_params": list(EMA.values())}, f"{len(EMA)} tensors without names"),
        ({name: tensor.to_sparse() for name, tensor in EMA.items()}, "a sparse tensor among its"),
        ({name: tensor.to("meta") for name, tensor in EMA.items()}, "a tensor without data (meta) among its"),
    ],
    ids=["no names", "sparse", "meta"],
)
def test_a_network_of_other_tensors_is_said(tmp_path, averaged, what):
    notes = checkpoint.read(saved(tmp_path, {"g": G, "ema": averaged})).notes
    assert any(note.startswith("left out: ema") and what in note for note in notes)
    assert what in refusal(saved(tmp_path, {"d": D, "ema": averaged}))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.bool, torch.complex64])
def test_networks_of_other_numbers_are_refused(tmp_path, dtype):
    message = refusal(saved(tmp_path, {"g_ema": {name: tensor.to(dtype) for name, tensor in EMA.items()}}))
    assert "expected floating-point numbers, found" in message


def test_a_filter_of_zeros_is_refused(tmp_path):
    state = EMA | {name: torch.zeros_like(tensor) for name, tensor in EMA.items() if name.endswith("blur.kernel")}
    assert "found another filter" in refusal(saved(tmp_path, {"g_ema": state}))


def test_a_synthesis_network_alone_is_refused(tmp_path):
    state = {name: tensor for name, tensor in generator_to_nvidia(G).items() if name.startswith("synthesis.")}
    assert "synthesis.* without mapping.*" in refusal(saved(tmp_path, {"G": state}))
    inner = {name.removeprefix("synthesis."): tensor for name, tensor in state.items()}
    assert "a synthesis network in NVIDIA's layout, without its mapping" in refusal(saved(tmp_path, {"G_synthesis": inner}))


def test_lists_of_networks(tmp_path):
    source = checkpoint.read(saved(tmp_path, [G, D]))
    assert same(source.networks["g_ema"], G) and same(source.networks["d"], D)


def test_one_of_several_files_is_refused(tmp_path):
    """Even where the part would be a whole network."""
    path = tmp_path / "model-00001-of-00002.pt"
    torch.save({"d": D}, path)
    assert "part 1 of a network in 2 files" in refusal(path)


@pytest.mark.parametrize("architecture", ["StyleGAN2", "[1]", "5", '{"model": "stylegan2"}'])
def test_safetensors_with_metadata_of_others(tmp_path, architecture):
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "g.safetensors"
    safetensors.save_file(EMA, path, {"architecture": architecture, "format": "pt"})
    assert same(checkpoint.read(path).networks["g_ema"], EMA)


def test_what_is_left_out_is_said_aloud(tmp_path, capsys):
    path = saved(tmp_path, {"g": G, "ema": {"shadow_params": list(EMA.values())}})
    assert same(checkpoint.read_aloud(path).networks["g"], G)
    assert capsys.readouterr().out == f"{path}: left out: ema / shadow_params, {len(EMA)} tensors without names\n"
    checkpoint.read_aloud(saved(tmp_path, {"g": G, "d": D, "epoch": 3}))
    assert capsys.readouterr().out == ""


def test_half_of_a_network_is_called_so(tmp_path):
    half = {name: tensor for name, tensor in D.items() if not name.startswith("final_linear")}
    notes = checkpoint.read(saved(tmp_path, {"g_ema": EMA, "discriminator": half})).notes
    assert "left out: discriminator, a StyleGAN2 discriminator, of which parts are missing" in notes


def test_thousands_of_networks_are_refused_at_once(tmp_path):
    state = {f"{i}.input.input": torch.zeros(1) for i in range(5000)}
    assert "5000 networks in one dict" in refusal(saved(tmp_path, state))


def test_lists_of_samples_are_no_network(tmp_path):
    source = checkpoint.read(saved(tmp_path, {"d": D, "samples": [torch.zeros(2, 8)] * 6}))
    assert same(source.networks["d"], D) and source.notes == []


@pytest.mark.parametrize("bury", [lambda s: {"a": {"b": {"c": {"h": {"e": {"f": s}}}}}}, lambda s: {b"g_ema": s, "x": {3}}])
def test_deep_and_under_keys_of_bytes(tmp_path, bury):
    assert same(checkpoint.read(saved(tmp_path, bury(EMA))).networks["g_ema"], EMA)


def test_wrappers_of_checkpointed_layers(tmp_path):
    state = {name.replace("convs.0.", "convs.0._checkpoint_wrapped_module."): tensor for name, tensor in EMA.items()}
    assert same(checkpoint.read(saved(tmp_path, {"g_ema": state})).networks["g_ema"], EMA)


def test_whole_networks_with_methods_say_what_to_save(tmp_path):
    network = torch.nn.Linear(2, 2)
    network.act = torch.tanh
    assert "save the state_dict() instead" in refusal(saved(tmp_path, network))

"""scripts.convert, from every format to every layout."""

import pytest
import torch

import checkpoint
from checkpoint.nvidia import discriminator_to_nvidia, generator_to_nvidia
from errors import InputError
from scripts import convert
from tests.checkpoint.files import networks, saved, training_contents
from tests.checkpoint.nvidia_pickle import write_nvidia_pickle


def run(*words):
    return convert.main(convert.parser().parse_args(list(map(str, words))))


def nvidia_file(tmp_path):
    states = networks()
    g, d = generator_to_nvidia(states["g_ema"], torch.arange(8.0)), discriminator_to_nvidia(states["d"])
    return write_nvidia_pickle(tmp_path / "in.pkl", g, d, attributes={"synthesis.b4.conv1": {"conv_clamp": 256}})


def test_nvidia_to_the_references_layout(tmp_path, capsys):
    out = run(nvidia_file(tmp_path), tmp_path / "out.pt")
    said = capsys.readouterr().out
    assert "note: conv_clamp 256 is unknown to stylegan2-pytorch" in said
    assert "equal to that of the input" in said
    contents = torch.load(out, weights_only=True)
    assert list(contents) == ["g", "d", "g_ema", "latent_avg", "architecture"]
    assert torch.equal(contents["latent_avg"], torch.arange(8.0))
    assert all(torch.equal(contents["g_ema"][name], tensor) for name, tensor in networks()["g_ema"].items())
    assert checkpoint.read(out).architecture.conv_clamp == 256


def test_to_nvidia_and_back_is_bit_exact(tmp_path):
    first = nvidia_file(tmp_path)
    back = run(run(first, tmp_path / "ours.pt"), tmp_path / "theirs.pt", "--to", "nvidia")
    contents = torch.load(back, weights_only=True)
    expected = generator_to_nvidia(networks()["g_ema"], torch.arange(8.0))
    assert set(contents["G_ema"]) == set(expected)
    assert all(torch.equal(contents["G_ema"][name], tensor) for name, tensor in expected.items())
    assert contents["config"]["conv_clamp"] == 256
    again = checkpoint.read(back)
    assert checkpoint.fingerprint(again.networks["d"]) == checkpoint.fingerprint(checkpoint.read(first).networks["d"])


def test_training_file_leaves_optimizers_behind(tmp_path):
    contents = torch.load(run(saved(tmp_path, training_contents()), tmp_path / "out.pt"), weights_only=True)
    assert list(contents) == ["g", "d", "g_ema", "architecture"]


@pytest.mark.parametrize("network", ["g_ema", "g", "d"])
def test_bare_state_dict(tmp_path, network):
    out = run(saved(tmp_path, networks()), tmp_path / "out.pt", "--to", "bare", "--network", network)
    contents = torch.load(out, weights_only=True)
    assert list(contents) == list(networks()[network])
    assert all(torch.equal(contents[name], tensor) for name, tensor in networks()[network].items())


def test_safetensors_with_the_architecture(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    out = run(nvidia_file(tmp_path), tmp_path / "out.safetensors")
    source = checkpoint.read(out)
    assert source.architecture.conv_clamp == 256
    assert torch.equal(source.extra["latent_avg"], torch.arange(8.0))
    with safetensors.safe_open(out, framework="pt") as file:
        assert "architecture" in file.metadata()


def test_missing_package_is_named_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors.torch", None)
    with pytest.raises(InputError, match=r"pip install -e \.\[export\]$"):
        run(saved(tmp_path, networks()), tmp_path / "out.safetensors")


def test_half_is_half_the_size_and_close(tmp_path, capsys):
    path = saved(tmp_path, networks())
    whole, half = run(path, tmp_path / "whole.pt"), run(path, tmp_path / "half.pt", "--half")
    assert half.stat().st_size < 0.75 * whole.stat().st_size
    assert "differs from that of the input by up to" in capsys.readouterr().out
    z = torch.randn(2, 8)
    images = [checkpoint.read(file).generator()([z], randomize_noise=False)[0] for file in (whole, half)]
    torch.testing.assert_close(*images, atol=0.02, rtol=0.02)


def test_preview(tmp_path):
    from PIL import Image

    run(saved(tmp_path, networks()), tmp_path / "out.pt", "--preview", tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as sheet:
        assert sheet.width >= 4 * 16


def test_discriminator_alone(tmp_path, capsys):
    run(saved(tmp_path, {"d": networks()["d"]}), tmp_path / "out.pt")
    assert "equal to that of the input" in capsys.readouterr().out


@pytest.mark.parametrize(
    "to, words",
    [
        ("bare", "not written: g, d, iteration, latent_avg"),
        ("nvidia", "not written: iteration"),
        ("reference", "not written: iter"),
    ],
)
def test_what_the_layout_does_not_hold_is_said(tmp_path, capsys, to, words):
    run(saved(tmp_path, {**networks(), "iteration": 5, "latent_avg": torch.zeros(8)}), tmp_path / "out.pt", "--to", to)
    assert words in capsys.readouterr().out


def test_nothing_is_overwritten_unasked(tmp_path):
    path = saved(tmp_path, networks())
    (tmp_path / "out.pt").write_text("precious")
    with pytest.raises(InputError, match=r"out.pt: exists; give --overwrite to replace it$"):
        run(path, tmp_path / "out.pt")
    assert (tmp_path / "out.pt").read_text() == "precious"
    run(path, tmp_path / "out.pt", "--overwrite")
    checkpoint.read(tmp_path / "out.pt")


def test_the_input_is_never_overwritten(tmp_path):
    path = saved(tmp_path, networks())
    with pytest.raises(InputError, match=r"is the file to convert$"):
        run(path, path, "--overwrite")


@pytest.mark.parametrize(("name", "to"), [("out.pt", "safetensors"), ("out.safetensors", "nvidia")])
def test_ending_and_layout_must_agree(tmp_path, name, to):
    with pytest.raises(InputError, match="needs the ending"):
        run(saved(tmp_path, networks()), tmp_path / name, "--to", to)


def test_a_refusal_leaves_no_file(tmp_path):
    style = {name.removeprefix("style."): t for name, t in networks()["g"].items() if name.startswith("style.")}
    path = saved(tmp_path, {**networks(), "freeze_style": 2, "source_style": style})
    for name, to in (("out.pt", "nvidia"), ("out.pt", "bare"), ("out.safetensors", "safetensors")):
        with pytest.raises(InputError, match=r"cannot hold$"):
            run(path, tmp_path / name, "--to", to)
        assert not (tmp_path / name).exists()


def test_networks_can_be_left_out(tmp_path):
    path = saved(tmp_path, networks())
    out = run(path, tmp_path / "out.pt", "--without", "g", "--half")
    assert set(checkpoint.read(out).networks) == {"g_ema", "d"}
    assert out.stat().st_size < 0.5 * path.stat().st_size
    with pytest.raises(InputError, match="leaves no network"):
        run(path, tmp_path / "none.pt", "--without", "g", "--without", "d", "--without", "g_ema")

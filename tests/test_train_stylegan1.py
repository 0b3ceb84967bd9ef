"""train.py on a StyleGAN1: recognised, fine-tuned under the same flags, resumed exactly, drawn by the other commands."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

import apply_factor
import checkpoint
import train
from scripts import cartoonize, convert, ganspace, generate, inspect, layer_swap, style_mixing, truncation
from stylegan1 import Generator1
from tests.commands import assert_same, failure, run
from tests.networks import write_source, write_source1
from tests.pictures import random_pictures
from training.state import lazy_adam
from training.symptoms import TransferSymptoms

TINY = ["--size", 16, "--batch", 4, "--n_sample", 2, "--sample_every", 4, "--save_every", 3, "--device", "cpu"]
SCRATCH = ["--arch", "stylegan1", "--channel_base", 64, "--channel_max", 8, "--style_dim", 8, "--n_mlp", 2]


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return random_pictures(tmp_path_factory.mktemp("faces"), 12)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_source1(tmp_path_factory.mktemp("source") / "source.model")


def test_the_mapping_network_learns_a_hundred_times_slower():
    generator = Generator1(16, 8, 2, {4: 4, 8: 4, 16: 4})
    fast, slow = lazy_adam(generator, 0.001, 4, generator.mapping_lr).param_groups
    assert (fast["lr"], slow["lr"]) == (pytest.approx(0.0008), pytest.approx(0.000008))
    assert [id(p) for p in slow["params"]] == [id(p) for p in generator.style.parameters()]
    assert len(fast["params"]) + len(slow["params"]) == len([*generator.parameters()])


def test_a_new_one_has_every_stage_and_the_defaults_of_freezed(faces, tmp_path, capsys):
    run(train, faces, *TINY, *SCRATCH, "--iter", 2, "--outdir", tmp_path / "run")
    assert "stylegan1: --lr 0.001 --path_regularize 0.0 --ema_decay 0.999" in capsys.readouterr().out
    found = checkpoint.read(tmp_path / "run" / "checkpoints" / "000002.pt")
    assert (found.architecture.kind, found.architecture.size, max(found.architecture.channels)) == ("stylegan1", 16, 1024)
    assert found.extra["args"]["arch"] == "stylegan1"


def test_freezed_trains_the_last_blocks_and_what_is_idle_stays(faces, source, tmp_path):
    run(train, faces, "--ckpt", source, *TINY, "--iter", 3, "--freezeD", 1, "--freezeG", 1, "--outdir", tmp_path / "run")
    given, found = checkpoint.read(source), checkpoint.read(tmp_path / "run" / "checkpoints" / "000003.pt")
    moved = {
        which: {name for name, t in found.networks[which].items() if not torch.equal(t, given.networks[start][name])}
        for which, start in {"g": "g_ema", "d": "d"}.items()
    }
    assert {name.rsplit(".", 1)[0].split(".conv")[0] for name in moved["d"]} == {"progression.3", "linear.linear"}
    assert {name.split(".")[2] for name in moved["g"]} == {"2"}  # the block and the colours of 16 px
    assert any(name.startswith("generator.to_rgb.2") for name in moved["g"])


@pytest.mark.parametrize(
    "flags",
    [
        ["--augment", "--freezeD", 2, "--freezeStyle", 2],
        ["--path_regularize", 2, "--structure_loss", 2, "--structure_target", "features", "--accumulate", 2, "--freezeFC"],
    ],
    ids=["ada+freezeD+style", "path+structure"],
)
def test_a_resumed_run_is_bit_equal_to_an_uninterrupted_one(faces, source, tmp_path, flags):
    flags = [faces, "--ckpt", source, *TINY, "--iter", 5, *flags]
    run(train, *flags, "--outdir", tmp_path / "whole")
    run(train, *flags, "--outdir", tmp_path / "parts", "--iter", 3)
    run(train, "--resume", "--outdir", tmp_path / "parts", "--iter", 5)
    whole, parts = (torch.load(tmp_path / name / "checkpoints" / "000005.pt", weights_only=True) for name in ("whole", "parts"))
    assert whole["args"].pop("outdir") != parts["args"].pop("outdir")
    assert_same(parts, whole)


def test_what_cannot_be_is_said_in_a_line(faces, source, tmp_path, capsys):
    two = write_source(tmp_path / "two.pt")
    for words, parts in (
        (["--ckpt", source, "--structure_loss", 1], ["--structure_loss 1", "--structure_target features"]),
        (["--ckpt", source, "--freezeD", 4], ["--freezeD 4", "3 blocks"]),
        (["--ckpt", source, "--arch", "stylegan2"], ["--arch stylegan2", "is a stylegan1", "leave the flag out"]),
        (["--ckpt", two, "--arch", "stylegan1"], ["--arch stylegan1", "is a stylegan2", "leave the flag out"]),
        (["--ckpt", source, "--g_reg_every", 2], ["--g_reg_every", "--path_regularize"]),
        ([*SCRATCH, "--channel_multiplier", 1], ["--channel_multiplier"]),
        (["--arch", "stylegan3"], ["--arch stylegan3", "stylegan2 and stylegan1"]),
    ):
        message = failure(capsys, train, faces, *words, *TINY, "--outdir", tmp_path / "run")
        assert all(part in message for part in parts), message
    assert not (tmp_path / "run").exists()


def test_the_drawing_commands_draw_it(source, tmp_path, capsys):
    people, out = ["--seeds", "0-1", "--device", "cpu"], ["--outdir", tmp_path]
    run(generate, "--ckpt", source, *people, *out)
    run(style_mixing, "--ckpt", source, "--rows", "0-1", "--cols", "2", "--device", "cpu", *out)
    run(truncation, "--ckpt", source, *people, *out)
    run(layer_swap, "--source", source, "--target", source, *people, *out, "--save", tmp_path / "s.pt", "--swap", 16)
    assert checkpoint.read(tmp_path / "s.pt").architecture.kind == "stylegan1"
    run(convert, tmp_path / "s.pt", tmp_path / "public.pt")
    said = capsys.readouterr().out
    assert "equal to that of the input" in said and "note: a StyleGAN1: in the layout of style-based-gan-pytorch" in said
    assert "g_running" in torch.load(tmp_path / "public.pt", weights_only=True)
    run(inspect, tmp_path / "public.pt")
    assert "StyleGAN1" in capsys.readouterr().out


def test_directions_are_found_in_it_and_photos_become_its_cartoons(faces, source, tmp_path):
    run(ganspace, source, "--n", 64, "--components", 4, "--out", tmp_path / "pca.pt", "--device", "cpu")
    run(apply_factor, "--ckpt", source, "-i", "0-1", tmp_path / "pca.pt", "-n", 2, "--outdir", tmp_path, "--device", "cpu")
    photo, networks = faces / "0.png", ["--source", source, "--target", source]
    run(cartoonize, photo, *networks, "--no_align", "--step", 2, "--outdir", tmp_path / "toons", "--device", "cpu")
    with Image.open(next((tmp_path / "toons").rglob("0*.png"))) as cartoon:
        assert cartoon.size == (16, 16)


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        ("freezesg", "--freezeStyle 4"),
        ("structure", "--structure_loss 2 --structure_target features"),
        ("freezed", "--freezeD 1"),
    ],
)
def test_presets_mean_the_same_on_it(faces, source, tmp_path, capsys, preset, said):
    run(train, faces, "--ckpt", source, *TINY, "--preset", preset, "--dry_run")
    assert said in capsys.readouterr().out


def test_advice_against_copies_holds_for_it():
    options = SimpleNamespace(ckpt="source.pt", start_from="g_ema", methods={"structure_loss": -1}, size=64, arch="stylegan1")
    advice = TransferSymptoms(options, "python train.py", Path("run"), 0).against_copies()
    assert "--structure_loss 2 --structure_target features" in advice

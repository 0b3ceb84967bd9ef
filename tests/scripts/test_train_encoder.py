"""scripts.train_encoder: a whole run, resumed exactly, with and without photos, and what is refused."""

import json

import pytest
import torch
from PIL import Image

import checkpoint
from checkpoint.architecture import KINDS
from inversion import files
from inversion.settings import Settings, Weights
from scripts import train_encoder
from tests.commands import assert_same, failure, run
from tests.networks import tiny_discriminator, tiny_generator, write_source, write_source1
from tests.pictures import random_pictures

TINY = ["--batch", 4, "--n_sample", 3, "--sample_every", 3, "--save_every", 3, "--device", "cpu", "--perceptual", "disc"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """s.pt, with its discriminator; wide.pt of 32 px without one; photos/ and test/."""
    folder = tmp_path_factory.mktemp("place")
    write_source(folder / "s.pt")
    checkpoint.write(folder / "wide.pt", {"g_ema": tiny_generator(size=32).state_dict()})
    for name, count in (("photos", 6), ("test", 3)):
        (folder / name).mkdir()
        random_pictures(folder / name, count)
    return folder


@pytest.fixture(scope="module")
def whole(place, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    words = ["--ckpt", place / "s.pt", "--photos", place / "photos", "--test", place / "test", "--eval_every", 3]
    run(train_encoder, *words, *TINY, "--iter", 6, "--outdir", folder)
    return folder


def saved(folder, iteration: int = 6) -> dict:
    contents = torch.load(folder / "checkpoints" / f"{iteration:06d}.pt", weights_only=True)
    contents["args"].pop("outdir")
    return contents


def test_the_defaults_are_those_of_the_library():
    args = train_encoder.parser().parse_args([])
    ours = train_encoder.settings_of(args)
    assert ours.weights == Weights() and [*train_encoder.WEIGHTS] == [*vars(Weights())]
    names = ("lr", "jitter", "ema", "r1", "iterations")
    assert [getattr(ours, name) for name in names] == [getattr(Settings(), name) for name in names]


@pytest.mark.parametrize("drawn, photos", [(0, 8), (0.25, 6), (0.5, 4), (0.9, 1)])
def test_what_is_not_drawn_of_a_batch_are_photos(drawn, photos):
    words = ["--ckpt", "s.pt", "--batch", "8", "--drawn", str(drawn)]
    parse = train_encoder.parser().parse_args
    assert train_encoder.settings_of(parse([*words, "--photos", "photos"])).photos == photos
    assert train_encoder.settings_of(parse(words)).photos == 0


def test_a_run_leaves_an_encoder_pictures_and_figures(place, whole):
    for name in ("samples/000000.png", "samples/000006.png", "loss.png", "distance.png", "reals.png"):
        Image.open(whole / name).verify()
    assert (whole / "checkpoints" / "best.pt").exists()
    line = json.loads((whole / "stats.jsonl").read_text().splitlines()[-1])
    assert {"features", "pixels", "latents", "near_w", "adversarial", "d", "r1", "variety", "distance", "mse", "lr"} <= {*line}
    assert {"e", "e_ema", "d", "e_optim", "d_optim", "args", "encoder"} <= {*saved(whole)}
    generator = checkpoint.read(place / "s.pt").generator()
    alone, from_run = files.read(whole / "encoder.pt"), files.read(whole / "checkpoints" / "000006.pt")
    faces = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(alone.w_plus(faces, generator), from_run.w_plus(faces, generator), atol=5e-3, rtol=5e-3)
    assert alone.home == checkpoint.fingerprint(generator.state_dict())
    assert "args" in torch.load(whole / "encoder.pt", weights_only=True)


def test_it_says_what_it_costs_before_it_starts(place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(train_encoder, "--ckpt", place / "s.pt", *TINY, "--dry_run")
    said = capsys.readouterr().out
    assert (
        "Estimate: " in said and "--photos brings it nearer" in said and "begins with the layers of its discriminator" in said
    )
    assert not [*tmp_path.iterdir()]


def test_a_resumed_run_is_bit_equal(place, whole, tmp_path, capsys):
    words = ["--ckpt", place / "s.pt", "--photos", place / "photos", "--test", place / "test", "--eval_every", 3]
    run(train_encoder, *words, *TINY, "--iter", 6, "--outdir", tmp_path / "run")
    for name in ("000006.pt", "best.pt"):
        (tmp_path / "run" / "checkpoints" / name).unlink()
    capsys.readouterr()
    run(train_encoder, "--resume", "--outdir", tmp_path / "run")
    assert "for 3 iterations" in capsys.readouterr().out  # those to come
    assert_same(saved(tmp_path / "run"), saved(whole))
    assert (tmp_path / "run" / "samples" / "000006.png").read_bytes() == (whole / "samples" / "000006.png").read_bytes()


def test_drawn_faces_alone_go_on_exactly_as_well(place, tmp_path):
    words = ["--ckpt", place / "s.pt", *TINY, "--space", "w", "--adversarial_weight", 0]
    run(train_encoder, *words, "--iter", 5, "--outdir", tmp_path / "whole")
    run(train_encoder, *words, "--iter", 5, "--outdir", tmp_path / "parts")
    (tmp_path / "parts" / "checkpoints" / "000005.pt").unlink()  # it goes on from the third
    run(train_encoder, "--resume", "--outdir", tmp_path / "parts")
    assert_same(saved(tmp_path / "parts", 5), saved(tmp_path / "whole", 5))
    assert files.read(tmp_path / "parts" / "encoder.pt").n_codes == 1


def test_another_width_and_a_network_without_a_discriminator(place, tmp_path, capsys):
    words = ["--ckpt", place / "wide.pt", "--batch", 2, "--n_sample", 2, "--device", "cpu", "--perceptual", "mse"]
    run(train_encoder, *words, "--iter", 1, "--channel_base", 64, "--channel_max", 5, "--outdir", tmp_path / "run")
    assert "holds no discriminator: a new one begins" in capsys.readouterr().out
    assert files.read(tmp_path / "run" / "encoder.pt").channels == {4: 5, 8: 5, 16: 4, 32: 2}


def test_an_encoder_goes_on_in_another_run(place, whole, tmp_path):
    words = [*TINY, "--ckpt", place / "s.pt", "--init", tmp_path / "e.pt", "--lr", 1e-9, "--outdir", tmp_path / "run"]
    (tmp_path / "e.pt").write_bytes((whole / "encoder.pt").read_bytes())
    run(train_encoder, *words, "--iter", 1)
    faces, generator = torch.rand(2, 3, 16, 16), checkpoint.read(place / "s.pt").generator()
    before, after = (files.read(path) for path in (tmp_path / "e.pt", tmp_path / "run" / "encoder.pt"))
    torch.testing.assert_close(after.w_plus(faces, generator), before.w_plus(faces, generator), atol=5e-3, rtol=5e-3)
    (tmp_path / "e.pt").unlink()  # a run that goes on has its own
    run(train_encoder, "--resume", "--outdir", tmp_path / "run", "--iter", 2)


def test_a_stylegan1_gets_one_too(tmp_path):
    write_source1(tmp_path / "s1.pt", size=32)
    run(train_encoder, "--ckpt", tmp_path / "s1.pt", *TINY, "--iter", 2, "--outdir", tmp_path / "run")
    assert files.read(tmp_path / "run" / "encoder.pt").size == 32


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["no ckpt"]),
        (["--ckpt", "nowhere.pt"], ["--ckpt", "nowhere.pt", "no such file"]),
        (["--ckpt", "S", "--photos", "nowhere"], ["--photos", "nowhere", "no such file"]),
        (["--ckpt", "S", "--test", "nowhere"], ["--test", "nowhere", "no such file"]),
        (["--ckpt", "D"], ["--ckpt", "holds no generator"]),
        (["--ckpt", "S", "--eval_every", 5], ["--eval_every", "--test"]),
        (["--ckpt", "S", "--jitter", 0], ["--jitter", "--photos"]),
        (["--ckpt", "S", "--channel_max", 5], ["--channel_max", "--channel_base"]),
        (["--ckpt", "S", "--adversarial_weight", 0, "--r1", 5], ["--r1", "--adversarial_weight 0"]),
        (["--ckpt", "S", "--batch", 1], ["--batch"]),
        (["--ckpt", "S", "--init", "nowhere.pt"], ["--init", "nowhere.pt", "no such file"]),
        (["--ckpt", "S", "--init", "S"], ["--init", "no encoder of this kind"]),
        (["--ckpt", "S", "--init", "S", "--passes", 2], ["--passes", "--init"]),
        (["--ckpt", "WIDE", "--perceptual", "disc"], ["--perceptual disc", "no discriminator"]),
    ],
)
def test_what_is_wrong_is_said_in_a_line(place, tmp_path, capsys, words, parts):
    checkpoint.write(tmp_path / "d.pt", {"d": tiny_discriminator().state_dict()})
    known = {"S": place / "s.pt", "D": tmp_path / "d.pt", "WIDE": place / "wide.pt"}
    words = [known.get(word, word) for word in words]
    message = failure(capsys, train_encoder, *words, "--device", "cpu", "--iter", 1, "--outdir", tmp_path / "run")
    assert all(part in message for part in parts), message
    assert not (tmp_path / "run").exists()


def test_what_the_run_began_with_stays(place, whole, capsys):
    for flag, value in (("--space", "w"), ("--channel_base", 64), ("--ckpt", place / "wide.pt")):
        message = failure(capsys, train_encoder, "--resume", "--outdir", whole, flag, value, "--iter", 9)
        assert message.split()[1] == flag and "leave the flag out" in message


def test_another_network_under_the_same_name_is_refused(place, tmp_path, capsys):
    words = [*TINY, "--iter", 1, "--outdir", tmp_path / "run"]
    write_source(tmp_path / "s.pt")
    run(train_encoder, "--ckpt", tmp_path / "s.pt", *words)
    checkpoint.write(tmp_path / "s.pt", {"g_ema": tiny_generator(7).state_dict(), "d": tiny_discriminator(3).state_dict()})
    message = failure(capsys, train_encoder, "--resume", "--outdir", tmp_path / "run", "--iter", 2)
    assert "not the network that the run began with" in message


def test_both_kinds_of_networks_are_covered():
    assert KINDS == ("stylegan2", "stylegan1")

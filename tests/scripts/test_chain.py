"""scripts.chain: people of a StyleGAN2, and what a translator makes of them."""

import numpy as np
import pytest
import torch
from PIL import Image

import checkpoint
import utils
from editing import directions, latents, sefa
from scripts import chain
from tests.commands import failure, run
from tests.networks import tiny_generator
from translation import files as translators
from translation.settings import Settings
from translation.training import UGATIT


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, generator = tmp_path_factory.mktemp("files"), tiny_generator(0)
    checkpoint.write(folder / "photo.pt", {"g_ema": generator.state_dict()}, manifest=False)
    directions.save_directions(folder / "factor.pt", sefa.sefa(generator))
    directions.save_directions(folder / "factor-of-long.pt", sefa.sefa(tiny_generator(style_dim=16)))
    training = UGATIT(Settings(size=32, ch=2, n_res=1, light=True), torch.device("cpu"), {})
    checkpoint.write(folder / "t.pt", training.published(), manifest=False, stamp=False)
    return folder


def chained(files, *words):
    run(chain, "--generator", files / "photo.pt", "--translator", files / "t.pt", "--size", 32, "--device", "cpu", *words)


def test_the_sheet_shows_everybody_and_their_translation(files, tmp_path):
    chained(files, "--seeds", "0-1", "--show", "cartoon", "--out", tmp_path / "chain.png")
    generator = tiny_generator(0)
    w_plus = generator.broadcast(generator.mapping(utils.seeded_normal([0, 1], 8)))
    photos = utils.to_pictures(latents.draw(generator, w_plus))
    translator = translators.read(files / "t.pt").generator("A2B")
    large = utils.from_pictures([photo.resize((32, 32), Image.Resampling.BILINEAR) for photo in photos])
    with torch.no_grad():
        expected = utils.paired_sheet({"": utils.to_pictures(translator(large)[0])}, 2, captions=["0", "1"])
    found = Image.open(tmp_path / "chain.png").convert("RGB")
    assert found.size == expected.size
    assert np.abs(np.asarray(found, int) - np.asarray(expected, int))[:100].max() <= 1  # above the captions


def test_a_direction_swings_and_a_walk_meets_everybody(files, tmp_path):
    words = ["--factor", files / "factor.pt", "--index", 1, "--degree", 2, "--show", "heatmap"]
    chained(files, *words, "--seeds", "0-1", "--frames", 4, "--out", tmp_path / "swing.gif")
    chained(files, "--seeds", "0-2", "--frames", 2, "--crop", 0.5, "--out", tmp_path / "walk.webp")
    chained(files, *words, "--seeds", "0-2", "--frames", 3, "--out", tmp_path / "degrees.png")
    with Image.open(tmp_path / "swing.gif") as swing, Image.open(tmp_path / "walk.webp") as walk:
        assert (swing.n_frames, walk.n_frames) == (4, 6)
        assert swing.width > walk.width


def test_what_does_not_fit_is_said_in_a_line(files, tmp_path, capsys):
    given = ["--generator", files / "photo.pt", "--translator", files / "t.pt"]
    for words, said in (
        (["--out", "a.avi"], "--out a.avi"),
        (["--out", "a.gif", "--seeds", 1], "--seeds"),
        (["--frames", 4], "--frames"),
        (["--factor", files / "factor-of-long.pt"], "--factor"),
        (["--factor", files / "factor.pt", "--index", "0-1"], "one direction"),
        (["--size", 30], "divisible by 4"),
        (["--degree", 2], "--factor"),
    ):
        assert said in failure(capsys, chain, *given, *words)
    assert "--translator" in failure(capsys, chain, "--generator", files / "photo.pt", "--translator", files / "photo.pt")
    assert "a U-GAT-IT translator" in failure(capsys, chain, "--generator", files / "t.pt", "--translator", files / "t.pt")

"""benchmarks.likeness: what a network draws itself is found again, and each setting has its line."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import checkpoint
import utils
from benchmarks import likeness
from editing import cartoon, defaults, latents
from errors import InputError
from inversion import files
from inversion.encoder import Encoder
from tests.commands import failure, run
from tests.networks import CHANNELS, tiny_discriminator, tiny_generator
from vision import identity


class Colours:
    """An identity that is the mean colour."""

    def embed(self, images):
        return images.mean((2, 3)) + 2


@pytest.fixture
def place(tmp_path, monkeypatch):
    """s.pt, and the average face that it draws, average.png, beside noise.png."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(identity, "Identity", Colours)
    source = tiny_generator(0)
    checkpoint.write(tmp_path / "s.pt", {"g_ema": source.state_dict(), "d": tiny_discriminator().state_dict()})
    source = checkpoint.read(tmp_path / "s.pt").generator()
    average = latents.draw(source, source.broadcast(source.w_avg[None]))
    utils.to_pictures(average)[0].save(tmp_path / "average.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(tmp_path / "noise.png")
    return tmp_path


def words(place, *more):
    return ["--source", place / "s.pt", "--no_align", "--device", "cpu", "--outdir", place / "out", *more]


def lines(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]


def test_who_is_drawn_already_is_found_and_noise_is_not(place, capsys):
    run(
        likeness,
        *words(place, "--setting", "steps=1,lr=1e-9,tune=0", "--setting", "steps=1,lr=1e-9,tune=0,space=w"),
        place / "average.png",
        place / "noise.png",
    )
    table = lines(capsys.readouterr().out)
    assert [line[1] for line in table] == ["steps=1,lr=1e-9,tune=0", "steps=1,lr=1e-9,tune=0,space=w"] * 2
    drawn, noise = (np.array([line[3:6] for line in table[half]], float) for half in (slice(0, 2), slice(2, 4)))
    assert (drawn[:, 0] < 0.01).all() and (drawn[:, 2] > 0.999).all()
    assert (noise[:, :2] > 5 * drawn[:, :2]).all()


def test_pixels_are_counted_from_black_to_white(place, capsys):
    Image.new("RGB", (16, 16), "white").save(place / "w.png")
    run(likeness, *words(place, "--setting", "steps=1,lr=1e-9,tune=0", "--target", place / "s.pt"), place / "w.png")
    drawn = np.asarray(Image.open(place / "average.png"), float)
    assert float(lines(capsys.readouterr().out)[0][3]) == pytest.approx((1 - drawn / 255).mean(), abs=0.01)
    assert (place / "out" / "sheet.png").is_file()


def test_a_setting_is_that_of_cartoons_but_for_what_it_says():
    usual = likeness.Way(cartoon.SPACE, cartoon.SCHEDULE, False, cartoon.TUNE, cartoon.REACH)
    assert likeness.setting("default") == likeness.setting("") == usual
    way = likeness.setting("space=w,steps=7,mse=2,start=encoder,reach=3")
    assert (way.space, way.schedule.steps, way.schedule.mse, way.schedule.lr) == ("w", 7, 2.0, cartoon.SCHEDULE.lr)
    assert (way.encoded, way.tune, way.most) == (True, cartoon.TUNE, 3.0)
    at_once = likeness.setting("start=encoder,steps=0")
    fewer = replace(usual.schedule, steps=defaults.STEPS_ENCODED)
    assert likeness.setting("default", "e.pt") == replace(usual, schedule=fewer, encoded=True)
    assert likeness.setting("start=mean", "e.pt") == usual
    assert (at_once.tune, at_once.most) == (0, defaults.REACH_AT_ONCE)


def test_whoever_is_tuned_to_is_nearer(place, capsys):
    run(likeness, *words(place, "--setting", "steps=1,tune=0", "--setting", "steps=1,tune=40"), place / "noise.png")
    plain, tuned = (float(line[3]) for line in lines(capsys.readouterr().out))
    assert tuned < 0.9 * plain


def test_an_encoder_begins_where_it_is_asked_for(place, capsys):
    torch.manual_seed(0)
    encoder = Encoder(16, 8, CHANNELS, 6)
    torch.nn.init.zeros_(encoder.convs[-1].weight)
    files.write(place / "mean.pt", encoder)
    encoder.convs[-1].weight.data += 1
    files.write(place / "other.pt", encoder)
    told = {}
    for name in ("mean", "other"):
        settings = ["--setting", "steps=0,start=mean", "--setting", "steps=0,start=encoder"]
        where = words(place, "--encoder", place / f"{name}.pt", "--overwrite", *settings)
        run(likeness, *where, place / "noise.png")
        told[name] = [line[3:5] for line in lines(capsys.readouterr().out)]
    assert told["mean"][0] == told["mean"][1] == told["other"][0] != told["other"][1]
    message = failure(capsys, likeness, *words(place, "--setting", "start=encoder"), place / "noise.png")
    assert "--setting start=encoder: needs --encoder" in message


@pytest.mark.parametrize("text", ["start=there", "lr=fast", "colour=1", "space=z", "steps=1.5"])
def test_a_setting_that_means_nothing_gets_one_line(place, capsys, text):
    assert f"--setting {text}" in failure(capsys, likeness, *words(place, "--setting", text), place / "noise.png")


def test_without_the_extra_its_columns_are_empty(place, capsys, monkeypatch):
    def missing():
        raise InputError(identity.MISSING)

    monkeypatch.setattr(identity, "Identity", missing)
    run(likeness, *words(place, "--setting", "steps=1"), place / "noise.png")
    said = capsys.readouterr().out
    assert "pip install -e .[identity]" in said and lines(said)[0][5:7] == ["-", "-"]

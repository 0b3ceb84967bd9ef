"""projector.py: photos to a latent file and pictures of the way there, and every wrong input in one line."""

import csv
import os
import resource
import shlex
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import checkpoint
import projector
import shipped
import utils
from editing import latents, projection, tuning
from editing.defaults import PSI, REACH
from editing.reach import Reach
from inversion import files as encoders
from inversion.encoder import Encoder
from scripts import cartoonize
from tests.checkpoint import hostile
from tests.checkpoint.files import stream_with_pickle, zip_with_pickle
from tests.commands import failure, files_below, killed_in_call, run, stopped_in_call
from tests.networks import CHANNELS, tiny_discriminator, tiny_generator

STEPS = 6


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Networks s.pt (with its discriminator), t.pt and wide.pt, and three people that s.pt drew: 0.png, 1.png, 2.png."""
    folder = tmp_path_factory.mktemp("place")
    states = {"g_ema": tiny_generator(0).state_dict(), "d": tiny_discriminator().state_dict()}
    checkpoint.write(folder / "s.pt", states)
    checkpoint.write(folder / "t.pt", {"g_ema": tiny_generator(1).state_dict()})
    checkpoint.write(folder / "wide.pt", {"g_ema": tiny_generator(size=32).state_dict()})
    generator = checkpoint.read(folder / "s.pt").generator()
    for i, picture in enumerate(utils.to_pictures(latents.draw(generator, latents.people(generator, [0, 1, 2])))):
        picture.save(folder / f"{i}.png")
    return folder


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def project(place, out, *words, photos=("0",), ckpt="s.pt"):
    pictures = [place / f"{name}.png" for name in photos]
    words = ["--ckpt", place / ckpt, "--outdir", out, "--device", "cpu", *words, *pictures]
    run(projector, *(["--step", STEPS] if "--step" not in words else []), *words)
    return out


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_photos_become_a_latent_file_and_pictures(place, tmp_path, capsys):
    out = project(place, tmp_path / "new" / "out", photos="01")
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == str(out / "latents.pt")
    assert "PSNR" in shown.out and "loss " in shown.err
    names = {path.name for path in out.iterdir()}
    assert names == {"0.png", "0-strip.png", "1.png", "1-strip.png", "latents.pt", "losses.csv", "command.txt", "pictures.txt"}
    found = latents.read_latents(out / "latents.pt")
    generator = checkpoint.read(place / "s.pt").generator()
    assert (found.space, found.names) == ("w", [str(place / "0.png"), str(place / "1.png")])
    assert found.ckpt == checkpoint.fingerprint(generator.state_dict())
    drawn = utils.to_pixels(latents.draw(generator, found.w_plus(generator), noise=found.noise)).numpy().astype(int)
    assert np.abs(np.stack([pixels(out / "0.png"), pixels(out / "1.png")]) - drawn).max() <= 1
    with (out / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * STEPS and float(rows[STEPS - 1]["mse"]) < float(rows[0]["mse"])


@pytest.fixture(scope="module")
def encoder(place):
    """e.pt, for s.pt."""
    torch.manual_seed(0)
    encoder = Encoder(16, 8, CHANNELS, 6, home=checkpoint.fingerprint(checkpoint.read(place / "s.pt").generator().state_dict()))
    encoder.convs[-1].weight.data.mul_(0.1)
    encoders.write(place / "e.pt", encoder)
    return encoders.read(place / "e.pt")


def test_no_step_of_an_encoder_is_what_it_says(place, encoder, tmp_path, capsys):
    out = project(place, tmp_path / "out", "--encoder", place / "e.pt", "--step", 0, photos="01")
    shown = capsys.readouterr().out
    assert "from an encoder: --space w+, --fixed_noise;" in shown and "another network" not in shown
    found, generator = latents.read_latents(out / "latents.pt"), checkpoint.read(place / "s.pt").generator()
    faces = utils.from_pictures([Image.open(place / f"{name}.png").convert("RGB") for name in "01"])
    torch.testing.assert_close(found.w_plus(generator), encoder.w_plus(faces, generator))
    assert found.space == "w+" and found.noise is None
    drawn = utils.to_pixels(latents.draw(generator, found.w_plus(generator))).numpy().astype(int)
    assert np.abs(pixels(out / "1.png") - drawn[1]).max() <= 1


def test_steps_go_on_from_an_encoder(place, encoder, tmp_path, capsys):
    plain = project(place, tmp_path / "plain", "--encoder", place / "e.pt", "--step", 3)
    held = project(place, tmp_path / "held", "--encoder", place / "e.pt", "--step", 3, "--encoder_reg", 9)
    one_w = project(place, tmp_path / "w", "--encoder", place / "e.pt", "--step", 0, "--space", "w")
    first, second, third = (latents.read_latents(out / "latents.pt") for out in (plain, held, one_w))
    assert not torch.equal(first.latent, second.latent) and third.space == "w"
    project(place, tmp_path / "other", "--encoder", place / "e.pt", "--step", 0, ckpt="t.pt")
    assert "was trained for another network" in capsys.readouterr().out


def test_for_a_cartoon_an_encoder_is_as_in_cartoonize(place, encoder, tmp_path):
    words = ["--encoder", place / "e.pt", "--step", 2]
    out = project(place, tmp_path / "out", *words, "--target_ckpt", place / "t.pt")
    networks = ["--source", place / "s.pt", "--target", place / "t.pt", "--device", "cpu", "--no_align"]
    run(cartoonize, *networks, *words, "--outdir", tmp_path / "toon", place / "0.png")
    ours, theirs = (latents.read_latents(folder / "latents.pt") for folder in (out, tmp_path / "toon"))
    assert torch.equal(ours.latent, theirs.latent)
    assert np.array_equal(pixels(out / "0-cartoon.png"), pixels(tmp_path / "toon" / "0-cartoon.png"))
    run(cartoonize, *networks, "--encoder", place / "e.pt", "--step", 0, "--outdir", tmp_path / "at_once", place / "0.png")
    assert (tmp_path / "at_once" / "0-cartoon.png").exists()


def test_a_photo_gives_the_same_bytes_alone_and_in_company(place, tmp_path):
    together = latents.read_latents(project(place, tmp_path / "all", photos="012") / "latents.pt")
    for i in range(3):
        alone = latents.read_latents(project(place, tmp_path / str(i), photos=str(i)) / "latents.pt")
        assert torch.equal(together.latent[i : i + 1], alone.latent)
        assert all(torch.equal(layer[i : i + 1], own) for layer, own in zip(together.noise, alone.noise))
        assert (tmp_path / "all" / f"{i}.png").read_bytes() == (tmp_path / str(i) / f"{i}.png").read_bytes()


def test_a_batch_gives_the_same_within_rounding(place, tmp_path):
    """Latents, and the pictures of each person; those of a strip are beside one another."""
    words = ["--target_ckpt", place / "t.pt", "--perceptual", "mse"]
    outs = [project(place, tmp_path / f"{batch}", *words, "--batch", batch, photos="012") for batch in (1, 2)]
    one, two = (latents.read_latents(out / "latents.pt") for out in outs)
    torch.testing.assert_close(two.latent, one.latent, atol=1e-3, rtol=1e-3)
    for person in "012":
        for name in (f"{person}.png", f"{person}-cartoon.png"):
            assert np.abs(pixels(outs[0] / name) - pixels(outs[1] / name)).max() <= 3, name
        strips = [pixels(out / f"{person}-strip.png") for out in outs]
        assert np.array_equal(*[shown(strip, 0) for strip in strips])
        for column in range(1, 8):
            assert np.abs(shown(strips[0], column) - shown(strips[1], column)).max() <= 6, column
    with (outs[0] / "losses.csv").open() as first, (outs[1] / "losses.csv").open() as second:
        for row, other in zip(csv.DictReader(first), csv.DictReader(second), strict=True):
            assert (row["photo"], row["step"]) == (other["photo"], other["step"])
            assert float(row["mse"]) == pytest.approx(float(other["mse"]), abs=1e-3)


def test_the_seed_decides_the_jitter(place, tmp_path):
    latent = {}
    for name, words in {"0": [], "again": ["--seed", 0], "1": ["--seed", 1], "still": ["--seed", 1, "--noise", 0]}.items():
        latent[name] = latents.read_latents(project(place, tmp_path / name, *words) / "latents.pt").latent
    assert torch.equal(latent["again"], latent["0"])
    assert not torch.equal(latent["1"], latent["0"]) and not torch.equal(latent["still"], latent["1"])


@pytest.mark.parametrize(
    "flag, value",
    [
        ("lr", 0.1),
        ("lr_rampup", 0),
        ("lr_rampdown", 0.9),
        ("noise", 0.5),
        ("noise_ramp", 0.75),
        ("noise_regularize", 0),
        ("mse", 9),
    ],
)
def test_every_number_of_the_schedule_has_an_effect(place, tmp_path, flag, value):
    outs = [project(place, tmp_path / name, *words) for name, words in {"usual": [], "other": [f"--{flag}", value]}.items()]
    files = [latents.read_latents(out / "latents.pt") for out in outs]
    assert not torch.equal(*[torch.cat([file.latent.flatten(), file.noise[0].flatten()]) for file in files])


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("layout, file", [("ours", "latents.pt"), ("reference", "0.pt")])
def test_latents_and_noise_to_begin_with_come_back_to_whom_they_belong(place, tmp_path, layout, file, batch):
    """The first of Adam's steps has no length, so that one step changes nothing."""
    given = latents.read_latents(project(place, tmp_path / "given", photos="01") / "latents.pt")
    assert not torch.equal(given.noise[0][0], given.noise[0][1])
    words = ["--init", tmp_path / "given" / "latents.pt", "--fixed_noise", "--step", 1, "--layout", layout, "--batch", batch]
    again = latents.read_latents(project(place, tmp_path / "again", *words, photos="01") / file)
    assert torch.equal(again.latent, given.latent)
    assert all(torch.equal(*layers) for layers in zip(again.noise, given.noise, strict=True))


def test_losses_are_those_of_the_pictures_shown(place, tmp_path, capsys):
    """Without jitter, and in the step of no length, the last line of each photo is what is printed of it."""
    out = project(place, tmp_path, "--step", 1, "--noise", 0, "--fixed_noise", photos="01")
    said = [float(line.split(" -> ")[1].split(" ")[0]) for line in capsys.readouterr().out.splitlines() if " -> " in line]
    with (out / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["photo"] for row in rows] == [str(place / "0.png"), str(place / "1.png")]
    assert [float(row["mse"]) for row in rows] == pytest.approx(said, abs=1e-6)
    assert all(float(row["mse"]) != float(row["distance"]) for row in rows)


def test_the_command_in_the_folder_finds_the_same_again(place, tmp_path):
    out = project(place, tmp_path / "out", "--perceptual", "mse", "--w-plus")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    line = (out / "command.txt").read_text()
    assert line.startswith("python projector.py --step")
    (out / "latents.pt").unlink()
    run(projector, *shlex.split(line)[2:])
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_init_goes_on_where_a_file_ended_and_repeats(place, tmp_path):
    first = project(place, tmp_path / "first", "--perceptual", "mse", "--step", 40)
    again = [
        project(place, tmp_path / name, "--perceptual", "mse", "--init", first / "latents.pt", "--step", 10) for name in "ab"
    ]
    files = [latents.read_latents(folder / "latents.pt") for folder in again]
    assert torch.equal(files[0].latent, files[1].latent)
    start = pixels(again[0] / "0-strip.png")  # target, start, ...
    assert np.abs(shown(start, 1) - shown(pixels(first / "0-strip.png"), 6)).max() <= 1


def shown(strip, column):
    """One picture of a strip, and not its title or caption."""
    width = 128 + utils.GAP
    left = utils.GAP + column * width
    top = next(y for y in range(strip.shape[0]) if (strip[y, utils.GAP : utils.GAP + 128] != 255).any(1).all())
    return strip[top : top + 128, left : left + 128]


def test_the_strip_goes_from_the_target_to_the_cartoon(place, tmp_path):
    out = project(place, tmp_path / "out", "--target_ckpt", place / "t.pt", "--perceptual", "mse", "--step", 60, "--tune", 0)
    strip, cartoon = pixels(out / "0-strip.png"), checkpoint.read(place / "t.pt").generator()
    assert strip.shape[1] == 8 * (128 + utils.GAP) + utils.GAP  # target, start, 4 steps, final, cartoon
    distances = [np.square(shown(strip, column) - shown(strip, 0)).mean() for column in (1, 3, 6)]
    assert distances[0] > distances[1] > distances[2]
    found = latents.read_latents(out / "latents.pt")
    source = checkpoint.read(place / "s.pt").generator()
    held = Reach.of(source).within(found.w_plus(cartoon), REACH)
    drawn = utils.to_pixels(latents.draw(cartoon, latents.truncated(source, held, PSI))).numpy()[0].astype(int)
    assert np.abs(pixels(out / "0-cartoon.png") - drawn).max() <= 1


def test_pictures_tell_what_made_them(place, tmp_path):
    out = project(place, tmp_path / "out", "--perceptual", "mse", "--seed", 3)
    with Image.open(out / "0.png") as picture:
        told = picture.text
    assert (told["photo"], told["ckpt"], told["seed"], told["perceptual"]) == (
        str(place / "0.png"),
        str(place / "s.pt"),
        "3",
        "mse",
    )
    assert "PSNR" in told["found"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_whoever_stops_a_long_list_keeps_what_was_found(place, tmp_path, capsys, monkeypatch, stop):
    with stopped_in_call(3, stop, projection, "project", monkeypatch), pytest.raises(SystemExit) as ended:
        project(place, tmp_path / "some", photos="012")
    file = tmp_path / "some" / "latents.pt"
    assert ended.value.code == f"projector.py: interrupted; {file} holds 2 of 3 people; the same command goes on"
    first = project(place, tmp_path / "two", photos="01")
    assert torch.equal(latents.read_latents(file).latent, latents.read_latents(first / "latents.pt").latent)


def words_for(place, out, *words, photos):
    pictures = [place / f"{name}.png" for name in photos]
    return ["--ckpt", place / "s.pt", "--outdir", out, "--device", "cpu", "--step", STEPS, *words, *pictures]


@pytest.mark.slow
@pytest.mark.parametrize("words", ["", "--layout reference --batch 2", "--target_ckpt {t} --tune 2"])
def test_a_killed_call_goes_on_and_leaves_what_an_undisturbed_one_does(place, tmp_path, words, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = words_for(place, "out", "--perceptual", "mse", *words.format(t=place / "t.pt").split(), photos="01201")
    run(projector, *line)
    expected = files_below(Path("out"))
    shutil.rmtree("out")
    killed_in_call(3, projection, "project", projector, *line)
    assert len(list(Path("out").rglob("0000?.pt"))) == (4 if "batch" in words else 2) and not list(Path("out").glob("*.pt"))
    capsys.readouterr()
    run(projector, *line)
    assert "going on after" in capsys.readouterr().out
    assert files_below(Path("out")) == expected


def test_a_stopped_call_goes_on_and_leaves_what_an_undisturbed_one_does(place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = words_for(place, "out", photos="012")
    run(projector, *line)
    expected = files_below(Path("out"))
    shutil.rmtree("out")
    for found in (1, 2):
        with stopped_in_call(2, signal.SIGINT, projection, "project", monkeypatch), pytest.raises(SystemExit):
            run(projector, *line)
        assert len(latents.read_latents("out/latents.pt")) == found
    run(projector, *line)
    assert files_below(Path("out")) == expected


def test_those_who_are_missing_begin_with_their_own_latents_and_noise(place, tmp_path, monkeypatch):
    """One step changes nothing, as above."""
    given = project(place, tmp_path / "given", photos="01") / "latents.pt"
    line = words_for(place, tmp_path / "out", "--init", given, "--fixed_noise", "--step", 1, photos="01")
    with stopped_in_call(2, signal.SIGINT, projection, "project", monkeypatch), pytest.raises(SystemExit):
        run(projector, *line)
    run(projector, *line)
    again, given = (latents.read_latents(path) for path in (tmp_path / "out" / "latents.pt", given))
    assert torch.equal(again.latent, given.latent)
    assert all(torch.equal(*layers) for layers in zip(again.noise, given.noise, strict=True))


def test_what_is_left_of_a_stopped_call_is_used_only_where_it_is_whole(place, tmp_path, monkeypatch, capsys):
    line = words_for(place, tmp_path / "out", photos="012")
    with stopped_in_call(3, signal.SIGINT, projection, "project", monkeypatch), pytest.raises(SystemExit):
        run(projector, *line)
    (tmp_path / "out" / "latents.pt.unfinished" / "00001.pt").write_bytes(b"half")
    run(projector, *line)
    assert "going on after 1 of 3 people" in capsys.readouterr().out
    together = latents.read_latents(project(place, tmp_path / "all", photos="012") / "latents.pt")
    assert torch.equal(latents.read_latents(tmp_path / "out" / "latents.pt").latent, together.latent)


@pytest.mark.parametrize(
    "flags, photos, said",
    [("--step 5", "01", "with --step 6"), ("--mse 1", "01", "with --mse 0.0"), ("", "10", "with other photos")],
)
def test_a_stopped_call_is_not_mixed_with_another_one(place, tmp_path, monkeypatch, capsys, flags, photos, said):
    out = tmp_path / "out"
    with stopped_in_call(2, signal.SIGINT, projection, "project", monkeypatch), pytest.raises(SystemExit):
        run(projector, *words_for(place, out, photos="01"))
    before, other = files_below(out), words_for(place, out, *flags.split(), photos=photos)
    message = failure(capsys, projector, *other)
    assert f"--outdir {out}: holds a stopped call {said}" in message and "--overwrite" in message
    assert files_below(out) == before
    run(projector, *other, "--overwrite")
    run(projector, *words_for(place, tmp_path / "new", *flags.split(), photos=photos))
    for left in (found := files_below(out), expected := files_below(tmp_path / "new")):
        del left["command.txt"]
    assert found == expected


def test_photos_that_come_later_are_found_by_the_next_call(place, tmp_path, monkeypatch):
    with stopped_in_call(2, signal.SIGINT, projection, "project", monkeypatch), pytest.raises(SystemExit):
        run(projector, *words_for(place, tmp_path / "out", photos="01"))
    run(projector, *words_for(place, tmp_path / "out", photos="021"))
    together = latents.read_latents(project(place, tmp_path / "all", photos="021") / "latents.pt")
    assert torch.equal(latents.read_latents(tmp_path / "out" / "latents.pt").latent, together.latent)


def test_without_a_folder_a_stopped_call_goes_on_in_its_own(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["--ckpt", place / "s.pt", "--step", 1, place / "0.png", place / "1.png"]
    for folder, seed in {"projected": 0, "projected-2": 1}.items():
        with stopped_in_call(2, signal.SIGINT, projection, "project", monkeypatch), pytest.raises(SystemExit):
            run(projector, *line, "--seed", seed)
        assert len(latents.read_latents(f"{folder}/latents.pt")) == 1
    run(projector, *line, "--seed", 1)
    assert [len(latents.read_latents(f"{folder}/latents.pt")) for folder in ("projected", "projected-2")] == [1, 2]


@pytest.mark.parametrize(
    "words, space, noise, said",
    [
        ([], "w+", False, "--space w+, --fixed_noise, --wplus_reg 1, --tune 50;"),
        (["--space", "w"], "w", False, "--fixed_noise, --tune 50;"),
        (["--search_noise", "--wplus_reg", 0], "w+", True, "--space w+, --tune 50;"),
        (["--w_plus", "--fixed_noise", "--wplus_reg", 1, "--tune", 2], "w+", False, ""),
    ],
)
def test_for_a_cartoon_what_flags_do_not_say_is_as_in_cartoonize(place, tmp_path, capsys, words, space, noise, said):
    found = latents.read_latents(project(place, tmp_path, "--target_ckpt", place / "t.pt", *words) / "latents.pt")
    assert (found.space, found.noise is not None) == (space, noise)
    shown = capsys.readouterr().out
    assert said in shown and ("as scripts.cartoonize" in shown) == bool(said)


def test_what_is_searched_decides_how_long(place, encoder, tmp_path, monkeypatch):
    """Without a word of the steps; said, they are as said. What comes along with an encoder begins there."""

    class Told(Exception):
        pass

    def find(generator, distance, photos, space, schedule, **options):
        raise Told(space, schedule.steps, schedule.lr)

    def told(*words):
        with pytest.raises(Told) as refused:
            run(projector, "--ckpt", place / "s.pt", "--outdir", tmp_path, place / "0.png", *words)
        return refused.value.args

    monkeypatch.setattr(projection, "find", find)
    assert told() == ("w", 600, 0.3) and told("--w_plus") == ("w+", 600, 0.3)
    assert told("--target_ckpt", place / "t.pt") == ("w+", 100, 0.3)
    assert told("--w_plus", "--step", 7) == ("w+", 7, 0.3) and told("--lr", 0.1) == ("w", 600, 0.1)
    monkeypatch.setattr(shipped, "ENCODERS", {place / "s.pt": place / "e.pt"})
    assert told() == ("w+", 250, 0.3) and told("--space", "w") == ("w", 250, 0.3)
    assert told("--encoder", "none") == told("--init", "mean") == ("w", 600, 0.3)


def test_a_file_of_flags_counts_as_saying_it(place, tmp_path):
    (tmp_path / "run.toml").write_text("fixed_noise = false\nspace = 'w'\n")
    words = ["--config", tmp_path / "run.toml", "--target_ckpt", place / "t.pt"]
    found = latents.read_latents(project(place, tmp_path / "out", *words) / "latents.pt")
    assert found.space == "w" and found.noise is not None


def test_what_an_earlier_call_drew_is_not_projected(place, tmp_path, monkeypatch, capsys):
    """Into the folder of photos itself, and below it; and a killed call there leaves what an undisturbed one does."""
    for out in ("in", "in/out", "in/projected"):
        folder = tmp_path / out.replace("/", "-")
        (folder / "in").mkdir(parents=True)
        for name in "01":
            shutil.copy(place / f"{name}.png", folder / "in" / f"person{name}.png")
        monkeypatch.chdir(folder)
        line = ["--ckpt", place / "s.pt", "--step", 2, "--outdir", out, "--perceptual", "mse", "in", "--layout", "reference"]
        if out != "in":
            line = line[:-2]
            run(projector, *line)
            expected = files_below(Path("in"))
            assert latents.read_latents(f"{out}/latents.pt").names == ["person0.png", "person1.png"]
            run(projector, *line, "--overwrite")
            assert "passed over" in capsys.readouterr().out
            (Path(out) / "command.txt").write_bytes(expected[f"{out[3:]}/command.txt"])
            assert files_below(Path("in")) == expected
        else:
            run(projector, *line)
            run(projector, *line, "--overwrite")
            assert latents.read_latents("in/person0.pt").names == ["person0.png", "person1.png"]


@pytest.mark.parametrize("layout, file", [("ours", "latents.pt"), ("reference", "0.pt")])
def test_found_latents_are_replaced_on_demand_only(place, tmp_path, capsys, layout, file):
    words = ["--ckpt", place / "s.pt", "--layout", layout, "--step", STEPS, place / "0.png", "--outdir", tmp_path]
    run(projector, *words)
    first = (tmp_path / file).read_bytes()
    message = failure(capsys, projector, *words, "--seed", 1)
    assert f"--outdir {tmp_path}: holds {file} already" in message and "--overwrite" in message
    assert (tmp_path / file).read_bytes() == first
    run(projector, *words, "--seed", 1, "--overwrite")
    assert (tmp_path / file).read_bytes() != first


def test_without_a_folder_each_call_gets_one_of_its_own(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for expected in (["projected"], ["projected", "projected-2"], ["projected", "projected-2", "projected-3"]):
        run(projector, "--ckpt", place / "s.pt", "--step", 1, place / "0.png")
        assert sorted(path.parent.name for path in tmp_path.glob("*/latents.pt")) == expected
    run(projector, "--ckpt", place / "s.pt", "--step", 1, "--overwrite", place / "0.png")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("projected")) == expected


@pytest.mark.parametrize("words, shape", [([], (1, 8)), (["--space", "w+"], (1, 6, 8)), (["--w_plus"], (1, 6, 8))])
def test_spaces(place, tmp_path, words, shape):
    assert latents.read_latents(project(place, tmp_path, *words) / "latents.pt").latent.shape == shape


def test_w_plus_is_held_near_w(place, tmp_path):
    offsets = []
    for name, weight in {"free": 0, "held": 100}.items():
        out = project(place, tmp_path / name, "--w_plus", "--wplus_reg", weight, "--step", 30)
        latent = latents.read_latents(out / "latents.pt").latent
        offsets.append((latent - latent.mean(1, keepdim=True)).norm())
    assert offsets[1] < offsets[0] / 2


@pytest.mark.parametrize("fixed", [True, False])
def test_fixed_noise_leaves_no_noise_in_the_file(place, tmp_path, fixed):
    found = latents.read_latents(project(place, tmp_path, *["--fixed_noise"] * fixed) / "latents.pt")
    assert (found.noise is None) == fixed


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_any_number_of_steps_works(place, tmp_path, steps):
    assert (project(place, tmp_path, "--step", steps) / "0-strip.png").is_file()


def test_what_distance_is_taken_is_said(place, tmp_path, capsys):
    project(place, tmp_path / "d")
    assert "distance: disc" in (said := capsys.readouterr().out) and "scripts.download vgg16" in said
    project(place, tmp_path / "m", ckpt="t.pt")
    assert "distance: mse, pixels" in capsys.readouterr().out


@pytest.mark.parametrize("fixed", [True, False])
def test_the_layout_of_the_reference(place, tmp_path, fixed):
    """One entry for each path: what its scripts look up, and what ours read back."""
    out = project(place, tmp_path, "--layout", "reference", *["--fixed_noise"] * fixed, photos="01")
    assert {path.name for path in out.glob("*project.png")} == {"0-project.png", "1-project.png"}
    file = torch.load(out / "0.pt", weights_only=True)
    assert list(file) == [str(place / "0.png"), str(place / "1.png")]
    for entry in file.values():
        assert entry["img"].shape == (3, 16, 16) and entry["latent"].shape == (8,)
        assert [tuple(layer.shape) for layer in entry["noise"]] == [(1, 1, side, side) for side in (4, 8, 8, 16, 16)]
    found = latents.read_latents(out / "0.pt")
    generator = checkpoint.read(place / "s.pt").generator()
    drawn = latents.draw(generator, found.w_plus(generator), noise=found.noise)
    torch.testing.assert_close(drawn[1], file[str(place / "1.png")]["img"], atol=1e-4, rtol=1e-4)


def test_the_published_command_works(place, tmp_path):
    words = ["--ckpt=" + str(place / "s.pt"), "--size=16", "--w_plus", "--step=2", "--files", place / "0.png", place / "1.png"]
    run(projector, *words, "--outdir", tmp_path)
    assert len(latents.read_latents(tmp_path / "latents.pt")) == 2


def test_photos_of_one_name_do_not_overwrite_one_another(place, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "0.png").write_bytes((place / "1.png").read_bytes())
    words = ["--ckpt", place / "s.pt", "--step", 1, "--outdir", tmp_path / "out", place / "0.png", tmp_path / "other" / "0.png"]
    run(projector, *words)
    assert {path.name for path in (tmp_path / "out").glob("*.png")} >= {"0000-0.png", "0001-0.png"}


def test_a_photo_that_is_not_square_is_told_of_scripts_align(place, tmp_path, capsys):
    Image.new("RGB", (40, 20), "red").save(tmp_path / "wide.png")
    run(projector, "--ckpt", place / "s.pt", "--step", 1, "--outdir", tmp_path / "out", tmp_path / "wide.png")
    assert "40 x 20" in (said := capsys.readouterr().out) and "scripts.align" in said


def test_a_photo_whose_name_is_no_utf_8_is_projected(place, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / os.fsdecode(b"\xe9.png")).write_bytes((place / "0.png").read_bytes())
    run(projector, "--ckpt", place / "s.pt", "--outdir", tmp_path / "out", "--step", 1, tmp_path / "in")
    assert latents.read_latents(tmp_path / "out" / "latents.pt").latent.shape[0] == 1
    assert b"\n\xe9.png,0," in (tmp_path / "out" / "losses.csv").read_bytes()


def test_folders_are_projected_and_what_is_no_picture_is_left_out(place, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, source in {"b": "0.png", "c.jfif": "1.png", "._b": "0.png"}.items():
        (folder / name).write_bytes((place / source).read_bytes())
    (folder / "a.png").write_text("nothing to see")
    run(projector, "--ckpt", place / "s.pt", "--outdir", tmp_path / "out", "--step", STEPS, folder)
    said = capsys.readouterr().out
    assert "left out a.png: not an image" in said and "2 pictures; 1 passed over" in said and "(._b)" in said
    found = latents.read_latents(tmp_path / "out" / "latents.pt")
    assert [*found.names] == ["b", "c.jfif"] and {"b.png", "c.png"} <= {path.name for path in (tmp_path / "out").iterdir()}
    alone = latents.read_latents(project(place, tmp_path / "alone", photos="01") / "latents.pt")
    assert torch.equal(found.latent, alone.latent)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["{me}", "--encoder", "nowhere.pt"], ["--encoder nowhere.pt", "no such file"]),
        (["{me}", "--encoder", "{here}/s.pt"], ["--encoder", "s.pt", "no encoder of this kind"]),
        (["{me}", "--step", "0"], ["--step 0", "--encoder"]),
        (["{me}", "--step", "x"], ["--step", "whole number"]),
        (["{me}", "--lr", "nan"], ["--lr"]),
        (["{me}", "--lr_rampup", "2"], ["--lr_rampup", "at most 1"]),
        (["{missing}"], ["missing.png: no such file"]),
        (["{text}"], ["text.png", "not an image"]),
        (["{folder}"], ["files is a picture; ", "d.pt: an archive"]),
        ([], ["PHOTO", "scripts.align"]),
        (["{me}", "--ckpt", "{missing}"], ["--ckpt {missing}: no such file"]),
        (["{me}", "--ckpt", "{text}"], ["text.png"]),
        (["{me}", "--ckpt", "{d}"], ["holds no generator"]),
        (["{me}", "--target_ckpt", "{missing}"], ["--target_ckpt {missing}: no such file"]),
        (["{me}", "--target_ckpt", "{wide}"], ["--target_ckpt {wide}", "no child"]),
        (["{me}", "--size", "32"], ["--size 32", "16 px"]),
        (["{me}", "--channel_multiplier", "2"], ["--channel_multiplier 2"]),
        (["{me}", "--init", "{missing}"], ["--init {missing}: no such file"]),
        (["{me}", "--init", "{s}"], ["--init {s}", "not a latent file"]),
        (["{me}", "--init", "{long}"], ["--init {long}", "latents of "]),
        (["{me}", "--init", "{two}"], ["--init {two}", "2 latents, for 1 photos"]),
        (["{me}", "--init", "{layered}"], ["--init {layered}", "the space w+"]),
        (["{me}", "--space", "z"], ["--space", "z"]),
        (["{me}", "--perceptual", "lpips"], ["--perceptual lpips", "scripts.download vgg16"]),
        (["{me}", "--perceptual", "disc", "--ckpt", "{wide}"], ["holds no discriminator"]),
        (["{me}", "--vgg", "{missing}"], ["--vgg", "no such file"]),
        (["{me}", "--vgg", "{text}"], ["--vgg {text}"]),
        (["{me}", "--device", "gpu"], ["--device gpu"]),
        (["{me}", "--batch", "0"], ["--batch", "at least 1"]),
        (["{me}", "--seed=-1"], ["--seed", "at least 0"]),
        (["{me}", "--outdir", "{here}"], ["--outdir {here}: would overwrite {me}"]),
    ],
    ids=" ".join,
)
def test_wrong_input_gets_one_line_and_writes_nothing(place, tmp_path, capsys, flags, words):
    files = {"missing": tmp_path / "missing.png", "text": tmp_path / "text.png", "folder": tmp_path, "here": place}
    files |= {path.stem: path for path in place.iterdir()}
    files["me"] = place / "0.png"
    files["text"].write_text("nothing to see")
    checkpoint.write(tmp_path / "d.pt", {"d": tiny_discriminator().state_dict()})
    for name, latent in {"long": torch.zeros(1, 9), "two": torch.zeros(2, 8), "layered": torch.randn(1, 6, 8)}.items():
        space = "w" if latent.ndim == 2 else "w+"
        files[name] = latents.save_latents(tmp_path / f"{name}.pt", latent, space=space, names=["x"] * len(latent))
    files["d"] = tmp_path / "d.pt"
    before = {path: path.read_bytes() for path in place.iterdir()}
    given = [flag.format(**files) for flag in flags]
    message = failure(capsys, projector, "--ckpt", place / "s.pt", "--outdir", tmp_path / "out", *given)
    assert message.splitlines()[-1].startswith("projector.py: ")
    for word in words:
        assert word.format(**files) in message
    assert not (tmp_path / "out").exists()
    assert {path: path.read_bytes() for path in place.iterdir()} == before


@pytest.mark.parametrize("flag", ["--ckpt", "--target_ckpt", "--init", "--vgg"])
@pytest.mark.parametrize("container", [zip_with_pickle, stream_with_pickle])
@pytest.mark.parametrize(
    "name", ["os.system", "STACK_GLOBAL", "BUILD of a class itself", "a memo of 64 GiB", "wide lists, 2^60 leaves"]
)
def test_hostile_files_end_in_one_line_in_time_and_run_nothing(place, tmp_path, capsys, flag, container, name):
    canary, begin = tmp_path / "canary", time.process_time()
    file = container(tmp_path / "file.pt", hostile.pickled(name, canary))
    flags = {"--ckpt": place / "s.pt"} | {flag: file}
    message = failure(capsys, projector, *[word for pair in flags.items() for word in pair], place / "0.png")
    assert str(file) in message
    assert time.process_time() - begin < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < 4 * 2**30
    assert not canary.exists()


@pytest.mark.parametrize("name", hostile.PICKLES)
def test_every_hostile_checkpoint_ends_in_one_line(place, tmp_path, capsys, name):
    canary = tmp_path / "canary"
    file = zip_with_pickle(tmp_path / "file.pt", hostile.pickled(name, canary))
    assert str(file) in failure(capsys, projector, "--ckpt", file, place / "0.png")
    assert not canary.exists()


def test_a_tuned_network_draws_the_photo_from_the_latent_and_edits_take_it(place, tmp_path):
    words = ["--perceptual", "mse", "--step", 4, "--tune", 60]
    plain = project(place, tmp_path / "plain", "--perceptual", "mse", "--step", 4, "--fixed_noise", photos=("0", "1"))
    out = project(place, tmp_path / "out", *words, photos=("0", "1"))
    found, expected = (latents.read_latents(folder / "latents.pt") for folder in (out, plain))
    assert torch.equal(found.latent, expected.latent) and found.noise is None  # what is found is that of a call without
    source = checkpoint.read(place / "s.pt").generator()
    for number, name in enumerate("01"):
        network = checkpoint.read(out / f"{name}-tuned.pt").generator()
        w_plus = found.w_plus(network)[number : number + 1]
        drawn = utils.to_pixels(latents.draw(network, w_plus)).numpy()[0].astype(int)
        assert np.abs(pixels(out / f"{name}-tuned.png") - drawn).max() <= 1
        photo, before = pixels(place / f"{name}.png"), pixels(out / f"{name}.png")
        assert np.square(drawn - photo).mean() < 0.5 * np.square(before - photo).mean()
        assert torch.equal(network.style[1].weight, source.style[1].weight)
    assert pixels(out / "0-strip.png").shape[1] - pixels(plain / "0-strip.png").shape[1] == 128 + utils.GAP


def test_without_tuning_no_network_is_written(place, tmp_path):
    out = project(place, tmp_path, "--target_ckpt", place / "t.pt", "--tune", 2)
    assert {path.suffix for path in out.iterdir()} >= {".png"} and [path.name for path in out.glob("*.pt")] == ["latents.pt"]


def test_a_killed_tuning_is_done_again(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--step", 2, "--tune", 2]
    with stopped_in_call(2, signal.SIGINT, tuning, "tune", monkeypatch), pytest.raises(SystemExit):
        project(place, "out", *words, photos=("0", "1"))
    assert Path("out/0-tuned.pt").exists() and not Path("out/1-tuned.pt").exists()
    project(place, "out", *words, photos=("0", "1"))
    project(place, "whole", *words, photos=("0", "1"))
    for name in ("0-tuned.png", "1-tuned.png"):
        assert np.array_equal(pixels(f"out/{name}"), pixels(f"whole/{name}"))
    ours, theirs = (checkpoint.read(f"{folder}/1-tuned.pt").networks["g_ema"] for folder in ("out", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(SystemExit, match=r"would overwrite .*0-tuned\.pt"):
        project(place, "out", "--step", 2, "--tune", 2, "--overwrite", ckpt=Path.cwd() / "out/0-tuned.pt")

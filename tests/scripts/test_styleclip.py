"""scripts.styleclip: people changed by words, sliders for others, and one line for what cannot be."""

import csv
import re
import signal

import pytest
import torch
from PIL import Image

import apply_factor
from editing import directions, latents, people
from editing.styleclip import Search
from scripts import generate, styleclip
from tests.commands import failure, run, stopped_in_call
from tests.networks import tiny_generator
from tests.scripts.sheets import as_shown, cells, differ, saved, shown, told
from tests.vision import clips

ROUNDING = 2
SMILE = "a smiling face"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.folder(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture
def draw(file, clip, tmp_path):
    def draw(*words, out=None):
        out = out or tmp_path / "out"
        run(styleclip, "--ckpt", file, "--clip", clip, "--step", 6, "--device", "cpu", "--outdir", out, *words)
        return out

    return draw


def test_columns_go_from_the_person_to_what_was_found_and_beyond(cartoon, draw, capsys):
    out = draw("--words", SMILE, "--seeds", "0-1", "--strengths", "0,1,2")
    said = capsys.readouterr().out
    assert "6 steps" not in said and "12 steps of" in said and "fits" in said
    who = people.by_seed("0-1").w_plus(cartoon, 0.7)
    found = latents.read_latents(out / "latents.pt", cartoon)
    assert found.truncated and found.names == [f"0 {SMILE}", f"1 {SMILE}"]
    sheet = cells(out / "sheet.png", columns=3, rows=2)
    assert differ(sheet[:, 0], shown(cartoon, who)) <= ROUNDING
    assert differ(sheet[:, 1], shown(cartoon, found.latent)) <= ROUNDING
    assert differ(sheet[:, 2], shown(cartoon, who + 2 * (found.latent - who))) <= ROUNDING
    assert differ(sheet[:, 0], sheet[:, 1]) > ROUNDING
    text = told(out / "sheet.png")
    assert text["words"] == SMILE and text["strengths"] == "0,1,2" and text["seeds"] == "0-1" and text["truncation"] == "0.7"
    with (out / "fits.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [int(row["step"]) for row in rows] == list(range(7)) and float(rows[-1]["0"]) > float(rows[0]["0"])


def test_both_networks_draw_what_was_found_in_that_of_photos(cartoon, draw, tmp_path):
    photo = tiny_generator(seed=2)
    out = draw("--words", SMILE, "old", "--source", saved(tmp_path / "photo.pt", photo), "--seeds", 3, "--strengths", "0,1")
    sheet = cells(out / "sheet.png", columns=2, rows=4)
    found = latents.read_latents(out / "latents.pt", photo).latent
    start = people.by_seed("3").w_plus(photo, 0.7)
    for number, w_plus in enumerate(found):
        above, below = sheet[2 * number : 2 * number + 2]
        moved = w_plus[None] - start
        assert differ(above[1], shown(photo, w_plus[None])[0]) <= ROUNDING
        own = people.by_seed("3").w_plus(cartoon, 0.7)
        assert differ(below[0], shown(cartoon, own)[0]) <= ROUNDING
        assert differ(below[1], shown(cartoon, own + moved)[0]) <= ROUNDING
    directions.read_directions(out / "words.pt", cartoon)


def test_words_become_a_slider_for_others(cartoon, draw, file, tmp_path):
    out = draw("--words", "old, with a hat", "--seeds", "0-1", "--layers", "1-2")
    found = directions.read_directions(out / "words.pt", cartoon)
    assert [*found.edits] == ["old with a hat"] and found.layers == [1, 2] and "scripts.styleclip" in found.command
    run(apply_factor, "--ckpt", file, "-i", "old with a hat", "-n", 1, "--outdir", tmp_path / "moved", out / "words.pt")
    words = ["--edit", f"{out / 'words.pt'}:old with a hat=1.5", "--seeds", 7, "--outdir", tmp_path / "seven"]
    run(generate, "--ckpt", file, *words)
    expected = directions.apply(latents.people(cartoon, [7]), found, 0, 1.5)
    assert differ(cells(tmp_path / "seven" / "sheet.png", 1, 1)[0, 0], shown(cartoon, expected)[0]) <= ROUNDING
    still = [layer for layer in range(cartoon.n_latent) if layer not in (1, 2)]
    assert torch.equal(expected[:, still], latents.people(cartoon, [7])[:, still])


def test_projected_people_keep_their_latents_and_noise(cartoon, draw, tmp_path):
    w_plus = latents.people(cartoon, [5])
    noise = cartoon.make_noise(1, torch.Generator().manual_seed(2))
    path = latents.save_latents(tmp_path / "me.pt", w_plus, space="w+", names=["me.png"], noise=noise)
    out = draw("--words", SMILE, "--latents", path, "--strengths", "0,1")
    sheet = cells(out / "sheet.png", columns=2, rows=1)
    images = latents.draw(cartoon, w_plus, noise=noise)
    assert differ(sheet[0, 0], as_shown(images)[0]) <= ROUNDING
    assert told(out / "sheet.png")["truncation"] == "1.0"


def test_a_second_call_replaces_nothing(draw, capsys, monkeypatch, tmp_path, file, clip):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        run(styleclip, "--ckpt", file, "--clip", clip, "--step", 1, "--words", SMILE, "--strengths", "0,1")
    assert (tmp_path / "styleclip" / "words.pt").is_file() and (tmp_path / "styleclip-2" / "words.pt").is_file()
    message = failure(capsys, styleclip, "--ckpt", file, "--clip", clip, "--words", SMILE, "--outdir", "styleclip")
    assert "holds words.pt already" in message


@pytest.mark.parametrize(
    "words, message",
    [
        (["--words", " "], "--words : no words"),
        (["--words", "so " * 90], "CLIP reads 75"),
        (["--words", "old", "old"], "--words old: said twice"),
        (["--words", "old", "--strengths", "a"], "--strengths"),
        (["--words", "old", "--layers", "99"], "--layers 99"),
        (["--words", "old", "--clip", "nowhere.pt"], "--clip nowhere.pt: no such file"),
        (["--words", "old", "--clip", "ViT-B-32/openai"], "--clip ViT-B-32/openai: the CLIP .* fetches it"),
        (["--words", "old", "--legacy"], "--clip .*: the published preparation makes 224 px"),
        (["--words", "old", "--seeds", "3-1"], "--seeds 3-1"),
        (["--words", "old", "--latents", "none.pt"], "--latents none.pt: no such file"),
        ([], "--words"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:30],
)
def test_what_cannot_be_is_said_in_a_line(capsys, monkeypatch, tmp_path, file, clip, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    given = [] if "--clip" in words else ["--clip", clip]
    assert re.search(message, failure(capsys, styleclip, "--ckpt", file, *given, *words))
    assert not [*tmp_path.glob("styleclip*/words.pt")]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_it_keeps_the_words_that_are_done(stop, cartoon, file, clip, tmp_path, capsys, monkeypatch):
    """Each of the words takes 3 steps; trying how long a step takes is 2 more."""
    given = ["--ckpt", file, "--clip", clip, "--step", 3, "--words", "old", "young", "--seeds", "0-1", "--at_once", 2]
    with stopped_in_call(5, stop, Search, "learning_rate", monkeypatch):
        assert failure(capsys, styleclip, *given, "--outdir", tmp_path / "early") == "styleclip: interrupted"
    with stopped_in_call(7, stop, Search, "learning_rate", monkeypatch):
        message = failure(capsys, styleclip, *given, "--outdir", tmp_path / "late")
    assert message == f"styleclip: interrupted; {tmp_path / 'late' / 'words.pt'} holds old"
    assert [*directions.read_directions(tmp_path / "late" / "words.pt", cartoon).edits] == ["old"]
    assert len(latents.read_latents(tmp_path / "late" / "latents.pt", cartoon)) == 2
    assert not (tmp_path / "early" / "words.pt").exists()


def test_pictures_are_whole(draw):
    out = draw("--words", SMILE, "--strengths=-1:1:2")
    for name in ("sheet.png", "fits.png"):
        with Image.open(out / name) as picture:
            picture.load()
    assert "--strengths=-1:1:2" in (out / "command.txt").read_text()

"""scripts.translate from the command line."""

import numpy as np
import pytest
import torch
from PIL import Image

import checkpoint
from faces.locate import Locator
from scripts import translate
from tests.commands import failure, run
from tests.data.films import film
from tests.pictures import random_pictures
from translation.settings import Settings
from translation.training import UGATIT


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """{"light": a file as the published program writes it, "full": ...}."""
    folder, files = tmp_path_factory.mktemp("networks"), {}
    for kind in ("light", "full"):
        training = UGATIT(Settings(size=32, ch=2, n_res=1, light=kind == "light"), torch.device("cpu"), {})
        files[kind] = folder / f"{kind}_params_0000001.pt"
        checkpoint.write(files[kind], training.published(), manifest=False, stamp=False)
    return files


def size(path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def pixels(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_folder_becomes_pictures_and_a_sheet(networks, tmp_path):
    (tmp_path / "in").mkdir()
    random_pictures(tmp_path / "in", 3, side=20)
    run(translate, "--ckpt", networks["full"], "--heatmap", "--batch", 2, "--outdir", tmp_path / "out", tmp_path / "in")
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"0.png", "2.png", "2-heat.png", "sheet.png", "command.txt"}
    assert size(tmp_path / "out" / "0.png") == (32, 32)
    run(translate, "--ckpt", networks["full"], "--outdir", tmp_path / "alone", tmp_path / "in" / "2.png")
    difference = pixels(tmp_path / "alone" / "2.png").astype(int) - pixels(tmp_path / "out" / "2.png")
    assert np.abs(difference).max() <= 1  # the same in any company
    run(translate, "--ckpt", networks["full"], "--direction", "B2A", "--outdir", tmp_path / "back", tmp_path / "in" / "2.png")
    assert not np.array_equal(pixels(tmp_path / "back" / "2.png"), pixels(tmp_path / "alone" / "2.png"))


def test_pictures_keep_their_size_where_they_are_to(networks, tmp_path):
    Image.new("RGB", (50, 30), "teal").save(tmp_path / "wide.png")
    words = ["--ckpt", networks["light"], "--size", 24, "--original_size", "--outdir", tmp_path / "out"]
    run(translate, *words, tmp_path / "wide.png")
    assert size(tmp_path / "out" / "wide.png") == (50, 30)


def test_faces_alone_change(networks, tmp_path, monkeypatch):
    random_pictures(tmp_path, 1, side=60)
    square = np.array([(10, 10), (10, 40), (40, 40), (40, 10)], float)
    monkeypatch.setattr(Locator, "__init__", lambda self: None)
    monkeypatch.setattr(Locator, "squares", lambda self, name, picture: [square])
    run(translate, "--ckpt", networks["light"], "--size", 32, "--face_only", "--outdir", tmp_path / "out", tmp_path / "0.png")
    before, after = pixels(tmp_path / "0.png"), pixels(tmp_path / "out" / "0.png")
    changed = (before != after).any(2)
    assert changed[20:30, 20:30].mean() > 0.9
    changed[9:42, 9:42] = False
    assert not changed.any()


def sounding(path, frames: int, rate: int = 16_000):
    """Put a second of noise beside a film of 10 pictures a second."""
    av = pytest.importorskip("av", reason="films need PyAV")
    silent = film(path.with_name("silent.mp4"), [np.full((32, 48, 3), 20 * i, np.uint8) for i in range(frames)])
    with av.open(str(silent)) as seen, av.open(str(path), "w") as both:
        stream, sound = both.add_stream_from_template(seen.streams.video[0]), both.add_stream("aac", rate=rate)
        for packet in seen.demux(seen.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                both.mux(packet)
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, rate * frames // 10)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
        frame.sample_rate = rate
        both.mux(sound.encode(frame))
        both.mux(sound.encode())
    return path


def test_a_film_becomes_a_film_with_its_sound(networks, tmp_path):
    av = pytest.importorskip("av", reason="films need PyAV")
    path = sounding(tmp_path / "film.mp4", 10)
    run(translate, "--ckpt", networks["light"], "--size", 32, "--original_size", "--outdir", tmp_path / "out", path)
    with av.open(str(tmp_path / "out" / "film.mp4")) as made:
        assert (made.streams.video[0].width, made.streams.video[0].height) == (48, 32)
        assert len([*made.decode(made.streams.video[0])]) == 10
    with av.open(str(tmp_path / "out" / "film.mp4")) as made:
        seconds = sum(frame.samples / frame.sample_rate for frame in made.decode(made.streams.audio[0]))
        assert seconds == pytest.approx(1, abs=0.2)
    assert [path.name for path in (tmp_path / "out").iterdir() if "sound" in path.name] == []


def test_what_cannot_be_translated_is_said_in_a_line(networks, tmp_path, capsys):
    random_pictures(tmp_path, 1)
    picture, full = tmp_path / "0.png", networks["full"]
    for words, said in (
        (["--ckpt", full, "--size", 64, picture], "--size 64: a full network translates at the 32 px"),
        (["--ckpt", networks["light"], "--size", 30, picture], "divisible by 4"),
        (["--ckpt", picture, picture], "--ckpt"),
        (["--ckpt", tmp_path / "none.pt", picture], "no such file"),
        (["--ckpt", full, tmp_path / "none.png"], "none.png"),
        (["--ckpt", full, "--face_only", "--original_size", picture], "--face_only"),
    ):
        assert said in failure(capsys, translate, "--outdir", tmp_path / "out", *words)
    checkpoint.write(tmp_path / "other.pt", {"genA2B": {"weight": torch.zeros(3)}})
    assert "not a generator of U-GAT-IT" in failure(capsys, translate, "--ckpt", tmp_path / "other.pt", picture)

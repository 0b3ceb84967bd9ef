"""scripts.report: a run on one page that needs nothing else."""

import base64
import io
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import checkpoint
import utils
from scripts import _page, layer_swap, report, style_mixing, truncation
from tests.commands import failure, run
from tests.networks import tiny_generator
from tests.scripts.sheets import pixels, saved

SAMPLES = {0: (200, 0, 0), 100: (0, 200, 0), 200: (0, 0, 200)}


@pytest.fixture
def folder(tmp_path):
    """A run of 200 iterations."""
    folder = tmp_path / "expr"
    for iteration, colour in SAMPLES.items():
        utils.save_png(Image.new("RGB", (64, 48), colour), folder / "samples" / f"{iteration:06d}.png")
    utils.save_png(Image.new("RGB", (64, 48), (9, 9, 9)), folder / "reals.png")
    checkpoint.write(folder / "checkpoints" / "000100.pt", {"g_ema": tiny_generator(seed=1).state_dict(), "iteration": 100})
    checkpoint.write(folder / "checkpoints" / "000200.pt", {"g_ema": tiny_generator(seed=2).state_dict(), "iteration": 200})
    source = saved(tmp_path / "photo.pt", seed=1)
    (folder / "options.json").write_text(json.dumps({"ckpt": str(source), "iter": 300, "note": "<b>&", "augment": False}))
    lines = [{"iteration": i, "kimg": i / 1000, "d": 1 / i, "g": 2.0, "kid": 0.5} for i in range(10, 201, 10)]
    (folder / "stats.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"iterat')
    (folder / "log.txt").write_text("Writing to <expr>\n")
    return folder


class Page(HTMLParser):
    """What is on a page: its sections with their text and their pictures, and all addresses it names."""

    def __init__(self, path):
        super().__init__()
        self.texts, self.pictures, self.addresses, self.open = {"": ""}, {"": []}, [], []
        self.section = ""
        self.feed(path.read_text("utf-8"))
        assert self.open in ([], ["html"])

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)
        if tag == "section":
            self.section = attributes["id"]
            self.texts[self.section], self.pictures[self.section] = "", []
        if tag == "img":
            data = base64.b64decode(attributes["src"].removeprefix("data:image/webp;base64,"))
            self.pictures[self.section].append(Image.open(io.BytesIO(data)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.section = "" if tag == "section" else self.section

    def handle_data(self, data):
        self.texts[self.section] += data


def page(folder, *words):
    drawn = [] if "--no_sheets" in words else ["--device", "cpu"]
    run(report, folder, *drawn, *words)
    return Page(folder / "report.html")


def test_a_run_is_shown_on_one_page_that_loads_nothing(folder, capsys):
    found = page(folder)
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "report.html")
    names = (
        "first-and-last progress curves truncation style-mixing layer-swap training-pictures checkpoints statistics options log"
    )
    assert [name for name in found.texts if name] == names.split()
    assert all(address.startswith(("data:image/webp;base64,", "#")) for address in found.addresses)
    assert {address for address in found.addresses if address[0] == "#"} == {f"#{name}" for name in names.split()}
    text = (folder / "report.html").read_text()
    assert not re.search(r"https?:|url\(|@import|<script", text)
    assert len(text) < 500_000


def test_samples_are_the_first_and_the_last_and_move_through_all(folder):
    found = page(folder, "--no_sheets")
    colours = [picture.convert("RGB").getpixel((32, 24)) for picture in found.pictures["first-and-last"]]
    assert np.abs(np.subtract(colours, [SAMPLES[0], SAMPLES[200]])).max() < 12
    moving = found.pictures["progress"][0]
    assert moving.n_frames == 3
    for frame, colour in enumerate(SAMPLES.values()):
        moving.seek(frame)
        assert np.abs(np.subtract(moving.convert("RGB").getpixel((32, 24)), colour)).max() < 20
    assert "iteration 0" in found.texts["first-and-last"] and "iteration 200" in found.texts["first-and-last"]


def test_a_long_run_keeps_the_animation_small(folder):
    for iteration in range(300, 12_300, 300):
        utils.save_png(Image.new("RGB", (900, 60), (iteration % 250, 0, 0)), folder / "samples" / f"{iteration:06d}.png")
    for iteration in SAMPLES:
        (folder / "samples" / f"{iteration:06d}.png").unlink()
    moving = page(folder, "--no_sheets").pictures["progress"][0]
    assert (moving.n_frames, moving.width) == (_page.FRAMES, _page.FRAME_WIDTH)


def test_curves_are_grouped_and_a_new_number_gets_a_chart_of_its_own(folder):
    found = page(folder, "--no_sheets")
    assert len(found.pictures["curves"]) == 2  # losses, kid
    table = found.texts["statistics"]
    assert "d0.10.0050.0050.1" in table and "kid0.50.50.50.5" in table  # first, last, lowest, highest
    assert "200iterations of 300" in found.texts[""]


def test_what_was_measured_of_it_stands_there(folder):
    lines = [{"ckpt": f"{i}.pt", "features": "disc", "kid": 0.123456 / i, "data": "faces"} for i in (1, 2)]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"ckpt')
    text = page(folder, "--no_sheets").texts["measured"]
    assert all(word in text for word in ("kernel distance (KID)", "2.pt", "disc", "0.1235", "0.06173"))
    assert "FID" not in text


def test_sheets_are_those_of_the_commands_below_them(folder, tmp_path):
    found = page(folder, "--seeds", "3,1,4,1,5")
    expected = {
        "truncation": (truncation, ["sheet.png"]),
        "style-mixing": (style_mixing, ["grid-coarse.png", "grid-middle.png"]),
        "layer-swap": (layer_swap, ["sheet.png"]),
    }
    for name, (command, files) in expected.items():
        line = found.texts[name][found.texts[name].index("python -m") :].strip()
        assert line.startswith(f"python -m scripts.{name.replace('-', '_')} ")
        run(command, *shlex.split(line)[3:], "--outdir", tmp_path / name, "--device", "cpu")
        assert len(found.pictures[name]) == len(files)
        for picture, file in zip(found.pictures[name], files):
            assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - pixels(tmp_path / name / file)).mean() < 4
        assert "000200.pt" in line and "--seeds 3,1,4" in line.replace("--rows 3,1 --cols 4,1,5", "--seeds 3,1,4")


def test_how_far_the_network_is_from_its_source_is_said(folder):
    assert "looks unrelated" in page(folder).texts["layer-swap"]


def test_without_the_source_there_is_no_swap(folder, tmp_path):
    (tmp_path / "photo.pt").unlink()
    found = page(folder)
    assert "layer-swap" not in found.texts and "--source" not in found.texts["truncation"]


def test_a_source_that_has_changed_since_is_noted_and_not_used(folder, tmp_path):
    contents = {"g_ema": tiny_generator(seed=2).state_dict()}
    contents["source"] = checkpoint.fingerprint(tiny_generator(seed=1).state_dict())
    checkpoint.write(folder / "checkpoints" / "000300.pt", contents)
    assert "layer-swap" in page(folder).texts
    saved(tmp_path / "photo.pt", seed=3)
    found = page(folder)
    assert "another network than the one" in found.texts["checkpoints"] and "layer-swap" not in found.texts
    assert "layer-swap" in page(folder, "--source", tmp_path / "photo.pt").texts


def test_a_run_of_another_command_has_a_page_without_people(folder):
    encoder = {"e": tiny_generator().state_dict(), "encoder": {"passes": 1}, "iteration": 300}
    checkpoint.write(folder / "checkpoints" / "000300.pt", encoder)
    found = page(folder)
    assert "000300.pt: holds no StyleGAN, so that no sheets of people are drawn" in found.texts["checkpoints"]
    assert "truncation" not in found.texts and "curves" in found.texts


def test_a_damaged_checkpoint_is_named_and_an_older_one_drawn(folder):
    newest = folder / "checkpoints" / "000200.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    found = page(folder)
    assert "000200.pt: damaged" in found.texts["checkpoints"] and "000100.pt" in found.texts["truncation"]
    older = folder / "checkpoints" / "000100.pt"
    older.write_bytes(older.read_bytes()[:1000])
    found = page(folder)
    assert "no checkpoint is whole" in found.texts["checkpoints"] and "truncation" not in found.texts


def test_options_and_log_are_shown_as_written_and_what_is_off_is_left_out(folder):
    found = page(folder, "--no_sheets")
    assert "note<b>&" in found.texts["options"] and "augment" not in found.texts["options"]
    assert "Writing to <expr>" in found.texts["log"]


@pytest.mark.parametrize("part", ["samples", "checkpoints", "stats.jsonl", "options.json", "log.txt", "reals.png"])
def test_whatever_is_missing_is_left_out(folder, part):
    (folder / part).rename(folder.parent / part)
    assert len(page(folder, "--no_sheets").texts) > 5


@pytest.mark.parametrize("part", ["samples/000200.png", "reals.png", "stats.jsonl", "options.json"])
def test_what_a_kill_left_half_of_is_passed_over(folder, part):
    (folder / part).write_bytes((folder / part).read_bytes()[:30])
    assert len(page(folder, "--no_sheets").texts) > 5


def test_the_same_run_gives_the_same_page(folder, tmp_path):
    run(report, folder, "--out", tmp_path / "new" / "a.html", "--device", "cpu")
    run(report, folder, "--out", tmp_path / "b.html", "--device", "cpu")
    assert (tmp_path / "new" / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["{missing}"], "{missing}: no such folder"),
        (["{empty}"], "{empty}: holds no run"),
        (["{run}", "--source", "{missing}"], "--source {missing}: no such file"),
        (["{run}", "--seeds", "x"], "--seeds x"),
        ([], "RUN"),
    ],
    ids=str,
)
def test_wrong_input_gets_one_line_and_writes_nothing(folder, tmp_path, capsys, words, message):
    places = {"missing": tmp_path / "missing", "empty": tmp_path / "empty", "run": folder}
    places["empty"].mkdir()
    assert message.format(**places) in failure(capsys, report, *[word.format(**places) for word in words])
    assert not Path(folder / "report.html").exists()


@pytest.mark.parametrize("size", [(10, 10), (20, 40_000), (_page.WIDEST + 1, 10), (40_000, 20)])
def test_a_picture_of_any_shape_is_embedded_as_webp_can_hold_it(size):
    shown = _page.small(Image.new("RGB", size), _page.WIDEST)
    assert shown.width <= min(size[0], _page.WIDEST) and shown.height <= min(size[1], 16383)
    assert _page.embedded(Image.new("RGB", size)).startswith("data:image/webp;base64,")

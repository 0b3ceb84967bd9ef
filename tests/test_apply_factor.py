"""apply_factor.py: which latent stands in which place of a sheet, under which name."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import animation
import apply_factor
import canvas
import checkpoint
import utils
from editing import directions, latents, sefa
from editing.directions import Directions, Edit
from tests.commands import failure, run
from tests.networks import tiny_generator

PHOTO, CARTOON = 0, 1  # seeds of the two networks


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two networks, factor.pt of the first, and files that do not fit."""
    folder = tmp_path_factory.mktemp("files")
    networks = {"photo": tiny_generator(PHOTO), "cartoon": tiny_generator(CARTOON), "wide": tiny_generator(size=32)}
    networks["long"] = tiny_generator(style_dim=16)
    for name, generator in networks.items():
        checkpoint.write(folder / f"{name}.pt", {"g_ema": generator.state_dict()}, manifest=False)
    directions.save_directions(folder / "factor.pt", sefa.sefa(networks["photo"]))
    directions.save_directions(folder / "factor-of-wide.pt", sefa.sefa(networks["wide"], layers=[6]))
    torch.save({"ckpt": "550000.pt", "eigvec": sefa.sefa(networks["photo"]).vectors.T}, folder / "reference.pt")
    w_plus = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(5))
    latents.save_latents(folder / "people.pt", w_plus, space="w+", names=["Anna", "Bert"])
    return folder


def applied(files, folder, *words, ckpt="photo.pt", factor="factor.pt"):
    run(apply_factor, "--ckpt", files / ckpt, "--device", "cpu", "--outdir", folder, *words, files / factor)
    return folder


def drawn(w_plus, seed=PHOTO):
    return utils.to_pictures(latents.draw(tiny_generator(seed), w_plus))


def moved(w_plus, degree, index=0, layers=None):
    return directions.apply(w_plus, sefa.sefa(tiny_generator(PHOTO)), index, degree, layers)


def people(seeds, psi=0.7, seed=PHOTO):
    return latents.people(tiny_generator(seed), seeds, psi)


def pixels(picture):
    if isinstance(picture, Path):
        with Image.open(picture) as opened:
            return np.asarray(opened.convert("RGB"))
    return np.asarray(picture)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_rows_are_the_edit_nothing_and_its_opposite(files, tmp_path, capsys):
    applied(files, tmp_path / "out")
    path = tmp_path / "out" / "factor_index-0_degree-5.0.png"
    told = f"{files / 'factor.pt'}: 8 directions in w (8 numbers), for all layers, by sefa"
    assert capsys.readouterr().out.splitlines() == [told, "direction 0, -5 to +5, on layers 0-5 of 6", str(path)]
    assert names(tmp_path / "out") == ["command.txt", path.name]
    rows = [picture for degree in (5, 0, -5) for picture in drawn(moved(people(range(7)), degree))]
    captions = [""] * 14 + [str(seed) for seed in range(7)]
    expected = utils.sheet(rows, 7, captions, ["+5", "0", "-5"], "direction 0, -5 to +5, on layers 0-5 of 6")
    assert np.array_equal(pixels(path), pixels(expected))


def test_published_flags_and_names(files, tmp_path):
    words = ["-i", 3, "-d", 2.5, "-n", 2, "--truncation", 0.5, "--out_prefix", "mine", "--size=16"]
    applied(files, tmp_path, *words, factor="reference.pt")
    rows = [picture for degree in (2.5, 0, -2.5) for picture in drawn(moved(people([0, 1], 0.5), degree, 3))]
    title = "direction 3, -2.5 to +2.5, on layers 0-5 of 6"
    expected = utils.sheet(rows, 2, ["", "", "", "", "0", "1"], ["+2.5", "0", "-2.5"], title)
    assert np.array_equal(pixels(tmp_path / "mine_index-3_degree-2.5.png"), pixels(expected))


def test_edit_before_trunc_gives_the_pictures_of_stylegan2_pytorch(files, tmp_path):
    """G(w_avg + psi (w + d v - w_avg)), and not G(w_avg + psi (w - w_avg) + d v)."""
    applied(files, tmp_path, "-n", 2, "-i", 1, "--edit_before_trunc", factor="reference.pt")
    generator = tiny_generator(PHOTO)
    eigvec = torch.load(files / "reference.pt", weights_only=True)["eigvec"]
    w = generator.mapping(utils.seeded_normal([0, 1], 8))
    average = generator.w_avg
    rows = [average + 0.7 * (w + degree * eigvec[:, 1] - average) for degree in (5, 0, -5)]
    rows = [picture for row in rows for picture in drawn(generator.broadcast(row))]
    title = "direction 1, -5 to +5, on layers 0-5 of 6"
    expected = utils.sheet(rows, 2, ["", "", "", "", "0", "1"], ["+5", "0", "-5"], title)
    found = pixels(tmp_path / "factor_index-1_degree-5.0.png").astype(int)
    assert np.abs(found - pixels(expected)).max() <= 2 and np.mean(found != pixels(expected)) < 0.01


def test_degree_0_changes_nobody(files, tmp_path):
    applied(files, tmp_path, "-d", 0, "-n", 1, "--truncation", 1)
    rows = drawn(people([0], 1)) * 3
    expected = utils.sheet(rows, 1, ["", "", "0"], ["0", "0", "0"], "direction 0, 0 to 0, on layers 0-5 of 6")
    assert np.array_equal(pixels(tmp_path / "factor_index-0_degree-0.0.png"), pixels(expected))


@pytest.mark.parametrize("flags, layers, text", [(["--layers", "0,2-3"], [0, 2, 3], "0,2-3"), (["--res", "8"], [1, 2], "1-2")])
def test_layers_are_edited_alone(files, tmp_path, flags, layers, text):
    applied(files, tmp_path, "-n", 1, *flags)
    rows = [picture for degree in (5, 0, -5) for picture in drawn(moved(people([0]), degree, 0, layers))]
    expected = utils.sheet(rows, 1, ["", "", "0"], ["+5", "0", "-5"], f"direction 0, -5 to +5, on layers {text} of 6")
    assert np.array_equal(pixels(tmp_path / "factor_index-0_degree-5.0.png"), pixels(expected))


@pytest.mark.parametrize("published", [False, True])
def test_source_and_cartoon_stand_in_two_rows(files, tmp_path, published):
    """Cartoon-StyleGAN's flags for the same two are --ckpt SOURCE --ckpt2 CARTOON."""
    if published:
        applied(files, tmp_path, "--ckpt2", files / "cartoon.pt", "-n", 2, "--save_image", ckpt="photo.pt")
    else:
        applied(files, tmp_path, "--source", files / "photo.pt", "-n", 2, ckpt="cartoon.pt")
    rows, titles = [], []
    for degree in (5, 0, -5):
        for seed, name in ((PHOTO, "source"), (CARTOON, "cartoon")):
            rows += drawn(moved(people([0, 1], seed=seed), degree), seed)
            titles.append(f"{name} {degree:+d}" if degree else f"{name} 0")
    expected = utils.sheet(rows, 2, [""] * 10 + ["0", "1"], titles, "direction 0, -5 to +5, on layers 0-5 of 6")
    assert np.array_equal(pixels(tmp_path / "factor_index-0_degree-5.0.png"), pixels(expected))


def test_latents_of_a_file_are_edited_untruncated_under_their_names(files, tmp_path):
    applied(files, tmp_path, "--latents", files / "people.pt")
    w_plus = torch.load(files / "people.pt", weights_only=True)["latent"]
    rows = [picture for degree in (5, 0, -5) for picture in drawn(moved(w_plus, degree))]
    title = "direction 0, -5 to +5, on layers 0-5 of 6"
    expected = utils.sheet(rows, 2, ["", "", "", "", "Anna", "Bert"], ["+5", "0", "-5"], title)
    assert np.array_equal(pixels(tmp_path / "factor_index-0_degree-5.0.png"), pixels(expected))


def test_latents_may_be_several_files_before_the_factor(files, tmp_path):
    w_plus = torch.load(files / "people.pt", weights_only=True)["latent"]
    np.save(tmp_path / "psp.npy", (w_plus[0] + 0.5).numpy())
    run(apply_factor, "--ckpt", files / "photo.pt", "--outdir", tmp_path, "-d", 1, "--latents", files / "people.pt",
        tmp_path / "psp.npy", files / "factor.pt")  # fmt: skip
    rows = [one for degree in (1, 0, -1) for one in drawn(moved(torch.cat([w_plus, w_plus[:1] + 0.5]), degree))]
    title = "direction 0, -1 to +1, on layers 0-5 of 6"
    expected = utils.sheet(rows, 3, ["", "", "", "", "", "", "Anna", "Bert", "psp"], ["+1", "0", "-1"], title)
    assert np.array_equal(pixels(tmp_path / "factor_index-0_degree-1.0.png"), pixels(expected))


def test_directions_of_others_are_told_and_move_people_as_they_publish(files, tmp_path, capsys):
    vector = torch.arange(1.0, 9)
    np.save(tmp_path / "age_w_boundary.npy", vector[None].numpy())
    applied(files, tmp_path, "-n", 1, "-d", 0.1, factor=tmp_path / "age_w_boundary.npy")
    assert "age_w_boundary.npy: 1 direction in w (8 numbers), for all layers\n" in capsys.readouterr().out
    rows = [one for degree in (0.1, 0, -0.1) for one in drawn(people([0]) + degree * vector)]
    title = "direction 0, -0.1 to +0.1, on layers 0-5 of 6"
    expected = utils.sheet(rows, 1, ["", "", "0"], ["+0.1", "0", "-0.1"], title)
    found = pixels(tmp_path / "factor_index-0_degree-0.1.png").astype(int)
    assert np.abs(found - pixels(expected)).max() <= 1


def test_several_directions_get_a_sheet_each_and_one_of_all(files, tmp_path, capsys):
    applied(files, tmp_path, "-i", "0,2-3", "--seeds", "8,9", "-d", 3, "--steps", 5)
    single = [f"factor_index-{index}_degree-3.0.png" for index in (0, 2, 3)]
    assert names(tmp_path) == sorted(["command.txt", *single, "factor_index-0,2-3_degree-3.0.png"])
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "factor_index-0,2-3_degree-3.0.png")
    degrees = {-3: "-3", -1.5: "-1.5", 0: "0", 1.5: "+1.5", 3: "+3"}
    rows = [drawn(moved(people([8, 9])[:1], degree, index))[0] for index in (0, 2, 3) for degree in degrees]
    expected = utils.sheet(rows, 5, [*degrees.values()] * 3, ["0", "2", "3"], "person 8")
    assert np.array_equal(pixels(tmp_path / "factor_index-0,2-3_degree-3.0.png"), pixels(expected))
    rows = [picture for degree in reversed(degrees) for picture in drawn(moved(people([8, 9]), degree, 2))]
    title = "direction 2, -3 to +3, on layers 0-5 of 6"
    expected = utils.sheet(rows, 2, [""] * 8 + ["8", "9"], [*reversed(degrees.values())], title)
    assert np.array_equal(pixels(tmp_path / "factor_index-2_degree-3.0.png"), pixels(expected))


@pytest.mark.parametrize("ending", ["webp", "gif"])
def test_a_loop_swings_from_one_end_to_the_other_and_back(files, tmp_path, ending):
    applied(files, tmp_path, "-n", 1, "--loop", ending, "--frames", 8)
    with Image.open(tmp_path / f"factor_index-0_degree-5.0.{ending}") as film:
        assert film.n_frames == 8
        frames = []
        for frame in range(8):
            film.seek(frame)
            frames.append(np.asarray(film.convert("RGB"))[30:].astype(int))  # below the title
    apart = np.abs(frames[0] - frames[4]).mean()
    assert apart > 5
    for there, back in zip(frames[1:4], frames[7:4:-1]):
        assert np.abs(there - back).mean() < 0.1 * apart  # webp is lossy


def test_a_loop_that_its_format_cannot_hold_is_refused_before_drawing_and_rows_help(files, tmp_path, capsys, monkeypatch):
    with monkeypatch.context() as undrawn:
        undrawn.setattr(latents, "drawn", None)
        words = ["--ckpt", files / "photo.pt", "--outdir", tmp_path, "-n", 130, "--loop", "webp", files / "factor.pt"]
        message = failure(capsys, apply_factor, *words)
    assert "16383 px a side" in message and "--columns" in message and "or gif" in message and "--seeds" in message
    assert not names(tmp_path)
    monkeypatch.setitem(animation.LONGEST, "webp", 300)
    applied(files, tmp_path, "-n", 3, "--loop", "webp", "--frames", 2, "--columns", 2)
    with Image.open(tmp_path / "factor_index-0_degree-5.0.webp") as film:
        assert film.width == 2 * 130 + 2


def test_the_sheet_is_saved_before_the_loop(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(animation, "save", lambda *args, **options: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(SystemExit):
        applied(files, tmp_path, "-n", 1, "--loop", "gif", "--frames", 2)
    assert names(tmp_path) == ["factor_index-0_degree-5.0.png"]


def test_the_published_flag_for_a_film(files, tmp_path):
    pytest.importorskip("av")
    applied(files, tmp_path, "-n", 1, "--video", "--video_name", "film", "--frames", 3)
    assert (tmp_path / "film_index-0_degree-5.0.mp4").stat().st_size > 100


def test_named_edits_bring_their_layers_and_range(files, tmp_path, capsys):
    found = sefa.sefa(tiny_generator(PHOTO))
    found.edits = {"long hair": Edit(2, [3, 4], -1.0, 2.0)}
    directions.save_directions(tmp_path / "named.pt", found)
    applied(files, tmp_path, "-i", "long hair", "-n", 1, factor=tmp_path / "named.pt")
    assert "direction long hair, -1 to +2, on layers 3-4 of 6\n" in capsys.readouterr().out
    rows = [picture for degree in (2, 0.5, -1) for picture in drawn(moved(people([0]), degree, 2, [3, 4]))]
    title = "direction long hair, -1 to +2, on layers 3-4 of 6"
    expected = utils.sheet(rows, 1, ["", "", "0"], ["+2", "+0.5", "-1"], title)
    assert np.array_equal(pixels(tmp_path / "factor_index-long-hair_degree-2.0.png"), pixels(expected))
    applied(files, tmp_path, "-i", "long hair", "-n", 1, "-d", 4, "--layers", 0, factor=tmp_path / "named.pt")
    assert "direction long hair, -4 to +4, on layers 0 of 6\n" in capsys.readouterr().out


def test_degrees_of_ganspace_are_standard_deviations_two_by_default(files, tmp_path, capsys):
    vectors = torch.eye(8)[:3]
    found = Directions(vectors, scale=torch.tensor([3.0, 2.0, 1.0]), mean=torch.zeros(8), method="ganspace")
    directions.save_directions(tmp_path / "pca.pt", found)
    applied(files, tmp_path, "-i", 1, "-n", 1, factor=tmp_path / "pca.pt")
    title = "direction 1, -2 to +2, on layers 0-5 of 6"
    rows = [picture for step in (4, 0, -4) for picture in drawn(people([0]) + step * vectors[1])]
    expected = utils.sheet(rows, 1, ["", "", "0"], ["+2", "0", "-2"], title)
    assert np.array_equal(pixels(tmp_path / "factor_index-1_degree-2.0.png"), pixels(expected))


def test_pictures_tell_what_made_them_and_the_command_makes_them_again(files, tmp_path):
    applied(files, tmp_path, "-i", "0-1", "-n", 1, "--seed", 4)
    path = tmp_path / "factor_index-1_degree-5.0.png"
    with Image.open(path) as picture:
        text = dict(picture.text)
    line = (tmp_path / "command.txt").read_text().strip()
    assert text.pop("command") == line and line.startswith("python apply_factor.py --ckpt ")
    assert text == {
        "edit": "direction 1, -5 to +5, on layers 0-5 of 6",
        "ckpt": str(files / "photo.pt"),
        "factor": str(files / "factor.pt"),
        "seeds": "4-4",
        "truncation": "0.7",
    }
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    run(apply_factor, *shlex.split(line)[2:])
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_without_outdir_only_pictures_come_here(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(apply_factor, "--ckpt", files / "photo.pt", "-n", 1, "--factor", files / "factor.pt")
    assert names(tmp_path) == ["factor_index-0_degree-5.0.png"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["--ckpt", "{photo}"], "FACTOR: name one file"),
        (["--ckpt", "{photo}", "--factor", "{factor}", "{factor}"], "FACTOR: name one file"),
        (["{factor}"], "--ckpt"),
        (["--ckpt", "missing.pt", "{factor}"], "--ckpt missing.pt: no such file"),
        (["--ckpt", "{photo}", "missing.pt"], "--factor missing.pt: no such file"),
        (["--ckpt", "{photo}", "{photo}"], "not a direction file (a checkpoint of networks)"),
        (["--ckpt", "{factor}", "{factor}"], "holds no generator"),
        (["--ckpt", "{photo}", "{damaged}"], "--factor {damaged}: "),
        (["--ckpt", "{damaged}", "{factor}"], "{damaged}: "),
        (["--ckpt", "{long}", "{factor}"], "--factor {factor} with --ckpt {long}: made for w of 8 numbers"),
        (["--ckpt", "{photo}", "{factor-of-wide}"], "made for at least 7 layers, but this network has 6 (16 px); factorise it"),
        (["--ckpt", "{photo}", "--source", "{wide}", "{factor}"], "another size"),
        (["--ckpt", "{photo}", "--source", "{photo}", "--ckpt2", "{cartoon}", "{factor}"], "leave --source out"),
        (
            ["--ckpt", "{wide}", "--latents", "{people}", "{factor}"],
            "latents of 6 layers, which are for 16 px",
        ),
        (["--ckpt", "{photo}", "--latents", "{factor}", "{factor}"], "not a latent file"),
        (["--ckpt", "{photo}", "--latents", "{people}", "--seeds", "1", "{factor}"], "not allowed with"),
        (["--ckpt", "{photo}", "-i", "8", "{factor}"], "--index 8: this file has the directions 0-7"),
        (["--ckpt", "{photo}", "-i", "smile", "{factor}"], "--index smile"),
        (["--ckpt", "{photo}", "--layers", "6", "{factor}"], "--layers 6: this network has the layers 0-5"),
        (["--ckpt", "{photo}", "--res", "32", "{factor}"], "--res 32"),
        (["--ckpt", "{photo}", "-d", "inf", "{factor}"], "--degree"),
        (["--ckpt", "{photo}", "-n", "0", "{factor}"], "--n_sample: 0"),
        (["--ckpt", "{photo}", "--steps", "1", "{factor}"], "--steps: 1"),
        (["--ckpt", "{photo}", "--frames", "1", "{factor}"], "--frames: 1"),
        (["--ckpt", "{photo}", "--seed", "4294967296", "{factor}"], "--seed"),
        (["--ckpt", "{photo}", "--size", "256", "{factor}"], "--size 256: the network draws 16 px"),
        (["--ckpt", "{photo}", "--channel_multiplier", "1", "{factor}"], "--channel_multiplier 1"),
        (["--ckpt", "{photo}", "--device", "gpu", "{factor}"], "--device gpu"),
    ],
    ids=" ".join,
)
def test_wrong_input_gets_one_line_and_writes_nothing(files, tmp_path, capsys, words, message):
    paths = {path.stem: path for path in files.iterdir()} | {"damaged": tmp_path / "damaged.pt"}
    paths["damaged"].write_bytes((files / "factor.pt").read_bytes()[:-300])
    found = failure(capsys, apply_factor, "--outdir", tmp_path / "out", *[word.format(**paths) for word in words])
    assert message.format(**paths) in found
    assert not (tmp_path / "out").exists()


def test_a_sheet_that_no_memory_holds_is_refused_before_drawing(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(canvas, "LARGEST_SHEET", 1_000_000)
    monkeypatch.setattr(latents, "drawn", None)
    words = ["--ckpt", files / "photo.pt", "--outdir", tmp_path, "-n", 100, files / "factor.pt"]
    assert "GiB" in failure(capsys, apply_factor, *words) and not names(tmp_path)

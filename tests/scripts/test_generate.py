"""scripts.generate: people as pictures, the same for the same seed in any company."""

import shlex
import signal
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

import checkpoint
import utils
from editing import latents, layer_swap, looks, people, sefa
from editing.directions import Edit, save_directions
from model import Generator
from scripts import generate
from tests.commands import failure, run, stopped_in_call
from tests.networks import child_of, tiny_generator

SHOWN = 128 + utils.GAP  # pixels from one picture of a sheet to the next


def saved(path, **options):
    checkpoint.write(path, {"g_ema": tiny_generator(**options).state_dict()})
    return path


@pytest.fixture(scope="module")
def cartoon(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("networks") / "cartoon.pt", seed=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("networks") / "source.pt", seed=2)


def draw(ckpt, folder, *words):
    run(generate, "--ckpt", ckpt, "--device", "cpu", "--outdir", folder, *words)
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "command.txt")


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_every_seed_gets_a_picture_and_all_get_a_sheet(cartoon, tmp_path, capsys):
    draw(cartoon, tmp_path / "new" / "out", "--seeds", "0-2,100")
    folder = tmp_path / "new" / "out"
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "sheet.png")
    assert names(folder) == ["seed0000.png", "seed0001.png", "seed0002.png", "seed0100.png", "sheet.png"]
    generator = checkpoint.read(cartoon).generator()
    expected = utils.to_pixels(latents.draw(generator, latents.people(generator, [0, 1, 2, 100]))).numpy()
    for seed, person in zip([0, 1, 2, 100], expected):
        assert np.array_equal(pixels(folder / f"seed{seed:04d}.png"), person)
    assert expected.std() > 1


def test_people_are_changed_as_asked_for_and_the_picture_says_how(cartoon, source, tmp_path):
    networks = [checkpoint.read(path).generator() for path in (source, cartoon)]
    found = sefa.sefa(networks[0])
    file = save_directions(tmp_path / "factor.pt", found)
    changes = ["--edit", f"{file}:1=2", f"{file}:0=-1:0-2", "--mix", 9, "--mix_layers", "3", "--no_noise", "--cutoff", 2]
    blended = ["--source", source, "--swap", 8, "--width", 0.5, "--truncation", 0.5]
    folder = draw(cartoon, tmp_path, "--seeds", "3", *changes, *blended)
    moves = [looks.Move(found, Edit(1), 2.0), looks.Move(found, Edit(0, [0, 1, 2]), -1.0)]
    brush = people.Brush(0.5, look=looks.Look(2, people.by_seed("9"), [3], moves, False))
    (expected,) = people.everybody(layer_swap.blend(*networks, 8, 0.5), people.by_seed("3"), brush)
    assert np.array_equal(pixels(folder / "seed0003.png"), np.asarray(expected))
    with Image.open(folder / "seed0003.png") as picture:
        assert picture.text["mix_layers"] == "3" and picture.text["edit"] == f"{file}:1=2 {file}:0=-1:0-2"


def test_changes_that_cannot_be_made_are_refused_in_words(cartoon, tmp_path, capsys):
    same = ["--ckpt", cartoon, "--outdir", tmp_path]
    assert "--cutoff 50" in failure(capsys, generate, *same, "--cutoff", 50, "--truncation", 0.5)
    assert "--mix 0-3: 4 people" in failure(capsys, generate, *same, "--mix", "0-3")
    assert "--edit no.pt" in failure(capsys, generate, *same, "--edit", "no.pt:0=1")


def test_the_same_command_writes_the_same_bytes(cartoon, tmp_path):
    first, second = (draw(cartoon, tmp_path / name, "--seeds", "3-5", "--truncation", 0.7) for name in ("first", "second"))
    assert len(names(first)) == 4
    for name in names(first):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_person_is_the_same_alone_in_company_and_in_any_batch(cartoon, tmp_path):
    alone = pixels(draw(cartoon, tmp_path / "alone", "--seeds", 4) / "seed0004.png")
    for name, words in {"company": ["--seeds", "9,2-6"], "batches": ["--seeds", "0-4", "--batch", 3]}.items():
        found = pixels(draw(cartoon, tmp_path / name, *words) / "seed0004.png")
        assert np.abs(found - alone).max() <= 1  # sums of another batch may be rounded otherwise
        assert np.mean(found != alone) < 0.01


def test_pictures_tell_what_made_them(cartoon, tmp_path):
    folder = draw(cartoon, tmp_path / "out", "--seeds", "7,8", "--truncation", 0.5)
    with Image.open(folder / "seed0007.png") as picture:
        assert picture.text == {"seed": "7", "truncation": "0.5", "ckpt": str(cartoon)}
    with Image.open(folder / "sheet.png") as picture:
        assert picture.text == {"seeds": "7,8", "truncation": "0.5", "ckpt": str(cartoon)}


def test_the_command_in_the_folder_draws_the_same_again(cartoon, tmp_path):
    draw(cartoon, tmp_path / "out", "--seeds", "3")
    before = (tmp_path / "out" / "sheet.png").read_bytes()
    line = (tmp_path / "out" / "command.txt").read_text()
    assert line.startswith("python -m scripts.generate --ckpt ")
    run(generate, *shlex.split(line)[3:])
    assert (tmp_path / "out" / "sheet.png").read_bytes() == before


def test_no_sheet_and_nothing_else_is_refused_as_such(cartoon, tmp_path, capsys):
    message = failure(capsys, generate, "--ckpt", cartoon, "--seeds", "0-2", "--sheet", 0, "--sheet_only")
    assert "--sheet 0: leaves nothing to draw" in message


def test_sheet_only_writes_the_sheet_alone(cartoon, tmp_path):
    assert names(draw(cartoon, tmp_path / "out", "--seeds", "0-2", "--sheet_only")) == ["sheet.png"]


@pytest.mark.parametrize("columns, across, rows", [(2, 2, 3), (5, 5, 1), (9, 5, 1)])
def test_columns_are_the_people_in_a_row(cartoon, tmp_path, columns, across, rows):
    folder = draw(cartoon, tmp_path / "out", "--seeds", "0-4", "--columns", columns, "--sheet_only")
    height, width, _ = pixels(folder / "sheet.png").shape
    assert width == across * SHOWN + utils.GAP
    assert (height - utils.GAP) % rows == 0
    assert SHOWN < (height - utils.GAP) // rows < SHOWN + 40  # a picture and its caption


def test_a_network_that_was_not_fine_tuned_from_the_source_is_pointed_out(cartoon, source, tmp_path, capsys):
    tuned = child_of(checkpoint.read(source).generator())
    checkpoint.write(tmp_path / "tuned.pt", {"g_ema": tuned.state_dict()})
    wide = saved(tmp_path / "wide.pt", style_dim=16)
    words = ["--seeds", "0", "--ckpt", tmp_path / "tuned.pt", cartoon, wide]
    run(generate, "--source", source, "--outdir", tmp_path / "out", *words)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert [line.split(": ")[1] for line in said] == [f"{path} looks unrelated to {source}" for path in (cartoon, wide)]
    assert "shapes" not in said[0] and "shapes" in said[1]
    run(generate, "--outdir", tmp_path / "out", *words)
    assert "unrelated" not in capsys.readouterr().err


def test_source_draws_the_same_people_in_the_row_above(cartoon, source, tmp_path):
    both = draw(cartoon, tmp_path / "both", "--source", source, "--seeds", "0-3", "--truncation", 0.8)
    alone = {"source": draw(source, tmp_path / "a", "--seeds", "0-3", "--truncation", 0.8)}
    alone["cartoon"] = draw(cartoon, tmp_path / "b", "--seeds", "0-3", "--truncation", 0.8)
    assert names(both) == names(alone["cartoon"])
    assert (both / "seed0002.png").read_bytes() == (alone["cartoon"] / "seed0002.png").read_bytes()
    sheet = pixels(both / "sheet.png")
    left = sheet.shape[1] - (4 * SHOWN + utils.GAP)
    assert left > 0  # for the names of the rows
    for row, name in enumerate(("source", "cartoon")):
        above = utils.GAP + row * SHOWN
        people = pixels(alone[name] / "sheet.png")[utils.GAP : utils.GAP + 128]
        assert np.array_equal(sheet[above : above + 128, left:], people)


def test_latents_of_a_file_are_drawn_under_their_names(cartoon, tmp_path):
    w_plus = latents.people(checkpoint.read(cartoon).generator(), [7, 3])
    file = latents.save_latents(tmp_path / "faces.pt", w_plus, space="w+", names=["photos/anna.png", "photos/bert.png"])
    by_file = draw(cartoon, tmp_path / "file", "--latents", file)
    by_seed = draw(cartoon, tmp_path / "seed", "--seeds", "7,3")
    assert names(by_file) == ["anna.png", "bert.png", "sheet.png"]
    for name, seed in (("anna.png", "seed0007.png"), ("bert.png", "seed0003.png")):
        assert np.array_equal(pixels(by_file / name), pixels(by_seed / seed))
    with Image.open(by_file / "anna.png") as picture:
        assert picture.text == {"latents": str(file), "latent": "anna.png", "truncation": "1.0", "ckpt": str(cartoon)}
    with Image.open(by_file / "sheet.png") as picture:
        assert picture.text == {"latents": str(file), "truncation": "1.0", "ckpt": str(cartoon)}


def test_several_latent_files_are_drawn_in_their_order_and_their_people_kept_apart(cartoon, tmp_path, capsys):
    """Whatever programs wrote them, by several words or by repeating the flag."""
    w_plus = latents.people(checkpoint.read(cartoon).generator(), [7, 3, 5, 9])
    files = [tmp_path / name for name in ("a/latents.pt", "b/latents.pt", "psp.npy", "w.npz")]
    for file, person in zip(files[:2], w_plus):
        latents.save_latents(file, person[None], space="w+", names=["me.png"])
    np.save(files[2], w_plus[2].numpy())
    np.savez(files[3], w=w_plus[3:].numpy())
    for words in (["--latents", *files], [word for file in files for word in ("--latents", file)]):
        folder = draw(cartoon, tmp_path / f"out{len(words)}", *words)
        told = capsys.readouterr().out
        assert all(f"{file}: 1 person in w+ (6 layers of 8 numbers)" in told for file in files)
        people = ["a-latents-me.png", "b-latents-me.png", "psp.png", "w.png"]
        assert names(folder) == sorted([*people, "sheet.png"])
        by_seed = draw(cartoon, tmp_path / "seed", "--seeds", "7,3,5,9")
        for name, seed in zip(people, (7, 3, 5, 9)):
            assert np.abs(pixels(folder / name) - pixels(by_seed / f"seed{seed:04d}.png")).max() <= 1


def test_the_noise_of_latents_is_used_in_the_network_they_were_found_in(cartoon, source, tmp_path):
    generator, other = (checkpoint.read(path).generator() for path in (source, cartoon))
    w_plus, noise = latents.people(generator, [1, 2]), generator.make_noise(2, torch.Generator().manual_seed(0))
    home = checkpoint.fingerprint(generator.state_dict())
    file = latents.save_latents(tmp_path / "faces.pt", w_plus, space="w+", names=["a", "b"], noise=noise, ckpt=home)
    for path, network, expected in ((source, generator, noise), (cartoon, other, None)):
        folder = draw(path, tmp_path / path.stem, "--latents", file)
        drawn = utils.to_pixels(latents.draw(network, w_plus, noise=expected)).numpy().astype(int)
        assert np.abs(np.stack([pixels(folder / "a.png"), pixels(folder / "b.png")]) - drawn).max() <= 1


def test_truncation_0_draws_everybody_alike(cartoon, tmp_path):
    folder = draw(cartoon, tmp_path / "out", "--seeds", "0-1", "--truncation", 0)
    assert np.abs(pixels(folder / "seed0000.png") - pixels(folder / "seed0001.png")).max() <= 1


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--ckpt", "{missing}"], ["missing.pt: no such file"]),
        (["--ckpt", "{text}"], ["text.pt"]),
        (["--ckpt", "{cartoon}", "--source", "{missing}"], ["missing.pt: no such file"]),
        (["--ckpt", "{cartoon}", "--source", "{wide}"], ["--source {wide}", "another size than {cartoon}"]),
        (["--ckpt", "{cartoon}", "--seeds", "1-x"], ["--seeds 1-x", "0-35,100"]),
        (["--ckpt", "{cartoon}", "--seeds=-1"], ["--seeds -1", "0-35,100"]),
        (["--ckpt", "{cartoon}", "--columns", "0"], ["--columns: 0", "at least 1"]),
        (["--ckpt", "{cartoon}", "--batch", "x"], ["--batch: 'x'", "whole number"]),
        (["--ckpt", "{cartoon}", "--truncation", "x"], ["--truncation", "x"]),
        (["--ckpt", "{cartoon}", "--device", "gpu"], ["--device gpu", "cpu"]),
        (["--ckpt", "{cartoon}", "--latents", "{missing}"], ["--latents {missing}: no such file"]),
        (["--ckpt", "{cartoon}", "--latents", "{cartoon}"], ["--latents {cartoon}", "not a latent file"]),
        (
            ["--ckpt", "{wide}", "--latents", "{people}"],
            ["--latents {people}", "6 layers, which are for 16 px, but this network has 8 layers (32 px)"],
        ),
        (["--ckpt", "{cartoon}", "--latents", "{people}", "--seeds", "1"], ["--seeds", "not allowed with"]),
        ([], ["--ckpt"]),
    ],
    ids=" ".join,
)
def test_wrong_input_gets_one_line_and_writes_nothing(cartoon, tmp_path, capsys, flags, words):
    files = {"cartoon": cartoon, "missing": tmp_path / "missing.pt", "text": tmp_path / "text.pt", "wide": tmp_path / "wide.pt"}
    files["text"].write_text("no network")
    saved(files["wide"], size=32)
    files["people"] = latents.save_latents(tmp_path / "people.pt", torch.zeros(1, 6, 8), space="w+", names=["Anna"])
    message = failure(capsys, generate, *[flag.format(**files) for flag in flags], "--outdir", tmp_path / "out")
    assert message.startswith("generate: ")
    for word in words:
        assert word.format(**files) in message
    assert not (tmp_path / "out").exists()


def test_an_outdir_that_is_a_file_gets_one_line(cartoon, tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert "out" in failure(capsys, generate, "--ckpt", cartoon, "--seeds", 0, "--outdir", tmp_path / "out")


def test_a_seed_beyond_64_bits_gets_one_line(cartoon, tmp_path, capsys):
    message = failure(capsys, generate, "--ckpt", cartoon, "--seeds", 2**64, "--outdir", tmp_path / "out")
    assert "--seeds" in message


def test_truncation_is_a_finite_number(cartoon, tmp_path, capsys):
    assert "--truncation" in failure(capsys, generate, "--ckpt", cartoon, "--truncation", "nan", "--outdir", tmp_path / "out")


def test_a_missing_file_is_named_with_its_flag(cartoon, tmp_path, capsys):
    message = failure(capsys, generate, "--ckpt", cartoon, "--source", tmp_path / "missing.pt", "--outdir", tmp_path / "out")
    assert message.startswith("generate: --source ")


def test_global_random_numbers_do_not_matter(cartoon, tmp_path):
    folders = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        folders.append(draw(cartoon, tmp_path / str(seed), "--seeds", "0-1", "--truncation", 0.7))
    assert (folders[0] / "sheet.png").read_bytes() == (folders[1] / "sheet.png").read_bytes()


def test_several_networks_are_rows_of_one_sheet(cartoon, source, tmp_path):
    people = ["--seeds", "0-1", "--device", "cpu", "--outdir"]
    run(generate, "--ckpt", f"first={cartoon}", source, *people, tmp_path / "both")
    assert names(tmp_path / "both") == ["sheet.png"]
    together = pixels(tmp_path / "both" / "sheet.png")[:, -2 * SHOWN :]
    for row, ckpt in enumerate((cartoon, source)):
        run(generate, "--ckpt", ckpt, *people, tmp_path / str(row))
        alone = pixels(tmp_path / str(row) / "sheet.png")[:, -2 * SHOWN :]
        top = utils.GAP + row * SHOWN
        assert np.array_equal(together[top : top + 128], alone[utils.GAP : utils.GAP + 128])


def test_two_rows_of_one_name_are_refused(cartoon, tmp_path, capsys):
    assert "NAME=" in failure(capsys, generate, "--ckpt", cartoon, cartoon, "--outdir", tmp_path)


def test_each_picture_is_written_as_it_is_drawn(cartoon, tmp_path, monkeypatch):
    with stopped_in_call(3, signal.SIGINT, Generator, "synthesis", monkeypatch), pytest.raises(SystemExit):
        draw(cartoon, tmp_path / "out", "--seeds", "0-99", "--batch", 4)
    assert names(tmp_path / "out") == [f"seed{seed:04d}.png" for seed in range(8)]
    assert (tmp_path / "out" / "command.txt").exists()


def test_memory_holds_two_batches_however_many_people_there_are(cartoon, tmp_path, monkeypatch):
    alive, most, latent_rows = set(), [0], [0]

    def to_pictures(images, original=utils.to_pictures):
        pictures = original(images)
        for picture in pictures:
            alive.add(id(picture))
            weakref.finalize(picture, alive.discard, id(picture))
        most[0] = max(most[0], len(alive))
        return pictures

    def synthesis(generator, w_plus, *args, original=Generator.synthesis):
        latent_rows[0] = max(latent_rows[0], len(w_plus.untyped_storage()) // (4 * w_plus.shape[-1]))
        return original(generator, w_plus, *args)

    monkeypatch.setattr(utils, "to_pictures", to_pictures)
    monkeypatch.setattr(Generator, "synthesis", synthesis)
    monkeypatch.setattr(utils, "save_png", lambda picture, path, **text: path)
    draw(cartoon, tmp_path / "out", "--seeds", "0-1999", "--batch", 10, "--truncation", 0.7)
    assert most[0] <= 20
    assert latent_rows[0] <= 6 * 32 * 10  # layers of some batches, not of everybody


@pytest.mark.parametrize(
    "count, words, shown",
    [(400, [], 400), (401, [], None), (401, ["--sheet", 401], 401), (5, ["--sheet", 2], 2), (5, ["--sheet", 0], None)],
)
def test_a_sheet_of_many_is_drawn_when_asked_for(cartoon, tmp_path, monkeypatch, count, words, shown):
    sheets = []
    monkeypatch.setattr(utils, "paired_sheet", lambda rows, columns, captions: sheets.append(rows) or Image.new("RGB", (9, 9)))
    monkeypatch.setattr(utils, "save_png", lambda picture, path, **text: path)
    draw(cartoon, tmp_path / "out", "--seeds", f"0-{count - 1}", "--batch", 64, *words)
    assert [len(rows[""]) for rows in sheets] == ([] if shown is None else [shown])


def test_the_source_draws_those_on_the_sheet_alone(cartoon, source, tmp_path):
    draw(cartoon, tmp_path / "out", "--source", source, "--seeds", "0-9", "--sheet", 2)
    assert len(names(tmp_path / "out")) == 11
    assert pixels(tmp_path / "out" / "sheet.png").shape[1] < 3 * SHOWN + 100


def test_a_sheet_that_nobody_could_hold_is_refused_before_drawing(cartoon, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(latents, "drawn", None)
    words = ["--ckpt", cartoon, "--outdir", tmp_path / "out"]
    assert "--sheet N" in failure(capsys, generate, *words, "--seeds", "0-400", "--sheet_only")
    message = failure(capsys, generate, *words, "--seeds", "0-99999", "--sheet", 99999)
    assert message.startswith("generate: --sheet 99999: ") and "GiB" in message
    assert not (tmp_path / "out").exists()

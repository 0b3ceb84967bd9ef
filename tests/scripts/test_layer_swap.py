"""scripts.layer_swap: sheets over the swap resolutions, from weights or feature maps, and the network of one of them."""

import copy
import shlex

import numpy as np
import pytest
import torch
from PIL import Image

import animation
import canvas
import checkpoint
from checkpoint import BlendedGenerator
from editing import films, latents
from editing import layer_swap as swaps
from editing import people as who
from scripts import generate, layer_swap
from tests.commands import failure, run
from tests.networks import CHANNELS, tiny_generator
from tests.scripts.sheets import as_shown, cells, differ, people, pixels, saved, shown, told

ROUNDING = 2


def child_of(network, seed=5, strength=0.2):
    """As if fine-tuned: every weight moved a little."""
    torch.manual_seed(seed)
    child = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in child.parameters():
            parameter += strength * parameter.std(correction=0) * torch.randn_like(parameter)
    return child


@pytest.fixture(scope="module")
def photo():
    return tiny_generator(seed=1)


@pytest.fixture(scope="module")
def cartoon(photo):
    return child_of(photo)


@pytest.fixture(scope="module")
def files(photo, cartoon, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    return {"source": saved(folder / "photo.pt", photo), "target": saved(folder / "cartoon.pt", cartoon)}


def draw(files, folder, *words):
    run(layer_swap, "--source", files["source"], "--target", files["target"], "--outdir", folder, "--device", "cpu", *words)
    return folder / "sheet.png"


def by_seed(low, high, swap, **options):
    network = swaps.blend(low, high, swap, **options)
    return people(network, 0, 1)


def test_columns_go_from_the_source_over_every_swap_to_the_target(files, photo, cartoon, tmp_path):
    found = cells(draw(files, tmp_path, "--seeds", "0-1"), columns=4, rows=2)
    expected = [people(photo, 0, 1), by_seed(photo, cartoon, 16), by_seed(photo, cartoon, 8), people(cartoon, 0, 1)]
    for column, pictures in enumerate(expected):
        assert differ(found[:, column], pictures) <= ROUNDING
    assert differ(found[:, 0], found[:, 1]) > 10 and differ(found[:, 1], found[:, 2]) > 10


@pytest.mark.parametrize("words", [[], ["--width", 1], ["--features"], ["--interpolate", "0.3"]], ids=str)
def test_a_swap_with_itself_is_the_identity(files, photo, tmp_path, words):
    files = files | {"target": files["source"]}
    found = cells(draw(files, tmp_path, "--seeds", 0, *words), columns=3 if "--interpolate" in words else 4, rows=1)
    for column in range(found.shape[1]):
        assert differ(found[0, column], people(photo, 0)[0]) <= ROUNDING


def test_reverse_takes_the_low_resolutions_from_the_target(files, photo, cartoon, tmp_path):
    found = cells(draw(files, tmp_path, "--seeds", "0-1", "--reverse", "--swap", "8,16"), columns=4, rows=2)
    expected = [people(cartoon, 0, 1), by_seed(cartoon, photo, 16), by_seed(cartoon, photo, 8), people(photo, 0, 1)]
    for column, pictures in enumerate(expected):
        assert differ(found[:, column], pictures) <= ROUNDING


@pytest.mark.parametrize(
    "words, options",
    [
        (["--width", 0.7], {"width": 0.7}),
        (["--level", 1], {"level": 1}),
        (["--mapping", "high"], {"mapping": "high"}),
        (["--mapping", "blend", "--width", 2, "--level", 1], {"mapping": "blend", "width": 2, "level": 1}),
    ],
    ids=str,
)
def test_each_way_to_blend_is_the_one_of_its_flags(files, photo, cartoon, tmp_path, words, options):
    found = cells(draw(files, tmp_path, "--seeds", "0-1", "--swap", 8, *words), columns=3, rows=2)
    assert differ(found[:, 1], by_seed(photo, cartoon, 8, **options)) <= ROUNDING
    assert differ(found[:, 1], by_seed(photo, cartoon, 8)) > ROUNDING


def test_interpolation_orders_its_columns_and_shows_both_ends(files, photo, cartoon, tmp_path):
    found = cells(draw(files, tmp_path, "--seeds", "0-1", "--interpolate=1.5,0.5,-0.5"), columns=5, rows=2)
    for column, t in enumerate((-0.5, 0, 0.5, 1, 1.5)):
        assert differ(found[:, column], people(swaps.interpolate(photo, cartoon, t), 0, 1)) <= ROUNDING


@pytest.mark.parametrize("rgb, giver", [([], "receiver"), (["--rgb", "low"], "giver")])
def test_features_are_those_of_the_low_network(files, photo, cartoon, tmp_path, rgb, giver):
    found = cells(draw(files, tmp_path, "--seeds", "0-2", "--features", "--swap", 8, "--batch", 2, *rgb), columns=3, rows=3)
    w_plus = latents.people(photo, [0, 1, 2])
    assert differ(found[:, 1], as_shown(swaps.swap_features(photo, cartoon, w_plus, 8, rgb=giver))) <= ROUNDING


def test_several_targets_are_rows_named_after_their_files(files, photo, cartoon, tmp_path):
    older = saved(tmp_path / "000100.pt", child_of(photo, strength=0.1))
    sheet = draw(files, tmp_path / "out", "--target", files["target"], older)
    found = cells(sheet, columns=4, rows=2)
    assert differ(found[0, 3], people(cartoon, 0)[0]) <= ROUNDING
    assert differ(found[1, 3], people(checkpoint.read(older).generator(), 0)[0]) <= ROUNDING


def test_latents_of_a_file_are_swapped(files, photo, cartoon, tmp_path):
    w_plus = latents.people(photo, [5, 6])
    file = latents.save_latents(tmp_path / "faces.pt", w_plus, space="w+", names=["anna.png", "bert.png"])
    found = cells(draw(files, tmp_path, "--latents", file, "--swap", 16), columns=3, rows=2)
    assert differ(found[:, 1], shown(swaps.blend(photo, cartoon, 16), w_plus)) <= ROUNDING


def test_distances_are_printed_and_strangers_are_named(files, photo, tmp_path, capsys):
    draw(files, tmp_path, "--seeds", 0, "--swap", 8)
    lines = capsys.readouterr().out.splitlines()
    distances = swaps.level_distances(photo, checkpoint.read(files["target"]).generator())
    assert f"mapping {distances['mapping']:.3f}, 4 px {distances['4']:.3f}, 8 px" in lines[0]
    assert not any("unrelated" in line for line in lines)
    assert lines[-1] == str(tmp_path / "sheet.png")
    stranger = saved(tmp_path / "stranger.pt", seed=2)
    draw(files | {"target": stranger}, tmp_path, "--seeds", 0, "--swap", 8)
    assert f"warning: {stranger} looks unrelated to {files['source']}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--swap", 8], ["--swap", 8, "--reverse", "--width", 1], ["--interpolate", 0.25]], ids=str)
def test_a_saved_network_draws_its_column(files, tmp_path, words):
    network = tmp_path / "new" / "toon.pt"
    sheet = draw(files, tmp_path, "--seeds", "0-1", "--save", network, *words)
    saved_network = checkpoint.read(network)
    assert differ(people(saved_network.generator(), 0, 1), cells(sheet, columns=3, rows=2)[:, 1]) <= ROUNDING
    assert saved_network.extra["blend"]["source"] == str(files["source"])
    run(generate, "--ckpt", network, "--seeds", 0, "--outdir", tmp_path / "people")


def test_a_saved_network_keeps_the_styles_of_its_source(photo, tmp_path):
    torch.manual_seed(3)
    styled = BlendedGenerator(16, 8, 2, channels=CHANNELS, freeze_style=2)
    styled.load_source(photo.style.state_dict())
    files = {"source": saved(tmp_path / "photo.pt", photo), "target": saved(tmp_path / "styled.pt", styled)}
    words = ["--seeds", 0, "--swap", 16, "--mapping", "high", "--save", tmp_path / "toon.pt"]
    sheet = draw(files, tmp_path, *words)
    network = checkpoint.read(tmp_path / "toon.pt").generator()
    assert isinstance(network, BlendedGenerator)
    assert differ(people(network, 0)[0], cells(sheet, columns=3, rows=1)[0, 1]) <= ROUNDING


@pytest.mark.parametrize("words", [[], ["--interpolate", "0.5"]], ids=str)
def test_the_loop_goes_there_and_back(files, photo, cartoon, tmp_path, words):
    draw(files, tmp_path, "--seeds", 0, "--loop", "gif", "--frames", 6, *words)
    with Image.open(tmp_path / "swap.gif") as film:
        assert film.n_frames == 2 * (6 - 1)
    way = swaps.Way("interpolate" if words else "weights")
    frames = [np.asarray(frame).astype(int) for frame in films.swap_loop(photo, cartoon, who.by_seed("0"), way, frames=6)]
    whole = cartoon if words else swaps.blend(photo, cartoon, 4)  # the mapping network stays, unless all weights are blended
    for frame, network in ((frames[0], photo), (frames[5], whole)):
        assert np.abs(frame[-130:-2, 2:130] - people(network, 0)[0]).mean() < 1  # the ends of the sigmoid
    assert all(np.array_equal(frames[i][20:], frames[-i][20:]) for i in range(1, 5))


def test_the_sheet_tells_what_made_it_and_its_command_draws_it_again(files, tmp_path):
    sheet = draw(files, tmp_path, "--seeds", "0-1", "--swap", "8", "--width", 1.5, "--truncation", 0.7)
    text = told(sheet)
    assert text["swap"] == "[8]" and text["width"] == "1.5" and text["seeds"] == "0-1" and text["truncation"] == "0.7"
    assert text["source"] == str(files["source"]) and "reverse" not in text
    before = pixels(sheet)
    line = (tmp_path / "command.txt").read_text()
    assert line.startswith("python -m scripts.layer_swap --source ")
    run(layer_swap, *shlex.split(line)[3:])
    assert np.array_equal(pixels(sheet), before)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--source", "{missing}"], ["--source {missing}: no such file"]),
        (["--target", "{missing}"], ["--target {missing}: no such file"]),
        (["--target", "{large}"], ["--target {large}", "shapes"]),
        (["--swap", "32"], ["--swap 32", "4, 8, 16"]),
        (["--swap", "x"], ["--swap", "'x'", "whole number"]),
        (["--swap", "8", "--interpolate", "0.5"], ["--interpolate", "not allowed with"]),
        (["--interpolate", "nan"], ["--interpolate"]),
        (["--interpolate", "0.5", "--width", "1"], ["--width", "no effect with --interpolate"]),
        (["--features", "--interpolate", "0.5"], ["--interpolate", "no effect with --features"]),
        (["--features", "--save", "{new}"], ["--save", "no effect with --features"]),
        (["--features", "--loop", "gif"], ["--loop", "no effect with --features"]),
        (["--rgb", "low"], ["--rgb", "--features"]),
        (["--width", "0"], ["--width", "above 0"]),
        (["--frames", "1"], ["--frames", "at least 2"]),
        (["--save", "{new}"], ["--save", "one --swap"]),
        (["--save", "{new}", "--swap", "8,16"], ["--save", "one --swap"]),
        (["--save", "{large}", "--swap", "8"], ["--save {large}: exists", "--overwrite"]),
        (["--save", "{source}", "--swap", "8", "--overwrite"], ["--save {source}", "one of the networks"]),
        (["--target", "{source}", "{source}", "--loop", "gif"], ["--loop", "one --target"]),
        (["--seeds", "1-x"], ["--seeds 1-x"]),
        (["--latents", "{people}"], ["--latents {people}", "8 layers, which are for 32 px"]),
        (["--device", "gpu"], ["--device gpu"]),
    ],
    ids=" ".join,
)
def test_wrong_input_gets_one_line_and_writes_nothing(files, tmp_path, capsys, flags, words):
    files = files | {name: tmp_path / f"{name}.pt" for name in ("missing", "large", "people", "new")}
    saved(files["large"], size=32)
    latents.save_latents(files["people"], torch.zeros(1, 8, 8), space="w+", names=["Anna"])
    given = ["--source", files["source"], "--target", files["target"], *[flag.format(**files) for flag in flags]]
    message = failure(capsys, layer_swap, *given, "--outdir", tmp_path / "out")
    for word in words:
        assert word.format(**files) in message
    assert not (tmp_path / "out").exists() and not files["new"].exists()


def test_mappings_that_cannot_be_mixed_are_refused_with_a_way_out(photo, tmp_path, capsys):
    styled = BlendedGenerator(16, 8, 2, channels=CHANNELS, freeze_style=2)
    styled.load_source(photo.style.state_dict())
    given = ["--source", saved(tmp_path / "photo.pt", photo), "--target", saved(tmp_path / "styled.pt", styled)]
    message = failure(capsys, layer_swap, *given, "--interpolate", 0.5, "--outdir", tmp_path / "out")
    assert "mapping blend" in message and "take low or high" in message


def test_a_loop_that_its_format_cannot_hold_is_refused_before_drawing_and_rows_help(files, tmp_path, capsys, monkeypatch):
    words = ["--source", files["source"], "--target", files["target"], "--outdir", tmp_path / "new", "--seeds", "0-129"]
    with monkeypatch.context() as undrawn:
        undrawn.setattr(latents, "drawn", None)
        message = failure(capsys, layer_swap, *words, "--loop", "webp")
    assert "16383 px a side" in message and "--columns" in message and "or gif" in message and "--seeds" in message
    assert not (tmp_path / "new").exists()
    monkeypatch.setitem(animation.LONGEST, "webp", 300)
    draw(files, tmp_path, "--seeds", "0-2", "--loop", "webp", "--frames", 2, "--columns", 2)
    with Image.open(tmp_path / "swap.webp") as film:
        assert film.width == 2 * 130 + 2


def test_the_sheet_is_saved_before_the_loop(files, tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "save", lambda *args, **options: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(SystemExit):
        draw(files, tmp_path, "--seeds", 0, "--loop", "gif", "--frames", 2)
    assert (tmp_path / "sheet.png").exists()


def test_a_sheet_that_no_memory_holds_is_refused_before_drawing(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(canvas, "LARGEST_SHEET", 1_000_000)
    monkeypatch.setattr(latents, "drawn", None)
    words = ["--source", files["source"], "--target", files["target"], "--outdir", tmp_path / "new", "--seeds", "0-99"]
    assert "GiB" in failure(capsys, layer_swap, *words) and not (tmp_path / "new").exists()

"""drawing: every command that takes two networks says so when they are strangers, and names files as they were given."""

import numpy as np
import pytest
from PIL import Image

import apply_factor
import checkpoint
import projector
from editing import directions, sefa
from scripts import cartoonize, generate, interpolate, layer_swap, style_mixing, truncation
from tests.commands import failure, run
from tests.networks import child_of, tiny_generator

PEOPLE = ("--seeds", 0)
CALLS = {  # command: (the flag of the source, that of the other network, what else it needs)
    generate: ("--source", "--ckpt", PEOPLE),
    truncation: ("--source", "--ckpt", PEOPLE),
    interpolate: ("--source", "--ckpt", ("--seeds", "0,1", "--frames", 2)),
    style_mixing: ("--source", "--ckpt", ("--rows", 0, "--cols", 1)),
    layer_swap: ("--source", "--target", PEOPLE),
    cartoonize: ("--source", "--target", ("--no_align", "--perceptual", "mse", "--step", 1, "me.png")),
    projector: ("--ckpt", "--target_ckpt", ("--perceptual", "mse", "--step", 1, "me.png")),
    apply_factor: ("--source", "--ckpt", ("-n", 1, "factor.pt")),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A source, a child of it, a stranger, a factor file and a photo."""
    folder = tmp_path_factory.mktemp("pair")
    source = tiny_generator(0)
    for name, network in {"source": source, "child": child_of(source), "stranger": tiny_generator(1)}.items():
        checkpoint.write(folder / f"{name}.pt", {"g_ema": network.state_dict()}, manifest=False)
    directions.save_directions(folder / "factor.pt", sefa.sefa(source))
    Image.fromarray(np.full((16, 16, 3), 99, np.uint8)).save(folder / "me.png")
    return folder


@pytest.mark.parametrize("other", ["child", "stranger"])
@pytest.mark.parametrize("command", CALLS, ids=lambda command: command.__name__)
def test_strangers_are_pointed_out_and_children_are_not(place, tmp_path, monkeypatch, capsys, command, other):
    monkeypatch.chdir(place)
    first, second, words = CALLS[command]
    run(command, first, "source.pt", second, f"{other}.pt", "--device", "cpu", "--outdir", tmp_path / "out", *words)
    shown = capsys.readouterr()
    warned = [line for line in (shown.out + shown.err).splitlines() if "looks unrelated" in line]
    assert len(warned) == (other == "stranger")
    assert all(line.startswith("warning: stranger.pt looks unrelated to source.pt: ") for line in warned)


@pytest.mark.parametrize("given", ["a=b/c.pt", "lr=0.1/a=b/c.pt", "a=", "=c.pt", "c.pt"])
@pytest.mark.parametrize("command", [generate, truncation, style_mixing, interpolate], ids=lambda command: command.__name__)
def test_a_missing_file_is_named_as_given(tmp_path, monkeypatch, capsys, command, given):
    monkeypatch.chdir(tmp_path)
    assert f": --ckpt {given}: no such file" in failure(capsys, command, "--ckpt", given, *CALLS[command][2])


def test_a_name_before_a_file_is_its_row(place, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(place)
    words = ("--device", "cpu", "--outdir", tmp_path, *PEOPLE)
    run(generate, "--ckpt", "one=source.pt", "two=child.pt", *words)
    assert "second row with the name 'one'" in failure(capsys, generate, "--ckpt", "one=source.pt", "one=child.pt", *words)

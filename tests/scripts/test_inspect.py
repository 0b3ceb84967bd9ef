"""What scripts.inspect says of a file."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from errors import InputError
from inversion import files
from inversion.encoder import Encoder
from scripts import convert, inspect
from tests.checkpoint.files import networks, saved, training_contents
from tests.commands import run
from tests.networks import CHANNELS

ROOT = Path(__file__).parents[2]


def report(capsys, *words) -> dict[str, list[str]]:
    """The lines by their names."""
    inspect.main(inspect.parser().parse_args(list(map(str, words))))
    lines: dict[str, list[str]] = {}
    for line in capsys.readouterr().out.splitlines():
        lines.setdefault(line[:14].strip(), []).append(line[14:])
    return lines


def test_as_many_images_as_there_are_is_said_in_words(tmp_path, capsys):
    """NVIDIA's mbstd_group_size None is a very large number here."""
    contents = networks() | {"architecture": {"stddev_group": 2**31 - 1}}
    assert report(capsys, saved(tmp_path, contents))["stddev_group"] == ["the whole batch"]
    assert report(capsys, saved(tmp_path, networks()))["stddev_group"] == ["4 images"]
    run(convert, saved(tmp_path, contents), "--to", "reference", tmp_path / "plain.pt")
    shown = "".join(capsys.readouterr())
    assert "the discriminator compares the whole batch at once" in shown and "2147483647" not in shown


def test_a_training_file(tmp_path, capsys):
    path = saved(tmp_path, training_contents(), "000123.pt")
    lines = report(capsys, path)
    assert lines["format"] == ["stylegan2-pytorch training"]
    assert lines["size"] == ["16 px"]
    assert lines["feature maps"] == ["4: 8  8: 8  16: 4"]
    assert lines["styles"] == ["8 numbers, 2 mapping layers, lr_mlp 0.01"]
    assert lines["iteration"] == ["123"]
    assert lines["optimizers"] == ["g_optim and d_optim"]
    assert lines["beside them"] == ["args, ada_aug_p"]
    assert set(lines) >= {"g", "d", "g_ema"}
    import checkpoint

    parameters = sum(p.numel() for p in checkpoint.read(path).generator().parameters())
    assert lines["g"][0].startswith(f"trained generator, {parameters:,} parameters, fingerprint ")
    assert lines["g"][0].endswith(checkpoint.fingerprint(networks()["g"]))


def test_weights_alone_with_notes(tmp_path, capsys):
    lines = report(capsys, saved(tmp_path, {"g_ema": {name: t.half() for name, t in networks()["g_ema"].items()}}))
    assert lines["optimizers"] == ["none"]
    assert lines["note"] == ["g_ema: stored in half precision, widened to float32"]
    assert "d" not in lines
    assert "stddev_group" not in lines


def test_an_encoder(tmp_path, capsys):
    encoder = Encoder(16, 8, CHANNELS, 6, passes=2, home="abc")
    lines = report(capsys, files.write(tmp_path / "e.pt", encoder), "--keys")
    assert lines["size"] == ["16 px"] and lines["passes"] == ["2"] and lines["made for"] == ["the network abc"]
    assert lines["codes"] == ["6 of 8 numbers, counted from the mean w"] and "4: 8  8: 8  16: 4" in lines["feature maps"]
    assert len([name for name in lines if name.startswith("e.convs.")]) > 3
    torch.save({"e": Encoder(16, 8, CHANNELS, 6).state_dict(), "args": {}}, tmp_path / "published.pt")
    assert "truncated to 0.7" in report(capsys, tmp_path / "published.pt")["codes"][0]


def test_a_discriminator_alone_shows_no_styles(tmp_path, capsys):
    lines = report(capsys, saved(tmp_path, {"d": networks()["d"]}))
    assert "styles" not in lines
    assert lines["stddev_group"] == ["4 images"]


def test_keys_lists_every_tensor(tmp_path, capsys):
    path = saved(tmp_path, networks())
    inspect.main(inspect.parser().parse_args([str(path), "--keys"]))
    lines = capsys.readouterr().out.splitlines()
    for name, state in networks().items():
        assert all(f"{name}.{key}  {list(tensor.shape)}" in lines for key, tensor in state.items())


def test_a_bad_file_is_one_line_and_status_1(tmp_path):
    path = saved(tmp_path, {"g": {"input.input": torch.zeros(2)}})
    done = subprocess.run([sys.executable, "-m", "scripts.inspect", path], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"inspect: {path}: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["inspect", "convert", "download"])
def test_help_needs_no_torch(name):
    code = f"import sys, scripts.{name} as command; command.parser(); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_an_unreadable_file_is_an_input_error(tmp_path):
    (tmp_path / "a.pt").write_text("text")
    with pytest.raises(InputError, match="not a checkpoint: a text"):
        inspect.main(inspect.parser().parse_args([str(tmp_path / "a.pt")]))

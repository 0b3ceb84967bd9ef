"""scripts.train_dcgan and scripts.manipulate_z: a whole run, resumed exactly, measured, drawn, and what is refused."""

import csv

import pytest
import torch
from PIL import Image

from baselines.dcgan import Settings
from scripts import manipulate_z, train_dcgan
from tests.commands import assert_same, failure, run
from tests.networks import write_source
from tests.pictures import random_pictures

NETWORKS = ["--nz", 6, "--ngf", 2, "--ndf", 2, "--batch", 4, "--device", "cpu"]
TINY = [*NETWORKS, "--n_sample", 4, "--sample_every", 3, "--save_every", 3, "--eval_n", 6, "--eval_features", "pixels"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return random_pictures(tmp_path_factory.mktemp("pictures"), 12)


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """Two epochs of three iterations."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(train_dcgan, pictures, *TINY, "--epochs", 2, "--outdir", folder)
    return folder


def table(path):
    return [*csv.DictReader(path.open())]


def test_the_defaults_are_the_published_ones():
    args = train_dcgan.parser().parse_args(["faces.lmdb"])
    assert Settings(*(getattr(args, name) for name in ("nz", "ngf", "ndf", "batch", "lr", "beta1"))) == Settings()
    assert Settings() == Settings(nz=100, ngf=64, ndf=64, batch=128, lr=0.0002, beta1=0.5) and args.epochs == 50


def test_a_run_leaves_losses_of_each_iteration_and_both_distances_of_each_epoch(whole):
    assert [line["iteration"] for line in table(whole / "losses.csv")] == [str(i) for i in range(1, 7)]
    scores = table(whole / "scores.csv")
    assert [line["iteration"] for line in scores] == ["3", "6"] and {"fid", "kid"} <= {*scores[0]}
    for name in ("losses.png", "loss.png", "fid.png", "kid.png", "samples/000000.png", "samples/000006.png"):
        Image.open(whole / name).verify()
    assert (whole / "checkpoints" / "best.pt").exists()


def test_a_resumed_run_is_bit_equal(pictures, whole, tmp_path):
    run(train_dcgan, pictures, *TINY, "--iter", 3, "--outdir", tmp_path / "run")
    run(train_dcgan, "--resume", "--outdir", tmp_path / "run", "--epochs", 2)
    ours, theirs = (torch.load(folder / "checkpoints" / "000006.pt", weights_only=True) for folder in (tmp_path / "run", whole))
    for saved in (ours, theirs):
        saved["args"].pop("outdir")
    assert_same(ours, theirs)
    for name in ("losses.csv", "scores.csv", "samples/000006.png"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes()


def test_a_finished_run_says_so_and_touches_nothing(whole, capsys):
    before = (whole / "losses.csv").stat().st_mtime_ns
    run(train_dcgan, "--resume", "--outdir", whole)
    assert "finished at 6 of 6" in capsys.readouterr().out
    assert (whole / "losses.csv").stat().st_mtime_ns == before


def test_only_the_first_pictures(pictures, tmp_path, capsys):
    run(train_dcgan, pictures, *TINY, "--first", 8, "--dry_run", "--epochs", 3)
    assert "6 iterations of 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["no pictures"]),
        (["nowhere"], ["nowhere", "no such file"]),
        (["PICTURES", "--batch", 1], ["--batch"]),
        (["PICTURES", "--source", "SOURCE", "--eval_features", "pixels"], ["--source"]),
        (["PICTURES", "--source", "SOURCE"], ["--source", "16 px", "64"]),
        (["PICTURES", "--eval_epochs", 0, "--eval_n", 5], ["--eval_n"]),
        (["PICTURES", "--source", "nowhere.pt"], ["--source", "nowhere.pt"]),
    ],
)
def test_what_is_wrong_is_said_in_a_line(pictures, tmp_path, capsys, words, parts):
    known = {"PICTURES": pictures, "SOURCE": tmp_path / "source.pt"}
    write_source(tmp_path / "source.pt")
    message = failure(
        capsys, train_dcgan, *(known.get(word, word) for word in words), *NETWORKS[:6], "--outdir", tmp_path / "run"
    )
    assert all(part in message for part in parts), message
    assert not (tmp_path / "run").exists()


def test_networks_of_another_shape_are_refused_on_resume(whole, capsys):
    assert "began with --ngf 2" in failure(capsys, train_dcgan, "--resume", "--outdir", whole, "--ngf", 4, "--epochs", 3)


@pytest.mark.parametrize("mode", ["scale", "set", "add"])
def test_a_sheet_of_what_coordinates_do(whole, tmp_path, mode):
    ckpt = whole / "checkpoints" / "000006.pt"
    run(manipulate_z, "--ckpt", ckpt, "--mode", mode, "--values=-1:1:3", "--device", "cpu", "--outdir", tmp_path)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.text["mode"] == mode and sheet.width > 3 * 64
    assert (tmp_path / "command.txt").exists()


def test_a_sheet_of_what_is_not_there_is_refused(whole, tmp_path, capsys):
    ckpt = whole / "checkpoints" / "000006.pt"
    assert "1 to 6" in failure(capsys, manipulate_z, "--ckpt", ckpt, "--coordinates", "7", "--outdir", tmp_path)
    other = write_source(tmp_path / "source.pt")
    assert "holds no generator of a DCGAN" in failure(capsys, manipulate_z, "--ckpt", other, "--outdir", tmp_path)
    assert "--values" in failure(capsys, manipulate_z, "--ckpt", ckpt, "--values", "0:1", "--outdir", tmp_path)


def test_modes_are_those_of_the_library():
    from baselines.manipulation import MODES

    assert manipulate_z.MODES == MODES

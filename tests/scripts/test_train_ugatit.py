"""scripts.train_ugatit from the command line: the published layout in and out, exact resume, refusals in one line."""

import json

import pytest
import torch
from PIL import Image

from scripts import train_ugatit
from tests.commands import assert_same, failure, run
from tests.pictures import random_pictures
from translation import files

TINY = ["--light", "True", "--img_size", 32, "--ch", 2, "--n_res", 1, "--n_sample", 2, "--device", "cpu"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """dataset/toons with all four domains, and dataset/few with two groups."""
    root = tmp_path_factory.mktemp("root")
    for part in ("trainA", "trainB", "testA", "testB"):
        random_pictures(folder(root / "dataset" / "toons" / part), 3)
    for part in ("trainA/0", "trainA/2", "trainB/0", "trainB/2", "testA", "testB"):
        random_pictures(folder(root / "dataset" / "few" / part), 2)
    folder(root / "empty")
    return root


def folder(path):
    path.mkdir(parents=True)
    return path


@pytest.fixture(autouse=True)
def there(root, monkeypatch):
    monkeypatch.chdir(root)


def contents(path) -> dict:
    return torch.load(path, weights_only=True)


def test_a_run_leaves_what_the_published_program_leaves_and_goes_on_from(tmp_path):
    words = ["--dataset", "toons", *TINY, "--result_dir", tmp_path, "--print_freq", 2, "--save_freq", 2, "--iteration", 3]
    run(train_ugatit, *words)
    folder = tmp_path / "toons"
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written >= {
        "model/toons_params_0000002.pt", "model/toons_params_0000003.pt", "checkpoints/000003.pt", "stats.jsonl",
        "img/A2B_0000000.png", "img/B2A_0000002.png", "samples/000002.png",
    }  # fmt: skip
    assert set(contents(folder / "model" / "toons_params_0000003.pt")) == set(files.NETWORKS)
    with Image.open(folder / "img" / "A2B_0000002.png") as sheet:
        assert sheet.size == (2 * 32, 7 * 32)
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    assert lines[-1].keys() >= {"d", "g", "G_cycle_A", "D_cam_disGB", "lr"}
    run(train_ugatit, "--phase", "test", "--dataset", "toons", "--result_dir", tmp_path)
    with Image.open(folder / "test" / "A2B_3.png") as column:
        assert column.size == (32, 7 * 32)


def test_a_run_goes_on_bit_for_bit(tmp_path):
    words = ["--dataset", "toons", *TINY, "--useADA", "--strength", 0.5, "--ema", 0.5, "--save_every", 2, "--keep", 9]
    run(train_ugatit, *words, "--iteration", 4, "--outdir", tmp_path / "whole")
    run(train_ugatit, *words, "--iteration", 4, "--outdir", tmp_path / "parts")
    for name in ("000003.pt", "000004.pt"):
        (tmp_path / "parts" / "checkpoints" / name).unlink(missing_ok=True)
    run(train_ugatit, "--resume", tmp_path / "parts")
    whole, parts = (contents(tmp_path / name / "checkpoints" / "000004.pt") for name in ("whole", "parts"))
    for name in (*files.NETWORKS, "genA2B_ema", "G_optim", "D_optim", "ada", "ada2", "rng", "iteration", "position"):
        assert_same(parts[name], whole[name], name)


def test_a_file_without_optimizers_goes_on_at_its_number(tmp_path):
    words = ["--dataset", "toons", *TINY, "--result_dir", tmp_path, "--iteration", 4]
    run(train_ugatit, *words[:-1], 2)
    for part in ("checkpoints", "samples"):
        for path in (tmp_path / "toons" / part).iterdir():
            path.unlink()
    for name in ("options.json", "stats.jsonl", "log.txt"):
        (tmp_path / "toons" / name).unlink()
    run(train_ugatit, *words, "--resume", "true")
    log = (tmp_path / "toons" / "log.txt").read_text()
    assert "without their optimizers; goes on at iteration 2" in log
    assert contents(tmp_path / "toons" / "checkpoints" / "000004.pt")["iteration"] == 4


def test_groups_run_as_printed(tmp_path):
    words = ["--useADA", "True", "--group", "0,2", "--use_grouploss", "True", "--neptune", "False", "--result_dir", tmp_path]
    run(train_ugatit, "--dataset", "few", *TINY, *words, "--iteration", 2)
    log = (tmp_path / "few" / "log.txt").read_text()
    assert "group 2: 2 A (50%), 2 B (50%), KID x 1000 of photos to cartoons, by pixels, " in log
    assert "by group 0 alone" in log and (tmp_path / "few" / "groups.png").exists()
    run(train_ugatit, "--phase", "test", "--dataset", "few", "--result_dir", tmp_path, "--group", "0,2")
    with Image.open(tmp_path / "few" / "test" / "2" / "A2B_1.png") as column:
        assert column.size == (32, 64)


def test_kid_of_translated_test_photos_keeps_the_best(tmp_path):
    words = ["--metric_freq", 1, "--eval_features", "pixels", "--kid", "published", "--iteration", 2]
    run(train_ugatit, "--dataset", "few", *TINY, "--group", "0,2", *words, "--outdir", tmp_path / "run")
    best, lines = tmp_path / "run" / "checkpoints" / "best.pt", (tmp_path / "run" / "stats.jsonl").read_text().splitlines()
    assert files.read(best).iteration in (1, 2)
    assert json.loads(lines[-1]).keys() >= {"kid", "kid_0", "kid_2"}
    assert (tmp_path / "run" / "kid.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "none"], "no folder dataset/none; put trainA, trainB, testA and testB into it"),
        (["--dataset", "few", "--group", "0,1"], "trainA/1: no such folder"),
        (["--dataset", "few", "--group", "0,7"], "different numbers from 0 to 3"),
        (["--dataset", "few", "--group", "0,0"], "different numbers"),
        (["--dataset", "toons", "--img_size", 34], "divisible by 4"),
        (["--dataset", "toons", "--neptune", "True"], "--tensorboard or --wandb"),
        (["--dataset", "toons", "--light", "maybe"], "expected true or false"),
        (["--dataset", "toons", "--bottleneck", "freeze"], "--group"),
        (["--dataset", "toons", "--trainA", "empty"], "empty"),
        (["--trainA", "x"], "--trainB"),
        (["--resume", "true"], "--resume"),
        (["--dataset", "toons", "--kid", "published"], "--metric_freq"),
        (["--dataset", "toons", "--metric_freq", 1, "--eval_features", "disc"], "--eval_features disc"),
        (["--dataset", "toons", "--ckpt", "dataset/toons/trainA/0.png"], "--ckpt"),
        (["--dataset", "toons", "--phase", "test"], "holds no trained networks"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_bad_input_is_refused_in_a_line(words, said, tmp_path, capsys):
    message = failure(capsys, train_ugatit, *TINY, "--iteration", 1, "--result_dir", tmp_path, *words)
    assert said in message
    assert not [*tmp_path.rglob("*.pt")]


def test_a_checkpoint_of_another_size_is_refused(tmp_path, capsys):
    full = ["--dataset", "toons", "--img_size", 32, "--ch", 2, "--n_res", 1, "--n_sample", 2, "--iteration", 1]
    run(train_ugatit, *full, "--outdir", tmp_path / "full")
    ckpt = tmp_path / "full" / "model" / "toons_params_0000001.pt"
    message = failure(capsys, train_ugatit, *full, "--img_size", 40, "--ckpt", ckpt, "--outdir", tmp_path / "other")
    assert "trained at 32 px, and this run is to have 40 px" in message
    message = failure(capsys, train_ugatit, "--resume", tmp_path / "full", "--img_size", 40, "--iteration", 2)
    assert "--img_size 40" in message
    message = failure(capsys, train_ugatit, *full, "--img_size", 40, "--phase", "test", "--ckpt", ckpt)
    assert "--img_size 40" in message and "32 px" in message

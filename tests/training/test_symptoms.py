"""Symptoms of a run: when they are said, when they are kept back, and advice that works when it is followed to the letter."""

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

import checkpoint
import train
from tests.commands import run
from tests.networks import tiny_discriminator, tiny_generator
from tests.pictures import random_pictures
from training import symptoms
from training.symptoms import TransferSymptoms

ARGS = {
    "arch": "stylegan2",
    **{"augment": False, "augment_p": 0.0, "r1": 0.1, "lr": 0.002, "ckpt": None, "start_from": "g_ema", "size": 16},
    "methods": {"structure_loss": -1},
}


def watch(lines, pictures: int = 10, images: int = 160, **args) -> list[list[str]]:
    """What is said after each line; a line tells of `images` images."""
    watched = TransferSymptoms(SimpleNamespace(**ARGS | args), "python train.py", Path("expr"))
    counts = [images * (i + 1) for i in range(len(lines))]
    return [watched.new({"kimg": n / 1000, "epoch": n / pictures, **line}) for n, line in zip(counts, lines)]


def said(lines, **options) -> list[int]:
    """After which lines something is said."""
    return [i for i, texts in enumerate(watch(lines, **options)) if texts]


def signs(*values: float) -> list[dict]:
    return [{"r_t": value} for value in values]


def test_r_t_is_averaged_over_a_thousand_images():
    assert said(signs(*[1.0] * 20)) == [6]  # 7 * 160
    assert said(signs(*[1.0, 0.7] * 50)) == []
    assert said(signs(*[0.5] * 20, *[1.0] * 20)) == [20 + 5]  # 0.5 and six 1.0 make 0.93
    assert said(signs(*[1.0] * 20), images=2000) == [1]


def test_the_first_epochs_are_silent():
    assert said(signs(*[1.0] * 120), pictures=300) == [93]  # 50 * 300 / 160
    assert said(signs(*[1.0] * 120), pictures=1000) == []


def test_what_comes_back_is_said_again_but_not_what_swings_about_its_limit():
    assert said(signs(*[1.0] * 20, *[0.2] * 20, *[1.0] * 20)) == [6, 46]
    assert said(signs(*[1.0] * 20, *[0.88] * 20, *[1.0] * 20)) == [6]


def test_a_discriminator_that_ada_answers_is_left_to_it():
    rising = [{"r_t": 1.0, "p": i / 100} for i in range(60)]
    assert said(rising, augment=True) == []
    at_its_end = [{"r_t": 1.0, "p": min(1.0, i / 10)} for i in range(40)]
    texts = [text for after in watch(at_its_end, augment=True) for text in after]
    assert [("by heart" in text, "p is" in text) for text in texts] == [(False, True), (True, False)]
    fixed = [text for after in watch([{"r_t": 1.0, "p": 0.2}] * 20, augment=True, augment_p=0.2) for text in after]
    assert len(fixed) == 1 and "--augment_p 0`" in fixed[0]


def test_augmentation_that_will_show_is_said_when_it_lasts():
    assert said([{"r_t": 0.5, "p": 0.9}] * 20, augment=True) == [6]
    assert said([{"r_t": 0.5, "p": 0.75}] * 20, augment=True) == []
    assert said([{"r_t": 0.5, "p": 0.9 if i % 2 else 0.6} for i in range(40)], augment=True) == []


@pytest.mark.parametrize(
    "line, words", [({"spread": 0.3}, ["0.30 times as much", "best.pt"]), ({"nearness": 0.2}, ["copies", "best.pt"])], ids=str
)
def test_scores_that_go_wrong_are_said_as_often_as_they_come_back(line, words):
    after = watch([{}, line, line, {}, line])
    assert [len(texts) for texts in after] == [0, 1, 0, 0, 1]
    assert all(word in after[1][0] for word in words)


def test_what_goes_well_is_not_mentioned():
    assert said([{"spread": 0.9, "nearness": 1.1, "r_t": 0.7, "p": 0.2}] * 50) == []


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Pictures, a network, and a run with a best checkpoint without augmentation and with it."""
    root = tmp_path_factory.mktemp("begun")
    (root / "faces").mkdir()
    random_pictures(root / "faces", 6)
    g, d = tiny_generator(seed=1), tiny_discriminator(seed=3)
    checkpoint.write(root / "source.pt", {"g": g.state_dict(), "g_ema": g.state_dict(), "d": d.state_dict()})
    flags = ["--device", "cpu", "--batch", 4, "--n_sample", 4, "--eval_every", 1, "--eval_n", 4, "--iter", 2]
    for name, augment in {"a plain run": [], "an augmented run": ["--augment"]}.items():
        run(train, root / "faces", "--ckpt", root / "source.pt", *flags, *augment, "--outdir", root / name)
    return root


@pytest.mark.parametrize(
    "line, args",
    [
        ({"r_t": 1.0}, {}),
        ({"r_t": 1.0, "p": 0.2}, {"augment": True, "augment_p": 0.2}),
        ({"r_t": 1.0, "p": 1.0}, {"augment": True}),
        ({"r_t": 1.0, "p": 1.0}, {"augment": True, "r1": 0.0}),
        ({"spread": 0.1}, {}),
        ({"nearness": 0.1}, {"ckpt": "source.pt"}),
    ],
    ids=str,
)
def test_the_advice_works_to_the_letter(begun, monkeypatch, line, args):
    folder = begun / ("an augmented run" if args.get("augment") else "a plain run")
    watched = TransferSymptoms(SimpleNamespace(**ARGS | args), "python train.py", folder)
    texts = [text for i in range(1, 20) for text in watched.new({"kimg": i, "epoch": 100 * i, **line})]
    commands = [command for text in texts for command in re.findall("`(.*?)`", text)]
    assert commands and all(command.startswith("python train.py ") for command in commands)
    for command in commands:
        before = stamp(folder)
        run(train, *shlex.split(command)[2:], "--dry_run", "--iter", 5)
        assert stamp(folder) == before


def stamp(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_following_the_advice_of_overfitting_trains_with_augmentation(begun, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(symptoms, "WINDOW", 8)
    monkeypatch.setattr(symptoms, "FIRST_EPOCHS", 1)
    monkeypatch.setattr(symptoms, "MOST_OVERFITTING", -2)
    run(train, begun / "faces", "--ckpt", begun / "source.pt", "--device", "cpu", "--batch", 4, "--n_sample", 4, "--iter", 30,
        "--outdir", tmp_path / "run")  # fmt: skip
    (command,) = re.findall("by heart.*`python (train.py .*?)`", capsys.readouterr().out)
    run(train, *shlex.split(command)[1:], "--iter", 31)
    assert "Changed: --augment (was False)" in capsys.readouterr().out

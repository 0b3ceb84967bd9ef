"""train.py from words alone, and from words beside pictures."""

import json
import re

import pytest
import torch

import checkpoint
import train
from scripts import generate, report
from tests.commands import assert_same, failure, run
from tests.networks import tiny_generator, write_source, write_source1
from tests.pictures import random_pictures
from tests.vision import clips

TINY = ["--device", "cpu", "--n_sample", 4, "--sample_every", 2, "--save_every", 2]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{name: path} of a source, pictures and a CLIP."""
    root = tmp_path_factory.mktemp("words")
    (root / "faces").mkdir()
    random_pictures(root / "faces", 6)
    return {
        "source": write_source(root / "source.pt"),
        "source1": write_source1(root / "source1.pt"),
        "faces": root / "faces",
        "clip": clips.folder(root / "clip"),
    }


def words(files, *more, source="source"):
    return ["--ckpt", files[source], "--clip_target", "pencil sketch", "--clip", files["clip"], *TINY, *more]


def newest(folder):
    return checkpoint.read(max((folder / "checkpoints").glob("0*.pt")))


@pytest.mark.parametrize("source", ["source", "source1"])
def test_words_alone_make_a_whole_run(files, tmp_path, capsys, source):
    out = tmp_path / "run"
    run(train, *words(files, "--iter", 4, "--outdir", out, source=source))
    said = capsys.readouterr().out
    assert "words alone: --batch 4 --mixing 0.0 --path_regularize 0.0" in said
    assert 'NADA: from "photo" to "pencil sketch" by CLIP clip' in said and "Estimate: " in said and "seconds for 4" in said
    written = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert written >= {"options.json", "loss.png", "progress.gif", "samples/000004.png", "checkpoints/000004.pt"}
    assert "reals.png" not in written
    (line,) = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    assert line["kimg"] == 0.016 and 0 < line["clip"] < 2 and not {"epoch", "d", "g"} & set(line)
    given, found = checkpoint.read(files[source]), newest(out)
    assert found.extra["pictures"] == 0 and found.extra["args"]["path"] is None
    for which in ("g", "g_ema"):
        mapping = [name for name in given.networks["g_ema"] if name.startswith("style.")]
        assert mapping and all(torch.equal(found.networks[which][name], given.networks["g_ema"][name]) for name in mapping)
    assert_same(dict(found.networks["d"]), dict(given.networks["d"]))
    run(report, out, "--seeds", "0")
    run(generate, "--ckpt", out / "checkpoints" / "000004.pt", "--source", files[source], "--outdir", tmp_path / "drawn")


@pytest.mark.parametrize("more", [[], ["--clip_layers", 2], ["--path_regularize", 1, "--mixing", 0.9, "--clip_layers", 2]])
def test_a_run_that_was_stopped_goes_on_bit_for_bit(files, tmp_path, capsys, more):
    run(train, *words(files, "--iter", 4, "--outdir", tmp_path / "whole", *more))
    run(train, *words(files, "--iter", 3, "--outdir", tmp_path / "halves", *more))
    capsys.readouterr()
    run(train, "--resume", "--outdir", tmp_path / "halves", "--iter", 4)
    assert "for 1 iterations" in capsys.readouterr().out  # those to come
    whole, halves = (dict(newest(tmp_path / name).networks) for name in ("whole", "halves"))
    assert_same({name: dict(state) for name, state in halves.items()}, {name: dict(state) for name, state in whole.items()})
    for name in ("g_optim", "rng", "position", "mean_path_length"):
        assert_same(newest(tmp_path / "halves").extra[name], newest(tmp_path / "whole").extra[name], name)


def test_a_run_goes_on_from_another_folder(files, tmp_path, monkeypatch):
    monkeypatch.chdir(files["clip"].parent)
    given = ["--ckpt", files["source"], "--clip_target", "sketch", "--clip", "clip", *TINY]
    run(train, *given, "--iter", 1, "--outdir", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    run(train, "--resume", "--outdir", "run", "--iter", 2)


def test_a_run_goes_on_where_its_clip_lies_now_and_with_another_weight(files, tmp_path, capsys):
    out = tmp_path / "run"
    run(train, *words(files, "--iter", 1, "--outdir", out))
    clips.folder(tmp_path / "moved")
    run(train, "--resume", "--outdir", out, "--iter", 2, "--clip", tmp_path / "moved", "--clip_weight", 2)
    assert "Changed: --clip_weight 2.0 (was 1.0)" in capsys.readouterr().out
    for more, message in (
        (["--clip_target", "oil painting"], "--clip_target oil painting: the run began with --clip_target pencil sketch"),
        (["--clip_layers", 2], "--clip_layers 2: the run began without it"),
        (["--path", files["faces"]], "the run learns from words alone, and takes no pictures"),
    ):
        assert message in failure(capsys, train, "--resume", "--outdir", out, "--iter", 3, *more)


@pytest.mark.parametrize(
    "more", [["--freezeG", 1], ["--structure_loss", 2], ["--no_noise"], ["--freezeStyle", 2], ["--preset", "freezesg"]]
)
def test_words_alone_take_the_methods_of_the_generator(files, tmp_path, capsys, more):
    run(train, *words(files, "--iter", 1, "--outdir", tmp_path / "run", *more))
    said = capsys.readouterr().out
    if "--preset" in more:
        assert "it leaves --augment --freezeD --train_mapping out, since there are no pictures" in said


def test_words_beside_pictures_are_one_more_term(files, tmp_path):
    out = tmp_path / "run"
    run(
        train,
        files["faces"],
        *words(files, "--batch", 2, "--iter", 2, "--freezeD", 1, "--freezeG", 2, "--augment", "--outdir", out),
    )
    (line,) = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    assert {"d", "g", "clip", "epoch"} <= set(line)
    given, found = checkpoint.read(files["source"]), newest(out)
    assert not torch.equal(found.networks["g"]["to_rgbs.1.conv.weight"], given.networks["g_ema"]["to_rgbs.1.conv.weight"])


def test_a_source_without_a_discriminator_is_enough(files, tmp_path, capsys):
    checkpoint.write(tmp_path / "g.pt", {"g_ema": tiny_generator().state_dict()})
    run(
        train,
        "--ckpt",
        tmp_path / "g.pt",
        "--clip_target",
        "sketch",
        "--clip",
        files["clip"],
        *TINY,
        "--iter",
        1,
        "--outdir",
        tmp_path / "run",
    )
    assert "words alone need none" in capsys.readouterr().out


def test_what_it_costs_is_said_and_nothing_written(files, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(train, *words(files, "--dry_run"))
    said = capsys.readouterr().out
    assert "GiB of memory" in said and "for 300 iterations" in said and "discriminator" in said
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "more, message",
    [
        (["--augment"], "--augment: words alone are learnt, and needs pictures"),
        (["--freezeD", 1], "--freezeD 1: words alone"),
        (["--eval_every", 9], "--eval_every 9: words alone"),
        (["--r1", 1], "--r1 1.0: words alone"),
        (["--train_mapping", "--freezeG", 1], "--train_mapping: words alone are learnt, and the mapping network stays"),
        (["--freezeFC"], "--freezeFC: words alone"),
        (["--clip_layers", 99], "--clip_layers 99: the generator has 5 convolutions"),
        (["--clip_source", "pencil sketch"], "--clip_target pencil sketch: .* are the same"),
        (["--clip_weight", 0], "--clip_weight: 0: must be above 0"),
        (["--clip", "nowhere.pt"], "--clip nowhere.pt: no such file"),
        (["--start_from", "g"], "--start_from g"),
        (["--size", 32], "--size 32"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_said_in_a_line(files, tmp_path, capsys, monkeypatch, more, message):
    monkeypatch.chdir(tmp_path)
    assert re.search(message, failure(capsys, train, *words(files, *more)))
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "more, message",
    [
        ([], "no images: name an LMDB.* or words with --clip_target"),
        (["--clip_target", "sketch"], "NADA .*compares with a source network: name one with --ckpt"),
        (["--clip_source", "sketch"], "--clip_source sketch: has no effect without --clip_target"),
        (["--clip", "a.pt"], "--clip a.pt: has no effect without --clip_target"),
    ],
)
def test_words_without_what_they_need_are_refused(capsys, more, message):
    assert re.search(message, failure(capsys, train, *more))

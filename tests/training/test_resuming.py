"""A run that goes on under other flags: every flag of train.py is applied, or refused with the way out."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

import checkpoint
import train
from augment import Ada, Augmentation, DiffAugment
from running import loggers, profiling
from running.run import Run
from tests.commands import failure, run
from tests.networks import tiny_discriminator, tiny_generator
from tests.pictures import random_pictures
from tests.vision import doubles
from training import estimate, setup
from training.steps import micro_batches
from vision import clip_files

TINY = ["--device", "cpu", "--batch", 4, "--n_sample", 4, "--sample_every", 2, "--save_every", 2]
DONE, ASKED = 2, 4  # iterations before and after the resume


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """What the flags name: two sets of pictures, two networks, a run of some iterations, and files of flags."""
    root = tmp_path_factory.mktemp("places")
    for name, count in {"faces": 12, "others": 7}.items():
        (root / name).mkdir()
        random_pictures(root / name, count)
    for name, seed in {"source.pt": 1, "stranger.pt": 5}.items():
        g, g_ema, d = tiny_generator(seed=seed), tiny_generator(seed=seed + 1), tiny_discriminator(seed=seed + 2)
        checkpoint.write(root / name, {"g": g.state_dict(), "g_ema": g_ema.state_dict(), "d": d.state_dict()})
    shutil.copy(root / "source.pt", root / "moved.pt")
    (root / "flags.toml").write_text("lr = 0.003\n")
    run(train, root / "faces", "--ckpt", root / "source.pt", *TINY, "--freezeG", 1, "--iter", DONE, "--outdir", root / "run")
    return root


@pytest.fixture(autouse=True)
def no_clip(monkeypatch):
    monkeypatch.setattr(clip_files, "load", lambda text: doubles.clip())


@pytest.fixture
def go_on(places, tmp_path, monkeypatch):
    """The run goes on, in a copy of its folder; gives the run as the loop had it."""
    shutil.copytree(places / "run", tmp_path / "run")
    return lambda *words: resume(tmp_path / "run", places, monkeypatch, words)


def resume(folder: Path, places: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[object]) -> Run:
    seen, prepare = [], setup.prepare
    with monkeypatch.context() as patched:
        patched.setattr(setup, "prepare", lambda *given: seen.append(prepare(*given)) or seen[-1])
        patched.setattr(estimate, "describe", lambda _: "")
        patched.setattr(profiling, "profiled", noted)
        patched.setattr(loggers, "KINDS", {"tensorboard": NoLogger, "wandb": NoLogger})
        patched.setattr(loggers, "check_installed", lambda _: None)
        iterations = [] if {"--iter", "--kimg"} & set(words) else ["--iter", ASKED]
        run(train, "--resume", "--outdir", folder, *iterations, *named(words, places))
    return seen[-1]


@contextlib.contextmanager
def noted(wanted: bool, folder: Path, *_) -> Iterator[Callable]:
    """In place of the profiler, which takes its time."""
    if wanted:
        (folder / "profiled").touch()
    yield lambda: None


class NoLogger:
    def __init__(self, folder: Path, options: dict, mode: object):
        (folder / "logged").mkdir()

    def numbers(self, iteration, line):
        pass

    def picture(self, iteration, picture):
        pass

    def close(self):
        pass


def named(words, places: Path) -> list[str]:
    return [str(word).replace("PLACES", str(places)) for word in words]


def statistics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def checkpoints(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "checkpoints").glob("*.pt")}


# Each line of flags -> what is true of the run and its folder afterwards, for each flag in it.
APPLIED: list[tuple[list, dict[str, Callable[[Run, Path], bool]]]] = [
    (
        [
            *(
                "PLACES/others",
                "--no_flip",
                "--ckpt",
                "PLACES/moved.pt",
                "--batch",
                6,
                "--accumulate",
                2,
                "--precision",
                "bf16",
            ),
            *(
                "--structure_loss",
                3,
                "--structure_weight",
                2,
                "--structure_target",
                "features",
                "--augment",
                "--augment_p",
                0.5,
            ),
            *("--correlation_loss", 4, "--correlation_weight", 3),
            *("--lr", 0.001, "--r1", 3, "--d_reg_every", 2, "--g_reg_every", 2),
            *("--path_batch_shrink", 3, "--mixing", 0.5, "--ema_decay", 0, "--tensorboard", "--save_every", 1, "--keep", 2),
            *("--sample_every", 1, "--n_sample", 9, "--no_graphs", "--device", "auto", "--iter", 4),
            *("--ada_every", 256, "--local_rank", 0, "--debug"),
        ],
        {
            "images": lambda run, folder: len(run.images) == 7 and run.options["path"].endswith("others"),
            "no_flip": lambda run, folder: not run.batches.flip,
            "ckpt": lambda run, folder: run.options["ckpt"].endswith("moved.pt"),
            "batch": lambda run, folder: statistics(folder)[-1]["kimg"] == (2 * 4 + 2 * 6) / 1000,
            "accumulate": lambda run, folder: [len(part) for part in micro_batches(run.state, next(run.batches))] == [3, 3],
            "precision": lambda run, folder: run.state.generator.compute_dtype == torch.bfloat16,
            "structure_loss": lambda run, folder: statistics(folder)[-1]["structure"] > 0,
            "structure_weight": lambda run, folder: run.state.methods[1].weight == 2,
            "structure_target": lambda run, folder: run.state.methods[1].target == "features",
            "correlation_loss": lambda run, folder: statistics(folder)[-1]["correlation"] > 0,
            "correlation_weight": lambda run, folder: run.state.methods[2].weight == 3,
            "augment": lambda run, folder: isinstance(run.state.augmentation, Ada),
            "augment_p": lambda run, folder: statistics(folder)[-1]["p"] == 0.5,
            "lr": lambda run, folder: run.state.g_optim.param_groups[0]["lr"] == pytest.approx(0.001 * 2 / 3),
            "r1": lambda run, folder: run.state.settings.r1 == 3,
            "d_reg_every": lambda run, folder: run.state.d_optim.param_groups[0]["lr"] == pytest.approx(0.001 * 2 / 3),
            "g_reg_every": lambda run, folder: run.state.settings.g_reg_every == 2,
            "path_batch_shrink": lambda run, folder: run.state.settings.path_batch_shrink == 3,
            "mixing": lambda run, folder: run.state.settings.mixing == 0.5,
            "ema_decay": lambda run, folder: same(run.state.g_ema, run.state.generator),
            "tensorboard": lambda run, folder: (folder / "logged").is_dir(),
            "save_every": lambda run, folder: "000003" in checkpoints(folder),
            "keep": lambda run, folder: checkpoints(folder) == {"000003", "000004"},
            "sample_every": lambda run, folder: (folder / "samples" / "000003.png").exists(),
            "n_sample": lambda run, folder: run.options["n_sample"] == 9,
            "no_graphs": lambda run, folder: run.options["no_graphs"],
            "device": lambda run, folder: run.options["device"] == "auto",
            "iter": lambda run, folder: run.state.iteration == 4,
            "debug": lambda run, folder: run.state.iteration == 4,
            "ada_every": lambda run, folder: run.state.iteration == 4,  # published, without effect there as well
            "local_rank": lambda run, folder: run.state.iteration == 4,  # of older launchers
        },
    ),
    (
        [
            *("--path", "PLACES/others", "--kimg", 0.017, "--path_regularize", 0, "--wandb", "offline"),
            *("--eval_every", 4, "--eval", "fid", "--eval_features", "pixels", "--eval_n", 5),
        ],
        {
            "path": lambda run, folder: len(run.images) == 7,
            "kimg": lambda run, folder: run.state.iteration == 5 == run.options["iter"],
            "path_regularize": lambda run, folder: run.state.g_optim.param_groups[0]["lr"] == 0.002,
            "wandb": lambda run, folder: (folder / "logged").is_dir(),
            "eval_every": lambda run, folder: [entry["iteration"] for entry in run.evaluation.history] == [4],
            "eval": lambda run, folder: "fid" in run.evaluation.latest,
            "eval_features": lambda run, folder: run.options["eval_features"] == "pixels",
            "eval_n": lambda run, folder: run.options["eval_n"] == 5,
        },
    ),
    (
        ["--profile", "--config", "PLACES/flags.toml"],
        {
            "profile": lambda run, folder: (folder / "profiled").exists(),
            "config": lambda run, folder: run.state.settings.lr == 0.003,
        },
    ),
    (
        ["--augment", "--ada_target", 0.4, "--ada_length", 9],
        {
            "ada_target": lambda run, folder: run.state.augmentation.target == 0.4,
            "ada_length": lambda run, folder: run.state.augmentation.length == 9,
        },
    ),
    (
        ["--augment", "--augment_kind", "diff"],
        {"augment_kind": lambda run, folder: isinstance(run.state.augmentation, DiffAugment)},
    ),
    (["--dry_run"], {"dry_run": lambda run, folder: checkpoints(folder) == {"000002"}}),
]
# Flag -> (words, whether a new run with --ckpt takes them).
REFUSED: dict[str, tuple[list, bool]] = {
    "preset": (["--preset", "structure"], True),
    "freezeD": (["--freezeD", 1], True),
    "freezeG": (["--freezeG", 2], True),
    "freezeFC": (["--freezeFC"], True),
    "freezeStyle": (["--freezeStyle", 2], True),
    "no_noise": (["--no_noise"], True),
    "clip_target": (["--clip_target", "sketch"], True),
    "clip_source": (["--clip_source", "face"], False),  # nothing without --clip_target
    "clip_layers": (["--clip_layers", 2], False),  # the same
    "train_mapping": (["--train_mapping"], False),  # nothing without --freezeG
    "start_from": (["--start_from", "g"], True),
    "seed": (["--seed", 5], True),
    "size": (["--size", 32], False),
    "channel_multiplier": (["--channel_multiplier", 1], False),
    "channel_base": (["--channel_base", 128], False),
    "channel_max": (["--channel_max", 16], False),
    "style_dim": (["--style_dim", 16], False),
    "n_mlp": (["--n_mlp", 3], False),
    "arch": (["--arch", "swagan"], False),
    "overwrite": (["--overwrite"], True),
    "launcher": (["-m", "torch.distributed.launch"], False),
}
SAID_AS = {"images": "path", "kimg": "iter 5 (was 2)", "config": "lr 0.003 (was 0.002)"}
SAID_NOTHING_OF = {"dry_run", "debug", "profile", "ada_every", "local_rank"}  # they change no run
OTHERWISE = {"help", "resume", "outdir", "clip", "clip_weight"}  # tested below, and with the commands


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.fixture(scope="module")
def went_on(places, tmp_path_factory):
    """For each line of APPLIED: the run, its folder, what was said. Made once."""
    made = {}

    def went_on(line: int, monkeypatch, capsys) -> tuple[Run, Path, str]:
        if line not in made:
            folder = shutil.copytree(places / "run", tmp_path_factory.mktemp("resumed") / "run")
            made[line] = resume(folder, places, monkeypatch, APPLIED[line][0]), folder, capsys.readouterr().out
        return made[line]

    return went_on


def test_every_flag_is_walked():
    applied = [flag for _, flags in APPLIED for flag in flags]
    walked = [*applied, *REFUSED, *OTHERWISE]
    assert sorted(walked) == sorted({action.dest for action in train.parser()._actions})


@pytest.mark.parametrize("line, flag", [(line, flag) for line, (_, flags) in enumerate(APPLIED) for flag in flags])
def test_a_flag_is_applied_and_what_it_changes_is_said(went_on, monkeypatch, capsys, line, flag):
    run, folder, said = went_on(line, monkeypatch, capsys)
    assert APPLIED[line][1][flag](run, folder)
    if flag not in SAID_NOTHING_OF:
        assert f"Changed: --{SAID_AS.get(flag, flag)}" in said


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("flag", REFUSED)
def test_a_flag_is_refused_with_the_way_out(places, go_on, tmp_path, capsys, flag):
    before = files(tmp_path / "run")
    words, begins_anew = REFUSED[flag]
    message = failure(capsys, train, "--resume", "--outdir", tmp_path / "run", "--iter", ASKED, *named(words, places))
    assert str(words[0]) in message and (flag != "seed" or "began with --seed 0" in message)
    assert files(tmp_path / "run") == before
    if begins_anew and flag != "overwrite":
        assert f"--ckpt {places / 'source.pt'}" in message
        run(train, places / "faces", "--ckpt", places / "source.pt", *TINY, "--dry_run", *named(words, places))
    else:
        assert any(
            way in message
            for way in ("leave the flag out", "leave the channel flags out", "give one of them", "only stylegan2", "torchrun")
        )


def test_flags_that_say_what_is_so_are_no_change(places, go_on, tmp_path, capsys):
    """A requeued job repeats its whole line."""
    go_on("PLACES/faces", "--ckpt", "PLACES/source.pt", *TINY, "--freezeG", 1, "--seed", 0, "--size", 16, "--n_mlp", 2)
    assert capsys.readouterr().out.count("Changed: ") == 1  # --iter


def test_false_in_a_file_of_flags_turns_a_saved_flag_off(places, go_on, tmp_path, capsys):
    go_on("--no_flip", "--augment", "--structure_loss", 2, "--iter", 3)
    (tmp_path / "off.toml").write_text("no_flip = false\naugment = false\nstructure_loss = false\n")
    again = go_on("--config", tmp_path / "off.toml")
    assert again.batches.flip and type(again.state.augmentation) is Augmentation and len(again.state.methods) == 1
    assert "Changed: --augment False (was True)" in capsys.readouterr().out


def test_another_network_than_the_source_is_refused(places, capsys):
    message = failure(capsys, train, "--resume", "--outdir", places / "run", "--iter", 3, "--ckpt", places / "stranger.pt")
    assert "not the source" in message and "leave --resume out" in message


def test_scores_are_compared_with_their_like_only(places, go_on, tmp_path, capsys):
    go_on("--eval_every", 1, "--eval_n", 5, "--iter", 3)
    for words in (["--eval", "fid"], ["--eval_n", 6]):
        message = failure(capsys, train, "--resume", "--outdir", tmp_path / "run", "--iter", 4, *words)
        assert " ".join(map(str, words)) in message and "leave the flag out" in message
    assert len(go_on("--eval_every", 2, "PLACES/others").evaluation.history) == 1  # of another data set: begun anew
    assert "begin anew" in capsys.readouterr().out


def test_a_network_trained_from_scratch_is_its_own_source(places, tmp_path, capsys):
    shape = ["--size", 16, "--channel_base", 64, "--channel_max", 8, "--style_dim", 8, "--n_mlp", 2]
    run(train, places / "faces", *shape, *TINY, "--iter", 2, "--outdir", tmp_path / "run")
    newest = tmp_path / "run" / "checkpoints" / "000002.pt"
    for words in (["--freezeG", 1], ["--structure_loss", 2], ["--ckpt", places / "source.pt"]):
        message = failure(capsys, train, "--resume", "--outdir", tmp_path / "run", "--iter", 3, *words)
        assert str(words[0]) in message and ("leave --resume out" in message or f"--ckpt {newest}" in message)
    run(train, places / "faces", "--ckpt", newest, *TINY, "--structure_loss", 2, "--dry_run")


@pytest.mark.parametrize("words", [[], ["--iter", 2], ["--iter", 1], ["--kimg", 0.008], ["--dry_run"]], ids=str)
def test_a_finished_run_says_so_and_nothing_is_touched(places, capsys, words):
    folder = places / "run"
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    run(train, "--resume", "--outdir", folder, *words)
    asked = 1 if 1 in words else 2
    assert f"finished at 2 of {asked}; a larger --iter goes on" in capsys.readouterr().out
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "words, needed",
    [
        (["--train_mapping"], "--freezeG"),
        (["--preset", "freezed", "--structure_weight", 2], "--structure_loss"),
        (["--structure_target", "features"], "--structure_loss"),
        (["--ada_target", 0.5], "--augment"),
        (["--eval", "fid"], "--eval_every"),
        (["--eval_n", 10], "--eval_every"),
    ],
    ids=str,
)
def test_a_flag_that_does_nothing_without_another_is_not_taken_alone(places, capsys, words, needed):
    message = failure(capsys, train, places / "faces", "--ckpt", places / "source.pt", *words)
    assert " ".join(map(str, words[-2:])) in message and f"no effect without {needed}" in message


@pytest.mark.parametrize("name, flag", [("faces", "path"), ("source.pt", "ckpt")])
def test_what_was_moved_is_asked_for_and_taken_where_it_is(places, tmp_path, capsys, name, flag):
    shutil.copytree(places / "faces", tmp_path / "faces")
    shutil.copy(places / "source.pt", tmp_path)
    words = ["--ckpt", tmp_path / "source.pt", *TINY, "--freezeG", 1, "--iter", 1, "--outdir", tmp_path / "own"]
    run(train, tmp_path / "faces", *words)
    (tmp_path / name).rename(tmp_path / "elsewhere")
    resumed = ["--resume", "--outdir", tmp_path / "own", "--iter", 2]
    run(train, *resumed[:-1], 1)  # finished: nothing is needed
    message = failure(capsys, train, *resumed)
    assert f"--{flag} {tmp_path / name}: no longer there; say by --{flag} where" in message
    run(train, *resumed, f"--{flag}", tmp_path / "elsewhere")

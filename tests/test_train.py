"""train.py from the command line: runs, resumes, and refuses in one line."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

import checkpoint
import train
from checkpoint import Architecture
from metrics import scores
from tests.commands import assert_same, failure, run
from tests.networks import tiny_generator, write_source
from tests.pictures import random_pictures
from training import steps

TINY = ["--device", "cpu", "--batch", 4, "--n_sample", 4, "--sample_every", 2, "--save_every", 2]
SCRATCH = ["--size", 16, "--channel_base", 64, "--channel_max", 8, "--style_dim", 8, "--n_mlp", 2]


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return random_pictures(tmp_path_factory.mktemp("faces"), 12)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("source") / "source.pt")


def stats(folder):
    timing = {"sec_per_kimg", "seconds", "gib"}
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in timing} for line in lines]


def test_a_broken_picture_is_found_before_the_first_step(tmp_path, capsys):
    (tmp_path / "faces").mkdir()
    faces = random_pictures(tmp_path / "faces", 12)
    last = sorted(faces.iterdir())[-1]
    last.write_bytes(last.read_bytes()[:100])
    message = failure(capsys, train, faces, *SCRATCH, *TINY, "--iter", 1, "--outdir", tmp_path / "run")
    assert last.name in message and "prepare_data.py" in message
    assert not (tmp_path / "run").exists()


def test_training_from_scratch_leaves_a_complete_run(faces, tmp_path):
    run(train, faces, *SCRATCH, *TINY, "--iter", 4, "--outdir", tmp_path / "run")
    written = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert written >= {
        "options.json", "log.txt", "loss.png", "progress.gif", "reals.png",
        "samples/000000.png", "samples/000002.png", "samples/000004.png", "checkpoints/000002.pt", "checkpoints/000004.pt",
    }  # fmt: skip
    found = checkpoint.read(tmp_path / "run" / "checkpoints" / "000004.pt")
    assert found.format == "this project"
    assert (found.architecture.size, found.extra["iteration"]) == (16, 4)


def test_fine_tuning_starts_from_the_averaged_generator_of_the_file(faces, source, tmp_path):
    run(train, faces, "--ckpt", source, *TINY, "--iter", 1, "--freezeG", 1, "--outdir", tmp_path / "run")
    given, found = checkpoint.read(source), checkpoint.read(tmp_path / "run" / "checkpoints" / "000001.pt")
    for which in ("g", "g_ema"):
        for name in ("style.1.weight", "conv1.conv.weight", "convs.0.conv.weight"):
            assert torch.equal(found.networks[which][name], given.networks["g_ema"][name])
        assert not torch.equal(found.networks[which]["convs.2.conv.weight"], given.networks["g_ema"]["convs.2.conv.weight"])


def test_first_sample_sheet_shows_source_and_target_alike(faces, source, tmp_path):
    run(train, faces, "--ckpt", source, *TINY, "--iter", 1, "--outdir", tmp_path / "run")
    sheet = np.array(Image.open(tmp_path / "run" / "samples" / "000000.png").convert("RGB"))
    side = 128
    above, below = sheet[2 : 2 + side, -2 * (side + 2) :], sheet[4 + side : 4 + 2 * side, -2 * (side + 2) :]
    assert np.array_equal(above, below)
    assert above.std() > 1


@pytest.mark.parametrize(
    "flags",
    [
        ["--augment", "--freezeD", 1, "--freezeG", 1],
        ["--augment", "--augment_p", 0.5, "--freezeStyle", 2, "--freezeG", 1, "--train_mapping", "--structure_loss", 2],
        ["--accumulate", 2, "--no_graphs"],
        ["--precision", "bf16", "--structure_loss", 2, "--structure_target", "features"],
    ],
    ids=["ada+freeze", "sg+structure", "accumulate", "bf16"],
)
def test_a_resumed_run_is_bit_equal_to_an_uninterrupted_one(faces, source, tmp_path, flags):
    """Stopped inside an interval of ADA, of the statistics, and of an epoch."""
    flags = [faces, "--ckpt", source, *TINY, "--save_every", 5, "--iter", 11, *flags]
    run(train, *flags, "--outdir", tmp_path / "whole")
    run(train, *flags, "--outdir", tmp_path / "parts", "--iter", 5)
    run(train, "--resume", "--outdir", tmp_path / "parts", "--iter", 11)
    whole, parts = (torch.load(tmp_path / name / "checkpoints" / "000011.pt", weights_only=True) for name in ("whole", "parts"))
    assert whole["args"].pop("outdir") != parts["args"].pop("outdir")
    assert_same(parts, whole)
    assert stats(tmp_path / "parts") == stats(tmp_path / "whole") != []


def test_each_thing_happens_as_often_as_its_flag_says(faces, source, tmp_path, monkeypatch):
    """No two of the intervals are equal. Without memory the average is the generator of the moment."""
    happened = {name: [] for name in ("discriminator_step", "r1_step", "generator_step", "path_length_step")}
    judged, of_generator = [], scores.of_generator

    def watch(name, step):
        def watched(state, *inputs):
            happened[name].append((state.iteration, inputs))
            return step(state, *inputs)

        return watched

    for name in happened:
        monkeypatch.setattr(steps, name, watch(name, getattr(steps, name)))
    monkeypatch.setattr(
        scores, "of_generator", lambda network, seeds, *how: judged.append(seeds) or of_generator(network, seeds, *how)
    )
    flags = ["--batch", 6, "--d_reg_every", 3, "--g_reg_every", 2, "--path_batch_shrink", 3, "--ema_decay", 0]
    flags += ["--sample_every", 5, "--save_every", 4, "--eval_every", 7, "--eval_n", 5, "--eval_features", "pixels"]
    run(train, faces, "--ckpt", source, *TINY, *flags, "--iter", 10, "--outdir", tmp_path)
    when = {name: [iteration for iteration, _ in calls] for name, calls in happened.items()}
    assert when["discriminator_step"] == when["generator_step"] == list(range(10))
    assert when["r1_step"] == [0, 3, 6, 9] and when["path_length_step"] == [0, 2, 4, 6, 8]
    sizes = {name: len(calls[-1][1][-1][0].z[0]) for name, calls in happened.items() if name != "r1_step"}
    assert sizes == {"discriminator_step": 6, "generator_step": 6, "path_length_step": 2}
    assert [path.stem for path in sorted((tmp_path / "samples").iterdir())] == ["000000", "000005", "000010"]
    assert [path.stem for path in sorted((tmp_path / "checkpoints").glob("0*.pt"))] == ["000004", "000008", "000010"]
    end = torch.load(tmp_path / "checkpoints" / "000010.pt", weights_only=True)
    assert judged == [range(5)] and [entry["iteration"] for entry in end["evaluations"]] == [7]
    assert_same(end["g_ema"], end["g"])


def test_numbers_that_change_during_a_run_are_those_of_the_next_iteration(faces, tmp_path, monkeypatch):
    """As a schedule does it: R1 in each iteration, then no more."""
    taken, ordinary = [], steps.r1_step

    def r1_step(state, reals):
        taken.append(state.iteration)
        state.settings = dataclasses.replace(state.settings, r1=2.0 - state.iteration)
        return ordinary(state, reals)

    monkeypatch.setattr(steps, "r1_step", r1_step)
    run(train, faces, *SCRATCH, *TINY, "--d_reg_every", 1, "--iter", 4, "--outdir", tmp_path)
    assert taken == [0, 1, 2]


def test_a_run_whose_updates_keep_failing_is_stopped_and_names_the_step(faces, tmp_path, capsys):
    rarely = ["--save_every", 1000, "--sample_every", 1000]
    message = failure(capsys, train, faces, *SCRATCH, *TINY, *rarely, "--lr", 1e30, "--iter", 100, "--outdir", tmp_path)
    assert "diverged: at iteration" in message and "times in a row" in message and "--lr" in message
    assert not list((tmp_path / "checkpoints").glob("*.pt"))


def test_freezesg_checkpoint_draws_the_blended_faces_in_every_command(faces, source, tmp_path):
    flags = ["--freezeStyle", 2, "--freezeG", 1, "--train_mapping", "--iter", 2]
    run(train, faces, "--ckpt", source, *TINY, *flags, "--outdir", tmp_path / "run")
    found = checkpoint.read(tmp_path / "run" / "checkpoints" / "000002.pt")
    z = torch.randn(3, 8)
    blended = found.generator().mapping(z)
    assert torch.equal(blended[:, :2], checkpoint.read(source).generator().mapping(z)[:, None].expand(-1, 2, -1))
    assert not torch.equal(blended[:, 2], blended[:, 1])


def test_fine_tuning_a_blended_checkpoint_keeps_its_styles_and_cannot_blend_again(faces, source, tmp_path, capsys):
    flags = ["--freezeStyle", 2, "--iter", 1]
    run(train, faces, "--ckpt", source, *TINY, *flags, "--outdir", tmp_path / "first")
    first = tmp_path / "first" / "checkpoints" / "000001.pt"
    run(train, faces, "--ckpt", first, *TINY, "--iter", 1, "--freezeFC", "--outdir", tmp_path / "second")
    second = checkpoint.read(tmp_path / "second" / "checkpoints" / "000001.pt")
    z = torch.randn(3, 8)
    assert torch.equal(second.generator().mapping(z), checkpoint.read(first).generator().mapping(z))
    assert "--freezeStyle 2" in failure(capsys, train, faces, "--ckpt", first, *flags)


def test_resume_falls_back_to_the_previous_checkpoint_when_the_newest_is_damaged(faces, tmp_path, capsys):
    run(train, faces, *SCRATCH, *TINY, "--iter", 4, "--outdir", tmp_path / "run")
    newest = tmp_path / "run" / "checkpoints" / "000004.pt"
    damaged = bytearray(newest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    newest.write_bytes(damaged)
    capsys.readouterr()
    run(train, "--resume", "--outdir", tmp_path / "run", "--iter", 5)
    shown = capsys.readouterr().out
    assert "000004.pt" in shown and "falling back to" in shown and "000002.pt" in shown
    assert (tmp_path / "run" / "checkpoints" / "000005.pt").exists()


@pytest.mark.parametrize("left", [[], ["options.json"]], ids=["nothing", "options"])
def test_a_run_stopped_before_its_first_checkpoint_begins_again(faces, tmp_path, capsys, left):
    for name in left:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / name).write_text("{}")
    run(train, faces, *SCRATCH, *TINY, "--iter", 1, "--outdir", tmp_path / "run", "--resume")
    assert (tmp_path / "run" / "checkpoints" / "000001.pt").exists()
    assert "nothing to resume" in capsys.readouterr().out


def test_resuming_a_finished_run_changes_nothing(faces, tmp_path):
    run(train, faces, *SCRATCH, *TINY, "--iter", 2, "--outdir", tmp_path / "run")
    file = tmp_path / "run" / "checkpoints" / "000002.pt"
    before = file.read_bytes(), stats(tmp_path / "run")
    run(train, "--resume", "--outdir", tmp_path / "run")
    assert (file.read_bytes(), stats(tmp_path / "run")) == before


def test_keep_prunes_the_oldest_checkpoints(faces, tmp_path):
    run(train, faces, *SCRATCH, *TINY, "--save_every", 1, "--iter", 5, "--keep", 2, "--outdir", tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").glob("*.pt")) == ["000004.pt", "000005.pt"]


def test_second_run_without_outdir_goes_beside_the_first_and_says_so(faces, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        run(train, faces, *SCRATCH, *TINY, "--iter", 1)
    assert (tmp_path / "expr-2" / "checkpoints" / "000001.pt").exists()
    assert "expr-2" in capsys.readouterr().out
    run(train, "--resume", "--iter", 2)
    assert (tmp_path / "expr-2" / "checkpoints" / "000002.pt").exists()


def test_dry_run_shows_the_plan_and_writes_nothing(faces, source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(train, faces, "--ckpt", source, "--preset", "freezesg", "--augment_p", "0.2", "--dry_run")
    shown = capsys.readouterr().out
    assert "--freezeStyle" in shown and "frozen" in shown and "GiB" in shown
    assert list(tmp_path.iterdir()) == []


def test_a_preset_leaves_alone_what_is_set_to_off(faces, source, tmp_path, capsys):
    off = tmp_path / "off.toml"
    off.write_text("augment = false\ntrain_mapping = false\n")
    words = [faces, "--ckpt", source, "--preset", "freezesg", "--freezeD=-1", "--config", off, "--dry_run"]
    run(train, *words)
    assert "at 16 px sets --freezeG 1 --freezeStyle 3\n" in capsys.readouterr().out
    assert "--augment_p 0.5: has no effect" in failure(capsys, train, *words, "--augment_p", 0.5)


def test_resume_lists_the_options_that_changed(faces, tmp_path, capsys):
    run(train, faces, *SCRATCH, *TINY, "--iter", 2, "--outdir", tmp_path / "run")
    run(train, "--resume", "--outdir", tmp_path / "run", "--iter", 3, "--lr", 0.001)
    shown = capsys.readouterr().out
    assert "--lr 0.001 (was 0.002)" in shown and "--iter 3 (was 2)" in shown


def test_published_spellings_are_understood(faces, source, tmp_path):
    published = [
        f"--path={faces}",
        "--batch=4",
        f"--ckpt={source}",
        "--freezeG=1",
        "--freezeD=1",
        "--augment",
        "--local-rank=0",
    ]
    run(train, *published, "--n_sample=4", "--iter=1", f"--outdir={tmp_path / 'run'}", "--device=cpu")
    assert (tmp_path / "run" / "checkpoints" / "000001.pt").exists()


def test_config_file_gives_flags_that_the_command_line_overrides(faces, tmp_path):
    config = tmp_path / "tiny.toml"
    config.write_text("size = 16\nchannel_base = 64\nchannel_max = 8\nstyle_dim = 8\nn_mlp = 2\niter = 5\nno_flip = true\n")
    run(train, faces, "--config", config, *TINY, "--iter", 1, "--outdir", tmp_path / "run")
    options = json.loads((tmp_path / "run" / "options.json").read_text())
    assert (options["iter"], options["no_flip"], options["n_mlp"]) == (1, True, 2)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--bacth", "4"], ["--bacth", "--batch"]),
        (["--ckpt", "missing.pt"], ["missing.pt", "no such file"]),
        (["--ckpt", "{source}", "--size", "32"], ["--size 32", "16"]),
        (["--ckpt", "{source}", "--channel_multiplier", "2"], ["channel flags"]),
        (["--ckpt", "{source}", "--n_mlp", "8"], ["--n_mlp 8", "2"]),
        (["--ckpt", "{source}", "--freezeG", "99"], ["--freezeG 99", "1 to 2"]),
        (["--channel_multiplier", "2", "--channel_base", "64"], ["--channel_multiplier", "--channel_base"]),
        (["--size", "24"], ["--size", "24", "16, 32, 64"]),
        (["--structure_loss", "1"], ["StructureLoss", "--ckpt"]),
        (["--ckpt", "{source}", "--start_from", "g", "--structure_loss", "1"], ["--start_from g"]),
        (["--iter", "5", "--kimg", "1"], ["--iter", "--kimg"]),
        (["--accumulate", "3"], ["--accumulate 3", "--batch 16"]),
        (["--augment_p", "0.5"], ["--augment_p", "--augment"]),
        (["--batch", "0"], ["--batch", "at least 1"]),
        (["--lr", "nan"], ["--lr", "above 0"]),
        (["--resume", "{source}"], ["--resume", "--ckpt"]),
        (["--resume"], ["--resume", "no run"]),
        (["--freezeG", "0"], ["--freezeG: 0", "-1 for off"]),
        (["--structure_weight", "nan"], ["--structure_weight"]),
        (["--resume", "--overwrite"], ["--overwrite", "--resume"]),
        (["--overwrite"], ["--overwrite", "--outdir"]),
        (["--resume", "."], ["--resume .", "holds no checkpoints"]),
        (["--eval_every", "2"], ["--eval_features disc: looks through the discriminator of the source", "pixels"]),
        (["--arch", "swagan"], ["--arch swagan", "stylegan2"]),
        (["--device", "cuda:9"], ["--device cuda:9", "cpu"]),
        (["-m", "torch.distributed.launch"], ["torchrun --standalone"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0].startswith("-") else "",
)
def test_wrong_flags_get_one_line_with_the_flag_and_the_remedy(faces, source, tmp_path, monkeypatch, capsys, flags, words):
    monkeypatch.chdir(tmp_path)
    message = failure(capsys, train, faces, *[flag.format(source=source) for flag in flags])
    for word in words:
        assert word in message
    assert list(tmp_path.iterdir()) == []


def test_freezing_a_discriminator_that_the_file_lacks_is_refused(faces, tmp_path, capsys):
    path = tmp_path / "g.pt"
    checkpoint.write(path, {"g_ema": tiny_generator().state_dict()})
    assert "holds no discriminator" in failure(capsys, train, faces, "--ckpt", path, "--freezeD", 1)


def test_a_file_with_nothing_but_an_averaged_generator_can_be_fine_tuned(faces, tmp_path):
    path = tmp_path / "g.pt"
    checkpoint.write(path, {"g_ema": tiny_generator().state_dict()})
    run(train, faces, "--ckpt", path, *TINY, "--iter", 1, "--outdir", tmp_path / "run")
    assert "new one" in (tmp_path / "run" / "log.txt").read_text()


@pytest.mark.parametrize("content, words", [(None, "no such file"), ([], "holds no files")], ids=["missing", "empty"])
def test_unusable_data_is_named(tmp_path, capsys, content, words):
    folder = tmp_path / "data"
    if content is not None:
        folder.mkdir()
    message = failure(capsys, train, folder, *SCRATCH)
    assert message.startswith(f"train.py: --path {folder}") and words in message


def test_an_outdir_that_holds_a_run_is_not_overwritten(faces, tmp_path, capsys):
    command = [faces, *SCRATCH, *TINY, "--iter", 1, "--outdir", tmp_path / "run"]
    run(train, *command)
    message = failure(capsys, train, *command)
    assert "--resume" in message and "--overwrite" in message
    run(train, *command, "--overwrite")


def test_architecture_is_in_the_file(faces, tmp_path):
    run(train, faces, *SCRATCH, *TINY, "--iter", 1, "--outdir", tmp_path / "run")
    found = checkpoint.read(tmp_path / "run" / "checkpoints" / "000001.pt").architecture
    assert found == Architecture(size=16, style_dim=8, n_mlp=2, channels={4: 8, 8: 8, 16: 4})


def test_evaluations_keep_the_best_checkpoint_and_go_on_after_a_resume(faces, source, tmp_path, capsys):
    flags = [faces, "--ckpt", source, *TINY, "--eval_every", 2, "--eval_n", 6, "--outdir", tmp_path / "run"]
    run(train, *flags, "--iter", 4)
    run(train, "--resume", "--outdir", tmp_path / "run", "--iter", 8)
    saved = torch.load(tmp_path / "run" / "checkpoints" / "000008.pt", weights_only=True)
    history = saved["evaluations"]
    assert [entry["iteration"] for entry in history] == [2, 4, 6, 8] and len({entry["kid"] for entry in history}) == 4
    best = min(history, key=lambda entry: entry["kid"])
    kept = torch.load(tmp_path / "run" / "checkpoints" / "best.pt", weights_only=True)
    assert kept["iteration"] == best["iteration"]
    said = capsys.readouterr().out
    assert "--eval kid: 6 pictures are few" in said
    assert f"Best kid: {best['kid']:.5g} at iteration {best['iteration']}" in said
    last = stats(tmp_path / "run")[-1]
    assert (tmp_path / "run" / "kid.png").exists() and last["kid"] == history[-1]["kid"]
    assert last["spread"] > 0 and last["nearness"] > 0
    run(train, faces, "--ckpt", tmp_path / "run" / "checkpoints" / "best.pt", *TINY, "--iter", 1, "--outdir", tmp_path / "next")


def test_the_best_evaluation_is_kept_and_not_the_latest(faces, tmp_path, monkeypatch):
    values = iter([3.0, 1.0, 2.0])
    score = lambda generator: {"kid": next(values), "spread": 1.0, "nearness": 1.0}
    monkeypatch.setattr(scores, "scorer", lambda *how: score)
    run(train, faces, *SCRATCH, *TINY, "--eval_every", 1, "--eval_features", "pixels", "--iter", 3, "--outdir", tmp_path)
    assert torch.load(tmp_path / "checkpoints" / "best.pt", weights_only=True)["iteration"] == 2


def test_a_second_run_leaves_one_alone_that_came_to_no_checkpoint_yet(faces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "expr").mkdir()
    (tmp_path / "expr" / "options.json").write_text("{}")
    run(train, faces, *SCRATCH, *TINY, "--iter", 1)
    assert (tmp_path / "expr" / "options.json").read_text() == "{}"
    assert (tmp_path / "expr-2" / "checkpoints" / "000001.pt").exists()


def test_going_back_to_an_older_checkpoint_sets_the_newer_ones_aside(faces, tmp_path, capsys):
    outdir = tmp_path / "run"
    run(train, faces, *SCRATCH, *TINY, "--iter", 6, "--outdir", outdir)
    (outdir / "checkpoints" / "of mine.pt").write_bytes(b"not the run's")
    checkpoint.write(outdir / "checkpoints" / "best.pt", {"iteration": 5})
    run(train, "--resume", outdir / "checkpoints" / "000002.pt", "--iter", 3, "--keep", 2)
    assert "3 newer checkpoints are now in" in capsys.readouterr().out
    left = sorted(path.name for path in (outdir / "checkpoints").glob("*.pt"))
    assert left == ["000002.pt", "000003.pt", "of mine.pt"]
    aside = sorted(path.name for path in (outdir / "checkpoints" / "abandoned").iterdir())
    assert aside == ["000004.pt", "000006.pt", "best.pt"]
    run(train, "--resume", "--outdir", outdir, "--iter", 4)
    assert (outdir / "checkpoints" / "000004.pt").exists(), "it went on from 3"
    run(train, "--resume", outdir / "checkpoints" / "000003.pt", "--iter", 4)
    assert [path.name for path in (outdir / "checkpoints" / "abandoned-2").iterdir()] == ["000004.pt"]
    assert len(list((outdir / "checkpoints" / "abandoned").iterdir())) == 3, "those of before stay"


@pytest.mark.parametrize("folder", [".", "checkpoints"])
def test_a_run_is_named_by_its_folder(faces, tmp_path, folder):
    run(train, faces, *SCRATCH, *TINY, "--iter", 1, "--outdir", tmp_path / "run")
    run(train, "--resume", tmp_path / "run" / folder, "--iter", 2)
    assert (tmp_path / "run" / "checkpoints" / "000002.pt").exists()


def test_a_folder_without_a_run_and_no_pictures_to_begin_one(tmp_path, capsys):
    message = failure(capsys, train, "--resume", "--outdir", tmp_path / "typo")
    assert f"--outdir {tmp_path / 'typo'}: holds no run" in message and not (tmp_path / "typo").exists()


def test_scores_that_will_never_be_taken_are_remarked_on(faces, source, capsys):
    words = [faces, "--ckpt", source, "--eval_every", 5, "--eval_features", "pixels", "--eval_n", 9, "--dry_run"]
    for iterations, never in ((4, True), (5, False)):
        run(train, *words, "--iter", iterations)
        assert ("--eval_every 5: no score until --iter 4" in capsys.readouterr().out) is never


def test_a_run_goes_on_from_another_folder_and_beside_its_checkpoint(faces, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").symlink_to(faces)
    run(train, "pictures", "--ckpt", source, *TINY, "--iter", 1, "--outdir", "run")
    monkeypatch.chdir(tmp_path / "run" / "checkpoints")
    run(train, "--resume", "000001.pt", "--iter", 2)
    assert (tmp_path / "run" / "checkpoints" / "000002.pt").exists()


def test_a_checkpoint_outside_a_run_needs_an_outdir_and_gets_it(faces, tmp_path, capsys):
    run(train, faces, *SCRATCH, *TINY, "--iter", 1, "--outdir", tmp_path / "run")
    lonely = (tmp_path / "run" / "checkpoints" / "000001.pt").rename(tmp_path / "lonely.pt")
    assert "--outdir" in failure(capsys, train, "--resume", lonely, "--iter", 2)
    run(train, "--resume", lonely, "--iter", 2, "--outdir", tmp_path / "new")
    assert (tmp_path / "new" / "checkpoints" / "000002.pt").exists()


def test_overwrite_spares_the_network_that_it_starts_from(faces, tmp_path, capsys):
    run(train, faces, *SCRATCH, *TINY, "--iter", 1, "--outdir", tmp_path / "run")
    start = tmp_path / "run" / "checkpoints" / "000001.pt"
    message = failure(capsys, train, faces, "--ckpt", start, "--outdir", tmp_path / "run", "--overwrite")
    assert "would delete --ckpt" in message and start.exists()

"""What a run is: every flag of train.py, alone, changes the run or is refused; and Options is what options.json holds."""

import argparse
import dataclasses

import pytest
import torch

import checkpoint
import train
from errors import InputError
from running import loop
from tests.networks import write_source
from tests.pictures import random_pictures
from tests.vision import doubles
from training import setup
from training.options import Options, resolve
from training.transfer import METHODS
from vision import clip_files

ALONE = {  # flag -> words that ask for something else than what is so; {source} and {faces} are at hand
    "images": "{others}",
    "path": "--path {others}",
    "size": "--size 32",
    "no_flip": "--no_flip",
    "ckpt": "--ckpt {other}",
    "start_from": "--start_from g",
    "channel_multiplier": "--channel_multiplier 1",
    "channel_base": "--channel_base 128",
    "channel_max": "--channel_max 4",
    "style_dim": "--style_dim 16",
    "n_mlp": "--n_mlp 3",
    "arch": "--arch swagan",
    "preset": "--preset freezeg",
    "freezeD": "--freezeD 1",
    "freezeG": "--freezeG 1",
    "train_mapping": "--train_mapping",
    "freezeFC": "--freezeFC",
    "no_noise": "--no_noise",
    "freezeStyle": "--freezeStyle 2",
    "structure_loss": "--structure_loss 2",
    "structure_weight": "--structure_weight 2",
    "structure_target": "--structure_target features",
    "correlation_loss": "--correlation_loss 4",
    "correlation_weight": "--correlation_weight 2",
    "clip_target": "--clip_target sketch",
    "clip_source": "--clip_source face",
    "clip_weight": "--clip_weight 2",
    "clip_layers": "--clip_layers 2",
    "clip": "--clip a.pt",
    "augment": "--augment",
    "augment_kind": "--augment_kind diff",
    "augment_p": "--augment_p 0.5",
    "ada_target": "--ada_target 0.5",
    "ada_length": "--ada_length 9",
    "batch": "--batch 2",
    "accumulate": "--accumulate 2",
    "iter": "--iter 7",
    "kimg": "--kimg 1",
    "precision": "--precision bf16",
    "lr": "--lr 0.1",
    "r1": "--r1 1",
    "d_reg_every": "--d_reg_every 3",
    "path_regularize": "--path_regularize 1",
    "g_reg_every": "--g_reg_every 3",
    "path_batch_shrink": "--path_batch_shrink 3",
    "mixing": "--mixing 0.5",
    "ema_decay": "--ema_decay 0.5",
    "eval_every": "--eval_every 3",
    "eval": "--eval fid",
    "eval_features": "--eval_features pixels",
    "eval_n": "--eval_n 9",
    "seed": "--seed 3",
    "launcher": "-m torch.distributed.launch",
    "overwrite": "--overwrite",
}
# What the loop, the report or this call alone asks for. That each of them does it, is tested with the loop and the resume.
OF_THE_LOOP = {"tensorboard", "wandb", "outdir", "save_every", "keep", "sample_every", "n_sample", "device", "no_graphs"}
OF_THIS_CALL = {"help", "config", "debug", "resume", "profile", "dry_run", "local_rank", "ada_every"}
REFUSED = {
    "train_mapping",
    "structure_weight",
    "structure_target",
    "correlation_weight",
    "augment_kind",
    "augment_p",
    "ada_target",
    "ada_length",
}
REFUSED |= {"eval", "eval_features", "eval_n", "arch", "launcher", "overwrite", "size", "style_dim", "n_mlp"}
REFUSED |= {"clip_source", "clip_weight", "clip_layers", "clip"}
REFUSED |= {"channel_multiplier", "channel_base", "channel_max"}  # of a network that is there already


@pytest.fixture(autouse=True)
def no_clip(monkeypatch):
    monkeypatch.setattr(clip_files, "load", lambda text: doubles.clip())


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    root = tmp_path_factory.mktemp("places")
    for name, count in {"faces": 9, "others": 7}.items():
        (root / name).mkdir()
        random_pictures(root / name, count)
    write_source(root / "source.pt")
    swapped = checkpoint.read(root / "source.pt").networks
    checkpoint.write(root / "other.pt", swapped | {"g_ema": swapped["g"], "g": swapped["g_ema"]})
    return {"faces": root / "faces", "others": root / "others", "source": root / "source.pt", "other": root / "other.pt"}


def begun(places, words: str = ""):
    """As train.py begins."""
    words = words.format(**places).split()
    images = [] if {"--path", str(places["others"])} & set(words) else [str(places["faces"])]
    source = [] if "--ckpt" in words else ["--ckpt", str(places["source"])]
    args = train.parser().parse_args([*source, *images, *words])
    start = loop.begin(args, train.parser())
    train.parser().check(args)
    return setup.prepare(start)


def effect(run) -> dict[str, object]:
    """All of a run that its flags decide, but for what the loop asks for."""
    state = run.state
    networks = {name: checkpoint.fingerprint(network.state_dict()) for name, network in state.networks().items()}
    return {
        "networks": networks | {"source": run.beside["source"]},
        "trains": [p.requires_grad for network in state.networks().values() for p in network.parameters()],
        "dtype": state.generator.compute_dtype,
        "settings": state.settings,
        "methods": [(type(method), vars(method)) for method in state.methods],
        "augmentation": (type(state.augmentation), state.augmentation.state_dict()),
        "random numbers": state.rng.get_state().sum().item(),
        "batches": (run.batches.flip, len(run.images), run.images.size),
        "iterations": run.options["iter"],
        "scores": run.options["eval_every"],
    }


@pytest.fixture(scope="module")
def plain(places):
    return effect(begun(places))


def test_every_flag_is_walked():
    assert sorted([*ALONE, *OF_THE_LOOP, *OF_THIS_CALL]) == sorted(action.dest for action in train.parser()._actions)


@pytest.mark.parametrize("flag", ALONE)
def test_a_flag_alone_changes_the_run_or_is_refused(places, plain, flag):
    if flag in REFUSED:
        with pytest.raises(InputError) as refused:
            begun(places, ALONE[flag])
        assert ALONE[flag].split()[0] in str(refused.value)
    else:
        assert effect(begun(places, ALONE[flag])) != plain


@pytest.mark.parametrize(
    "words, told",
    [
        ("--augment --augment_kind diff --ada_target 0.5", "--ada_target 0.5: has no effect without --augment_kind ada"),
        ("--augment --augment_p 0.5 --ada_length 9", "--ada_length 9: has no effect with --augment_p"),
        ("--freezeG 1 --train_mapping --freezeFC", "--freezeFC: has no effect with --train_mapping; leave one out"),
        ("--r1 0 --d_reg_every 3", "--d_reg_every 3: has no effect with --r1 0"),
        ("--path_regularize 0 --path_batch_shrink 3", "--path_batch_shrink 3: has no effect with --path_regularize 0"),
    ],
)
def test_flags_of_which_one_does_nothing_are_refused(places, words, told):
    with pytest.raises(InputError, match=told):
        begun(places, words)


def test_options_are_what_a_run_is_and_nothing_of_the_call(places):
    run = begun(places, "--dry_run --debug --freezeG 1 --iter 7")
    names = {field.name for field in dataclasses.fields(Options)} - {"methods"} | {name for m in METHODS for name in m.flags()}
    assert run.options.keys() == names
    assert names == {action.dest for action in train.parser()._actions} - OF_THIS_CALL - {"images", "launcher", "overwrite"}
    assert (run.options["freezeG"], run.options["iter"], run.options["kimg"]) == (1, 7, None)


def test_nobody_writes_to_the_flags_and_nobody_to_the_options(places):
    args = train.parser().parse_args([str(places["faces"]), "--ckpt", str(places["source"]), "--preset", "freezesg"])
    before = dict(vars(args))
    run = setup.prepare(loop.begin(args, train.parser()))
    assert vars(args) == before and run.options["augment"] and run.args.iter == 30_000
    options, _ = resolve(args, 16, None, torch.device("cpu"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.lr = 1.0


@pytest.mark.parametrize("kind", METHODS)
def test_a_method_reads_its_own_flags_and_no_others(kind):
    assert kind.from_args(argparse.Namespace(**kind.flags())) is None

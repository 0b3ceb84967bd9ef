"""From flags to a run: every flag reaches what it names. Wrong ones are refused in tests/test_train.py."""

import dataclasses
from pathlib import Path

import pytest
import torch

import checkpoint
import prepare_data
import train
from augment import Ada, Augmentation, DiffAugment
from checkpoint import Architecture
from errors import InputError
from running import parallel
from running.run import Start
from tests.commands import run
from tests.networks import tiny_generator, write_source
from tests.pictures import random_pictures
from training import setup
from training.state import Settings
from training.steps import draw_micro_batches, micro_batches

NEW = ["--size", 16, "--channel_base", 64, "--channel_max", 8, "--style_dim", 8, "--n_mlp", 2]


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return random_pictures(tmp_path_factory.mktemp("faces"), 9)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("source") / "source.pt")


@pytest.fixture
def prepared(faces):
    def prepare(*words):
        return setup.prepare(Start(train.parser().parse_args([str(word) for word in (faces, *words)]), torch.device("cpu")))

    return prepare


def shown(run):
    """The next batch as a step takes it."""
    return micro_batches(run.state, next(run.batches))


def holds(network, state):
    own = network.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("words, which", [([], "g_ema"), (["--start_from", "g_ema"], "g_ema"), (["--start_from", "g"], "g")])
def test_training_starts_from_the_generator_that_was_named_and_compares_with_the_averaged_one(prepared, source, words, which):
    state, file = prepared("--ckpt", source, *words).state, checkpoint.read(source)
    assert holds(state.generator, file.networks[which]) and holds(state.g_ema, file.networks[which])
    assert holds(state.source, file.networks["g_ema"])
    assert holds(state.discriminator, file.networks["d"])


@pytest.mark.parametrize("batch", [2, 8])
def test_kimg_counts_thousands_of_images_whatever_the_batch(prepared, batch):
    args = prepared(*NEW, "--batch", batch, "--kimg", 2).args
    assert (args.iter * batch, args.kimg) == (2000, None)
    assert prepared(*NEW, "--batch", batch, "--kimg", 0.001).args.iter == 1


@pytest.mark.parametrize("words, iterations", [([], 800_000), (["--iter", 7], 7)])
def test_a_new_network_trains_for_long_unless_told_otherwise(prepared, words, iterations):
    assert prepared(*NEW, *words).args.iter == iterations


def test_fine_tuning_is_shorter(prepared, source):
    assert prepared("--ckpt", source).args.iter == 30_000


@pytest.mark.parametrize("batch, r1", [(4, 0.0128), (16, 0.0032)])
def test_r1_of_small_pictures_is_for_the_pixels_and_falls_with_the_batch(prepared, batch, r1):
    run = prepared(*NEW, "--batch", batch)
    assert run.state.settings.r1 == pytest.approx(r1)
    assert f"--r1 auto: {r1}" in run.remarks


def test_r1_of_large_pictures_is_the_published_one_and_a_given_one_stays(prepared):
    large = ["--size", 256, "--channel_base", 16, "--style_dim", 8, "--n_mlp", 1, "--batch", 4]
    assert prepared(*large).state.settings.r1 == 10
    assert prepared(*NEW, "--r1", 0.7).state.settings.r1 == 0.7
    assert prepared(*NEW, "--r1", 0).state.settings.r1 == 0


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Settings)])
def test_every_number_of_the_loop_is_set_by_the_flag_of_its_name(prepared, field):
    kind = type(getattr(Settings(), field))
    value = 8 if kind is int else 0.375
    state = prepared(*NEW, f"--{field}", value).state
    assert getattr(state.settings, field) == value != getattr(Settings(), field)


def test_what_no_flag_says_is_as_published(prepared):
    settings = prepared(*NEW).state.settings
    assert settings == Settings(r1=settings.r1)


def test_the_flags_of_the_augmentation_reach_its_controller(prepared):
    ada = prepared(*NEW, "--augment", "--ada_target", 0.25, "--ada_length", 900).state.augmentation
    assert (ada.target, ada.length, ada.fixed_p, ada.p) == (0.25, 900, 0, 0)
    fixed = prepared(*NEW, "--augment", "--augment_p", 0.5).state.augmentation
    assert (fixed.fixed_p, fixed.p) == (0.5, 0.5)
    assert type(prepared(*NEW).state.augmentation) is Augmentation
    assert type(prepared(*NEW, "--augment", "--augment_kind", "diff").state.augmentation) is DiffAugment


def test_the_flags_of_the_methods_freeze_layers_of_the_networks_in_training(prepared, source):
    state = prepared("--ckpt", source, "--freezeG", 1, "--train_mapping", "--freezeD", 1, "--freezeStyle", 2).state
    trains = {name for name, p in state.generator.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in trains} == {"style", "convs", "to_rgbs"}
    assert not any(p.requires_grad for p in state.discriminator.convs[:-1].parameters())
    assert [type(method).__name__ for method in state.methods] == ["FreezeD", "FreezeG", "FreezeStyle"]


def test_a_preset_sets_what_was_left_open_and_says_so(prepared, source):
    run = prepared("--ckpt", source, "--preset", "freezesg", "--freezeG", 2)
    assert (run.options["freezeG"], run.options["freezeStyle"]) == (2, 3)
    assert run.options["train_mapping"] is run.options["augment"] is True
    (said,) = [line for line in run.remarks if line.startswith("--preset")]
    assert "--freezeStyle 3" in said and "--augment " in said and "--freezeG" not in said
    assert isinstance(run.state.augmentation, Ada) and [
        method.layers for method in run.state.methods if hasattr(method, "layers")
    ] == [3]


def test_the_preset_for_cartoons_holds_d_back_unless_told_otherwise(prepared, source):
    run = prepared("--ckpt", source, "--preset", "cartoon")
    assert (run.options["r1"], run.options["freezeD"], run.options["no_noise"]) == (3 * 16**2 / 4096, -1, True)
    assert prepared("--ckpt", source, "--preset", "cartoon", "--r1", 5).options["r1"] == 5


@pytest.mark.parametrize("preset", ["freezed", "freezeg", "freezesg", "structure"])
def test_a_preset_freezes_no_discriminator_that_the_file_lacks_and_says_so(prepared, tmp_path, preset):
    path = tmp_path / "g.pt"
    checkpoint.write(path, {"g_ema": tiny_generator().state_dict()})
    run = prepared("--ckpt", path, "--preset", preset)
    assert run.options["freezeD"] == -1 and all(p.requires_grad for p in run.state.discriminator.parameters())
    (said,) = [line for line in run.remarks if line.startswith("--preset")]
    assert f"leaves --freezeD out, since {path} holds no discriminator" in said and "--freezeD 1" not in said


@pytest.mark.parametrize("words", [["--preset", "freezed"], ["--preset", "freezeg"], ["--freezeD", 1], ["--freezeFC"]], ids=str)
def test_nothing_is_frozen_of_networks_that_have_learnt_nothing(prepared, words):
    with pytest.raises(InputError, match=r"keeps what a source network has learnt: name one with --ckpt"):
        prepared(*NEW, *words)


@pytest.fixture(scope="module")
def stored(faces, tmp_path_factory):
    """Data sets of one size and of two."""
    folder = tmp_path_factory.mktemp("stored")
    for sizes in ("8", "8,32"):
        run(prepare_data, faces, "--out", folder / sizes, "--size", sizes, "--n_worker", 1)
    return folder


@pytest.mark.parametrize("sizes, listed", [("8", "8"), ("8,32", "8 and 32")])
def test_data_of_other_sizes_than_the_networks_is_refused_with_both_ways_out(stored, source, sizes, listed):
    for words in ([], ["--size", 16]):
        args = train.parser().parse_args([str(word) for word in (stored / sizes, "--ckpt", source, *words)])
        with pytest.raises(InputError) as refused:
            setup.prepare(Start(args, torch.device("cpu")))
        said = str(refused.value)
        assert f"holds pictures of {listed} px" in said and f"{source} is a network of 16 px" in said
        assert "prepare_data.py --size 16" in said and f"start from a network of {listed.replace('and', 'or')} px" in said


def test_of_several_sizes_that_of_the_network_is_taken(faces, source, tmp_path):
    run(prepare_data, faces, "--out", tmp_path / "data", "--size", "8,16", "--n_worker", 1)
    args = train.parser().parse_args([str(tmp_path / "data"), "--ckpt", str(source)])
    assert setup.prepare(Start(args, torch.device("cpu"))).images.size == 16


def test_another_size_than_the_networks_is_refused_with_both_ways_out(stored, prepared, source):
    with pytest.raises(
        InputError, match=r"--size 32: .* has size 16, not 32; leave the flag out, or start from a network of 32 px"
    ):
        prepared("--ckpt", source, "--size", 32)


def test_a_batch_is_passed_in_as_many_parts_as_asked(prepared):
    run = prepared(*NEW, "--batch", 6, "--accumulate", 3, "--path_batch_shrink", 2)
    reals = shown(run)
    assert [tuple(real.shape) for real in reals] == [(2, 3, 16, 16)] * 3
    assert -1 <= min(real.min() for real in reals) < -0.9 and 0.9 < max(real.max() for real in reals) <= 1
    for shrink, size in {1: 2, 2: 1, 50: 1}.items():
        latents = draw_micro_batches(run.state, shrink)
        assert [len(numbers) for part in latents for numbers in (*part.z, *part.noise)] == [size] * 3 * (2 + 5)


def test_accumulating_changes_nothing_of_what_is_shown(prepared):
    whole, parts = (torch.cat(shown(prepared(*NEW, "--batch", 6, "--accumulate", parts))) for parts in (1, 3))
    assert torch.equal(whole, parts)


def test_pictures_are_mirrored_unless_told_otherwise(prepared):
    run = prepared(*NEW, "--batch", 9, "--no_flip")
    shown = {bytes(picture.numpy().tobytes()) for picture in next(run.batches)}
    assert shown == {bytes(run.images[i].numpy().tobytes()) for i in range(9)}
    assert {bytes(picture.numpy().tobytes()) for picture in next(prepared(*NEW, "--batch", 9).batches)} != shown


def test_the_seed_decides_new_weights_pictures_and_random_numbers(prepared):
    def told(*words):
        run = prepared(*NEW, "--batch", 4, *words)
        weights = [checkpoint.fingerprint(net.state_dict()) for net in (run.state.generator, run.state.discriminator)]
        (real,), (drawn,) = shown(run), draw_micro_batches(run.state)
        return [*weights, real.sum().item(), drawn.z[0].sum().item()]

    first, again, other = told("--seed", 1), told("--seed", 1), told("--seed", 2)
    assert first == again
    assert all(a != b for a, b in zip(first, other))


def test_new_networks_are_as_the_flags_describe_them(prepared):
    made = prepared("--size", 32, "--channel_base", 64, "--channel_max", 6, "--style_dim", 12, "--n_mlp", 3).beside
    made = Architecture(**made["architecture"])
    assert (made.size, made.style_dim, made.n_mlp) == (32, 12, 3)
    assert made.channels == {4: 6, 8: 6, 16: 4, 32: 2}
    multiplied = prepared("--size", 16, "--channel_multiplier", 1, "--style_dim", 8, "--n_mlp", 1).state
    assert multiplied.generator.channels == multiplied.discriminator.channels == {4: 512, 8: 512, 16: 512}


def test_bf16_is_for_convolutions_of_what_trains_and_the_average_draws_in_fp32(prepared, source):
    state = prepared("--ckpt", source, "--precision", "bf16").state
    assert {n.compute_dtype for n in (state.generator, state.discriminator, state.source)} == {torch.bfloat16}
    assert state.g_ema.compute_dtype is None
    assert {parameter.dtype for parameter in state.generator.parameters()} == {torch.float32}
    assert prepared("--ckpt", source).state.generator.compute_dtype is None  # auto, on a CPU


def test_what_is_told_of_a_run_are_plain_values_from_which_it_can_begin_anew(prepared, source, faces, monkeypatch):
    monkeypatch.chdir(faces.parent)
    args = train.parser().parse_args([faces.name, "--ckpt", str(source), "--outdir", "here", "--dry_run", "--iter", "3"])
    told = setup.prepare(Start(args, torch.device("cpu"))).options
    assert all(isinstance(value, str | int | float | bool | None) for value in told.values())
    assert (told["path"], told["ckpt"], told["outdir"], told["iter"]) == (str(faces), str(source), str(Path("here")), 3)
    assert not {"images", "dry_run", "resume", "overwrite"} & told.keys()


def test_adaptation_counts_the_images_of_all_processes(prepared, monkeypatch):
    """Of this one, whose discriminator takes 24 for generated, and of another one, which is sure of its 24."""
    monkeypatch.setattr(parallel, "total", lambda totals: totals + 24)
    ada = prepared(*NEW, "--augment").state.augmentation
    for _ in range(8):
        ada.update(-torch.ones(3))
    assert ada.r_t == 0


def test_processes_share_the_pictures_of_a_batch(prepared, monkeypatch):
    (whole,) = shown(prepared(*NEW, "--batch", 6))
    monkeypatch.setattr(parallel, "world_size", lambda: 2)
    monkeypatch.setattr(parallel, "broadcast", lambda network: None)
    parts = []
    for rank in range(2):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        parts += shown(prepared(*NEW, "--batch", 3))
    assert torch.equal(torch.cat(parts), whole)

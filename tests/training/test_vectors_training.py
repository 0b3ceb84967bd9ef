"""Three iterations of the whole loop against recorded losses, parameters, images and logits."""

import re

import pytest
import torch

from tests.kinks import Values, assert_agrees, assert_close, in_dtype
from tests.networks import recorded_discriminator, recorded_generator
from tests.vectors import folders
from training import steps
from training.state import Settings, TrainingState, new_state

LOSS = {"rtol": 1e-4, "atol": 0}
IMAGE = {"atol": 5e-5, "rtol": 1e-4}
LOGITS = {"atol": 5e-6, "rtol": 1e-4}
MOVED = 2e-5  # by which a parameter may be off
ROUNDING = 1e-3  # of a layer's largest input, see tests/kinks.py: here other steps of Adam lie before it
FOLDERS = [folder for folder in folders("g*") if (folder / "train_steps.pt").exists()]


@pytest.mark.skipif(not FOLDERS, reason="no train_steps.pt in any g* folder")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_vectors_of_three_training_iterations(folder):
    record = torch.load(folder / "train_steps.pt", weights_only=True)
    assert_agrees(lambda dtype: trained(folder, record, dtype), recorded(record), compare, ROUNDING)


def trained(folder, record: dict, dtype: torch.dtype) -> Values:
    """What a run in this precision gives, under the names of `recorded`; and `gradients ...` of each step of Adam."""
    generator, latents = recorded_generator(folder, dtype)
    discriminator, reals = recorded_discriminator(folder, dtype)
    names = ("lr", "r1", "d_reg_every", "path_regularize", "g_reg_every", "path_batch_shrink", "ema_decay")
    settings = Settings(**{name: record["hyper"][name] for name in names})
    state = new_state(settings, generator, discriminator, [])
    state.mean_path_length = state.mean_path_length.to(dtype)
    noise, found = in_dtype(record["noise"], dtype), {}
    for which, optimizer in (("g", state.g_optim), ("d", state.d_optim)):
        assert optimizer.defaults["lr"] == pytest.approx(record["hyper"][f"{which}_lr"], rel=1e-12)
        assert optimizer.defaults["betas"] == pytest.approx(record["hyper"][f"{which}_betas"], rel=1e-12)
        network = {"g": state.generator, "d": state.discriminator}[which]
        optimizer.register_step_pre_hook(lambda *_, which=which, network=network: noted(found, which, network))
    for i, step in enumerate(in_dtype(record["iterations"], dtype)):
        found |= {f"{name} {i}": value for name, value in iterate(state, step, noise).items()}

    for which, network in {"g": state.generator, "d": state.discriminator, "g_ema": state.g_ema}.items():
        found |= {f"{which}.{name}": value.detach().clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for name in record:
            if match := re.fullmatch(r"after_image_(g|g_ema)", name):
                network, z = {"g": state.generator, "g_ema": state.g_ema}[match[1]], latents["z1"][: len(record[name])]
                found[name] = network([z], noise=noise)[0]
            elif match := re.fullmatch(r"after_logits_real(\d+)", name):
                found[name] = state.discriminator(reals[f"real_{match[1]}"])
    return found


def iterate(state: TrainingState, step: dict, noise: list) -> Values:
    """One iteration of the loop, with what a record says of the random numbers."""
    mixed = [steps.Latents(list(step[f"z_{which}"]), step[f"inject_{which}"], noise) for which in "dg"]
    logs = {"d_loss": steps.discriminator_step(state, [step["real"]], [mixed[0]])["d"]}
    if "r1" in step:
        logs["r1"] = steps.r1_step(state, [step["real"]])["r1"]
    logs["g_loss"] = steps.generator_step(state, [mixed[1]])["g"]
    if "path_loss" in step:
        alone = steps.Latents([step["z_path"]], 1, noise)
        logs["path_loss"] = steps.path_length_step(state, [alone], step["path_image_noise"])["path"]
        logs["mean_path_length"] = state.mean_path_length.clone()
    state.update_ema()
    return {name: value.detach().clone() for name, value in logs.items()}


def noted(found: Values, which: str, network: torch.nn.Module) -> None:
    """The gradients of a step of Adam, under its number."""
    number = 1 + max((int(name.rpartition(" ")[2]) for name in found if name.startswith(f"gradients {which}.")), default=-1)
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            found[f"gradients {which}.{name} {number}"] = parameter.grad.detach().clone()


def recorded(record: dict) -> Values:
    names = ("d_loss", "r1", "g_loss", "path_loss", "mean_path_length")
    expected = {f"{name} {i}": step[name] for i, step in enumerate(record["iterations"]) for name in names if name in step}
    for which, parameters in record["after_checksums"].items():
        expected |= {f"sum {which}.{name}": sums[1] for name, sums in parameters.items()}
    for which, parameters in record["after_params_small"].items():
        expected |= {f"{which}.{name}": value for name, value in parameters.items()}
    return expected | {name: value for name, value in record.items() if re.match(r"after_(image|logits)_", name)}


def compare(found: Values, expected: Values) -> None:
    """Each value with its own tolerance; against a run of ours also the reason why a parameter is off."""
    gradients = [name for name in expected if name.startswith("gradients ")]
    for name in expected.keys() - set(gradients):
        kind = name.partition(".")[0]
        if kind.startswith("sum "):
            absolute_sum = found[name.removeprefix("sum ")].double().abs().sum().item()
            assert absolute_sum == pytest.approx(float(expected[name]), rel=1e-6, abs=1e-4), name
        elif kind in ("g", "d", "g_ema"):
            check_parameter(name, found, expected)
        else:
            close = IMAGE if "image" in name else LOGITS if "logits" in name else LOSS
            assert_close(found[name], expected[name], name, **close)


def check_parameter(name: str, found: Values, expected: Values) -> None:
    """Adam with beta1 = 0 divides a gradient by its own size, so that one of nearly 0 may go either way.

    Of a record, whose gradients are unknown, one entry in a thousand is allowed to differ, and none of a bias. Of our own
    float64, those may whose gradient float32 does not resolve: off by a tenth of MOVED/lr of itself in some step.
    """
    ours, truth = found[name].double(), expected[name].double()
    trained = name.replace("g_ema.", "g.", 1)
    steps_of = [key for key in expected if key.rpartition(" ")[0] == f"gradients {trained}"]
    if not steps_of:
        if name.startswith("g_ema."):
            assert_close(ours, truth, name, atol=2e-6, rtol=5e-7)
            return
        off = (ours - truth).abs() > MOVED
        allowed = 0 if name.endswith("bias") else off.numel() // 1000
        assert off.sum() <= allowed, f"{name}: {off.sum()} of {off.numel()} entries differ"
    else:
        unresolved = torch.zeros_like(ours, dtype=torch.bool)
        for key in steps_of:
            one, other = found[key].double(), expected[key].double()
            error, largest = (one - other).abs(), other.abs().max()
            assert error.max() <= 1e-3 * largest + 1e-7, f"{key}: {error.max()} of {largest}"
            unresolved |= error > 1e-3 * other.abs()
        off = ((ours - truth).abs() > MOVED + 5e-7 * truth.abs()) & ~unresolved  # 5e-7: eight roundings of float32
        assert not off.any(), f"{name}: {off.sum()} of {off.numel()} entries differ whose gradients do not"
    assert (ours - truth).abs().max() <= 0.01, name

"""U-GAT-IT against recorded numbers: norms, both networks, two whole steps, a checkpoint as the published program writes it."""

import pytest
import torch

from tests.vectors import DATA, root
from translation import files, losses
from translation.networks import Discriminator, Generator
from translation.norms import ILN, AdaLIN
from translation.settings import Settings, Weights
from translation.training import UGATIT

FORWARD = {"atol": 2e-5, "rtol": 1e-4}
GRADIENT = {"atol": 5e-4, "rtol": 1e-3}
SMALL_WEIGHTS = 2e-5


def for_each_record(pattern: str) -> pytest.MarkDecorator:
    """Run a test once per file of the set, given as `record`; skip it, with the reason, where there is none."""
    folder = root("ugatit")
    found = [pytest.param(path, id=path.stem) for path in sorted(folder.glob(pattern))]
    missing = pytest.param(None, id="none", marks=pytest.mark.skip(reason=f"no {pattern} in {folder}"))
    return pytest.mark.parametrize("record", found or [missing])


def read(path) -> dict:
    return torch.load(path, weights_only=True)


def compare(found: dict, record: dict, ending: str = "") -> None:
    for name, value in found.items():
        torch.testing.assert_close(value, record[name + ending], **FORWARD, msg=lambda m, name=name: f"{name}: {m}")


def test_the_recorded_numbers_are_there():
    assert len([*(DATA / "ugatit").glob("*.pt")]) >= 9


@for_each_record("norms*.pt")
def test_vectors_of_both_norms(record):
    record = read(record)
    adalin, iln = AdaLIN(record["input"].shape[1]), ILN(record["input"].shape[1])
    adalin.load_state_dict({"rho": record["adaln_rho"]})
    iln.load_state_dict({name: record[f"iln_{name}"] for name in ("rho", "gamma", "beta")})
    for name, norm, style in (("adaln", adalin, (record["gamma"], record["beta"])), ("iln", iln, ())):
        x = record["input"].clone().requires_grad_()
        out = norm(x, *style)
        torch.testing.assert_close(out, record[f"{name}_out"], **FORWARD)
        out.square().sum().backward()
        torch.testing.assert_close(x.grad, record[f"{name}_grad_input_of_sumsq"], **GRADIENT)


@for_each_record("gen_*.pt")
def test_vectors_of_the_generator(record):
    record = read(record)
    config = record["config"]
    generator = Generator(config["ch"], config["n_res"], config["img_size"], config["light"])
    generator.load_state_dict(record["state_dict"])
    assert files.shape_of(record["state_dict"])["light"] == config["light"]
    x = record["input"].clone().requires_grad_()
    found = generator(x)
    compare(found._asdict(), record)
    if "input_other_size" in record:
        compare(generator(record["input_other_size"])._asdict(), record, "_other_size")
    if "grad_weight" in record:
        ((found.image * record["grad_weight"]).sum() + found.cam_logit.sum()).backward()
        named = {"rho_up1": generator.UpBlock1_1.norm1.rho, "rho_iln": generator.UpBlock2[1].rho}
        for name, tensor in ({"input": x, "gap_fc": generator.gap_fc.weight} | named).items():
            torch.testing.assert_close(tensor.grad, record[f"grad_{name}"], **GRADIENT)


@for_each_record("dis_*.pt")
def test_vectors_of_the_discriminator(record):
    record = read(record)
    config = record["config"]
    discriminator = Discriminator(config["ch"], config["n_layers"], config.get("groups", 0))
    discriminator.load_state_dict(record["state_dict"])
    judged = discriminator.eval()(record["input"])
    compare({name: value for name, value in judged._asdict().items() if value is not None}, record)
    if "group_ce" in record:
        torch.testing.assert_close(losses.group_loss(judged, record["labels"]), record["group_ce"], **FORWARD)
    discriminator.train()
    for step in (step for step in ("train1", "train2") if step in record):  # each advances the power iteration
        found = discriminator(record["input"])._asdict()
        compare({name: found[name] for name in record[step]}, record[step])
    buffers = discriminator.state_dict()
    for name, value in record.get("buffers_after_two_train_forwards", {}).items():
        torch.testing.assert_close(buffers[name], value, **FORWARD)


@for_each_record("train2_*.pt")
def test_vectors_of_two_steps(record, monkeypatch):
    record = read(record)
    config = record["config"]
    groups = (0, 1, 2, 3) if config.get("group") else ()
    shape = {name: config[key] for name, key in (("size", "img_size"), ("ch", "ch"), ("n_res", "n_res"), ("light", "light"))}
    weights = Weights(group=1 if groups else 0)
    training = UGATIT(Settings(**shape, decay=False, groups=groups, weights=weights), torch.device("cpu"), {})
    for name, state in record["start"].items():
        training.trained[name].load_state_dict(state)
    monkeypatch.setattr(training, "prepared", lambda images: images)
    for number, step in enumerate(record["steps"]):
        logs = training.step((step["real_A"], step["real_B"], *([int(step["label_B"])] if groups else [])))
        logs = {str(name): value for name, value in logs.items()} | {"D_total": logs["d"], "G_total": logs["g"]}
        for name, value in step.items():
            if name.startswith(("D_", "G_")):
                rtol = 1e-3 if number else 1e-5 if name.endswith("total") else 1e-4
                torch.testing.assert_close(logs[name], value, rtol=rtol, atol=0 if number else 2e-5)
    for name, state in record["end"].items():
        assert_near(training.trained[name].state_dict(), state, exactly=config["light"])


def assert_near(found: dict, expected: dict, exactly: bool) -> None:
    """Adam magnifies rounding where gradients are nearly zero: of a full network a few entries may be off."""
    errors = torch.cat([(found[name] - value).abs().flatten() for name, value in expected.items()])
    if exactly:
        assert errors.max() <= SMALL_WEIGHTS
    assert errors.mean() < 1e-5
    assert (errors > SMALL_WEIGHTS).float().mean() <= 0.05


@for_each_record("*params_*.pt")
def test_vectors_of_a_published_checkpoint(record):
    contents = read(record)
    found = files.read(record)
    assert set(found.networks) == set(contents) == set(files.NETWORKS)
    assert found.iteration == int(record.stem.rpartition("_")[2])
    image, _, heatmap = found.generator("A2B")(torch.zeros(1, 3, 96, 96))
    assert image.shape == (1, 3, 96, 96) and heatmap.shape == (1, 1, 24, 24)
    settings = Settings(size=96, ch=found.ch, n_res=found.n_res, light=found.light)
    training = UGATIT(settings, torch.device("cpu"), {}, seed=1)
    assert training.begin_with(found) == []
    for name, state in training.published().items():
        assert state.keys() == contents[name].keys()
        assert all(torch.equal(value, contents[name][key]) for key, value in state.items())

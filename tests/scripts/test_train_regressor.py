"""scripts.train_regressor: a small file that says how far it can be believed."""

import pytest
import torch

import utils
from metrics.attributes import regressor, training
from metrics.attributes.regressor import OUTPUTS
from scripts import train_regressor
from tests.commands import failure, run

SMALL = ("--faces", 32, "--steps", 3, "--batch", 16, "--unseen", 20)


def test_a_file_is_written_with_the_correlations_it_was_tested_with(tmp_path, capsys):
    path = tmp_path / "new" / "regressor.pt"
    run(train_regressor, *SMALL, "--out", path)
    output = capsys.readouterr().out.splitlines()
    assert output[-1] == str(path)
    assert any(line.startswith("hair_dark") for line in output)
    network, truth = regressor.read(path)
    assert path.stat().st_size < 10**6
    assert all(parameter.dtype == torch.float32 and not parameter.requires_grad for parameter in network.parameters())
    again = training.truth_correlations(network, 20)
    for domain in "AB":
        assert truth[domain] == pytest.approx(again[domain], abs=1e-6)


def test_the_same_command_trains_the_same_network(tmp_path):
    for name in ("first", "second"):
        run(train_regressor, *SMALL, "--out", tmp_path / name)
    first, second = (regressor.read(tmp_path / name)[0].state_dict() for name in ("first", "second"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_few_steps_learn_something(tmp_path):
    faces = training.render_both(64, seed=3)
    torch.manual_seed(0)
    network = regressor.Regressor()
    losses = [loss for _, loss in training.train(network, faces, steps=30, batch=16, seed=0)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    network.eval()
    with torch.no_grad():
        found = network(utils.from_pixels(faces.pixels))
    dark = OUTPUTS.index("hair_dark")
    assert torch.corrcoef(torch.stack([found[:, dark], faces.truth[:, dark]]))[0, 1] > 0.5


def test_training_ends_with_the_time(tmp_path):
    faces = training.render_both(16, seed=3)
    spent = iter([0.2, 0.6, 1.1])
    steps = list(training.train(regressor.Regressor(), faces, steps=100, batch=8, progress=lambda: next(spent)))
    assert [step for step, _ in steps] == [1, 2]


def test_what_cannot_be_done_is_one_line(tmp_path, capsys):
    (tmp_path / "there.pt").write_text("")
    assert failure(capsys, train_regressor, "--out", tmp_path / "there.pt").endswith(
        "exists; give another name, or --overwrite"
    )
    assert "--unseen 2" in failure(capsys, train_regressor, "--out", tmp_path / "new.pt", "--unseen", 2)
    assert "--steps" in failure(capsys, train_regressor, "--steps", 0)

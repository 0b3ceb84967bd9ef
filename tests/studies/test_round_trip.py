"""studies.round_trip at a tiny size: known people through projection and transfer."""

import json

import pytest

import checkpoint
from editing import projection
from studies import round_trip
from tests.commands import failure, run
from tests.networks import tiny_generator

pytestmark = pytest.mark.slow


def words(networks, tmp_path):
    files = ("--source", networks / "source.pt", "--regressor", networks / "regressor.pt")
    return ("--people", 6, "--step", 2, "--device", "cpu", *files, "--work", tmp_path / "work", "--out", tmp_path / "out")


def test_every_network_of_the_study_is_compared_with_the_truth(networks, tmp_path, monkeypatch, capsys):
    (tmp_path / "work").mkdir()
    (tmp_path / "work/settings.json").write_text(json.dumps({"iter": 2}))
    assert "no run is whole yet" in failure(capsys, round_trip, *words(networks, tmp_path))
    for method, seed, iteration in [("baseline", 0, 2), ("baseline", 1, 2), ("FreezeSG", 0, 2), ("plain", 0, 1)]:
        path = tmp_path / f"work/{method}-seed{seed}/checkpoints/{iteration:06d}.pt"
        path.parent.mkdir(parents=True)
        checkpoint.write(path, {"g_ema": tiny_generator(seed=seed, size=32).state_dict()})

    run(round_trip, *words(networks, tmp_path))
    page = (tmp_path / "out/round_trip.md").read_text()
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ") for line in page.splitlines() if line.startswith("| ")}
    assert list(rows)[1:7] == ["---", "the photo itself", "projected", "baseline", "FreezeSG", "the true cartoon"]
    assert rows["baseline"][1] == "2" and "±" in rows["baseline"][2] and "±" not in rows["FreezeSG"][2]
    assert rows["the true cartoon"][3].startswith("0.000") and not rows["projected"][3].startswith("0.000")
    assert (tmp_path / "out/round_trip.webp").stat().st_size > 1000

    monkeypatch.setattr(projection, "project", None)  # the latents are found once
    run(round_trip, *words(networks, tmp_path))
    assert (tmp_path / "out/round_trip.md").read_text() == page


def test_without_a_study_there_is_one_line(tmp_path, capsys):
    assert "holds no study; python -m studies.methods" in failure(capsys, round_trip, "--work", tmp_path)

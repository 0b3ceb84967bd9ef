"""scripts.evaluate: numbers for a generator, printed and appended."""

import json
from pathlib import Path

import pytest
import torch

import checkpoint
import utils
from dataset import open_images
from faces.rendered.synthetic import render, sample_attributes
from metrics import distances, features
from metrics.attributes import regressor, ruler
from metrics.path_length import path_length
from metrics.table import METRICS, Metric
from scripts import evaluate
from tests.commands import failure, run
from tests.networks import tiny_discriminator, tiny_generator
from vision.features import pixels


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Faces in each set of the ruler."""
    monkeypatch.setattr(ruler, "COUNT", 40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """source.pt, cartoon.pt, a folder of 12 faces, and a regressor that has learnt nothing but is believed."""
    folder = tmp_path_factory.mktemp("evaluate")
    source = {"g_ema": tiny_generator(size=16).state_dict(), "d": tiny_discriminator(size=16).state_dict()}
    checkpoint.write(folder / "source.pt", source)
    checkpoint.write(folder / "cartoon.pt", {"g_ema": tiny_generator(seed=1).state_dict(), "iteration": 7})
    for index, picture in enumerate(utils.to_pictures(render(sample_attributes(12, 0), 16, "B"))):
        utils.save_png(picture, folder / "faces" / f"{index}.png")
    torch.manual_seed(0)
    believed = {domain: dict.fromkeys(regressor.OUTPUTS, 1.0) for domain in "AB"}
    regressor.write(folder / "regressor.pt", regressor.Regressor(), believed, {})
    return folder


def words(folder, *more):
    return ("--ckpt", folder / "cartoon.pt", "--data", folder / "faces", "--device", "cpu", *more)


def measured(folder, tmp_path, *more):
    run(evaluate, *words(folder, "--out", tmp_path / "metrics.jsonl", *more))
    return json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])


def test_the_values_are_those_of_the_functions(folder, tmp_path, capsys):
    found = measured(folder, tmp_path, "--source", folder / "source.pt", "--n", 20, "--metrics", "fid,kid,pr,ppl")
    look = features.choose("disc", checkpoint.read(folder / "source.pt"))
    generator = checkpoint.read(folder / "cartoon.pt").generator()
    fake = features.of_generator(generator, range(20), look)
    real = features.of_images(open_images(folder / "faces", 16), look)
    assert found["fid"] == pytest.approx(distances.frechet_distance(fake, real))
    assert found["kid"] == pytest.approx(distances.kernel_distance(fake, real, subset_size=12).mean)
    assert (found["precision"], found["recall"]) == distances.precision_recall(fake, real)
    assert found["ppl"] == pytest.approx(path_length(generator, look, range(20)))
    assert (found["n"], found["images"], found["features"], found["iteration"]) == (20, 12, "disc", 7)
    assert found["network"] == checkpoint.fingerprint(generator.state_dict())
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1] == str(tmp_path / "metrics.jsonl")
    assert any(line.startswith("kernel distance (KID)") and f"{found['kid']:.5g}" in line for line in shown)


@pytest.mark.parametrize("n, warned", [(20, True), (60, False)])
def test_small_sets_are_told_and_have_no_spread(folder, tmp_path, capsys, n, warned):
    for index, picture in enumerate(utils.to_pictures(torch.rand(60, 3, 16, 16) * 2 - 1)):
        utils.save_png(picture, tmp_path / "data" / f"{index}.png")
    flags = ("--features", "pixels", "--n", n, "--metrics", "kid,fid", "--data", tmp_path / "data")
    found, shown = measured(folder, tmp_path, *flags), capsys.readouterr()
    assert ("below 50 the numbers are not to be trusted" in shown.err) == warned
    assert "kid_std" not in found and "+-" not in shown.out  # each subset is all of the smaller set
    assert "kid_std" in measured(folder, tmp_path, *flags, "--kid_subset", 10) and "+-" in capsys.readouterr().out


def test_every_run_adds_a_line_and_the_batch_changes_nothing(folder, tmp_path):
    flags = ("--features", "pixels", "--n", 10)
    first, second = (measured(folder, tmp_path, *flags, "--batch", batch) for batch in (3, 10))
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2
    assert {"fid", "kid", "precision", "recall"} <= set(first)
    assert "ppl" not in first
    assert first["fid"] == pytest.approx(second["fid"], rel=1e-3)


def test_a_network_measured_against_its_own_pictures_is_near(folder, tmp_path):
    generator = checkpoint.read(folder / "cartoon.pt").generator()
    for index, picture in enumerate(utils.to_pictures(torch.cat(list(features.pictures(generator, range(100, 140)))))):
        utils.save_png(picture, tmp_path / "own" / f"{index}.png")
    flags = ("--features", "pixels", "--n", 40, "--metrics", "kid")
    own = measured(folder, tmp_path, *flags, "--data", tmp_path / "own")
    faces = measured(folder, tmp_path, *flags)
    assert abs(own["kid"]) < 0.1 * faces["kid"]


def test_a_metric_is_a_function_and_its_entry_in_the_table(folder, tmp_path, monkeypatch, capsys):
    def means(subject):
        return {"means": subject.options["scale"] * float((subject.fake.mean(0) - subject.real.mean(0)).norm())}

    def flags(group, count):
        group.add_argument("--scale", type=count, default=1, help="times")

    monkeypatch.setitem(METRICS, "means", Metric(means, {"means": "distance of the means"}, flags=flags))
    more = ("--features", "pixels", "--n", 8, "--metrics", "means")
    once, thrice = (measured(folder, tmp_path, *more, "--scale", scale) for scale in (1, 3))
    assert thrice["means"] == pytest.approx(3 * once["means"]) and once["means"] > 0
    assert any(line.startswith("distance of the means") for line in capsys.readouterr().out.splitlines())
    assert "--metrics means needs at least 2 pictures" in failure(capsys, evaluate, *words(folder, *more, "--n", 1))


def test_people_are_truncated_as_told(folder, tmp_path):
    flags = ("--features", "pixels", "--n", 20, "--metrics", "fid")
    whole, half = (measured(folder, tmp_path, *flags, "--truncation", psi) for psi in (1, 0.5))
    generator = checkpoint.read(folder / "cartoon.pt").generator()
    fake = features.of_generator(generator, range(20), pixels, psi=0.5)
    real = features.of_images(open_images(folder / "faces", 16), pixels)
    assert half["fid"] == pytest.approx(distances.frechet_distance(fake, real)) != whole["fid"]
    assert (half["truncation"], whole["truncation"]) == (0.5, 1)


def test_structure_is_that_of_the_cartoon_against_its_source_with_the_noise_of_the_source(folder, tmp_path):
    flags = ("--source", folder / "source.pt", "--metrics", "structure", "--regressor", folder / "regressor.pt")
    found = measured(folder, tmp_path, *flags)
    judge = ruler.Ruler(*regressor.read(folder / "regressor.pt"))
    source, cartoon = (checkpoint.read(folder / f"{name}.pt").generator() for name in ("source", "cartoon"))
    readings = [judge.read_people(network, source.stored_noise()) for network in (source, cartoon)]
    expected = judge.measure(*readings)
    assert (found["agreement"], found["distance"]) == pytest.approx((expected.agreement, expected.distance))
    swapped = judge.measure(*reversed(readings))
    assert found["distance"] != pytest.approx(swapped.distance)


def test_structure_asks_the_ruler(folder, tmp_path):
    flags = ("--source", folder / "cartoon.pt", "--metrics", "structure", "--regressor", folder / "regressor.pt")
    found = measured(folder, tmp_path, *flags)  # the network is its own source
    assert found["agreement"] == pytest.approx(1)
    assert found["style"] == pytest.approx(0, abs=1e-9)
    assert set(found["attributes"]) >= {"yaw", "skin"}
    assert found["references"]["B, B'"] < found["references"]["A, B"]
    assert found["nearest"] > 0


def test_a_network_of_another_source_is_pointed_out(folder, tmp_path, capsys):
    other = checkpoint.read(folder / "source.pt").networks
    flags = ("--source", folder / "source.pt", "--metrics", "structure", "--regressor", folder / "regressor.pt")
    for source in (checkpoint.fingerprint(other["g_ema"]), "0123456789ab"):
        checkpoint.write(tmp_path / "cartoon.pt", {"g_ema": tiny_generator(seed=1).state_dict(), "source": source})
        measured(folder, tmp_path, *flags, "--ckpt", tmp_path / "cartoon.pt")
        warned = "fine-tuned from another network" in capsys.readouterr().err
        assert warned == (source == "0123456789ab")


def test_the_file_lies_in_the_folder_of_the_run(folder, tmp_path, monkeypatch):
    assert evaluate.run_folder(Path("runs/expr-2/checkpoints/000100.pt")) == Path("runs/expr-2")
    assert evaluate.run_folder(Path("demo/source64.pt")) == Path()
    monkeypatch.chdir(tmp_path)
    run(evaluate, *words(folder, "--features", "pixels", "--n", 5, "--metrics", "fid"))
    assert (tmp_path / "metrics.jsonl").is_file()


def test_a_missing_inception_file_is_told_at_once(folder, capsys):
    missing = folder / "missing.pth"
    message = failure(capsys, evaluate, *words(folder, "--features", "inception", "--inception", missing))
    assert f"--inception {missing}: no such file; python -m scripts.download inception" in message


@pytest.mark.parametrize(
    "flags, expected",
    [
        (("--metrics", "fid,isc"), "--metrics isc: choose from fid, kid"),
        (("--metrics", "structure"), "--metrics structure: compares with the network of the same latents"),
        (("--features", "disc"), "--features disc: looks through the source's discriminator"),
        (("--features", "inception", "--metrics", "ppl"), "--metrics ppl: Inception sees 8-bit pictures"),
        (("--features", "pixels", "--n", 1), "12 images in --data, --n 1: --metrics fid needs at least 2 pictures"),
        (("--features", "pixels", "--n", 20, "--kid_subset", 100), "--metrics kid needs at least 100 pictures"),
        (("--features", "pixels", "--n", 3, "--metrics", "pr"), "--n 3: --metrics pr needs at least 4 pictures in each set"),
        (("--features", "pixels", "--n", 2, "--metrics", "kid, ppl"), "--n 2: --metrics ppl needs at least 3 seeds"),
        (("--features", "structure", "--regressor", "none.pt"), "--regressor none.pt: no such file"),
    ],
)
def test_what_cannot_be_measured_is_one_line(folder, tmp_path, capsys, flags, expected):
    assert expected in failure(capsys, evaluate, *words(folder, "--out", tmp_path / "metrics.jsonl", *flags))
    assert not (tmp_path / "metrics.jsonl").exists()


def test_a_folder_in_place_of_the_file_is_refused_before_any_is_looked_at(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("metrics.features.of_images", None)
    message = failure(capsys, evaluate, *words(folder, "--features", "pixels", "--out", tmp_path))
    assert f"--out {tmp_path}: is a folder" in message


@pytest.mark.parametrize("metric, flags", [("kid", ["--n", 1]), ("pr", ["--n", 3]), ("kid", ["--kid_subset", 2000])], ids=str)
def test_too_few_pictures_are_refused_before_any_is_looked_at(folder, capsys, monkeypatch, metric, flags):
    monkeypatch.setattr("metrics.features.of_images", None)
    message = failure(capsys, evaluate, *words(folder, "--features", "pixels", "--metrics", metric, *flags))
    assert f"--metrics {metric} needs at least" in message and "in --data, --n" in message

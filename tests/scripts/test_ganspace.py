"""scripts.ganspace: components and named edits in one file, which apply_factor.py reads."""

import pytest
import torch

import apply_factor
import checkpoint
from editing import directions, sefa
from editing import ganspace as definition
from editing.directions import Edit
from scripts import ganspace
from tests.commands import failure, run
from tests.networks import tiny_generator


@pytest.fixture
def network(tmp_path):
    checkpoint.write(tmp_path / "network.pt", {"g_ema": tiny_generator().state_dict()}, manifest=False)
    return tmp_path / "network.pt"


def found(network, *words):
    run(ganspace, "--out", network.with_name("pca.pt"), "--n", 300, "--device", "cpu", *words, network)
    return directions.read_directions(network.with_name("pca.pt"))


def test_the_file_holds_the_components(network, capsys):
    written, expected = found(network, "--components", 5, "--seed", 3), definition.ganspace(tiny_generator(), 300, 5, seed=3)
    for name in ("vectors", "scale", "mean", "values"):
        assert torch.equal(getattr(written, name), getattr(expected, name))
    assert (written.method, written.ckpt, written.edits) == ("ganspace", expected.ckpt, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(network.with_name("pca.pt"))
    shares = [line.split()[-2:] for line in lines[1:6]]
    total, so_far = definition.moments_of_w(tiny_generator(), 300, 3).covariance.trace().item(), 0
    for value, (share, sum_of_shares) in zip(expected.values.tolist(), shares):
        so_far += 100 * value / total
        assert float(share.rstrip("%")) == pytest.approx(100 * value / total, abs=0.06)
        assert float(sum_of_shares.rstrip("%")) == pytest.approx(so_far, abs=0.06)


def test_the_same_command_writes_the_same_bytes(network):
    found(network)
    first = network.with_name("pca.pt").read_bytes()
    found(network)
    assert network.with_name("pca.pt").read_bytes() == first


def test_named_edits_are_component_layers_and_range(network, capsys):
    edits = ["--edit", "hair colour=2:3-4:-3..1.5", "--edit", "pose=1:coarse", "--edit", "all=0", "--edit=more=0:all:0..2"]
    assert found(network, *edits).edits == {
        "hair colour": Edit(2, [3, 4], -3.0, 1.5),
        "pose": Edit(1, [0, 1, 2, 3], -2.0, 2.0),
        "all": Edit(0, None, -2.0, 2.0),
        "more": Edit(0, None, 0.0, 2.0),
    }
    assert "hair colour: component 2 on layers 3-4 of 6, -3 to +1.5" in capsys.readouterr().out


def test_the_file_tells_the_commands_that_made_it(network):
    first = found(network, "--components", 3).command
    assert (
        first == f"python -m scripts.ganspace --out {network.with_name('pca.pt')} --n 300 --device cpu --components 3 {network}"
    )
    run(ganspace, "--add_to", network.with_name("pca.pt"), "--edit", "hair colour=1", network)
    lines = directions.read_directions(network.with_name("pca.pt")).command.splitlines()
    assert lines[0] == first and len(lines) == 2 and "'hair colour=1'" in lines[1]


@pytest.mark.parametrize("method", ["ganspace", "sefa"])
def test_edits_can_be_added_to_any_direction_file(network, method):
    make = {"ganspace": lambda: definition.ganspace(tiny_generator(), 300), "sefa": lambda: sefa.sefa(tiny_generator())}
    path = directions.save_directions(network.with_name("file.pt"), make[method]())
    for edit, known in (("a=1:0", {"a"}), ("b=7:coarse:-1..1", {"a", "b"}), ("a=2", {"a", "b"})):
        run(ganspace, "--add_to", path, "--edit", edit, network)
        read = directions.read_directions(path)
        assert set(read.edits) == known and torch.equal(read.vectors, make[method]().vectors)
    assert read.edits == {"a": Edit(2), "b": Edit(7, [0, 1, 2, 3], -1.0, 1.0)}


def test_apply_factor_draws_named_edits_and_places_on_an_axis(network, tmp_path):
    found(network, "--edit", "pose=1:coarse:-1..1")
    words = ["--ckpt", network, "-i", "pose", "-n", 2, "--outdir", tmp_path / "out", network.with_name("pca.pt")]
    sheets = []
    for flags in ([], ["--centre"]):
        run(apply_factor, *words, *flags)
        sheets.append((tmp_path / "out" / "factor_index-pose_degree-1.0.png").read_bytes())
    assert sheets[0] != sheets[1]


def test_centring_needs_a_mean(network, tmp_path, capsys):
    path = directions.save_directions(tmp_path / "factor.pt", sefa.sefa(tiny_generator()))
    message = failure(capsys, apply_factor, "--ckpt", network, "--centre", "--outdir", tmp_path / "out", path)
    assert "--centre" in message and "have no mean" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["missing.pt"], "missing.pt: no such file"),
        (["{network}", "--n", "1"], "--n: 1: must be at least 2"),
        (["{network}", "--components", "0"], "--components: 0"),
        (["{network}", "--seed", "-1"], "--seed"),
        (["{network}", "--edit", "hair"], "--edit hair: expected NAME=K"),
        (["{network}", "--edit", "hair=x"], "--edit hair=x: expected NAME=K"),
        (["{network}", "--edit", "hair=8"], "--edit hair=8: the components are 0-7"),
        (["{network}", "--components", "2", "--edit", "hair=2"], "the components are 0-1"),
        (["{network}", "--edit", "hair=1:6"], "layers 6: this network has the layers 0-5"),
        (["{network}", "--edit", "hair=1:all:2..-2"], "from the lower end to the higher"),
        (["{network}", "--edit", "hair=1:all:1e999..2"], "--edit hair=1:all:1e999..2"),
        (["{network}", "--edit", "hair=1:all:3"], "expected NAME=K"),
        (["{network}", "--edit", "1,2=1"], "has no comma"),
        (["{network}", "--edit", "3-4=1"], "a name is no number"),
        (["{network}", "--add_to", "{network}"], "--add_to: name what is to be added"),
        (["{network}", "--add_to", "{network}", "--edit", "a=1"], "not a direction file"),
        (["{network}", "--add_to", "missing.pt", "--edit", "a=1"], "--add_to missing.pt: no such file"),
        (["{network}", "--device", "gpu"], "--device gpu"),
        ([], "CKPT"),
    ],
    ids=" ".join,
)
def test_wrong_input_gets_one_line_and_writes_nothing(network, tmp_path, capsys, words, message):
    words = [word.format(network=network) for word in words]
    assert message in failure(capsys, ganspace, "--out", tmp_path / "out.pt", *words)
    assert not (tmp_path / "out.pt").exists()


def test_the_checkpoint_itself_is_never_overwritten(network, capsys):
    assert "is the checkpoint itself" in failure(capsys, ganspace, "--out", network, network)

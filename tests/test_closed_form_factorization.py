"""closed_form_factorization.py: the file it writes, and who can read it."""

import shlex

import pytest
import torch

import checkpoint
import closed_form_factorization
from editing import directions, sefa
from tests.commands import failure, run
from tests.networks import tiny_generator


@pytest.fixture
def network(tmp_path):
    checkpoint.write(tmp_path / "network.pt", {"g_ema": tiny_generator().state_dict()}, manifest=False)
    return tmp_path / "network.pt"


def factorised(network, *words):
    run(closed_form_factorization, "--out", network.with_name("factor.pt"), *words, network)
    return directions.read_directions(network.with_name("factor.pt"))


@pytest.mark.parametrize(
    "flags, layers, normalize",
    [
        ([], None, False),
        (["--normalize", "rows"], None, True),
        (["--layers", "0,3-4"], [0, 3, 4], False),
        (["--res", "8-16"], [1, 2, 3, 4, 5], False),
        (["--layers", "coarse", "--normalize=rows"], [0, 1, 2, 3], True),
    ],
)
def test_flags_choose_the_factorisation(network, capsys, flags, layers, normalize):
    found, expected = factorised(network, *flags), sefa.sefa(tiny_generator(), layers, normalize)
    assert torch.equal(found.vectors, expected.vectors) and torch.equal(found.values, expected.values)
    assert (found.layers, found.ckpt, found.method) == (layers, expected.ckpt, "sefa")
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0]
        == {None: "layers 0-5 of 6", 3: "layers 0,3-4 of 6", 4: "layers 0-3 of 6", 5: "layers 1-5 of 6"}[layers and len(layers)]
    )
    assert lines[-1] == str(network.with_name("factor.pt"))


def test_eigenvalues_and_their_shares_are_shown(network, capsys):
    values = factorised(network).values
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:-1]]
    assert [int(row[0]) for row in rows] == list(range(8))
    for row, value in zip(rows, values.tolist()):
        assert float(row[1]) == pytest.approx(value, rel=1e-3)
        assert float(row[2].rstrip("%")) == pytest.approx(100 * value / values.sum().item(), abs=0.06)


def test_the_file_tells_the_command_that_writes_it_again(network):
    line = factorised(network, "--layers", "coarse").command
    assert line.startswith("python closed_form_factorization.py --out ")
    before = network.with_name("factor.pt").read_bytes()
    run(closed_form_factorization, *shlex.split(line)[2:])
    assert network.with_name("factor.pt").read_bytes() == before


def test_the_file_is_one_that_stylegan2_pytorch_can_open(network):
    found = factorised(network)
    contents = torch.load(network.with_name("factor.pt"), weights_only=True)
    assert isinstance(contents["ckpt"], str)
    assert contents["eigvec"].shape == (8, 8) and contents["eigvec"].dtype == torch.float32
    assert torch.equal(contents["eigvec"], found.vectors.T)  # columns are directions, strongest first


def test_the_same_network_gives_the_same_file(network):
    factorised(network)
    first = network.with_name("factor.pt").read_bytes()
    factorised(network)
    assert network.with_name("factor.pt").read_bytes() == first


def test_the_published_flag_names_the_file_without_its_ending(network):
    run(closed_form_factorization, "--factor_name", network.with_name("mine"), network)
    assert network.with_name("mine.pt").is_file()


@pytest.mark.parametrize(
    "words, message",
    [
        (["missing.pt"], "missing.pt: no such file"),
        (["factor.txt"], "factor.txt"),
        (["{network}", "--layers", "6"], "--layers 6: this network has the layers 0-5"),
        (["{network}", "--layers", "nose"], "--layers nose"),
        (["{network}", "--layers", "5"], "only a ToRGB layer"),
        (["{network}", "--res", "64"], "--res 64"),
        (["{network}", "--layers", "0", "--res", "4"], "not allowed with"),
        (["{network}", "--normalize", "columns"], "--normalize"),
        ([], "CKPT"),
    ],
    ids=" ".join,
)
def test_wrong_input_gets_one_line_and_writes_nothing(network, capsys, words, message):
    out = network.with_name("out.pt")
    words = [word.format(network=network) for word in words]
    assert message in failure(capsys, closed_form_factorization, "--out", out, *words)
    assert not out.exists()


def test_the_checkpoint_itself_is_never_overwritten(network, capsys):
    before = network.read_bytes()
    for out in (network, network.with_suffix("")):
        assert "is the checkpoint itself" in failure(capsys, closed_form_factorization, "--out", out, network)
    assert network.read_bytes() == before

"""Files from strangers, through the commands that factorise and edit: one line, soon, little memory, no foreign code."""

import resource
import time

import pytest
import torch

import apply_factor
import checkpoint
import closed_form_factorization
from editing import directions, sefa
from tests.checkpoint import hostile
from tests.checkpoint.files import saved, stream_with_pickle, zip_with_pickle
from tests.commands import failure
from tests.networks import tiny_generator

SECONDS, BYTES = 30, 4 * 2**30


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    checkpoint.write(folder / "network.pt", {"g_ema": tiny_generator().state_dict()}, manifest=False)
    directions.save_directions(folder / "factor.pt", sefa.sefa(tiny_generator()))
    return folder


COMMANDS = {  # {bad} is the file
    "closed_form_factorization": (closed_form_factorization, ["--out", "{out}", "{bad}"]),
    "apply_factor --ckpt": (apply_factor, ["--outdir", "{out}", "--ckpt", "{bad}", "{good}/factor.pt"]),
    "apply_factor FACTOR": (apply_factor, ["--outdir", "{out}", "--ckpt", "{good}/network.pt", "{bad}"]),
    "apply_factor --latents": (
        apply_factor,
        ["--outdir", "{out}", "--ckpt", "{good}/network.pt", "--latents", "{bad}", "{good}/factor.pt"],
    ),
}
every_command = pytest.mark.parametrize("name", COMMANDS)


def refusal(capsys, good, name, bad):
    module, words = COMMANDS[name]
    out = bad.with_name("out.pt")
    start = time.process_time()  # of this process alone, however busy the machine is
    message = failure(capsys, module, *[word.format(bad=bad, good=good, out=out) for word in words])
    assert time.process_time() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < BYTES
    assert str(bad) in message and not out.exists()
    assert message.isprintable() and len(message) < 800
    return message


@every_command
@pytest.mark.parametrize("pickled", hostile.PICKLES)
def test_a_pickle_made_by_hand(tmp_path, capsys, good, name, pickled):
    for pack in (zip_with_pickle, stream_with_pickle):
        refusal(capsys, good, name, pack(tmp_path / "file.pt", hostile.pickled(pickled, tmp_path / "canary")))
        assert not (tmp_path / "canary").exists()


BOMBS = {
    "a tensor on one number": {"g_ema": {"input.input": torch.zeros(1).expand(2**40)}},
    "vectors on one number": {"vectors": torch.zeros(1).expand(2**20, 2**20)},
    "a factor on one number": {"eigvec": torch.zeros(1).expand(2**20, 2**20)},
    "latents on one number": {"latent": torch.zeros(1, 1).expand(2**40, 8)},
    "names that are pictures of a terminal": {"g_ema": {"\x1b[2J\x1b[31m" * 50: torch.zeros(1)}},
    "a list in itself": {"latent": [[[[]]]], "vectors": [[[]]]},
    "a number": {"latent": 3, "vectors": 3, "g_ema": 3},
}


@every_command
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_file_that_is_larger_than_it_looks_or_something_else(tmp_path, capsys, good, name, bomb):
    refusal(capsys, good, name, saved(tmp_path, BOMBS[bomb]))


@every_command
def test_a_network_cut_short_empty_or_endless(tmp_path, capsys, good, name):
    data = (good / "network.pt").read_bytes()
    for content in (data[: len(data) // 2], data[:-100], b"", b"<!DOCTYPE html><html>", bytes(1000)):
        (tmp_path / "file.pt").write_bytes(content)
        refusal(capsys, good, name, tmp_path / "file.pt")
    (tmp_path / "zero.pt").symlink_to("/dev/zero")
    refusal(capsys, good, name, tmp_path / "zero.pt")
    with (tmp_path / "sparse.pt").open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(2**40)
    refusal(capsys, good, name, tmp_path / "sparse.pt")


@pytest.mark.parametrize("name", ["closed_form_factorization", "apply_factor --ckpt"])
def test_a_network_with_nan(tmp_path, capsys, good, name):
    state = tiny_generator().state_dict()
    state["conv1.conv.modulation.weight"][0, 0] = torch.nan
    assert "NaN" in refusal(capsys, good, name, saved(tmp_path, {"g_ema": state}))

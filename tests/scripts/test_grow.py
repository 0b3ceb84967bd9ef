"""scripts.grow: a start for a training at a higher resolution."""

import pytest
import torch

import checkpoint
from errors import InputError
from scripts import grow
from tests.checkpoint.files import networks, saved, training_contents


def run(*words):
    return grow.main(grow.parser().parse_args(list(map(str, words))))


def test_the_new_file_is_read_as_any_other(tmp_path):
    before = checkpoint.read(saved(tmp_path, training_contents()))
    after = checkpoint.read(run(before.path, tmp_path / "out.pt", "--size", 2 * before.architecture.size))
    assert set(after.networks) == {"g", "d", "g_ema"} and "g_optim" not in after.extra
    size = before.architecture.size
    assert after.architecture.channels == before.architecture.channels | {2 * size: before.architecture.channels[size]}
    z = torch.randn(2, before.architecture.style_dim)
    assert torch.equal(before.generator().mapping(z), after.generator().mapping(z))


def test_bad_requests_are_refused_in_a_line_and_write_nothing(tmp_path):
    file, out = saved(tmp_path, networks()), tmp_path / "out.pt"
    with pytest.raises(SystemExit):
        run(file, out, "--size", "48")
    for words in (("--size", "8"), ("--channel_base", "8")):
        with pytest.raises(InputError, match="do not hold"):
            run(file, out, *words)
    assert not out.exists()
    with pytest.raises(InputError, match="exists"):
        run(file, file)
    with pytest.raises(InputError, match="is the file to grow"):
        run(file, file, "--overwrite")

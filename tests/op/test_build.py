"""Building the operators: once, whole or not at all, and remembered when it fails. Each case is a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from op import build
from tests.op.compiled import needs_compiler

USE = "import torch; from op import fused_leaky_relu; print(fused_leaky_relu(torch.ones(1, 1), scale=1).item())"


def use_operator(cache: Path, code: str = USE, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), **environment},
    )


@needs_compiler
def test_first_use_builds_and_later_ones_find_it(tmp_path):
    first, second = use_operator(tmp_path), use_operator(tmp_path)
    assert first.stdout == second.stdout == "1.0\n"
    assert "Building the fast operators" in first.stderr and not second.stderr
    (library,) = tmp_path.rglob("kernels.so")
    assert not list(tmp_path.rglob("building.so")) and library.stat().st_size > 0


def test_a_failed_build_says_why_once_and_is_remembered(tmp_path):
    compiler = tmp_path / "broken"
    compiler.write_text("#!/bin/sh\necho 'kernels.cpp:1: error: no such thing' >&2\nexit 1\n")
    compiler.chmod(0o755)
    first, second = (use_operator(tmp_path, CXX=str(compiler)) for _ in range(2))
    assert first.stdout == second.stdout == "1.0\n", "plain PyTorch does the work"
    assert first.stderr.count("no such thing") == 1 and "Building" in first.stderr
    assert not second.stderr
    status = use_operator(tmp_path, "from op import build; print(build.status())", CXX=str(compiler)).stdout
    assert "no such thing" in status and "delete it to try again" in status


def test_no_compiler_and_a_cache_that_cannot_be_written_are_no_obstacle(tmp_path):
    nowhere = use_operator(tmp_path, CXX=str(tmp_path / "missing"))
    assert nowhere.stdout == "1.0\n" and "plain PyTorch" in nowhere.stderr
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert use_operator(blocked).stdout == "1.0\n"


def test_they_can_be_turned_off(tmp_path):
    status = use_operator(tmp_path, "from op import build; print(build.status())", CARTOON_KERNELS="off").stdout
    assert "CARTOON_KERNELS=off" in status
    off = use_operator(tmp_path, CARTOON_KERNELS="off")
    assert off.stdout == "1.0\n" and not off.stderr and not list(tmp_path.iterdir())


def test_insisting_on_what_is_not_there_is_an_error(monkeypatch):
    import torch

    monkeypatch.setattr(build, "_failure", lambda device: f"no compiler for {device}")
    with pytest.raises(build.BuildError, match="no compiler"):
        build.has_kernel(torch.ones(1), "cpu")

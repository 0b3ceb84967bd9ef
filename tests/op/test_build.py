"""Building the operators: once, whole or not at all, and remembered when it fails. Each case is a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from op import build, nvrtc, roads
from tests.op.compiled import needs_compiler, needs_nvcc

pytestmark = pytest.mark.slow

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


def test_a_build_that_nobody_hears_of_is_a_build(monkeypatch, tmp_path):
    class Closed:
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stderr", Closed())
    road = roads.Road("g++", "library", lambda: "key", lambda path: path.write_text(""), lambda path: None)
    assert build._tried(road, "somewhere") is None and list(tmp_path.rglob("library"))


def test_they_can_be_turned_off(tmp_path):
    status = use_operator(tmp_path, "from op import build; print(build.status())", CARTOON_KERNELS="off").stdout
    assert "CARTOON_KERNELS=off" in status
    off = use_operator(tmp_path, CARTOON_KERNELS="off")
    assert off.stdout == "1.0\n" and not off.stderr and not list(tmp_path.iterdir())


def test_insisting_on_what_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(build, "_failure", lambda device: f"no compiler for {device}")
    with pytest.raises(roads.BuildError, match="no compiler"):
        build.has_kernel(torch.ones(1), "cpu")


needs_cuda_wheel = pytest.mark.skipif(torch.version.cuda is None, reason="this PyTorch is built without CUDA")


def in_process_of_its_own(code: str) -> list[str]:
    """The lines that it prints. The cache is the usual one, so that this compiles once."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@needs_cuda_wheel
def test_nvcc_compiles_the_operators_for_every_kind_of_gpu():
    needs_nvcc()
    code = """
import torch
from op import build, roads
roads._capabilities = lambda: [(7, 5), (8, 0), (9, 0)]  # CUDA 13 has dropped 7.0
build._define()
print(build._tried(roads.NVCC, "cuda"))
print(torch._C._dispatch_has_kernel_for_dispatch_key("cartoon_stylegan2::upfirdn2d", "CUDA"))
"""
    assert in_process_of_its_own(code) == ["None", "True"]


@needs_cuda_wheel
@pytest.mark.parametrize("kind", [(7, 5), (9, 0)], ids=str)
def test_nvrtc_compiles_them_too(kind):
    try:
        nvrtc.library()
    except nvrtc.NvrtcError as error:
        pytest.skip(str(error))
    code = f"""
from op import build, roads
roads._capabilities = lambda: [{kind}]
print(build._tried(roads.NVRTC._replace(load=print), "cuda"))
"""
    path, reason = in_process_of_its_own(code)
    assert reason == "None"
    assert b"upfirdn2d_blur_bfloat_vector" in Path(path).read_bytes()


@needs_cuda_wheel
def test_nvcc_of_another_cuda_is_left_out(monkeypatch, tmp_path):
    nvcc = tmp_path / "bin" / "nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text("#!/bin/sh\necho 'Cuda compilation tools, release 9.1, V9.1.85'\n")
    nvcc.chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    with pytest.raises(roads.BuildError, match="nvcc is of CUDA 9, PyTorch of CUDA"):
        roads._nvcc_key()


def test_nvrtc_takes_over_where_nvcc_fails_and_plain_pytorch_where_both_do(monkeypatch, tmp_path):
    def fail() -> str:
        raise roads.BuildError("nvcc is not installed")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(roads, "NVCC", roads.NVCC._replace(key=fail))
    works = roads.Road("NVRTC", "cubin", lambda: "key", lambda path: path.write_text(""), lambda path: None)
    monkeypatch.setattr(roads, "NVRTC", works)
    failure = build._failure.__wrapped__
    assert failure("cuda") is None
    assert build._built["cuda"].startswith("built with NVRTC") and "(nvcc is not installed)" in build._built["cuda"]
    monkeypatch.setattr(roads, "NVRTC", works._replace(key=fail))
    assert failure("cuda") == "nvcc is not installed; nvcc is not installed"

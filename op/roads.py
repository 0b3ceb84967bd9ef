"""The ways to compiled operators: g++ for the CPU, nvcc or NVRTC for CUDA. op/build.py takes the first that leads there."""

import contextlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from op import kernels, nvrtc

HERE = Path(__file__).parent
CPU_SOURCE, CUDA_SOURCES = HERE / "kernels.cpp", (HERE / "kernels.cu", HERE / "kernels.cuh")
CPU_FLAGS = "-std=c++20 -O3 -march=native -fopenmp-simd -fno-math-errno -fno-trapping-math -fPIC -Wall"
CUDA_FLAGS = "-std=c++20 -O3 -Xcompiler -fPIC"
SECONDS = 1800  # for a build: half a minute, or many on a busy machine; a compiler that takes longer hangs


class BuildError(RuntimeError):
    """The fast operators cannot be built here; one line that says why."""


class Road(NamedTuple):
    """A way to compiled operators. Each step may raise BuildError, ImportError or OSError."""

    name: str
    file: str  # what is built
    key: Callable[[], str]  # everything that the file depends on
    build: Callable[[Path], None]  # writes the file
    load: Callable[[Path], None]  # registers its operators


def _cpp_key() -> str:
    return "\n".join([CPU_SOURCE.read_text(), CPU_FLAGS, torch.__version__, _said_by(_compiler(), "--version"), _processor()])


def _cpp_build(path: Path) -> None:
    _run_ninja(_compiler(), f"{CPU_FLAGS} -shared", CPU_SOURCE, "-ltorch_cpu -ltorch -lc10", path)


def _nvcc_key() -> str:
    said = _said_by(_nvcc(), "--version")
    toolkit, ours = re.search(r"release (\d+)", said), torch.version.cuda.split(".")[0]
    if toolkit is None or toolkit[1] != ours:
        raise BuildError(f"nvcc is of CUDA {toolkit[1] if toolkit else '?'}, PyTorch of CUDA {ours}")
    sources = [source.read_text() for source in CUDA_SOURCES]
    return "\n".join([*sources, CUDA_FLAGS, torch.__version__, said, str(_capabilities()), platform.machine()])


def _nvcc_build(path: Path) -> None:
    # nvcc links as well: it alone knows its toolkit's folders, which are not beside it where the nvcc on the PATH is a wrapper.
    kinds = " ".join(f"-gencode arch=compute_{major}{minor},code=sm_{major}{minor}" for major, minor in _capabilities())
    libraries = "-ltorch_cuda -ltorch_cpu -ltorch -lc10"
    _run_ninja(_nvcc(), f"{CUDA_FLAGS} {kinds} -shared", CUDA_SOURCES[0], libraries, path)


def _nvrtc_key() -> str:
    return "\n".join([nvrtc.SOURCE.read_text(), nvrtc.version(), str(_one_capability())])


def _nvrtc_build(path: Path) -> None:
    path.write_bytes(nvrtc.compiled(_one_capability()))


def _nvrtc_load(path: Path) -> None:
    for name, function in kernels.operators(nvrtc.launcher(path.read_bytes())).items():
        torch.library.impl(f"cartoon_stylegan2::{name}", "cuda")(function)


def _load_library(path: Path) -> None:
    torch.ops.load_library(str(path))


CPP = Road("g++", "kernels.so", _cpp_key, _cpp_build, _load_library)
NVCC = Road("nvcc", "kernels_cuda.so", _nvcc_key, _nvcc_build, _load_library)
NVRTC = Road("NVRTC", "kernels.cubin", _nvrtc_key, _nvrtc_build, _nvrtc_load)


def _run_ninja(compiler: str, flags: str, source: Path, libraries: str, result: Path) -> None:
    """Compile one source into a library. Raises BuildError with the compiler's first complaint."""
    torch_folder = Path(torch.__file__).parent
    (result.parent / "build.ninja").write_text(
        f"rule library\n  command = {compiler} {flags} -isystem {_escaped(torch_folder / 'include')} $in -o $out "
        f"-L{_escaped(torch_folder / 'lib')} {libraries}\n"
        f"build {result.name}: library {_escaped(source)}\n"
    )
    try:
        done = subprocess.run([_ninja()], cwd=result.parent, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise BuildError(f"{compiler} takes longer than {SECONDS} s") from None
    if done.returncode:
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line]
        raise BuildError(f"{compiler} fails: {complaints[0] if complaints else done.stdout[-200:]}")


def _capabilities() -> list[tuple[int, int]]:
    """The kinds of GPU in this machine."""
    return sorted({torch.cuda.get_device_capability(index) for index in range(torch.cuda.device_count())})


def _one_capability() -> tuple[int, int]:
    capability, *others = _capabilities()
    if others:
        raise BuildError("NVRTC compiles for GPUs of one kind")
    return capability


def _processor() -> str:
    """What -march=native depends on."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return "".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))}))
    return platform.processor() + platform.machine()


def _compiler() -> str:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise BuildError("no C++ compiler (g++ or clang++) is installed")
    return compiler


def _nvcc() -> str:
    if torch.version.cuda is None:
        raise BuildError("this PyTorch is built without CUDA")
    homes = (os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH"))
    found = next((nvcc for home in homes if home and (nvcc := shutil.which("nvcc", path=f"{home}/bin"))), shutil.which("nvcc"))
    if found is None:
        raise BuildError("nvcc is not installed")
    return found


def _said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def _ninja() -> str:
    found = shutil.which("ninja")
    if found is None:
        import ninja

        found = str(Path(ninja.BIN_DIR) / "ninja")
    return found


def _escaped(path: Path) -> str:
    return str(path).replace("$", "$$").replace(" ", "$ ").replace(":", "$:")

"""Build the fast operators on first use, once for each machine, and remember it when that fails.

    has_kernel(x, "auto")   whether there is a compiled operator for x; compiles it if need be
    status("cuda")          for people: by which road, or why not

There is one road to the CPU's operators (g++), and two to CUDA's: nvcc, and where that is missing or fails, NVRTC. What a road
ends in lies in a per-user cache, under a key of source, PyTorch, compiler and processor or GPU, so an update of any of them
builds anew. Before the first use it is tried (op/trial.py): types for which it differs from the definition go without. Without
operators everything works in plain PyTorch, more slowly; `python -m scripts.doctor` says why.

Environment: CARTOON_KERNELS=off keeps to plain PyTorch, CARTOON_KERNELS=nvrtc leaves nvcc out; XDG_CACHE_HOME moves the cache.
"""

import contextlib
import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from op import nvrtc

HERE = Path(__file__).parent
CPU_SOURCE, CUDA_SOURCES = HERE / "kernels.cpp", (HERE / "kernels.cu", HERE / "kernels.cuh")
CPU_FLAGS = "-std=c++20 -O3 -march=native -fopenmp-simd -fno-math-errno -fno-trapping-math -fPIC -Wall"
CUDA_FLAGS = "-std=c++20 -O3 -Xcompiler -fPIC"
TYPES = {"cpu": (torch.float32,), "cuda": (torch.float32, torch.float16, torch.bfloat16)}
MOST_TAPS = 32  # of a kernel, on each axis
SECONDS = 1800  # for a build: half a minute, or many on a busy machine; a compiler that takes longer hangs
TURNED_OFF = "turned off by CARTOON_KERNELS=off"
REMEMBERED = "remembered"
SCHEMAS = {
    "upfirdn2d": "(Tensor x, Tensor taps_y, Tensor taps_x, int up_y, int up_x, int down_y, int down_x, int pad_y, int pad_x, "
    "int height, int width) -> Tensor",
    "leaky_relu": "(Tensor x, Tensor? bias, Tensor? demod, Tensor? noise, Tensor? strength, float slope, float scale) "
    "-> Tensor",
    "leaky_relu_backward": "(Tensor grad, Tensor out, Tensor? x, Tensor? demod, Tensor? noise, float slope, float scale) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
}


class BuildError(RuntimeError):
    """The fast operators cannot be built here; one line that says why."""


class Road(NamedTuple):
    """A way to compiled operators. Each step may raise BuildError, ImportError or OSError."""

    name: str
    file: str  # what is built
    key: Callable[[], str]  # everything that the file depends on
    build: Callable[[Path], None]  # writes the file
    load: Callable[[Path], None]  # registers its operators


class Verdict(NamedTuple):
    """wrong: for which types the operators must not be used, and why. file: that remembers it. fresh: whether it is new."""

    wrong: dict[torch.dtype, str]
    file: Path
    fresh: bool


def has_kernel(x: Tensor, impl: str) -> bool:
    """Whether to call the compiled operator for x under `impl`: "auto" wants it where it exists and is right, "cpu" and "cuda"
    insist, "trial" does not ask whether it is right.

    Raises ValueError when "cpu" or "cuda" is asked for other tensors, BuildError when it cannot be built, or is wrong.
    """
    device = x.device.type
    takes = x.dtype in TYPES.get(device, ())
    if impl == "auto":
        return takes and x.numel() > 0 and _loaded(device) and x.dtype in _trusted(x.device)
    if impl == "trial":
        return takes and x.numel() > 0
    if impl not in TYPES:
        return False
    if device != impl or not takes:
        names = ", ".join(str(dtype).removeprefix("torch.") for dtype in TYPES[impl])
        where = "on the CPU" if impl == "cpu" else "on a CUDA device"
        raise ValueError(f'impl="{impl}" takes {names} tensors {where}, not {x.dtype} on {x.device}')
    if reason := _failure(device) or _verdict(x.device).wrong.get(x.dtype):
        raise BuildError(reason)
    return x.numel() > 0


def takes_planes(x: Tensor) -> bool:
    """Whether the compiled operators read x as it lies, channel by channel. Otherwise they want the channels innermost."""
    return x.is_cuda and x.is_contiguous()


def status(device: str = "cpu") -> str:
    """For people: whether the compiled operators of "cpu" or "cuda" are in use, or why not. Builds, tries them if need be."""
    if device == "cuda" and not torch.cuda.is_available():
        return "no CUDA device"
    return _failure(device) or f"{_built[device]}; {doubts(device) or 'equal to their definitions'}"


def doubts(device: str) -> str:
    """For people: which operators that are built for "cpu" or "cuda" are not in use, since they are wrong; "" if none is."""
    count = torch.cuda.device_count() if device == "cuda" else 1
    places = [torch.device(device, index) if device == "cuda" else torch.device(device) for index in range(count)]
    return "; ".join(line for place in places if (line := _told(place))) if _failure(device) is None else ""


_built: dict[str, str] = {}  # device -> for people: where its operators are, and how they came there
_folders: dict[str, Path] = {}  # device -> where its operators are


@functools.cache
def _loaded(device: str) -> bool:
    """Whether the operators are there. Says why not, unless that was chosen or said by an earlier process."""
    reason = _failure(device)
    if reason and reason != TURNED_OFF and REMEMBERED not in reason:
        warnings.warn(f"fast operators not built, using plain PyTorch: {reason}", RuntimeWarning, stacklevel=2)
    return reason is None


@functools.cache
def _trusted(device: torch.device) -> frozenset[torch.dtype]:
    """The types whose operators are right on this device. Says what is wrong, unless an earlier process did."""
    verdict = _verdict(device)
    if verdict.wrong and verdict.fresh:
        warnings.warn(f"fast operators not trusted, using plain PyTorch: {_told(device)}", RuntimeWarning, stacklevel=2)
    return frozenset(TYPES[device.type]) - verdict.wrong.keys()


@functools.cache
def _verdict(device: torch.device) -> Verdict:
    """On the operators that are loaded."""
    from op import trial  # which imports the operators, and they this

    if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
        raise RuntimeError("the operators are tried at their first use, and a CUDA graph cannot wait: call one before")
    with _locked(_folders[device.type]):
        return trial.verdict(_folders[device.type], device, TYPES[device.type])


def _told(device: torch.device) -> str:
    verdict = _verdict(device)
    lines = [f"{str(dtype).removeprefix('torch.')} on {device}, {reason}" for dtype, reason in verdict.wrong.items()]
    return "; ".join(lines) + f" ({REMEMBERED} in {verdict.file}; delete it to try again)" if lines else ""


@functools.cache
def _failure(device: str) -> str | None:
    """Build and load the operators, by the first road that leads there. None, or why all roads fail."""
    wish = os.environ.get("CARTOON_KERNELS")
    if wish == "off":
        return TURNED_OFF
    _define()
    roads = {"cpu": [CPP], "cuda": [NVRTC] if wish == "nvrtc" else [NVCC, NVRTC]}
    reasons = []
    for road in roads[device]:
        reason = _tried(road, device)
        if reason is None:
            _built[device] += "".join(f" ({other})" for other in reasons)
            return None
        reasons.append(reason)
    return "; ".join(reasons)


def _tried(road: Road, device: str) -> str | None:
    """None when the road's operators are loaded, else the reason, which is left in the cache for later processes."""
    folder = None
    try:
        folder = _folder(road.key())
        result, failed = folder / road.file, folder / "failed.txt"
        with _locked(folder):
            if failed.exists():
                return f"{failed.read_text()} ({REMEMBERED} in {failed}; delete it to try again)"
            if not result.exists():
                with contextlib.suppress(OSError):  # that nobody reads it any more is no failure
                    print("Building the fast operators, once for this machine ...", file=sys.stderr, flush=True)
                road.build(folder / "building")
                os.replace(folder / "building", result)  # whole or not at all
        road.load(result)
    except (BuildError, ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        if folder:
            with contextlib.suppress(OSError):
                (folder / "failed.txt").write_text(reason)
        return reason
    _built[device], _folders[device] = f"built with {road.name}, in {folder}", folder
    return None


@functools.cache
def _define() -> None:
    """The operators without an implementation: what they take, and what they return, for code that runs without data."""
    for name, schema in SCHEMAS.items():
        torch.library.define(f"cartoon_stylegan2::{name}", schema)

    @torch.library.register_fake("cartoon_stylegan2::upfirdn2d")
    def _(x, taps_y, taps_x, up_y, up_x, down_y, down_x, pad_y, pad_x, height, width):
        planes = x.device.type == "cuda" and x.is_contiguous()
        shape = *x.shape[:2], height, width
        return x.new_empty(shape).to(memory_format=torch.contiguous_format if planes else torch.channels_last)

    @torch.library.register_fake("cartoon_stylegan2::leaky_relu")
    def _(x, bias, demod, noise, strength, slope, scale):
        return torch.empty_like(x)

    @torch.library.register_fake("cartoon_stylegan2::leaky_relu_backward")
    def _(grad, out, x, demod, noise, slope, scale):
        samples, channels = out.shape[:2]
        sums = (out.new_empty(shape, dtype=torch.float32) for shape in ((channels,), (samples, channels), (1,)))
        return torch.empty_like(out), *sums


# ----------------------------------------------------------------------------------------------------------------------
# The roads


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
    for name, function in nvrtc.operators(nvrtc.launcher(path.read_bytes())).items():
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


def _folder(key: str) -> Path:
    """The cache folder of what depends on this key."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "cartoon-stylegan2" / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process builds, the others wait for it."""
    import fcntl

    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

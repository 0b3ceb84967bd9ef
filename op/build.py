"""Build the fast operators on first use, once for each machine, and remember it when that fails.

The compiled library lies in a per-user cache, under a key of source, PyTorch, compiler and processor, so an update of any of
them builds anew. Without a compiler everything works in plain PyTorch, more slowly; `python -m scripts.doctor` says why.

Environment: CARTOON_KERNELS=off keeps to plain PyTorch; XDG_CACHE_HOME moves the cache.
"""

import contextlib
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("kernels.cpp")
FLAGS = "-std=c++20 -O3 -march=native -fopenmp-simd -fno-math-errno -fno-trapping-math -fPIC -Wall"
MOST_TAPS = 32  # of a kernel, on each axis
SECONDS = 300  # for a build; a compiler that takes longer hangs
TURNED_OFF = "turned off by CARTOON_KERNELS=off"
REMEMBERED = "remembered"


class BuildError(RuntimeError):
    """The fast operators cannot be built here; one line that says why."""


def has_kernel(x: Tensor, impl: str) -> bool:
    """Whether to call the compiled operator for x under `impl`: "auto" wants it where it exists, "cpu" insists.

    Raises ValueError when "cpu" is asked for other tensors, BuildError when it cannot be built.
    """
    takes = x.device.type == "cpu" and x.dtype == torch.float32
    if impl == "auto":
        return takes and _loaded()
    if impl != "cpu":
        return False
    if not takes:
        raise ValueError(f'impl="cpu" takes float32 tensors on the CPU, not {x.dtype} on {x.device}')
    if reason := _failure():
        raise BuildError(reason)
    return True


def status() -> str:
    """For people: whether the compiled operators are in use, or why not. Builds them if need be."""
    return _failure() or f"built, in {_folder()}"


@functools.cache
def _loaded() -> bool:
    """Whether the library is there. Says why not, unless that was chosen or said by an earlier process."""
    reason = _failure()
    if reason and reason != TURNED_OFF and REMEMBERED not in reason:
        warnings.warn(f"fast operators not built, using plain PyTorch: {reason}", RuntimeWarning, stacklevel=2)
    return reason is None


@functools.cache
def _failure() -> str | None:
    """Build and load the library. None when it is loaded, else the reason, which is left in the cache for later processes."""
    if os.environ.get("CARTOON_KERNELS") == "off":
        return TURNED_OFF
    folder = None
    try:
        folder = _folder()
        library, failed = folder / "kernels.so", folder / "failed.txt"
        with _locked(folder):
            if failed.exists():
                return f"{failed.read_text()} ({REMEMBERED} in {failed}; delete it to try again)"
            if not library.exists():
                _build(folder)
        torch.ops.load_library(str(library))
        _describe_shapes()
    except (BuildError, ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        if folder:
            with contextlib.suppress(OSError):
                (folder / "failed.txt").write_text(reason)
        return reason
    return None


def _build(folder: Path) -> None:
    """Compile kernels.so in the folder. Raises BuildError with the compiler's first complaint."""
    compiler = _compiler()
    include, libraries = Path(torch.__file__).parent / "include", Path(torch.__file__).parent / "lib"
    (folder / "build.ninja").write_text(
        f"rule library\n  command = {compiler} {FLAGS} -shared -isystem {_escaped(include)} $in -o $out "
        f"-L{_escaped(libraries)} -ltorch_cpu -ltorch -lc10\n"
        f"build building.so: library {_escaped(SOURCE)}\n"
    )
    print("Building the fast operators, once for this machine ...", file=sys.stderr, flush=True)
    try:
        done = subprocess.run([_ninja()], cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise BuildError(f"{compiler} takes longer than {SECONDS} s") from None
    if done.returncode:
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line]
        raise BuildError(f"{compiler} fails: {complaints[0] if complaints else done.stdout[-200:]}")
    os.replace(folder / "building.so", folder / "kernels.so")  # whole or not at all


def _describe_shapes() -> None:
    """What the operators return, for code that runs without data (torch.compile, FLOP counting)."""

    @torch.library.register_fake("cartoon_stylegan2::upfirdn2d")
    def _(x, taps_y, taps_x, up_y, up_x, down_y, down_x, pad_y, pad_x, height, width):
        shape = *x.shape[:2], height, width
        return x.new_empty(shape).to(memory_format=torch.channels_last)

    @torch.library.register_fake("cartoon_stylegan2::leaky_relu")
    def _(x, bias, demod, noise, strength, slope, scale):
        return torch.empty_like(x)

    @torch.library.register_fake("cartoon_stylegan2::leaky_relu_backward")
    def _(grad, out, x, demod, noise, slope, scale):
        samples, channels = out.shape[:2]
        return torch.empty_like(out), out.new_empty(channels), out.new_empty(samples, channels), out.new_empty(1)


def _folder() -> Path:
    """The cache folder of this source, PyTorch, compiler and processor. Raises BuildError without a compiler."""
    version = subprocess.run([_compiler(), "--version"], capture_output=True, text=True).stdout
    key = "\n".join([SOURCE.read_text(), FLAGS, torch.__version__, version, _processor()])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "cartoon-stylegan2" / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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

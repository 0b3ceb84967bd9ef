"""The CUDA kernels on a CPU, through tests/op/emulate.cpp, by both of their hosts: op/kernels.cu and op/kernels.py."""

import ctypes
import functools
import itertools
import types
from pathlib import Path

import torch

from op import build, kernels, roads

SOURCE = Path(__file__).with_name("emulate.cpp")
FLAGS = "-std=c++20 -O1 -fPIC -shared -Wall -Wno-unknown-pragmas"


def _key() -> str:
    return "\n".join(source.read_text() for source in (SOURCE, *roads.CUDA_SOURCES)) + FLAGS + roads._cpp_key()


def _build(path: Path) -> None:
    roads._run_ninja(roads._compiler(), FLAGS, SOURCE, "-ltorch_cpu -ltorch -lc10", path)


def _load(path: Path) -> None:
    global library
    for name, schema in build.SCHEMAS.items():
        torch.library.define(f"cartoon_stylegan2_emulated::{name}", schema)
    torch.ops.load_library(str(path))
    library = ctypes.CDLL(str(path))
    library.kernel_name.restype = ctypes.c_char_p


library: ctypes.CDLL
ROAD = roads.Road("g++", "emulated.so", _key, _build, _load)


@functools.cache
def reason() -> str | None:
    """Why nothing can be emulated here; None if it can."""
    return build._tried(ROAD, "emulated")


def launch(name: str, arguments: ctypes.Structure, blocks: int, device: torch.device) -> None:
    missing = library.emulate_kernel(name.encode(), ctypes.byref(arguments), ctypes.c_longlong(blocks))
    assert not missing, f"no kernel {name}"


def operators(host: str) -> types.SimpleNamespace:
    """upfirdn2d, leaky_relu and leaky_relu_backward, as "kernels.cu" or "kernels.py" call the kernels."""
    if host == "kernels.py":
        return types.SimpleNamespace(**kernels.operators(launch))
    emulated = torch.ops.cartoon_stylegan2_emulated
    return types.SimpleNamespace(**{name: getattr(emulated, name) for name in build.SCHEMAS})


def beside_the_cpus(launch: kernels.Launch) -> types.SimpleNamespace:
    """The kernels of CUDA where there are some, and of the CPU's operators those that CUDA has none for."""
    build.status("cpu")
    others = {name: getattr(torch.ops.cartoon_stylegan2, name) for name in build.ONLY_CPU}
    return types.SimpleNamespace(**others | kernels.operators(launch))


def kernel_names() -> set[str]:
    names = iter(lambda: library.kernel_name(next(index)), None)
    index = itertools.count()
    return {name.decode() for name in names}

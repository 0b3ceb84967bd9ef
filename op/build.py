"""Build the fast operators on first use, once for each machine, and remember it when that fails.

    has_kernel(x, "auto")   whether there is a compiled operator for x; compiles it if need be
    status("cuda")          for people: by which road, or why not

There is one road to the CPU's operators (g++), and two to CUDA's: nvcc, and where that is missing or fails, NVRTC (roads.py).
What a road ends in lies in a per-user cache, under a key of source, PyTorch, compiler and processor or GPU, so an update of any
of them builds anew. Before the first use it is tried (trial.py): types for which it differs from the definition go without.
Without operators everything works in plain PyTorch, more slowly; `python -m scripts.doctor` says why.

Environment: CARTOON_KERNELS=off keeps to plain PyTorch, CARTOON_KERNELS=nvrtc leaves nvcc out; XDG_CACHE_HOME moves the cache.
"""

import contextlib
import functools
import hashlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from op import roads
from op.roads import BuildError, Road

TYPES = {"cpu": (torch.float32,), "cuda": (torch.float32, torch.float16, torch.bfloat16)}
MOST_TAPS = 32  # of a kernel, on each axis
TURNED_OFF = "turned off by CARTOON_KERNELS=off"
REMEMBERED = "remembered"
SCHEMAS = {
    "upfirdn2d": "(Tensor x, Tensor taps_y, Tensor taps_x, int up_y, int up_x, int down_y, int down_x, int pad_y, int pad_x, "
    "int height, int width) -> Tensor",
    "leaky_relu": "(Tensor x, Tensor? bias, Tensor? demod, Tensor? noise, Tensor? strength, float slope, float scale) "
    "-> Tensor",
    "leaky_relu_backward": "(Tensor grad, Tensor out, Tensor? x, Tensor? demod, Tensor? noise, float slope, float scale) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
    "modulate_backward": "(Tensor grad, Tensor x, Tensor? style) -> (Tensor, Tensor)",
}
ONLY_CPU = {
    "affine_sample": "(Tensor x, Tensor maps, int height, int width) -> Tensor",
    "affine_scatter": "(Tensor grad, Tensor maps, int height, int width) -> Tensor",
}


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


def dense(x: Tensor, like: Tensor | None = None) -> Tensor:
    """x without gaps in memory, as `like` lies there. Otherwise with its channels innermost, but NCHW may stay so on CUDA."""
    if like.is_contiguous() if like is not None else takes_planes(x):
        return x.contiguous()
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x.movedim(1, -1).contiguous().movedim(-1, 1)


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
    ways = {"cpu": [roads.CPP], "cuda": [roads.NVRTC] if wish == "nvrtc" else [roads.NVCC, roads.NVRTC]}
    reasons = []
    for road in ways[device]:
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
    for name, schema in (SCHEMAS | ONLY_CPU).items():
        torch.library.define(f"cartoon_stylegan2::{name}", schema)

    @torch.library.register_fake("cartoon_stylegan2::upfirdn2d")
    def _(x, taps_y, taps_x, up_y, up_x, down_y, down_x, pad_y, pad_x, height, width):
        planes = x.device.type == "cuda" and x.is_contiguous()
        shape = *x.shape[:2], height, width
        return x.new_empty(shape).to(memory_format=torch.contiguous_format if planes else torch.channels_last)

    @torch.library.register_fake("cartoon_stylegan2::affine_sample")
    @torch.library.register_fake("cartoon_stylegan2::affine_scatter")
    def _(x, maps, height, width):
        shape = *x.shape[:2], height, width
        return x.new_empty(shape).to(memory_format=torch.channels_last)

    @torch.library.register_fake("cartoon_stylegan2::leaky_relu")
    def _(x, bias, demod, noise, strength, slope, scale):
        return torch.empty_like(x)

    @torch.library.register_fake("cartoon_stylegan2::leaky_relu_backward")
    def _(grad, out, x, demod, noise, slope, scale):
        samples, channels = out.shape[:2]
        sums = (out.new_empty(shape, dtype=torch.float32) for shape in ((channels,), (samples, channels), (1,)))
        return torch.empty_like(out), *sums

    @torch.library.register_fake("cartoon_stylegan2::modulate_backward")
    def _(grad, x, style):
        sums = grad.new_empty(grad.shape[:2], dtype=torch.float32)
        return grad.new_empty(1) if style is None else torch.empty_like(grad), sums


def _folder(key: str) -> Path:
    """The cache folder of what depends on this key."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "cartoon-stylegan2" / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process builds, the others wait for it."""
    import fcntl

    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""No kernel is trusted unseen: once for each machine and build, the compiled operators are compared with their definitions.

    verdict(folder, torch.device("cuda", 0), [torch.float32, torch.bfloat16]).wrong    # {}, or {torch.bfloat16: "..."}

Small inputs, every kernel, value, gradient and second gradient, each type for itself. The result lies beside the build, so that
later processes need not look again. Whoever asks must hold the folder's lock.
"""

import contextlib
import functools
import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from op.build import Verdict
from op.fused_act import fused_leaky_relu
from op.modulation import modulate
from op.resample import upfirdn2d
from op.sample import affine_sample

SOURCES = [
    Path(__file__).with_name(name)
    for name in ("trial.py", "fused_act.py", "modulation.py", "resample.py", "sample.py", "kernels.py", "nvrtc.py")
]
MOST_ATTEMPTS = 2  # that may end with the process
RESULTS = ("value", "gradient", "gradient to be differentiated", "second gradient")


class Case(NamedTuple):
    """An operator with its settings. inputs: x, which has the type that is tried, and parameters; all in float64."""

    name: str
    inputs: dict[str, Tensor]
    call: Callable[..., Tensor]  # (impl=..., **inputs) -> result


def verdict(folder: Path, device: torch.device, dtypes: Sequence[torch.dtype]) -> Verdict:
    """On the operators that were loaded from this folder, on this device. Tries them if the folder does not know."""
    file = folder / f"trial-{device.type}-{_key(device)}.json"
    found, fresh = _remembered(file), False
    if found is None:
        found, fresh = _tried_and_remembered(file, device, dtypes), True
    return Verdict({dtype: found[str(dtype)] for dtype in dtypes if found.get(str(dtype))}, file, fresh)


def _key(device: torch.device) -> str:
    """What the result depends on, beside the build."""
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    facts = [platform.node(), kind, torch.__version__, *(source.read_text() for source in SOURCES)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _remembered(file: Path) -> dict[str, str] | None:
    with contextlib.suppress(OSError, ValueError):
        return json.loads(file.read_text())


def _tried_and_remembered(file: Path, device: torch.device, dtypes: Sequence[torch.dtype]) -> dict[str, str]:
    """{type: what is wrong, or ""}. A process that crashes on the way leaves its mark, so that they do not all crash."""
    begun, new = file.with_suffix(".begun"), file.with_suffix(".new")
    attempts = 0
    with contextlib.suppress(OSError), begun.open("a") as marks:
        attempts = marks.write(".") + begun.stat().st_size
    if attempts > MOST_ATTEMPTS:
        found = dict.fromkeys(map(str, dtypes), "a process that tried them did not come back")
    else:
        found = _tried(device, dtypes)
    with contextlib.suppress(OSError):  # then the next process tries them again
        new.write_text(json.dumps(found))
        new.replace(file)
        begun.unlink()
    return found


def _tried(device: torch.device, dtypes: Sequence[torch.dtype]) -> dict[str, str]:
    # A thread of its own knows nothing of the caller's no_grad, autocast, hooks and modes.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: {str(dtype): difference(device, dtype) for dtype in dtypes}).result()


def difference(device: torch.device, dtype: torch.dtype) -> str:
    """How the compiled operators for this type differ from their definitions beyond rounding, in words; "" if they do not."""
    for case in (*cases(), *(only_cpu() if device.type == "cpu" else ())):
        try:
            truth, plain = results(case, "ref", torch.float64), results(case, "ref", dtype)
            for layout in (torch.channels_last, torch.contiguous_format):
                found = results(case, "trial", dtype, device, layout)
                types = (None, None, dtype, dtype)  # where the gradient can be differentiated it is rounded on the way
                for what, error, allowed in map(_error, RESULTS, found, plain, truth, types):
                    if not error <= allowed:
                        return f"{case.name}: {what} off by {error:.2g} where rounding explains {allowed:.2g}"
        except Exception as error:
            return f"{case.name}: {' '.join(str(error).split()) or type(error).__name__}"
    return ""


def _error(
    what: str, ours: Sequence[Tensor], plain: Sequence[Tensor], truth: Sequence[Tensor], rounded: torch.dtype | None
) -> tuple[str, float, float]:
    """(what, the error, the largest that is rounding) of the worst of these.

    Rounding is three times the error of the definition in the same type, and a few units of the last place of the result's
    type, or of `rounded`; for a sum of thousands in float32 these are more.
    """
    worst = -1.0, 0.0, 0.0
    for mine, theirs, exact in zip(ours, plain, truth, strict=True):
        error, reference = ((t.double() - exact).abs().max().item() for t in (mine, theirs))
        allowed = 3 * reference + max(4 * torch.finfo(rounded or mine.dtype).eps, 2e-5) * exact.abs().max().item()
        worst = max(worst, (error - allowed if error == error else float("inf"), error, allowed))
    return what, *worst[1:]


def results(
    case: Case, impl: str, dtype: torch.dtype, device: torch.device | None = None, layout: torch.memory_format | None = None
) -> list[list[Tensor]]:
    """RESULTS of a case, each a list of tensors on the CPU. Parameters are float32, or float64 beside such an x."""

    def given(values: Tensor, name: str = "x") -> Tensor:
        values = values.to(device, dtype if name == "x" else torch.promote_types(dtype, torch.float32))
        return values.contiguous(memory_format=layout) if layout and values.ndim == 4 else values

    inputs = {name: given(values, name).requires_grad_(name != "noise") for name, values in case.inputs.items()}
    wanted = {name: t for name, t in inputs.items() if name != "noise"}
    out = case.call(impl=impl, **inputs)
    grad = given(_numbers(out.shape, seed=1)).requires_grad_()
    once = torch.autograd.grad(out, wanted.values(), grad, retain_graph=True)
    first = torch.autograd.grad(out, wanted.values(), grad, create_graph=True)
    total = sum((g * given(_numbers(g.shape, seed=2), name)).sum() for name, g in zip(wanted, first))
    second = torch.autograd.grad(total, [grad, *wanted.values()], allow_unused=True, materialize_grads=True)
    return [[t.detach().cpu() for t in tensors] for tensors in ([out], once, first, second)]


def cases() -> Iterator[Case]:
    """Something of every kernel: in runs of memory that 16 bytes divide, and in others."""
    for shape in ((2, 8, 12, 16), (2, 3, 11, 13)):
        for up, down, taps, pad in FORMS:
            yield _filter(shape, up, down, taps, pad)
        for names in TERMS:
            yield _activation(shape, names)
        yield Case("modulate", {"x": _numbers(shape), "style": _numbers(shape[:2], 3)}, modulate)
    yield _activation((3, 5), TERMS[0])
    yield _activation((1, 8, 96, 100), TERMS[-1])  # so large that several threads and blocks share the sums


def only_cpu() -> Iterator[Case]:
    """Of the kernels that CUDA does not have."""
    maps = torch.tensor([[0.75, 0.5, 1.25, -0.5, 1.0, -0.75], [-1.5, 0.25, 0.5, 0.25, 0.625, 6.0]])
    for shape in ((2, 8, 12, 16), (2, 3, 11, 13)):
        call = functools.partial(_sampled, maps=maps, size=(13, 10))
        yield Case("affine_sample", {"x": _numbers(shape)}, call)


def _sampled(x: Tensor, impl: str, **how) -> Tensor:
    """PyTorch up to 2.11 differentiates the definition only once: the form of any order stands for it."""
    return affine_sample(x, impl="torch" if impl == "ref" else impl, **how)


FORMS = [(1, 1, 4, (2, 1)), (2, 1, 4, (2, 1)), (1, 2, 4, (1, 1)), (2, 1, 12, (6, 5)), (1, 2, 12, (5, 5))]
FORMS += [((2, 1), (1, 2), 3, (2, 0, -1, 3))]  # which has no kernel of its own
TERMS = [("bias",), ("demod",), ("noise", "strength"), ("bias", "demod", "noise", "strength")]


def _filter(shape: tuple[int, ...], up, down, taps: int, pad: tuple[int, ...]) -> Case:
    line = torch.arange(1.0, taps + 1) / 8
    call = functools.partial(upfirdn2d, kernel=torch.outer(line, line), up=up, down=down, pad=pad)
    return Case(f"upfirdn2d (up {up}, down {down}, {taps} taps)", {"x": _numbers(shape)}, call)


def _activation(shape: tuple[int, ...], names: tuple[str, ...]) -> Case:
    batch, channels, *pixels = shape
    shapes = {"bias": (channels,), "demod": (batch, channels), "noise": (batch, 1, *pixels), "strength": (1,)}
    inputs = {"x": _numbers(shape)} | {name: _numbers(shapes[name], seed) for seed, name in enumerate(names, 3)}
    return Case(f"leaky_relu ({', '.join(names)})", inputs, fused_leaky_relu)


def _numbers(shape: Sequence[int], seed: int = 0) -> Tensor:
    """Odd multiples of 1/8 between -1 and 1: sums of their products are exact in every type, so all agree on their sign."""
    random = torch.Generator().manual_seed(seed)
    return (torch.randint(-4, 4, tuple(shape), generator=random).double() * 2 + 1) / 8

"""The host side of the CUDA kernels, op/kernels.cu once more in Python: which kernel, with which argument, in how many blocks.

operators(launch)["upfirdn2d"](x, taps_y, taps_x, ...)         # launch: of op/nvrtc.py
"""

import ctypes
import functools
from collections.abc import Callable

import torch
from torch import Tensor

THREADS, MOST_TAPS = 256, 32  # as in kernels.cuh
TYPES = {torch.float32: "float", torch.float16: "half", torch.bfloat16: "bfloat"}

Pointer, Long, Int, Float = ctypes.c_void_p, ctypes.c_longlong, ctypes.c_int, ctypes.c_float
Launch = Callable[[str, ctypes.Structure, int, torch.device], None]  # kernel, its argument, blocks, where


class Axis(ctypes.Structure):
    _fields_ = [*((name, Int) for name in ("in_", "out", "up", "down", "pad", "count")), ("taps", Float * MOST_TAPS)]


class Resample(ctypes.Structure):
    _fields_ = [("in_", Pointer), ("out", Pointer), ("planes", Long), ("inner", Int), ("y", Axis), ("x", Axis)]


class Activation(ctypes.Structure):
    _fields_ = [
        *((name, Pointer) for name in ("x", "out", "bias", "demod", "noise", "strength")),
        *((name, Long) for name in ("samples", "noise_stride")),
        *((name, Int) for name in ("channels", "pixels")),
        *((name, Float) for name in ("above", "below")),
    ]


class ActivationBackward(ctypes.Structure):
    _fields_ = [
        *((name, Pointer) for name in ("grad", "out", "x", "grad_x", "demod", "noise")),
        *((name, Pointer) for name in ("bias_sums", "demod_sums", "noise_sums")),
        *((name, Long) for name in ("samples", "noise_stride")),
        *((name, Int) for name in ("channels", "pixels", "pieces")),
        *((name, Float) for name in ("above", "below")),
    ]


class Totals(ctypes.Structure):
    _fields_ = [
        *((name, Pointer) for name in ("bias_sums", "demod_sums", "noise_sums")),
        *((name, Pointer) for name in ("grad_bias", "grad_demod", "grad_strength")),
        *((name, Long) for name in ("samples", "pieces")),
        *((name, Int) for name in ("channels", "noises", "demods")),
    ]


def operators(launch: Launch) -> dict[str, Callable]:
    """The operators by name, for torch.library."""
    functions = upfirdn2d, leaky_relu, leaky_relu_backward, modulate_backward
    return {function.__name__: functools.partial(function, launch) for function in functions}


def upfirdn2d(launch, x, taps_y, taps_x, up_y, up_x, down_y, down_x, pad_y, pad_x, height, width):
    planes = x.is_contiguous()
    batch, channels = x.shape[:2]
    layout = torch.contiguous_format if planes else torch.channels_last
    out = torch.empty((batch, channels, height, width), dtype=x.dtype, device=x.device, memory_format=layout)
    inner = 1 if planes else channels
    y, along = _axis(x.shape[2], height, up_y, down_y, pad_y, taps_y), _axis(x.shape[3], width, up_x, down_x, pad_x, taps_x)
    if max(width, x.shape[3]) * inner >= 2**31 - 1:
        raise RuntimeError("upfirdn2d: a row of 2^31 numbers")
    form = _filter(y, along, x.dtype)
    ada = "12" in form
    vector = not ada and _in_vectors(x, inner, x, out)
    row = inner == 1 and not ada and form != "any" and pad_x % up_x == 0 and _in_vectors(x, width, out)
    access = "vector" if vector else "row" if row else "one"
    blocks = _one_wave(out) if vector and form != "any" else _blocks_for(out.numel())
    arguments = Resample(x.data_ptr(), out.data_ptr(), batch * channels if planes else batch, inner, y, along)
    launch(f"upfirdn2d_{form}_{TYPES[x.dtype]}_{access}", arguments, blocks, x.device)
    return out


def leaky_relu(launch, x, bias, demod, noise, strength, slope, scale):
    out = torch.empty_like(x)
    planes, samples, channels, pixels = _layout(x, demod is None and noise is None)
    vector = _in_vectors(x, pixels if planes else channels, x, out, noise)
    arguments = Activation(
        *map(_address, (x, out, bias, demod, noise, strength)),
        samples, _noise_stride(noise, pixels), channels, pixels, scale, scale * slope,
    )  # fmt: skip
    launch(_name("leaky_relu", planes, x, vector), arguments, _blocks_for(x.numel()), x.device)
    return out


def leaky_relu_backward(launch, grad, out, x, demod, noise, slope, scale):
    return _backward(launch, grad, out, x if demod is not None else None, demod, noise, slope, scale)


def modulate_backward(launch, grad, x, style):
    grad_x, _, grad_style, _ = _backward(launch, grad, None, x, style, None, 1, 1, writes=style is not None)
    return grad_x, grad_style


def _backward(launch, grad, out, x, demod, noise, slope, scale, writes=True):
    single = {"dtype": torch.float32, "device": grad.device}
    grad_x, grad_bias = torch.empty_like(grad) if writes else grad.new_empty(1), torch.empty(grad.shape[1], **single)
    grad_demod, grad_strength = torch.empty(grad.shape[:2], **single), torch.empty(1, **single)

    planes, samples, channels, pixels = _layout(grad, x is None and noise is None)
    rows = samples * channels if planes else samples
    pieces = max(1, min(1024 // rows, grad.numel() // rows // 8192))
    target = grad_x if writes else None
    vector = _in_vectors(grad, pixels if planes else channels, grad, out, x, target, noise)
    vectors = channels // (16 // grad.element_size() if vector else 1)
    sums = samples * pieces * channels
    noises = 0 if noise is None else sums if planes else samples * pieces * _rounded_up(vectors, THREADS)
    scratch = torch.empty(sums * (1 if x is None else 2) + noises, **single)
    bias_sums, demod_sums = scratch.data_ptr(), scratch.data_ptr() + 4 * sums
    noise_sums = demod_sums + (0 if x is None else 4 * sums)

    arguments = ActivationBackward(
        *map(_address, (grad, out, x, target, demod, noise)), bias_sums, demod_sums, noise_sums,
        samples, _noise_stride(noise, pixels), channels, pixels, pieces, scale, scale * slope,
    )  # fmt: skip
    launch(_name("leaky_relu_backward", planes, grad, vector), arguments, _blocks_for(grad.numel()), grad.device)
    totals = Totals(
        bias_sums, demod_sums, noise_sums, *map(_address, (grad_bias, grad_demod, grad_strength)),
        samples, pieces, channels, noises, x is not None,
    )  # fmt: skip
    demods = 0 if x is None else samples
    launch("total_of_pieces", totals, _rounded_up(channels, 8) * (1 + demods) + 1, grad.device)
    return grad_x, grad_bias, grad_demod, grad_strength


def _axis(size: int, out: int, up: int, down: int, pad: int, taps: Tensor) -> Axis:
    if len(taps) > MOST_TAPS or max(size, out) >= 2**24:
        raise RuntimeError("upfirdn2d: more than 32 taps or 2^24 pixels")
    return Axis(size, out, up, down, pad, len(taps), (Float * MOST_TAPS)(*taps.tolist()))


def _filter(y: Axis, x: Axis, dtype: torch.dtype) -> str:
    if (y.up, y.down, y.count) != (x.up, x.down, x.count):
        return "any"
    form = {(1, 1): "blur", (2, 1): "up", (1, 2): "down"}.get((y.up, y.down), "any")
    if y.count == 4:
        return form
    return f"{form}12" if y.count == 12 and form in ("up", "down") and dtype == torch.float32 else "any"


def _layout(x: Tensor, samples_alike: bool) -> tuple[bool, int, int, int]:
    """(whether x is seen as planes, samples, channels, pixels)."""
    samples, channels = x.shape[:2]
    if not x.numel():
        raise RuntimeError("leaky_relu: a tensor without elements")
    pixels = x.numel() // (samples * channels)
    planes = x.is_contiguous() and pixels > 1
    if samples_alike and not planes and samples * pixels < 2**30:
        samples, pixels = 1, samples * pixels
    if max(pixels, channels) > 2**30:
        raise RuntimeError("leaky_relu: more than 2^30 pixels")
    return planes, samples, channels, pixels


def _name(operator: str, planes: bool, x: Tensor, vector: bool) -> str:
    return f"{operator}_{'planes' if planes else 'pixels'}_{TYPES[x.dtype]}_{'vector' if vector else 'one'}"


def _noise_stride(noise: Tensor | None, pixels: int) -> int:
    return pixels if noise is not None and len(noise) > 1 else 0


def _in_vectors(x: Tensor, length: int, *at: Tensor | None) -> bool:
    return length % (16 // x.element_size()) == 0 and all(t is None or t.data_ptr() % 16 == 0 for t in at)


def _blocks_for(elements: int) -> int:
    return max(_rounded_up(elements, 65536), min(1024, _rounded_up(elements, 2048)))


def _one_wave(out: Tensor) -> int:
    processors = torch.cuda.get_device_properties(out.device).multi_processor_count if out.is_cuda else 2
    return min(2 * processors, _rounded_up(out.numel(), 2048))


def _rounded_up(a: int, b: int) -> int:
    return -(-a // b)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()

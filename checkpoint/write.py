"""Write a checkpoint so that a reader finds either all of it or none.

write(Path("expr/checkpoints/000200.pt"), {"g": g.state_dict(), "g_ema": g_ema.state_dict(), "iteration": 200})
"""

import hashlib
import os
from pathlib import Path

import torch
from torch import Tensor

STAMP = "cartoon-stylegan2"  # under the key `written_by` of our files


def write(path: str | Path, contents: dict) -> None:
    """A temporary file in the same folder, flushed to the disk, then renamed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        torch.save({**contents, "written_by": STAMP}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def fingerprint(state: dict[str, Tensor]) -> str:
    """Short SHA-256 of names, shapes and bytes: the same for the same network, whatever file it came from."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:12]

"""Pictures, seeds and devices. Knows no network.

Images are float tensors [batch, 3, height, width] in [-1, 1] everywhere else; here they become pixels. Sheets and charts are
those of `canvas`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from canvas import (  # noqa: F401 (for all who draw)
    GAP,
    LEAST_SIDE,
    PAPER,
    Layout,
    check_sheet,
    line_chart,
    paired_sheet,
    paired_sheet_size,
    png,
    read_picture,
    save_png,
    sheet,
)
from errors import InputError

LARGEST_SEED = 2**32 - 1  # PyTorch's generator on the CPU keeps 32 bits
MOST_SEEDS = 10_000_000


def download_pretrained_model(download_all: bool = True, file: str = "", out: str | Path = "networks") -> Path | None:
    """`python -m scripts.download` under the name that the published notebooks call; it prints licences, links and places.

    file: with download_all=False, one of them: "ffhq256.pt", "Disney.pt", or a name of the command's table
    Returns the folder, or the file; None for a file whose host asks for a click. Raises InputError.
    """
    import published

    return published.get_all(Path(out)) if download_all else published.get(file, Path(out))


def to_pixels(images: Tensor) -> Tensor:
    """[batch, 3, height, width] in [-1, 1] -> uint8 [batch, height, width, 3] on the CPU, clamped and rounded."""
    return eight_bits(images.detach().float()).permute(0, 2, 3, 1).cpu()


def eight_bits(images: Tensor) -> Tensor:
    """[-1, 1] -> uint8 of the same shape and device, clamped and rounded."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def from_pixels(pixels: Tensor) -> Tensor:
    """uint8 [batch, 3, height, width] -> float in [-1, 1], on the same device."""
    return pixels.float().div_(127.5).sub_(1)


def as_stored(images: Tensor) -> Tensor:
    """[-1, 1] -> the nearest values that a file of 8 bits holds."""
    return from_pixels(eight_bits(images))


def pixels_of(pictures: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size -> uint8 [batch, 3, height, width], their channels last in memory."""
    return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2)


def from_pictures(pictures: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size -> [batch, 3, height, width] in [-1, 1]."""
    return from_pixels(pixels_of(pictures))


def to_pictures(images: Tensor) -> list[Image.Image]:
    """[batch, 3, height, width] in [-1, 1] -> one Pillow image each."""
    return [Image.fromarray(pixels.numpy()) for pixels in to_pixels(images)]


def parse_seeds(text: str) -> list[int]:
    """
    >>> parse_seeds("0-3,100")
    [0, 1, 2, 3, 100]
    """
    seeds = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= LARGEST_SEED):
            raise InputError(f"{text}: {part!r} is not a number or range up to {LARGEST_SEED}, such as 0-35,100")
        if len(seeds) + int(last) - int(first) >= MOST_SEEDS:
            raise InputError(f"{text}: more than {MOST_SEEDS:,} people; draw them in several goes")
        seeds += range(int(first), int(last) + 1)
    return seeds


def seeded_normal(seeds: Sequence[int], *shape: int, device: torch.device | str = "cpu") -> Tensor:
    """One N(0, 1) tensor of `shape` for each seed, stacked. The same on every device, and in any company."""
    rows = [torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(rows).to(device)


def choose_device(name: str = "auto") -> torch.device:
    """ "auto" takes a CUDA device where there is one. Raises InputError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{name}: {reason}; use cpu or auto") from None
    return device


def compute_dtype(precision: str) -> torch.dtype | None:
    """What "fp32" or "bf16" is for the attribute of that name of a network; None: the type of its parameters."""
    return torch.bfloat16 if precision == "bf16" else None

"""Pictures that are quickly made, where nobody looks at them."""

from pathlib import Path

import numpy as np
from PIL import Image


def random_pictures(folder: Path, count: int, side: int = 16) -> Path:
    """Write 0.png, 1.png, ... of random pixels, the same ones each time; returns the folder."""
    random = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder

"""Networks in files, and what is on the sheets that commands draw of them."""

from pathlib import Path

import numpy as np
from PIL import Image

import checkpoint
import utils
from checkpoint import BlendedGenerator
from editing import latents
from model import Generator
from tests.networks import tiny_generator

SIDE = utils.LEAST_SIDE  # of a picture of a tiny network on a sheet


def saved(path: Path, network: Generator | None = None, **options) -> Path:
    """The file of a network, or of a `tiny_generator`."""
    network = network or tiny_generator(**options)
    beside = network.saved_entries() if isinstance(network, BlendedGenerator) else {}
    checkpoint.write(path, {"g_ema": network.state_dict()} | beside)
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def told(path: Path) -> dict[str, str]:
    """The text of a PNG."""
    with Image.open(path) as picture:
        return dict(picture.text)


def cells(path: Path, columns: int, rows: int) -> np.ndarray:
    """The pictures of a sheet [rows, columns, SIDE, SIDE, 3]; the rows are found between their captions."""
    sheet = pixels(path)
    left = sheet.shape[1] - columns * (SIDE + utils.GAP)
    inked = (sheet[:, -utils.GAP - 1] != utils.PAPER).any(-1)
    tops, y = [], 0
    while len(tops) < rows:
        y += int(np.argmax(inked[y:]))
        tops.append(y)
        y += SIDE
    across = [left + column * (SIDE + utils.GAP) for column in range(columns)]
    return np.stack([[sheet[top : top + SIDE, x : x + SIDE] for x in across] for top in tops])


def shown(network: Generator, w_plus) -> np.ndarray:
    """What a sheet shows of these people, [people, SIDE, SIDE, 3]."""
    return as_shown(latents.draw(network, w_plus))


def as_shown(images) -> np.ndarray:
    size = (SIDE, SIDE)
    large = [picture.resize(size, Image.Resampling.BICUBIC) for picture in utils.to_pictures(images)]
    return np.stack([np.asarray(picture).astype(int) for picture in large])


def people(network: Generator, *seeds: int, psi: float = 1.0) -> np.ndarray:
    return shown(network, latents.people(network, seeds, psi))


def differ(a: np.ndarray, b: np.ndarray) -> int:
    """The largest difference of two pictures in steps of 255. Other batches may be rounded by one, enlarged by two."""
    return int(np.abs(a - b).max())

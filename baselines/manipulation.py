"""What single coordinates of z do: a row for each coordinate, a column for each value; all others stay as they are.

rows = moved(z, coordinates=[0, 9, 19], values=[-3, 0, 3], mode="scale")      # [3, 3, nz]
picture = sheet(generator, z, [0, 9, 19], [-3, 0, 3], "scale")
"""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

import utils
from drawer import Drawer
from errors import InputError

MODES = ("scale", "set", "add")


def moved(z: Tensor, coordinates: Sequence[int], values: Sequence[float], mode: str) -> Tensor:
    """z [nz] -> [coordinates, values, nz]: of z_i the product with a value, the value itself, or the sum with it.

    "scale" does nothing to a coordinate near 0, and 1 is z itself; "add" 0 is.
    """
    rows = z.expand(len(coordinates), len(values), -1).clone()
    given = torch.tensor(values, dtype=z.dtype, device=z.device)
    for row, i in zip(rows, coordinates):
        row[:, i] = {"scale": z[i] * given, "set": given, "add": z[i] + given}[mode]
    return rows


@torch.no_grad()
def sheet(generator: Drawer, z: Tensor, coordinates: Sequence[int], values: Sequence[float], mode: str) -> Image.Image:
    """z: [nz]. Raises InputError for a coordinate that it does not have."""
    if outside := [i + 1 for i in coordinates if not 0 <= i < len(z)]:
        raise InputError(f"{outside[0]}: z has the coordinates 1 to {len(z)}")
    rows = moved(z, coordinates, values, mode)
    noise = generator.stored_noise()
    pictures = [
        picture
        for row in rows
        for picture in utils.to_pictures(generator.synthesis(generator.broadcast(generator.mapping(row)), noise))
    ]
    sign = {"scale": "x ", "set": "= ", "add": "+ "}[mode]
    columns, names = [f"{sign}{value:g}" for value in values], [f"z{i + 1} = {z[i]:.2f}" for i in coordinates]
    captions = [""] * len(values) * (len(coordinates) - 1) + columns
    return utils.sheet(pictures, len(values), captions, names, f"one z, {mode}")

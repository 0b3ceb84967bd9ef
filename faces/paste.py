"""A face that was cut out, and changed, back into its picture.

tile = changed(align.cut(picture, square, 256))
pasted(picture, tile, square).save("me.png")
"""

import numpy as np
from PIL import Image

FEATHER = 0.12  # of the side, over which the tile fades into the picture


def pasted(picture: Image.Image, tile: Image.Image, square: np.ndarray, feather: float = FEATHER) -> Image.Image:
    """The picture with a tile in place of the square, [4, 2] as of `align`, turned as the square is; its edges fade out."""
    mask = Image.fromarray((255 * _window(tile.size, feather)).astype(np.uint8))
    # Where a pixel of the picture lies in the tile: Pillow wants the map from the result to its source.
    across, down = (square[3] - square[0]) / tile.width, (square[1] - square[0]) / tile.height
    inverse = np.linalg.inv(np.stack([across, down], 1))
    rows = np.concatenate([inverse, (-inverse @ square[0])[:, None]], 1).flatten().tolist()
    laid, faded = (
        part.transform(picture.size, Image.Transform.AFFINE, rows, Image.Resampling.BICUBIC) for part in (tile, mask)
    )
    return Image.composite(laid, picture, faded)


def _window(size: tuple[int, int], feather: float) -> np.ndarray:
    """[height, width], 1 inside, down to 0 at the edges, in a smooth curve."""
    along = [np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) / (feather * n) for n in size]
    x, y = (np.clip(one, 0, 1) ** 2 * (3 - 2 * np.clip(one, 0, 1)) for one in along)
    return y[:, None] * x[None, :]

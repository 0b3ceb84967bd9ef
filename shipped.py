"""The networks that come along, for who has none: one of photo faces, one of their cartoons, an encoder of the first.

source, target = shipped.PHOTO, shipped.CARTOON      # demo/photo64.pt, demo/toon64.pt
Imports no torch.
"""

import os
from pathlib import Path

FOLDER = Path(os.path.relpath(Path(__file__).parent / "demo"))  # commands run from the checkout: then it is short
PHOTO, CARTOON = FOLDER / "photo64.pt", FOLDER / "toon64.pt"
ENCODER = FOLDER / "encoder64.pt"  # of PHOTO
INSTANT = FOLDER / "cartoon64.onnx"  # all three in one, of scripts.export
EXAMPLE = "demo/photo64.pt"  # as help and errors name it
NONE = "none"


def encoder_of(source: str | Path, named: str | None = None) -> str | None:
    """The encoder to begin with in a source: the named one, NONE: none; by default that which comes along with PHOTO."""
    if named is None:
        return str(ENCODER) if ENCODER.is_file() and os.path.realpath(source) == os.path.realpath(PHOTO) else None
    return None if named == NONE else named

"""The networks that come along, for who has none: one of photo faces, one of their cartoons, encoders of photo faces.

source, target = shipped.PHOTO, shipped.CARTOON      # demo/photo64.pt, demo/toon64.pt
Imports no torch.
"""

import os
from pathlib import Path

FOLDER = Path(os.path.relpath(Path(__file__).parent / "demo"))  # commands run from the checkout: then it is short
PHOTO, CARTOON = FOLDER / "photo64.pt", FOLDER / "toon64.pt"
ENCODERS = {PHOTO: FOLDER / "encoder64.pt", FOLDER / "photo128.pt": FOLDER / "encoder128.pt"}
ENCODERS_IN_WORDS = "for demo/photo64.pt and photo128.pt the one beside it"
INSTANT = FOLDER / "cartoon64.onnx"  # PHOTO, its encoder and CARTOON in one, of scripts.export
EXAMPLE = "demo/photo64.pt"  # as help and errors name it
NONE = "none"


def encoder_of(source: str | Path, named: str | None = None) -> str | None:
    """The encoder to begin with in a source: the named one, NONE: none; by default that which comes along with the source."""
    if named is not None:
        return None if named == NONE else named
    along = [encoder for network, encoder in ENCODERS.items() if os.path.realpath(source) == os.path.realpath(network)]
    return next((str(encoder) for encoder in along if encoder.is_file()), None)

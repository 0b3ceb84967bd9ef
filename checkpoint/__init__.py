"""Networks in files: read any known format, write our own."""

from checkpoint.architecture import Architecture
from checkpoint.blended import Blended, BlendedGenerator
from checkpoint.read import Checkpoint, read, read_aloud
from checkpoint.write import NotFinite, file_hash, fingerprint, iteration_of, newest_good, write

__all__ = [
    "Architecture",
    "Blended",
    "BlendedGenerator",
    "Checkpoint",
    "NotFinite",
    "file_hash",
    "fingerprint",
    "iteration_of",
    "newest_good",
    "read",
    "read_aloud",
    "write",
]

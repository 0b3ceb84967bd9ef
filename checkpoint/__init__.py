"""Networks in files: read any known format, write our own."""

from checkpoint.architecture import Architecture
from checkpoint.read import Checkpoint, read
from checkpoint.write import fingerprint, write

__all__ = ["Architecture", "Checkpoint", "fingerprint", "read", "write"]

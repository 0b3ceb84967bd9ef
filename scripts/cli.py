"""What `python scripts/NAME.py` imports in place of the real cli.py: one line that says how a command is called."""

import sys
from pathlib import Path

name = Path(sys.argv[0]).stem
sys.exit(f"{name}: commands run from the project's folder with -m and without .py: python -m scripts.{name}")

"""A page in the browser on which faces are moved, mixed and found in photos; `python -m scripts.explore` opens it."""

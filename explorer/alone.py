"""Keep gradio to this machine, whatever the shell has set for other pages. To be called before gradio is imported.

keep(folder)
"""

import os

QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "GRADIO_RUN_HISTORY": "False", "NO_PROXY": "127.0.0.1"}
DOORS = ("GRADIO_ALLOWED_PATHS", "GRADIO_ROOT_PATH", "GRADIO_SHARE", "GRADIO_MCP_SERVER", "GRADIO_NUM_WORKERS")


def keep(uploads: str) -> None:
    """uploads: the folder for what browsers send, where the shell names none"""
    for name in DOORS:
        os.environ.pop(name, None)
    os.environ.update(QUIET)
    os.environ.setdefault("GRADIO_TEMP_DIR", uploads)

"""The page as it is served, and Chromium as a person uses it."""

import base64
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import checkpoint
from tests.networks import tiny_discriminator, tiny_generator

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ALONE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
    "--disable-quic",
]
PATIENCE = 60_000  # milliseconds, of a machine that may be busy
CARTOON = "#pictures figure:last-child img"


def networks(folder: Path) -> tuple[Path, Path]:
    """Files of two small networks of one kind, a little apart: source and cartoons."""
    folder.mkdir(exist_ok=True)
    for name, seed in (("source", 1), ("cartoon", 2)):
        state = tiny_generator(seed=1).state_dict()
        other = tiny_generator(seed=seed).state_dict()
        state = {key: value.lerp(other[key], 0.3) if value.is_floating_point() else value for key, value in state.items()}
        checkpoint.write(folder / f"{name}.pt", {"g_ema": state, "d": tiny_discriminator(seed=3).state_dict()})
    return folder / "source.pt", folder / "cartoon.pt"


@contextmanager
def served(folder: Path, *words: object) -> Iterator[str]:
    """The address of a page; the process is ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "scripts.explore", "--port", str(port), "--outdir", str(folder / "explored")]
    log = folder / "log.txt"
    with log.open("w") as file:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "GRADIO_TEMP_DIR": str(folder / "uploads")}
        process = subprocess.Popen([*command, *map(str, words)], cwd=ROOT, stdout=file, stderr=file, env=environment)
    try:
        while True:  # until it says its address
            if found := re.search(r"http://\S+", log.read_text()):
                break
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield found[0].rstrip("/")
    finally:
        process.terminate()
        process.wait(30)


def data_of(address: str | None) -> bytes:
    """The bytes of a data: address."""
    assert address and address.startswith("data:"), address
    return base64.b64decode(address.partition(",")[2])


def written_by(line: str, folder: Path, name: str) -> bytes:
    """A command as it was copied, in a shell of its own; the bytes of the file that it writes."""
    _, *words = shlex.split(line)
    done = subprocess.run(
        [sys.executable, *words, "--outdir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return (folder / name).read_bytes()

"""What the page shows, and Chromium as a person uses it."""

import base64
import os
import shlex
import subprocess
import sys
from pathlib import Path

import checkpoint
from benchmarks.commands import ROOT
from tests.networks import tiny_discriminator, tiny_generator

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


def typed(page, box: str, text: str) -> None:
    """In a field. One that is just being put up forgets what it is told: it is looked at once it was drawn, and told again."""
    while page.input_value(box) != text:
        page.fill(box, text)
        page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


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

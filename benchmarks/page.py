"""How long one who moves a slider on the page of scripts.explore waits, in Chromium: from the key to what the stage shows.

    python -m benchmarks.page --ckpt cartoon.pt --source ffhq256.pt
    python -m benchmarks.page --moves 30

The clock runs in the browser. Where pictures are slow a smaller one comes first; the other column is the wait for the pictures
themselves, of both networks. The first move is not counted. Needs the extra `browser`, and Chromium (Debian: apt install
chromium).
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cli
import progress
import threads
from benchmarks import machine, rounds, tables
from benchmarks.commands import ROOT
from errors import InputError

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
WATCH = """() => {
  const source = () => document.querySelector("#pictures figure:last-child img")?.src;
  const before = source();
  window.move = new Promise(done => {
    let start, first;
    addEventListener("keydown", () => { start = performance.now(); }, { capture: true, once: true });
    const observer = new MutationObserver(() => {
      if (source() === before || !source()) return;
      const now = performance.now() - start;
      first ??= now;
      if (document.querySelector("#pictures figure[data-preview]")) return;
      observer.disconnect();
      done({ first, last: now });
    });
    observer.observe(document.querySelector("#pictures"), { childList: true, subtree: true, attributes: true });
  });
}"""


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.page [flags]")
    add = parser.add_argument_group("measurement").add_argument
    add("--ckpt", metavar="FILE", help="of cartoons, as of scripts.explore (default: the networks that come along)")
    add("--source", metavar="FILE", help="the network it was fine-tuned from")
    add("--moves", type=cli.number(int, least=1), default=20, metavar="N", help="of a slider, 0.1 each (default: 20)")
    add("--out", type=Path, default=rounds.RESULTS, metavar="DIR", help="for table and numbers (default: benchmarks/results)")
    return parser


def main(args: argparse.Namespace) -> Path:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise InputError("needs the extra `browser`: pip install -e .[browser]") from None
    if CHROMIUM is None:
        raise InputError("no Chromium; Debian: apt install chromium")
    about = machine.facts("cpu", threads.used()) | {"load before": f"{os.getloadavg()[0]:.1f}"}
    given = [word for flag in ("ckpt", "source") if (file := getattr(args, flag)) for word in (f"--{flag}", file)]
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), *given) as address, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        facts = page.inner_text("#top")
        page.wait_for_selector("#pictures figure:not([data-preview]) img")
        page.get_by_role("tab", name="Directions", exact=True).click()
        waits = [moved(page) for _ in progress.through(range(args.moves + 1), "moves")][1:]
        browser.close()
    ours = rounds.Contestant("ours", "ours", ROOT, {"a move": waits})
    row = [
        f"{tables.seconds(ours.values('a move', what))}, at most {max(ours.values('a move', what)):.2f} s" for what in waits[0]
    ]
    text = f"{' '.join(facts.split())}\n\n{tables.table(['first picture', 'both pictures'], [row])}"
    print(text)
    return rounds.write(args, "page", text, [ours], about)


def moved(page) -> dict[str, float]:
    """Seconds from a key on the first slider to the first picture and to the last."""
    page.evaluate(WATCH)
    page.focus("#degree0 input[type=range]")
    page.keyboard.press("ArrowRight")
    return {what: milliseconds / 1000 for what, milliseconds in page.evaluate("window.move").items()}


@contextmanager
def served(folder: Path, *words: object, **environment: str) -> Iterator[str]:
    """The address of a page that writes to `folder`; the process is ended. Raises InputError with what it says if it fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "scripts.explore", "--port", str(port), "--outdir", str(folder / "explored")]
    log = folder / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, *map(str, words)],
            cwd=ROOT,
            stdout=file,
            stderr=file,
            env=os.environ | {"GRADIO_TEMP_DIR": str(folder / "uploads")} | environment,
        )
    try:
        while not (found := re.search(r"http://\S+", log.read_text())):
            if process.poll() is not None:
                raise InputError((log.read_text().strip().splitlines() or ["scripts.explore ended without a word"])[-1])
            time.sleep(0.1)
        yield found[0].rstrip("/")
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    cli.run(main, parser())

"""The tab that looks at training runs as they go on: what scripts.report writes, again whenever there is something new."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from errors import InputError
from explorer import html

EVERY = 3.0  # seconds between two looks
TOLD = ("stats.jsonl", "samples", "log.txt", "checkpoints", "metrics.jsonl", "progress.gif")
QUICK = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass
class RunsTab:
    """
    runs:   folders
    report: a folder -> the page about it, as HTML without its head
    """

    runs: list[Path]
    report: Callable[[Path], str]

    def build(self) -> None:
        self.seen = gr.State("")
        with gr.Row():
            names = [(str(run), str(run)) for run in self.runs]
            self.run = gr.Dropdown(names, value=names[0][1] if names else None, label="Run", elem_id="run")
            self.again = gr.Button("look again", size="sm", elem_id="again", min_width=90, scale=0)
        empty = "No run was named: python -m scripts.explore --runs FOLDER"
        self.shown = gr.HTML("" if self.runs else html.note(empty), elem_id="report")
        self.timer = gr.Timer(EVERY, active=False)

    def wire(self, tab: gr.Tab) -> None:
        if not self.runs:
            return
        outputs = [self.seen, self.shown]
        tab.select(self.look, [self.run, gr.State("")], outputs, **QUICK)
        tab.select(lambda: gr.update(active=True), None, self.timer, **QUICK)
        self.run.input(self.look, [self.run, gr.State("")], outputs, **QUICK)
        self.again.click(self.look, [self.run, gr.State("")], outputs, **QUICK)
        self.timer.tick(self.look, [self.run, self.seen], outputs, **QUICK)

    def look(self, run: str, seen: str) -> list:
        """The page about a run, where it has changed since."""
        folder = next(folder for folder in self.runs if str(folder) == run)
        state = f"{run} {version(folder)}"
        if state == seen:
            return [gr.skip(), gr.skip()]
        try:
            return [state, self.report(folder)]
        except InputError as error:
            return [state, html.note(str(error), "warning")]


def version(folder: Path) -> str:
    """Changes whenever the run has written something."""
    stats = [path.stat() for name in TOLD if (path := folder / name).exists()]
    return " ".join(f"{stat.st_mtime_ns}-{stat.st_size}" for stat in stats)

"""What a run tells while it goes on: console, log, statistics and samples, and at its end the charts."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

import progress
import utils
from running import parallel
from running.base import Logs, Statistic
from running.charts import draw_losses, draw_progress
from running.folders import GROUP_FILE, read_statistics, sample_files
from running.guard import memory_used
from running.loggers import Loggers
from running.run import Run
from writing import write_text


class Report:
    """Console, log file and statistics of one run. With several processes only the first one writes."""

    def __init__(self, folder: Path, run: Run, quiet: bool = False, every: int = 10):
        """every: iterations that a line of stats.jsonl averages over."""
        self.folder, self.run, self.quiet, self.every = folder, run, quiet, every
        self.waiting: list[Logs] = []  # of iterations that are not in the sums yet
        self.sums: dict[str, float | Tensor] = {}
        self.counts: dict[str, int] = {}
        self.terms: set[str] = set()  # losses of other names than run.losses
        self.started, self.first = time.monotonic(), run.state.iteration
        self.pace, self.printed_pace = Pace(self.first), Pace(self.first)  # since the last line, since the last printed one
        self.bar = progress.Bar(run.args.iter, "it", done=self.first, lines=False, drawn=not quiet)
        self.failed = False
        self.symptoms = run.watch(folder)
        self.loggers: Loggers | None = None
        if not quiet:
            folder.mkdir(parents=True, exist_ok=True)
            self.log_file = (folder / "log.txt").open("a")
            write_text(folder / "options.json", json.dumps(run.options, indent=2))
            if group := parallel.group_name():
                write_text(folder / GROUP_FILE, group)
            self.loggers = Loggers(run.args, folder, run.options)

    def say(self, text: str) -> None:
        """To the console and log.txt."""
        if self.quiet:
            return
        progress.say(text)
        with self._tolerating():
            print(text, file=self.log_file, flush=True)

    def step(self, logs: Logs) -> None:
        """Count one finished iteration. Values stay on the device until the next line; the finite ones are averaged."""
        self.waiting.append({name: value.detach().reshape(()) for name, value in logs.items()})
        self.bar.update()
        if self.run.state.iteration % self.every == 0:
            self._count() if self.quiet else self._write_line()

    def _count(self) -> None:
        """Take what waits into the sums, in one piece: a GPU would be asked a few times for each number."""
        names = [name for logs in self.waiting for name in logs]
        values = [value for logs in self.waiting for value in logs.values()]
        self.waiting = []
        for name, value in zip(names, torch.stack(values).cpu() if values else ()):
            if name not in self.run.losses and not isinstance(name, Statistic):
                self.terms.add(name)
            name, finite = str(name), torch.isfinite(value)  # a checkpoint holds plain names
            self.sums[name] = self.sums.get(name, 0) + torch.where(finite, value, 0)
            self.counts[name] = self.counts.get(name, 0) + finite

    def state_dict(self) -> dict[str, dict]:
        """The line of statistics that is not full yet."""
        self._count()
        return {
            "sums": {name: float(total) for name, total in self.sums.items()},
            "counts": {name: int(count) for name, count in self.counts.items()},
            **self._terms(),
        }

    def load_state_dict(self, state: dict[str, dict]) -> None:
        """Take over what `state_dict` gave, and cut statistics and samples back to the iteration of the run."""
        self.sums, self.counts, self.terms = dict(state["sums"]), dict(state["counts"]), set(state.get("terms", ()))
        self.waiting = []
        if self.quiet:
            return
        stats = self.folder / "stats.jsonl"
        kept = [
            line for line in read_statistics(stats) if line["iteration"] <= self.first and line["iteration"] % self.every == 0
        ]
        if stats.exists():  # replaced as a whole: a full disk must not cost the lines that are there
            write_text(stats, "".join(f"{json.dumps(line)}\n" for line in kept))
        for path in sample_files(self.folder):
            if int(path.stem) > self.first:
                path.unlink()

    def sample(self) -> None:
        """Draw a sheet, write samples/NNNNNN.png."""
        if self.quiet:
            return
        iteration, picture = self.run.state.iteration, self.run.state.sheet(self.run.args.n_sample)
        with self._tolerating():
            utils.save_png(picture, self.folder / "samples" / f"{iteration:06d}.png", iteration=iteration)
        self.loggers.picture(iteration, picture)

    def show_reals(self) -> None:
        """Write reals.png: the first images of the data set, as the discriminator gets to see them."""
        if self.quiet or not len(self.run.images):
            return
        count = min(self.run.args.n_sample, len(self.run.images))
        reals = torch.stack([self.run.images[i] for i in range(count)])
        pictures = utils.to_pictures(utils.from_pixels(reals))
        with self._tolerating():
            utils.save_png(utils.sheet(pictures, max(1, int(count**0.5))), self.folder / "reals.png")

    def close(self) -> None:
        """Draw the chart and the animation."""
        self.bar.close()
        if self.quiet:
            return
        if self.sums or self.waiting:
            self._write_line(last=True)
        with self._tolerating():
            draw_losses(self.folder, self.run.losses)
            draw_progress(self.folder)
            if self.run.evaluation and self.run.evaluation.history:
                self.run.evaluation.draw(self.folder)
                self.say(self.run.evaluation.summary())
        self.loggers.close()
        with self._tolerating():
            self.log_file.close()

    @contextmanager
    def _tolerating(self) -> Iterator[None]:
        """What only informs must not stop the training: say once that it cannot be written."""
        try:
            yield
        except OSError as error:
            if not self.failed:
                self.failed = True
                progress.say(f"warning: {error}; training goes on without what only informs", file=sys.stderr)

    def _write_line(self, last: bool = False) -> None:
        self._count()
        line = self._line()
        self.sums, self.counts = {}, {}
        with self._tolerating(), open(self.folder / "stats.jsonl", "a") as file:
            print(json.dumps(line), file=file)
        self.loggers.numbers(line["iteration"], {name: value for name, value in line.items() if name != "terms"})
        for symptom in self.symptoms(line):
            self.say(f"warning at iteration {line['iteration']}: {symptom}")
        self._show(line, last)

    def _line(self) -> dict[str, object]:
        """The averages since the line before, and the figures of this moment."""
        state, kimg = self.run.state, self.run.shown / 1000
        line = {"iteration": state.iteration, "kimg": kimg}
        line |= {"epoch": round(1000 * kimg / len(self.run.images), 3)} if len(self.run.images) else {}
        line |= {name: float(total) / int(self.counts[name]) for name, total in self.sums.items() if self.counts[name]}
        line |= self._terms() | state.figures() | (self.run.evaluation.latest if self.run.evaluation else {})
        return line | {
            "sec_per_kimg": round(self.pace.lap(state.iteration, self.run.total_batch), 2),
            "seconds": round(time.monotonic() - self.started, 1),
            "gib": round(memory_used(state.device), 2),
        }

    def _terms(self) -> dict[str, list[str]]:
        """Under "terms" the losses that are not among the usual ones of such a run, so that charts find them."""
        terms = sorted(self.terms & set(self.sums))
        return {"terms": terms} if terms else {}

    def _show(self, line: dict, last: bool) -> None:
        """On the progress bar; where there is none, a line now and then."""
        shown = [f"{name} {line[name]:.3f}" for name in (*self.run.losses, *line.get("terms", ())) if name in line]
        shown += [f"{name} {line[name]:.2f}" for name in self.run.told if name in line]
        text = f"{' '.join(shown)} | {line['kimg']:.1f} kimg"
        text += f", epoch {line['epoch']:.1f}" if "epoch" in line else ""
        self.bar.show(note=f"{text}, {line['sec_per_kimg']:.1f} s/kimg")
        if not self.bar.on_terminal and (last or line["iteration"] % (10 * self.every) == 0):
            pace = self.printed_pace.lap(line["iteration"], self.run.total_batch)
            self.say(f"{line['iteration']}: {text}, {pace:.1f} s/kimg")


class Pace:
    """How long a thousand images take, from lap to lap."""

    def __init__(self, iteration: int):
        self.started, self.iteration = time.monotonic(), iteration

    def lap(self, iteration: int, batch: int) -> float:
        """Seconds for a thousand images since the lap before."""
        now, images = time.monotonic(), (iteration - self.iteration) * batch
        seconds = now - self.started
        self.started, self.iteration = now, iteration
        return 1000 * seconds / max(images, batch)

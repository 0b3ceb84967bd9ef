"""How far a long work is: a bar on a terminal, elsewhere a line now and then. Both go to stderr; nothing else draws bars.

    with progress.Bar(len(names), "pictures") as bar:
        for name in names:
            bar.show(name)
            bar.update()
    for name in progress.through(names, "pictures"):
        ...
    progress.say("between")     # a line of output that leaves the bar whole

A log of a day then holds lines to read, not a hundred thousand redrawings of one. Imports no torch.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

SECONDS = 30  # between lines where there is no terminal

Item = TypeVar("Item")


class Bar:
    """Counts what is done.

    total: how much there is to do, None where nobody knows
    unit:  what is counted, in the plural
    title: what is being done
    done:  how much of it an earlier call did
    lines: whether to write lines where there is no terminal; False for who writes better ones
    drawn: whether to draw a bar where there is one
    """

    def __init__(self, total: int | None, unit: str, title: str = "", done: int = 0, lines: bool = True, drawn: bool = True):
        from tqdm import tqdm  # not above, so that --help comes at once

        self.total, self.unit, self.title, self.done, self.note, self.lines = total, unit, title, done, "", lines
        self._started = self._shown = time.monotonic()
        self._first = done
        self._bar = tqdm(  # None: on a terminal only
            total=total,
            desc=title or None,
            initial=done,
            unit=f" {unit}",
            dynamic_ncols=True,
            disable=None if drawn else True,
        )

    @property
    def on_terminal(self) -> bool:
        return not self._bar.disable

    def update(self, n: int = 1) -> None:
        """n more are done."""
        self.done += n
        self._bar.update(n)
        if time.monotonic() - self._shown >= SECONDS:
            self._write_line()

    def show(self, title: str | None = None, note: str | None = None) -> None:
        """What is being done from now on; figures behind the count."""
        self.title, self.note = self.title if title is None else title, self.note if note is None else note
        if self.on_terminal:
            self._bar.set_description(self.title, refresh=False)
            self._bar.set_postfix_str(self.note, refresh=False)

    def close(self) -> None:
        self._bar.close()
        if self.done > self._first:
            self._write_line()

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _write_line(self) -> None:
        self._shown = time.monotonic()
        if self.lines and not self.on_terminal:
            print(self.line(self._shown - self._started), file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """
        >>> bar = Bar(300, "files", "cutting", done=100)
        >>> bar.line(seconds=2.04)
        'cutting: 100 of 300 files after 2.0 s'
        """
        count = f"{self.done}" if self.total is None else f"{self.done} of {self.total}"
        parts = [f"{count} {self.unit} after {seconds:.1f} s"] + [self.note] * bool(self.note)
        return f"{self.title}: {', '.join(parts)}" if self.title else ", ".join(parts)


def through(items: Iterable[Item], unit: str, total: int | None = None, title: str = "", done: int = 0) -> Iterator[Item]:
    """The items one by one; each counts when the next one is asked for. total: where the items do not know their number."""
    with Bar(len(items) if total is None and hasattr(items, "__len__") else total, unit, title, done) as bar:
        for item in items:
            yield item
            bar.update()


def say(text: str, file: TextIO | None = None) -> None:
    """A line to stdout, or `file`, past a bar that is being drawn."""
    from tqdm import tqdm

    tqdm.write(text, file=file or sys.stdout)


def told_time(seconds: float) -> str:
    """
    >>> told_time(8), told_time(200), told_time(9000)
    ('8 seconds', '3.3 minutes', '2.5 hours')
    """
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"

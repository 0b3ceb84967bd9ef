"""Stop between two steps, not inside one: SIGTERM and Ctrl-C ask, a second Ctrl-C insists."""

import signal
import time
from types import FrameType

from running import parallel

PAUSE = 2.0  # seconds between two questions to the other processes, where there are any
LONGEST = 100  # and iterations


class StopRequest:
    """Listens for the signals that ask a process to stop.

    with StopRequest() as stop:
        while not stop.asked(iteration):
            step()
    """

    def __init__(self):
        self.signal: signal.Signals | None = None  # that all stop for
        self._received: signal.Signals | None = None  # by this process: what comes while all agree is for the next question
        self._asked_at: tuple[int, float] | None = None  # iteration, time
        self._next = 0

    def asked(self, iteration: int) -> bool:
        """Whether to stop now. Several processes stop at the same iteration, whichever of them was asked."""
        if parallel.world_size() == 1:
            self.signal = self._received
        elif iteration >= self._next:
            self._ask_the_others(iteration)
        return self.signal is not None

    def _ask_the_others(self, iteration: int) -> None:
        """All agree on the signal, and on the iteration of the next question: about PAUSE seconds on, for the slowest."""
        now, pace = time.monotonic(), PAUSE
        if self._asked_at:
            before, then = self._asked_at
            pace = (now - then) / max(1, iteration - before)
        self._asked_at = iteration, now
        signals, paces = zip(*parallel.gather((self._received, pace)))
        self.signal = next((number for number in signals if number), None)
        self._next = iteration + max(1, min(LONGEST, int(PAUSE / max(paces))))

    def __enter__(self) -> "StopRequest":
        self._previous = {number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = signal.Signals(number)

"""Stop between two steps, not inside one: SIGTERM and Ctrl-C ask, a second Ctrl-C insists."""

import signal
from types import FrameType


class StopRequest:
    """True once the process was asked to stop.

    with StopRequest() as stop:
        while not stop:
            step()
    """

    def __init__(self):
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> "StopRequest":
        self._previous = {number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)

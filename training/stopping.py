"""Stop between two steps, not inside one: SIGTERM and Ctrl-C ask, a second Ctrl-C insists."""

import signal
from types import FrameType

from training import parallel

EVERY = 10  # iterations between two questions to the other processes, where there are any


class StopRequest:
    """Listens for the signals that ask a process to stop.

    with StopRequest() as stop:
        while not stop.asked(iteration):
            step()
    """

    def __init__(self):
        self.signal: signal.Signals | None = None

    def asked(self, iteration: int) -> bool:
        """Whether to stop now. Several processes stop at the same iteration, whichever of them was asked."""
        if parallel.world_size() > 1:
            if iteration % EVERY:
                return False
            self.signal = next((number for number in parallel.gather(self.signal) if number), None)
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

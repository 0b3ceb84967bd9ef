"""Results in order, from processes that may hang, crash or run out of memory without taking the program along.

    for result in each(function, items, workers=4, seconds=60):
        ...

A result is what function(item) returned, or a Lost that says why there is nothing.
"""

import contextlib
import math
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import NamedTuple

MEMORY = 2**30  # bytes of data each process may allocate
AHEAD = 16  # results kept, for each worker, behind one that takes long
IDLE = 10  # times as long as it may work, a worker may wait: for the disk, or while others keep the machine busy

_processes = multiprocessing.get_context("forkserver")  # as clean as spawn, and quick to replace a lost worker


class Lost(NamedTuple):
    reason: str


def each(function: Callable, items: Iterable, workers: int, seconds: float) -> Iterator:
    """function(item) for all items, in their order. An item that costs its worker the life, or `seconds` of work, gives Lost.

    The function must not raise; function, items and results must be picklable.
    """
    items = iter(enumerate(items))
    idle, busy, done, first = [_Worker(function, seconds) for _ in range(workers)], [], {}, 0
    more = True
    try:
        while True:
            while more and idle and len(done) + len(busy) < AHEAD * workers:
                number, item = next(items, (None, None))
                more = number is not None
                if more:
                    worker = idle.pop()
                    worker.start(number, item, time.monotonic() + IDLE * seconds)
                    busy.append(worker)
            if not busy:
                return
            wait([worker.connection for worker in busy], max(0, min(worker.deadline for worker in busy) - time.monotonic()))
            for worker in [worker for worker in busy if worker.over()]:
                busy.remove(worker)
                done[worker.number] = worker.result()
                idle.append(worker if worker.process.is_alive() else _Worker(function, seconds))
            while first in done:
                yield done.pop(first)
                first += 1
    finally:
        for worker in idle + busy:
            worker.stop()


class _Worker:
    """One process, and our end of the pipe to it."""

    def __init__(self, function: Callable, seconds: float):
        self.connection, theirs = _processes.Pipe()
        self.process = _processes.Process(target=_work, args=(function, theirs, seconds), daemon=True)
        self.process.start()
        theirs.close()

    def start(self, number: int, item, deadline: float) -> None:
        self.number, self.deadline = number, deadline
        self.connection.send(item)

    def over(self) -> bool:
        return self.connection.poll() or time.monotonic() >= self.deadline

    def result(self):
        if not self.connection.poll():
            self.stop()
            return Lost("takes too long")
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.stop()
            return Lost("takes too long" if self.process.exitcode == -signal.SIGXCPU else "crashed the decoder")

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _work(function: Callable, connection, seconds: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by the program, which then stops us
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # C libraries chat about damaged files
    _limit(resource.RLIMIT_DATA, MEMORY)
    with contextlib.suppress(EOFError):
        while True:
            item = connection.recv()
            _limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds))  # then the system ends it by SIGXCPU
            connection.send(function(item))


def _limit(kind: int, value: int) -> None:
    """For this process, as far as the machine lets it."""
    _, most = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if most == resource.RLIM_INFINITY else min(value, most), most))

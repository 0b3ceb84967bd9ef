"""Results come in order, whatever becomes of the processes."""

import ctypes
import itertools
import multiprocessing
import os
import signal
import time
from collections import deque
from multiprocessing.connection import wait
from types import SimpleNamespace

import pytest

from data import workers
from data.workers import Lost, each
from tests.waiting import PATIENCE


def behave(item):
    """What the items of these tests ask for. Runs in a worker."""
    kind, value = item
    if kind == "sleep":
        time.sleep(value)
    if kind == "wait in C":
        ctypes.CDLL(None).pause()
    if kind == "work":
        deque(itertools.count(), 0)
    if kind == "burn":
        end = time.process_time() + value
        while time.process_time() < end:
            pass
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "memory":
        try:
            bytearray(value)
        except MemoryError:
            return "no memory"
    return value


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_items(workers):
    items = [("sleep", 0.02 * (i % 3 == 0)) for i in range(9)] + [("return", i) for i in range(60)]
    assert list(each(behave, items, workers, PATIENCE)) == [value for _, value in items]


@pytest.fixture
def patient(monkeypatch):
    """A clock that stands still while two are busy, and goes on to the next deadline when one is."""
    now = [0.0]

    def waiting(connections, seconds):
        if len(connections) > 1:
            return wait(connections)
        now[0] += seconds
        return []

    monkeypatch.setattr(workers, "wait", waiting)
    monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: now[0]))


def test_item_that_hangs_or_crashes_is_lost_alone(patient):
    items = [("return", 0), ("wait in C", 1), ("return", 2), ("crash", 3), ("return", 4)]
    results = list(each(behave, items, 2, 2))
    assert results == [0, Lost("takes too long"), 2, Lost("crashed the decoder"), 4]


def test_an_item_may_work_for_so_long_and_wait_for_longer(monkeypatch):
    """Three items that work for less than a second each, and for longer in all, are not lost; nor is who waits for two."""
    monkeypatch.setattr(workers, "IDLE", PATIENCE)
    items = [("burn", 0.6), ("burn", 0.6), ("burn", 0.6), ("sleep", 2.5), ("work", 0), ("return", 5)]
    assert list(each(behave, items, 1, 1)) == [0.6, 0.6, 0.6, 2.5, Lost("takes too long"), 5]


def test_memory_of_a_worker_is_limited():
    assert list(each(behave, [("memory", 2**31), ("memory", 2**20)], 1, PATIENCE)) == ["no memory", 2**20]


def test_leaving_early_stops_the_processes():
    results = each(behave, [("return", os.getpid())] + [("sleep", 2 * PATIENCE)] * 3, 2, 2 * PATIENCE)
    assert next(results) == os.getpid()
    left = time.monotonic()
    results.close()
    assert time.monotonic() - left < PATIENCE and not multiprocessing.active_children()


def test_no_items_need_no_processes():
    assert list(each(behave, [], 0, PATIENCE)) == []

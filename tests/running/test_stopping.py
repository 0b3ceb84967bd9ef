"""Asking a run to stop: several processes agree, and no signal is lost on the way."""

import signal

import pytest

from running import parallel
from running.stopping import StopRequest


@pytest.fixture
def together(monkeypatch):
    """One of two processes. The list holds, for each question, what this one receives meanwhile and what the other says."""
    answers = []

    def gather(value):
        received, answer = answers.pop(0) if answers else (None, None)
        if received:
            signal.raise_signal(received)
        return [value, (answer, value[1])]

    monkeypatch.setattr(parallel, "world_size", lambda: 2)
    monkeypatch.setattr(parallel, "gather", gather)
    return answers


def test_a_signal_that_comes_while_all_agree_counts_at_the_next_question(together):
    together.append((signal.SIGTERM, None))
    with StopRequest() as stop:
        assert not stop.asked(0), "the others go on"
        assert any(stop.asked(iteration) for iteration in range(1, 200))
    assert stop.signal == signal.SIGTERM


def test_ctrl_c_that_reaches_another_process_first_is_no_second_one(together):
    together.append((None, signal.SIGINT))
    with StopRequest() as stop:
        assert stop.asked(0)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert stop.signal == signal.SIGINT


def test_alone_a_process_stops_before_the_next_step():
    with StopRequest() as stop:
        assert not stop.asked(0)
        signal.raise_signal(signal.SIGTERM)
        assert stop.asked(1)


def test_only_a_second_ctrl_c_insists():
    """Whoever asks by SIGTERM may ask again, and is patient; Ctrl-C after it is a second request."""
    with StopRequest() as stop:
        try:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:  # which would end all tests
            pytest.fail("a second SIGTERM insists")
        assert stop.asked(1) and stop.signal == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_signals_mean_what_they_meant_before():
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    with StopRequest():
        assert all(signal.getsignal(number) != handler for number, handler in zip(numbers, before))
    assert [signal.getsignal(number) for number in numbers] == before

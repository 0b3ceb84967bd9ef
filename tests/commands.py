"""Run a command of the project inside the test process, and compare what runs leave behind."""

import contextlib
import signal
import socket
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

import cli


def run(command: ModuleType, *words: object) -> None:
    """As from the shell. Exits with SystemExit where the shell would see a failure."""
    cli.run(command.main, command.parser(), [str(word) for word in words])


def failure(capsys: pytest.CaptureFixture, command: ModuleType, *words: object) -> str:
    """The one line with which the command fails."""
    with pytest.raises(SystemExit) as stop:
        run(command, *words)
    message = stop.value.code if isinstance(stop.value.code, str) else capsys.readouterr().err.strip()
    assert message and "\n" not in message
    return message


@contextlib.contextmanager
def stopped_in_call(number: int, stop: signal.Signals, owner: ModuleType, name: str, monkeypatch) -> Iterator[None]:
    """Within it, whoever calls `owner.name` for the `number`-th time gets the signal, as if somebody had sent it then."""
    function, calls = getattr(owner, name), []

    def called(*arguments, **options):
        calls.append(name)
        if len(calls) == number:
            signal.raise_signal(stop)
        return function(*arguments, **options)

    before = signal.getsignal(signal.SIGTERM)
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C
    try:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, called)
            yield
    finally:
        signal.signal(signal.SIGINT, interrupt)
    assert signal.getsignal(signal.SIGTERM) == before


def assert_same(found: object, expected: object, where: str = "") -> None:
    """Bit-equal, through dicts and lists."""
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key in expected:
            assert_same(found[key], expected[key], f"{where}/{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for i, (a, b) in enumerate(zip(found, expected)):
            assert_same(a, b, f"{where}/{i}")
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), where
    else:
        assert found == expected, where


def free_port() -> int:
    """Of this machine, for a group of processes to meet at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]

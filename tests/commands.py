"""Run a command of the project inside the test process."""

import contextlib
import signal
from collections.abc import Iterator
from types import ModuleType

import pytest

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

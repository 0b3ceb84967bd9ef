"""Run a command of the project inside the test process."""

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

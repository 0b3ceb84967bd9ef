"""Run a command of the project inside the test process, and compare what runs leave behind."""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

import cli

ROOT = Path(__file__).parent.parent


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


def executed_here(owner: ModuleType, monkeypatch) -> list[str]:
    """What `owner.execute` was asked to run, as it comes; each runs in this process and not in one of its own."""
    started = []

    def execute(words, what, deadline=float("inf")):
        started.append(what)
        name, *flags = words[1:] if words[0] == "-m" else [words[0].removesuffix(".py"), *words[1:]]
        run(importlib.import_module(name), *flags)

    monkeypatch.setattr(owner, "execute", execute)
    return started


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


def killed_in_call(number: int, owner: ModuleType, name: str, command: ModuleType, *words: object) -> None:
    """The command in a process of its own, which is killed (SIGKILL) when it calls `owner.name` for the `number`-th time."""
    program = f"""
import itertools, os, signal
import {command.__name__} as command, {owner.__name__} as owner
import cli
function, calls = owner.{name}, itertools.count(1)
def called(*arguments, **options):
    if next(calls) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*arguments, **options)
owner.{name} = called
cli.run(command.main, command.parser(), {[str(word) for word in words]!r})
"""
    # One thread, as the tests have: on some processors the last bit depends on their number.
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", program], env={**os.environ, **own}, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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

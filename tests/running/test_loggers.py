"""Loggers: what they get, and that a failing one is left out while training goes on."""

import argparse

import pytest
from PIL import Image

from errors import InputError
from running import loggers


class Recorder:
    def __init__(self, folder, options, mode):
        self.calls = [("init", mode)]

    def numbers(self, iteration, line):
        self.calls.append((iteration, line))

    def picture(self, iteration, picture):
        self.calls.append((iteration, picture.size))

    def close(self):
        self.calls.append("close")


class Unreachable(Recorder):
    def numbers(self, iteration, line):
        raise ConnectionError("no network")


def opened(monkeypatch, kinds, tmp_path):
    monkeypatch.setattr(loggers, "KINDS", kinds)
    return loggers.Loggers(argparse.Namespace(tensorboard=True, wandb="offline"), tmp_path, {})


def test_each_gets_numbers_pictures_and_the_end(monkeypatch, tmp_path):
    every = opened(monkeypatch, {"tensorboard": Recorder, "wandb": Recorder}, tmp_path)
    recorders = list(every.running.values())
    every.numbers(10, {"d": 1.0})
    every.picture(10, Image.new("RGB", (4, 2)))
    every.close()
    assert [recorder.calls[0] for recorder in recorders] == [("init", True), ("init", "offline")]
    assert all(recorder.calls[1:] == [(10, {"d": 1.0}), (10, (4, 2)), "close"] for recorder in recorders)


def test_one_that_fails_is_left_out_with_a_line_and_the_others_go_on(monkeypatch, tmp_path, capsys):
    every = opened(monkeypatch, {"tensorboard": Unreachable, "wandb": Recorder}, tmp_path)
    every.numbers(10, {"d": 1.0})
    every.numbers(20, {"d": 1.0})
    said = capsys.readouterr().err
    assert said.count("--tensorboard: no network; training goes on without it") == 1
    assert list(every.running) == ["wandb"] and len(every.running["wandb"].calls) == 3


def test_a_missing_package_is_named_before_anything_starts(monkeypatch):
    monkeypatch.setattr(loggers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"--wandb: needs a package: pip install -e '\.\[wandb\]'"):
        loggers.check_installed(argparse.Namespace(tensorboard=False, wandb="online"))

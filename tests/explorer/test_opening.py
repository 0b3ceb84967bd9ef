"""Whom the page shows first, and with which networks."""

import argparse

import pytest

import shipped
from editing import sefa
from errors import InputError
from explorer.face import Face
from explorer.studio import Studio
from scripts import explore
from tests.networks import tiny_generator


def asked(*words: str) -> argparse.Namespace:
    args = explore.parser().parse_args(words)
    explore.choose_networks(args)
    return args


def test_networks_that_come_along_begin_with_a_face_that_invites():
    args = asked()
    assert (args.ckpt, args.source, args.seed) == (str(shipped.CARTOON), str(shipped.PHOTO), explore.FIRST)
    assert asked("--seed", "0").seed == 0
    assert asked("--ckpt", "mine.pt").seed is None
    with pytest.raises(InputError, match="--source"):
        asked("--source", "mine.pt")


def test_the_page_begins_with_who_was_asked_for(tmp_path):
    pytest.importorskip("gradio", reason="gradio is not installed; make test-ui brings it")
    from explorer import page

    network = tiny_generator()
    studio = Studio({"cartoon": network}, {"cartoon": "c.pt"}, {"factor.pt": sefa.sefa(network)})
    explorer = page.Explorer(studio, tmp_path, [], str, seed=7)
    page.build(explorer)
    assert explorer.visit.value.now == Face(7)
    assert explorer.controls["seed"].value == 7

"""Work that is stopped: its pieces wait for the next call of the same plan, and for no other."""

import os

import pytest

import unfinished
from errors import InputError
from unfinished import Unfinished

PLAN = {"--step": 3, "photos": [*"abcdefg"]}


def begun(folder, pieces, plan=PLAN):
    with Unfinished(folder / "out" / "a.pt", plan) as work:
        for number in pieces:
            work.path(number).write_text(str(number))
    return work


def test_pieces_are_those_of_this_plan_up_to_the_first_that_is_missing_or_no_use(tmp_path):
    work = begun(tmp_path, [0, 1, 2, 4])
    assert work.pieces(lambda number: True) == 3 and work.pieces(lambda number: number != 1) == 1
    assert Unfinished(work.result, {**PLAN, "--step": 4}).pieces(lambda number: True) == 0
    assert unfinished.plan_of(work.result) == {**PLAN, "photos": [*"abcd"]}


@pytest.mark.parametrize("photos, pieces", [("abxyz", 2), ("ab", 2), ("abcdefgh", 2), ("a", 0), ("xab", 0), ("ba", 0)])
def test_pieces_may_be_added_behind_those_that_are_there_or_be_gone(tmp_path, photos, pieces):
    result = begun(tmp_path, [0, 1]).result
    with Unfinished(result, {**PLAN, "photos": [*photos]}) as work:
        assert work.pieces(lambda number: True) == pieces
    assert unfinished.plan_of(result) == ({**PLAN, "photos": ["a", "b"]} if pieces else None)


def test_those_of_another_plan_are_thrown_away(tmp_path):
    begun(tmp_path, [0, 1])
    assert begun(tmp_path, [5], {**PLAN, "--step": 1}).pieces(lambda number: True) == 0
    assert unfinished.plan_of(tmp_path / "out" / "a.pt") == {**PLAN, "--step": 1, "photos": ["a"]}


def test_nothing_is_left_of_what_was_never_begun_or_is_through(tmp_path):
    work = begun(tmp_path, [])
    assert not work.folder.exists() and unfinished.plan_of(work.result) is None
    with begun(tmp_path, [0, 1]) as work:
        work.remove()
    assert os.listdir(tmp_path / "out") == []


def test_a_damaged_plan_is_no_plan_of_anybody(tmp_path):
    work = begun(tmp_path, [0])
    (work.folder / unfinished.PLAN).write_text("{")
    assert unfinished.plan_of(work.result) == {} and work.pieces(lambda number: True) == 0


def test_two_processes_do_not_write_one_result(tmp_path):
    with begun(tmp_path, [0]) as work, pytest.raises(InputError, match="another process is writing it"):
        Unfinished(work.result, PLAN).__enter__()
    with work:
        assert work.pieces(lambda number: True) == 1

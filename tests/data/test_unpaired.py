"""Two domains side by side, and groups in turn."""

from itertools import islice

import torch

from data.unpaired import InTurn, Unpaired, turns


class Numbers:
    """A stream of batches of numbers."""

    def __init__(self, name: int, position: int = 0):
        self.images, self.batch, self.position, self.name = [name] * 5, 2, position, name

    def __next__(self):
        self.position += 2
        return torch.tensor([self.name, self.position])


def test_both_move_together():
    both = Unpaired(Numbers(1), Numbers(2))
    a, b = next(both)
    assert (a.tolist(), b.tolist(), both.position, both.batch) == ([1, 2], [2, 2], 2, 2)


def grouped(position: int) -> InTurn:
    done = turns((0, 2, 3), position // 2)
    streams = {group: Unpaired(Numbers(group, 2 * done[group]), Numbers(10 + group, 2 * done[group])) for group in done}
    return InTurn(streams, [0] * 9, position, step=2)


def test_groups_come_in_turn_and_go_on_where_they_were():
    whole = [(a.tolist(), b.tolist(), group) for a, b, group in islice(grouped(0), 8)]
    assert [group for *_, group in whole] == [0, 2, 3, 0, 2, 3, 0, 2]
    for done in range(8):
        later = [(a.tolist(), b.tolist(), group) for a, b, group in islice(grouped(2 * done), 8 - done)]
        assert later == whole[done:]

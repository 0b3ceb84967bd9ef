"""A file a person at once, one result at the end: whoever stops it loses nobody, and nobody is found twice."""

import pytest
import torch

from editing.one_by_one import OneByOne
from editing.projection import Projection
from errors import InputError
from unfinished import Unfinished

COUNT = 5


def projection(number):
    return Projection(torch.full((1, 2), float(number)), None, torch.zeros(3, 1), torch.zeros(3, 1))


class Trial:
    """Five people; `stop` is raised at one of them. kept: of this call; joined: the result, each time that it was written."""

    def __init__(self, folder, stop=None, at=COUNT, batch=1):
        self.folder, self.stop, self.at, self.kept, self.joined = folder, stop, at, [], []
        pictures = [[folder / f"{number}.png"] for number in range(COUNT)]
        self.job = OneByOne(Unfinished(folder / "a.pt", {"--plan": 1, "photos": list("abcde")}), pictures, batch)
        self.begun = self.job.done

    def run(self):
        return self.job.run(self.people(), self.keep, lambda found: self.joined.append(found.latent[:, 0].tolist()))

    def people(self):
        for number in range(self.job.done, COUNT):
            if number == self.at:
                raise self.stop
            yield number

    def keep(self, number, person):
        (self.folder / f"{number}.png").touch()
        self.kept.append(person)
        return projection(person)


def test_all_are_joined_once(tmp_path):
    trial = Trial(tmp_path)
    assert trial.run() == tmp_path / "a.pt" and trial.joined == [[0, 1, 2, 3, 4]]
    assert {path.name for path in tmp_path.iterdir()} == {f"{number}.png" for number in range(COUNT)}


@pytest.mark.parametrize("stop, said", [(KeyboardInterrupt(), "holds 3 of 5 people"), (InputError("gone"), "gone")])
def test_who_was_found_is_joined_when_it_stops_and_the_next_call_finds_the_others(tmp_path, capsys, stop, said):
    stopped = Trial(tmp_path, stop, at=3)
    with pytest.raises(InputError, match=said):
        stopped.run()
    assert stopped.joined == [[0, 1, 2]]
    again = Trial(tmp_path)
    again.run()
    assert again.kept == [3, 4] and again.joined == [[0, 1, 2, 3, 4]]
    assert "a.pt: going on after 3 of 5 people" in capsys.readouterr().out


def test_stopped_before_anybody_was_found_it_leaves_nothing(tmp_path):
    stopped = Trial(tmp_path, KeyboardInterrupt(), at=0)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    assert stopped.joined == [] and not [*tmp_path.iterdir()]


@pytest.mark.parametrize("batch, found, left", [(1, 3, 3), (2, 3, 2), (3, 3, 3), (4, 3, 0)])
def test_people_who_were_to_be_found_together_are_found_together_again(tmp_path, batch, found, left):
    with pytest.raises(InputError):
        Trial(tmp_path, KeyboardInterrupt(), at=found, batch=batch).run()
    assert Trial(tmp_path, batch=batch).begun == left


def test_somebody_whose_picture_or_file_is_missing_is_found_again(tmp_path):
    with pytest.raises(InputError):
        Trial(tmp_path, KeyboardInterrupt(), at=4).run()
    (tmp_path / "a.pt.unfinished" / "00003.pt").write_bytes(b"half")
    assert Trial(tmp_path).begun == 3
    (tmp_path / "1.png").unlink()
    assert Trial(tmp_path).begun == 1

"""People found one by one: a file for each at once, and all of them joined at the end, or when somebody stops it.

job = OneByOne(Unfinished(Path("projected/latents.pt"), plan), pictures)
job.run(people_after(job.done), keep, join)        # a stopped call goes on with those who are missing
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from editing import projection
from editing.projection import Projection
from errors import InputError
from unfinished import Unfinished

Person = TypeVar("Person")


class OneByOne:
    """
    work:     keeps what is found until all is joined
    pictures: for each person, the files that are written of them
    batch:    how many people are found together; only whole batches of an earlier call count
    done:     how many were found
    """

    def __init__(self, work: Unfinished, pictures: Sequence[Sequence[Path]], batch: int = 1):
        self.work, self.count = work, len(pictures)
        written = lambda number: all(path.is_file() for path in pictures[number])
        whole = lambda number: number < self.count and written(number) and projection.is_whole(work.path(number))
        done = min(self.count, work.pieces(whole))
        self.done = done - done % batch
        if self.done:
            print(f"{work.result}: going on after {self.done} of {self.count} people")

    def run(
        self,
        people: Iterable[Person],
        keep: Callable[[int, Person], Projection],
        join: Callable[[Projection], object],
    ) -> Path:
        """Returns the path of the result.

        people: those who are missing
        keep:   writes the pictures of somebody by number, and returns what has to be kept
        join:   writes the result, of everybody found so far
        Raises InputError where somebody stops it, with what the result holds by then.
        """
        with self.work:
            try:
                for person in people:
                    keep(self.done, person).save(self.work.path(self.done))  # after the pictures: it says that all is there
                    self.done += 1
            except (KeyboardInterrupt, InputError) as stop:
                self._join(join)
                if isinstance(stop, InputError) or not self.done:
                    raise
                said = f"{self.work.result} holds {self.done} of {self.count} people"
                raise InputError(f"interrupted; {said}; the same command goes on") from None
            self._join(join)
            self.work.remove()
        return self.work.result

    def _join(self, join: Callable[[Projection], object]) -> None:
        if self.done:
            join(projection.joined([projection.load(self.work.path(number)) for number in range(self.done)]))

"""The search for the person in a photo, in a thread of its own, so that a page can tell how far it is, and stop it.

    search = Search(source, target, face, distance, steps=300)
    while not search.wait(0.25):
        print(search.done, search.loss)
    person = search.person()                       # editing.cartoon.Person; InputError where it was stopped or failed

They are one at a time; whoever comes second waits.
"""

from collections.abc import Callable
from dataclasses import replace
from threading import Event, Lock, Thread

from PIL.Image import Image
from torch import Tensor

from editing import cartoon, defaults
from editing.cartoon import Person
from errors import InputError
from model import StyleGenerator
from vision.perceptual import Distance

TURN = Lock()
Start = Callable[[Tensor], Tensor]  # photos -> latents to begin with


class Stopped(Exception):
    """Somebody pressed stop."""


class Search:
    """
    done:   steps that were taken, of `steps`
    loss:   of the last one
    begun:  whether it is its turn
    """

    def __init__(
        self,
        source: StyleGenerator,
        target: StyleGenerator,
        face: Image,
        distance: Distance,
        steps: int,
        start: Start | None = None,
    ):
        self.steps, self.done, self.loss, self.begun = steps, 0, 0.0, False
        self._given, self._start = (source, target, [face], distance.to(source.device)), start
        self._stop, self._over = Event(), Event()
        self._person: Person | None = None
        self._error: Exception | None = None
        Thread(target=self._run, daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Whether it is over by then."""
        return self._over.wait(seconds)

    def stop(self) -> None:
        """At the next step. Nothing is kept."""
        self._stop.set()

    def person(self) -> Person:
        """Who was found. Raises InputError."""
        if isinstance(self._error, Stopped):
            raise InputError(f"stopped after {self.done} of {self.steps} steps")
        if self._error is not None:
            raise self._error
        return self._person

    def _run(self) -> None:
        try:
            with TURN:
                self.begun = True
                schedule = replace(cartoon.SCHEDULE, steps=self.steps)
                self._check()
                how = {"psi": 1.0, "most": defaults.reach(self.steps), "tune": 0}
                how |= {"start": self._start, "stepped": self._stepped}
                (self._person,) = cartoon.cartoonize(*self._given, schedule=schedule, **how)
        except Exception as error:  # told to whoever asks for the person
            self._error = error
        finally:
            self._over.set()

    def _stepped(self, loss: float, _: float) -> None:
        self.done, self.loss = self.done + 1, loss
        self._check()

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped

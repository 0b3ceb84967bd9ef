"""Pictures of people along directions: three rows, a sheet of many directions, the frames of a loop.

scene = Scene(generator, people.by_seed("0-6"), psi=0.7)
picture = sheet_of_people({"": scene}, found, "smile", Edit(3, low=-5, high=5), steps=3)
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from PIL import Image

import utils
from drawer import Drawer
from editing import latents, layers, people, sheets
from editing.directions import Directions, Edit, apply, centre
from editing.looks import AS_THEY_ARE, Look
from editing.people import People
from model import truncate


@dataclass
class Scene:
    """People in one network.

    edit_before_trunc: False truncates, then edits, so that degrees keep their meaning; True is stylegan2-pytorch's order,
                       where the truncation shortens the edit as well
    centred:           bring people to the mean of a direction first, so that a degree is a place on it, the same for all
    drawn:             called after each row of pictures
    look:              what else is changed in the people; what it moves stays where it is while another direction moves
    """

    generator: Drawer
    who: People
    psi: float = 1.0
    edit_before_trunc: bool = False
    centred: bool = False
    batch: int = 8
    drawn: Callable[[], object] = lambda: None
    look: Look = AS_THEY_ARE

    def __post_init__(self):
        self.w_plus = self.look.w_plus(self.who, self.generator, 1.0 if self.edit_before_trunc else self.psi)
        self.noise = self.look.noise_of(self.who, self.generator)
        self.w_avg = self.generator.w_avg if self.edit_before_trunc else None

    def pictures(self, found: Directions, edit: Edit, degree: float, person: int | None = None) -> list[Image.Image]:
        """Everybody, or one person, `degree` along the direction."""
        chosen = slice(None) if person is None else slice(person, person + 1)
        w_plus = self.w_plus[chosen]
        if self.centred:
            w_plus = centre(w_plus, found, edit.index, edit.layers)
        w_plus = apply(w_plus, found, edit.index, degree, edit.layers)
        if self.w_avg is not None:
            w_plus = truncate(w_plus, self.w_avg, self.psi)
        noise = self.noise and latents.noise_of(self.noise, chosen)
        pictures = [*people.pictures(self.generator, w_plus, people.Brush(batch=self.batch), noise)]
        self.drawn()
        return pictures


def sheet_of_people(scenes: dict[str, Scene], found: Directions, edit: Edit, steps: int = 3, title: str = "") -> Image.Image:
    """A column for each person, a row for each degree from the highest to the lowest, and for each scene."""
    degrees, captions = reversed(even_degrees(edit, steps)), next(iter(scenes.values())).who.captions
    each = [(f"{name} {signed(degree)}".strip(), scene, degree) for degree in degrees for name, scene in scenes.items()]
    return sheets.stacked([(name, scene.pictures(found, edit, degree)) for name, scene, degree in each], captions, title)


def sheet_of_directions(
    scenes: dict[str, Scene], found: Directions, edits: dict[str, Edit], steps: int = 7, title: str = ""
) -> Image.Image:
    """One person: a row for each direction and scene, a column for each degree from the lowest to the highest."""
    rows, captions = [], []
    for label, edit in edits.items():
        degrees = even_degrees(edit, steps)
        for name, scene in scenes.items():
            pictures = [picture for degree in degrees for picture in scene.pictures(found, edit, degree, person=0)]
            rows.append((f"{label} {name}".strip(), pictures))
        captions += [""] * steps * (len(scenes) - 1) + list(map(signed, degrees))
    return sheets.of_rows(rows, captions, title)


def loop(
    scenes: dict[str, Scene], found: Directions, edit: Edit, frames: int, columns: int | None = None
) -> Iterator[Image.Image]:
    """From the lowest degree to the highest and back, slower at the ends; a row for each scene, of `columns` people or all."""
    for degree in swinging_degrees(edit, frames):
        rows = {name: scene.pictures(found, edit, degree) for name, scene in scenes.items()}
        yield utils.paired_sheet(rows, columns or len(next(iter(rows.values()))), title=f"{degree:+.1f}")


def loop_size(networks: Mapping[str, Drawer], who: People, edit: Edit, columns: int | None = None) -> tuple[int, int]:
    """Width and height of its frames, before they are drawn."""
    side = next(iter(networks.values())).size
    title = f"{min(edit.low, edit.high):+.1f}"
    return utils.paired_sheet_size((side, side), [*networks], len(who), columns or len(who), title)


def even_degrees(edit: Edit, steps: int) -> list[float]:
    """
    >>> even_degrees(Edit(0, low=-3, high=3), steps=5)
    [-3.0, -1.5, 0.0, 1.5, 3.0]
    """
    return [edit.low + (edit.high - edit.low) * step / (steps - 1) for step in range(steps)]


def swinging_degrees(edit: Edit, frames: int) -> list[float]:
    """low to high and back without its last step, as a pendulum moves: the end joins the beginning."""
    middle, reach = (edit.high + edit.low) / 2, (edit.high - edit.low) / 2
    return [middle - reach * math.cos(2 * math.pi * frame / frames) for frame in range(frames)]


def described(name: str, edit: Edit, generator: Drawer) -> str:
    """For people: which direction, how far, on which layers."""
    return f"direction {name}, {signed(edit.low)} to {signed(edit.high)}, on {layers.described(edit.layers, generator)}"


def signed(degree: float) -> str:
    """
    >>> signed(2.5), signed(0.0), signed(-10 / 3)
    ('+2.5', '0', '-3.33')
    """
    return f"{degree:+.3g}" if degree else "0"

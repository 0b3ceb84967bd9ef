"""A slider that swings from one end to the other, as a film, and the command that writes the same.

film = swing(studio, face, slider, far=3, ending="webp")
film.data, film.line
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import animation
from editing import sweeps
from editing.directions import Directions, Edit
from explorer import lines
from explorer.face import Face, Strength
from explorer.sliders import Slider
from explorer.studio import Studio

FPS, FRAMES = 24, 48  # of apply_factor.py


@dataclass(frozen=True)
class Film:
    data: bytes
    ending: str
    line: str


def swing(studio: Studio, face: Face, path: str, slider: Slider, far: float, ending: str) -> Film:
    """From -far to far and back; the other sliders stay. Raises InputError, as for mp4 without its extra."""
    strength = face.strength(path, slider.place) or Strength(path, slider.place, slider.index, 0, slider.layers)
    still = replace(face, strengths=tuple(one for one in face.strengths if one.slot != strength.slot))
    edit = studio.move(strength).edit
    who, found = studio.who(face), studio.directions[path]
    edit = Edit(edit.index, edit.layers or found.layers, -far, far)
    animation.check(ending, sweeps.loop_size(studio.networks, who, edit))
    with studio.lock:
        scenes = {
            row: sweeps.Scene(studio.network(face, row), who, face.psi, look=studio.look(still)) for row in studio.networks
        }
        data = encoded(scenes, found, edit, ending)
    return Film(data, ending, lines.swing(still, strength, far, ending, studio.paths))


def encoded(scenes: dict[str, sweeps.Scene], found: Directions, edit: Edit, ending: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        film = sweeps.loop(scenes, found, edit, FRAMES)
        return animation.save(film, Path(folder, f"film.{ending}"), FPS, hold=1 / FPS).read_bytes()

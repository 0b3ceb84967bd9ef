"""The sliders of a direction file: its named ones first, then every direction that none of those is already.

for slider in of(found):
    slider.name, slider.low, slider.high
"""

from dataclasses import dataclass

from editing.directions import Directions
from editing.layers import as_text

DEGREES = 5.0  # ends of what has none of its own, of unit length
SHORTER = {"ganspace": 3.0, "styleclip": 2.0}  # in standard deviations; in what words asked for


@dataclass(frozen=True)
class Slider:
    """
    place:  among those of the file
    key:    of a named one, "" for a direction
    layers: as text; "" for those of the directions
    """

    place: int
    name: str
    index: int
    low: float
    high: float
    layers: str = ""
    key: str = ""


def of(found: Directions) -> list[Slider]:
    far = SHORTER.get(found.method, DEGREES)
    named = [(key, edit.index, edit.low, edit.high, as_text(edit.layers or []), key) for key, edit in found.edits.items()]
    whole = {edit.index for edit in found.edits.values() if edit.layers is None and edit.low <= -far and edit.high >= far}
    plain = [(name, index, -far, far, "", "") for index, name in enumerate(found.names) if index not in whole]
    return [Slider(place, *one) for place, one in enumerate([*named, *plain])]


def renamed(found: Directions, slider: Slider, name: str) -> None:
    """In place, in the file's own words: a named slider keeps what it does, a direction its number."""
    if slider.key:
        found.edits = {name if key == slider.key else key: edit for key, edit in found.edits.items()}
    else:
        found.names[slider.index] = name

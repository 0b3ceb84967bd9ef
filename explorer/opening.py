"""Directions that nobody has a file of yet: computed on the spot, and kept in a file that commands can read as well."""

from pathlib import Path

from checkpoint import fingerprint
from editing import ganspace, sefa
from editing.directions import Directions, read_directions, save_directions
from model import StyleGenerator

FINDERS = {"sefa": sefa.sefa, "ganspace": ganspace.ganspace}


def computed(method: str, network: StyleGenerator, folder: Path) -> dict[str, Directions]:
    """{file: the directions of a network}; those of an earlier call, with the names that they were given, are taken."""
    path = folder / f"{method}-{fingerprint(network.state_dict())[:8]}.pt"
    if not path.is_file():
        save_directions(path, FINDERS[method](network))
    return {str(path): read_directions(path, network)}

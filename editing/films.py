"""Frames of films, drawn one by one as they are asked for: walks from person to person, and the way between two networks.

    paths = walks(networks, people.by_seed("0-5"), frames=24, loop=True)
    animation.save(side_by_side(networks, paths), Path("walk.webp"), fps=24)

Frames are Pillow pictures. brush: see `people.Brush`; edits move in `sweeps`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from PIL import Image
from torch import Tensor

import utils
from drawer import Drawer
from editing import interpolation, people
from editing.latents import Latents
from editing.layer_swap import Way
from editing.people import BRUSH, Brush, People, nobody
from editing.sheets import COLUMNS, Networks, check_people_sheet
from model import Generator

LONGEST_TITLE = "from 1024 px"


def walks(
    networks: Networks, who: People, frames: int, space: str = "w", kind: str = "spline", loop: bool = False, psi: float = 1.0
) -> dict[str, Tensor]:
    """{network: a path [steps, n_latent, style_dim]} in `space`, "w" or "z"; kind and loop: see `interpolation.walk`"""

    def path(generator: Drawer) -> Tensor:
        if space == "w":
            return interpolation.walk(who.w_plus(generator, psi), frames, kind, loop)
        z = interpolation.walk(who.z(generator), frames, kind, loop)
        steps = [""] * len(z)
        return People(steps, found=Latents(z, "z", steps)).w_plus(generator, psi)

    return {name: path(generator) for name, generator in networks.items()}


def keyframes(networks: Networks, paths: Mapping[str, Tensor], frames: int, who: People, brush: Brush = BRUSH) -> Image.Image:
    """A sheet of the people that the walks meet. Raises InputError, before it draws, where no memory holds it."""
    check_people_sheet(networks, len(who))
    met = {name: [*people.pictures(networks[name], path[::frames], brush)] for name, path in paths.items()}
    return utils.paired_sheet(met, COLUMNS, captions=who.captions)


def walk_size(networks: Networks) -> tuple[int, int]:
    """Width and height of the frames of `side_by_side`, before they are drawn."""
    side = max(network.size for network in networks.values())
    if len(networks) == 1:
        return side, side
    return utils.Layout((side, side), len(networks), len(networks), list(networks)).size


def side_by_side(networks: Networks, paths: Mapping[str, Tensor], brush: Brush = BRUSH) -> Iterator[Image.Image]:
    """The paths of several networks at once; of one network, its pictures as they are."""
    films = [people.pictures(networks[name], path, brush) for name, path in paths.items()]
    for frame in zip(*films, strict=True):
        yield frame[0] if len(films) == 1 else utils.sheet(frame, len(films), list(paths))


def swap_loop(
    source: Generator, target: Generator, who: People, way: Way, frames: int, columns: int | None = None, brush: Brush = BRUSH
) -> list[Image.Image]:
    """Everybody, `columns` in a row; from the low network to the high one in so many frames, and back. drawn counts frames"""
    low, high = way.ends(source, target)
    there = []
    for step in range(frames):
        network, title = way.passing(low, high, step / (frames - 1))
        row = [*people.pictures(network, who.w_plus(network, brush.psi), replace(brush, drawn=nobody))]
        there.append(utils.sheet(row, _across(who, columns), title=title))
        brush.drawn(1)
    return there + there[-2:0:-1]


def swap_loop_size(generator: Drawer, who: People, columns: int | None = None) -> tuple[int, int]:
    """Width and height of its frames, before they are drawn."""
    return utils.Layout((generator.size, generator.size), len(who), _across(who, columns), title=LONGEST_TITLE).size


def _across(who: People, columns: int | None) -> int:
    return min(columns or len(who), len(who))

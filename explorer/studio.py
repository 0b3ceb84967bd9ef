"""The networks and directions of a page, and the pictures that they make of faces.

    studio = Studio("cartoon.pt", "ffhq256.pt", {"factor.pt": found})
    for shown in studio.pictures(face):
        shown.png, shown.line                            # the bytes of a file, and the command that writes the same

Drawing is one at a time: several browsers share one processor. What was drawn once is kept.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import torch
from PIL.Image import Image
from torch import Tensor

import utils
from editing import layer_swap, people
from editing.directions import Directions, Edit
from editing.layers import parse_layers
from editing.looks import Look, Move
from editing.people import Brush, People
from explorer import lines, sliders
from explorer.face import Face, Strength
from explorer.sliders import Slider
from model import Generator, Stage, StyleGenerator

SLOW = 0.15  # seconds for a picture, from which a smaller one is shown first
PREVIEW = 64  # pixels of its side
KEPT = 512  # pictures
BEGUN = 4  # pictures that were begun, of which the preview is shown
BLENDS = 4  # networks between source and cartoon that are kept


@dataclass(frozen=True)
class Shown:
    """A picture as a file, in the row of its network, and the command that writes the same file. final: no preview"""

    row: str
    png: bytes
    line: str
    side: int
    final: bool = True


class Studio:
    """
    networks:   {row: network}, the source first where there is one
    paths:      {row: its file}, as the command line named it
    directions: {file: what it holds}
    """

    def __init__(self, networks: dict[str, StyleGenerator], paths: dict[str, str], directions: dict[str, Directions]):
        self.networks = {row: settled(network) for row, network in networks.items()}
        self.paths, self.directions = paths, directions
        self.lock = Lock()
        self._drawn = lru_cache(KEPT)(self._draw)
        self._halfway = lru_cache(BEGUN)(self._halfway)
        self._blend = lru_cache(BLENDS)(self._blend)
        self.seconds = self._time_a_picture()

    @property
    def last(self) -> StyleGenerator:
        """That of cartoons, or the only one."""
        *_, last = self.networks.values()
        return last

    @property
    def source(self) -> StyleGenerator | None:
        return self.networks.get("source")

    @property
    def resolutions(self) -> list[int]:
        return self.last.resolutions

    def sliders(self, path: str) -> list[Slider]:
        return sliders.of(self.directions[path])

    def pictures(self, face: Face) -> list[Shown]:
        """In every network. Raises InputError for layers that they lack."""
        return [self._drawn(face, row) for row in self.networks]

    def previews(self, face: Face) -> list[Shown]:
        """The same, smaller and sooner; [] where the pictures themselves come soon."""
        return [self._preview(face, row) for row in self.networks] if self.by_halves else []

    @property
    def by_halves(self) -> bool:
        """Whether pictures are shown when they have PREVIEW pixels, and then drawn to the end."""
        paints_each_size = all(isinstance(network, Generator) for network in self.networks.values())
        return self.seconds >= SLOW and self.last.size > PREVIEW and paints_each_size

    def look(self, face: Face) -> Look:
        """As the command reads it from its flags."""
        mixed = bool(face.giver and face.given)
        return Look(
            face.cutoff if face.psi != 1 else None,
            self.somebody(face.giver) if mixed else None,
            parse_layers(face.given, self.last.n_latent) if mixed else [],
            [self.move(one) for one in face.strengths],
            face.noise,
        )

    def move(self, one: Strength) -> Move:
        found = self.directions[one.path]
        edit = Edit(one.index, parse_layers(one.layers, self.last.n_latent) if one.layers else None)
        return Move(found, edit, one.degree)

    def somebody(self, who: str) -> People:
        """By seed, or from the file of a photo."""
        return people.by_seed(who) if who.isdecimal() else people.from_file(who, self.last)

    def who(self, face: Face) -> People:
        return self.somebody(face.latents or str(face.seed))

    def network(self, face: Face, row: str) -> StyleGenerator:
        """The one of a row, between both where they are swapped."""
        if face.swap and row != "source" and self.source is not None:
            return self._blend(row, face.swap, face.width or None)
        return self.networks[row]

    def source_path(self, row: str) -> str:
        return self.paths.get("source", "") if row != "source" else ""

    def _draw(self, face: Face, row: str) -> Shown:
        network, who = self.network(face, row), self.who(face)
        with self.lock:
            if self.by_halves:
                picture = self._finished(network, *self._halfway(face, row))
            else:
                (picture,) = people.everybody(network, who, Brush(face.psi, look=self.look(face)))
        return self._shown(face, row, picture)

    def _preview(self, face: Face, row: str) -> Shown:
        with self.lock:
            _, _, stage = self._halfway(face, row)
        return Shown(row, utils.png(picture_of(stage)), "", self.last.size, final=False)

    @torch.no_grad()
    def _halfway(self, face: Face, row: str) -> tuple[Tensor, list[Tensor], Stage]:
        """Latents, noise, and what the network holds when its image has PREVIEW pixels."""
        network, who, look = self.network(face, row), self.who(face), self.look(face)
        noise = [layer.to(network.device) for layer in look.noise_of(who, network) or network.stored_noise()]
        w_plus = look.w_plus(who, network, face.psi)
        return w_plus, noise, next(stage for stage in network.stages(w_plus, noise) if stage.image.shape[-1] >= PREVIEW)

    @torch.no_grad()
    def _finished(self, network: Generator, w_plus: Tensor, noise: list[Tensor], begun: Stage) -> Image:
        *_, last = network.stages(w_plus, noise, begun, above=begun.image.shape[-1])
        return picture_of(last)

    def _shown(self, face: Face, row: str, picture: Image) -> Shown:
        files = self.paths[row], self.source_path(row)
        who = {"latent": self.who(face).names[0]} if face.latents else {}
        return Shown(row, utils.png(picture, **who, **lines.text(face, *files)), lines.person(face, *files), picture.width)

    def _blend(self, row: str, resolution: int, width: float | None) -> StyleGenerator:
        return layer_swap.blend(self.source, self.networks[row], resolution, width)

    def _time_a_picture(self) -> float:
        """Of the second one: the first prepares."""
        for _ in range(2):
            started = time.perf_counter()
            next(people.everybody(self.last, people.by_seed("0"), Brush()))
        return time.perf_counter() - started


def picture_of(stage: Stage) -> Image:
    return utils.to_pictures(stage.image.float().cpu())[0]


def settled(network: StyleGenerator) -> StyleGenerator:
    """Its average w is measured now, and not for every picture: where the file states none, and weights stay."""
    network.w_avg = network.w_avg
    return network

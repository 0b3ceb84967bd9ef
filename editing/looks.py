"""What is changed in people before they are drawn: truncation, layers of somebody else, several directions at once.

    look = Look(cutoff=8, giver=people.by_seed("7"), given=[0, 1, 2, 3], moves=[parse_move("factor.pt:3=2.5", generator)])
    w_plus = look.w_plus(people.by_seed("0-3"), generator, psi=0.7)        # [4, n_latent, style_dim]

In this order: everybody, the giver too, is truncated; then layers are taken; then people are moved, so that a degree keeps its
meaning. Nothing of it asked for, the latents stay bit-equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from drawer import Drawer
from editing import directions, style_mixing, truncation
from editing.directions import NUMBER, Directions, Edit
from editing.layers import parse_layers
from errors import InputError, named

if TYPE_CHECKING:
    from editing.people import People

MOVE = re.compile(rf"(?P<path>.+):(?P<which>[^:=]+)=(?P<degree>{NUMBER})(:(?P<layers>[\w,-]+))?")


@dataclass(frozen=True)
class Move:
    """So far along a direction, on the layers of the edit."""

    found: Directions
    edit: Edit
    degree: float

    def __call__(self, w_plus: Tensor) -> Tensor:
        return directions.apply(w_plus, self.found, self.edit.index, self.degree, self.edit.layers)


@dataclass(frozen=True)
class Look:
    """
    cutoff: only layers below it are truncated; None: all
    giver:  somebody whose layers `given` everybody takes
    moves:  along directions, all of them
    noise:  False draws without any
    """

    cutoff: int | None = None
    giver: People | None = None
    given: Sequence[int] = ()
    moves: Sequence[Move] = ()
    noise: bool = True

    def w_plus(self, who: People, generator: Drawer, psi: float = 1.0) -> Tensor:
        """[people, n_latent, style_dim]"""
        w_plus = self._truncated(who, generator, psi)
        if self.giver is not None:
            w_plus = style_mixing.mix(w_plus, self._truncated(self.giver, generator, psi), self.given)
        for move in self.moves:
            w_plus = move(w_plus)
        return w_plus

    def noise_of(self, who: People, generator: Drawer, person: int | None = None) -> list[Tensor] | None:
        """As `People.noise`; zeros where there shall be none."""
        return who.noise(generator, person) if self.noise else [torch.zeros_like(layer) for layer in generator.stored_noise()]

    def _truncated(self, who: People, generator: Drawer, psi: float) -> Tensor:
        if self.cutoff is None:
            return who.w_plus(generator, psi)
        (ladder,) = truncation.ladder(who.w_plus(generator), generator.w_avg, [psi], self.cutoff).unbind(1)
        return ladder


AS_THEY_ARE = Look()


def parse_move(text: str, network: Drawer, read: Callable[..., Directions] = directions.read_directions) -> Move:
    """ "factor.pt:3=2.5", "factor.pt:smile=-2:4-7": a file, a number or name in it, how far, and on which layers.

    read: how a file is opened, for who keeps what it has read
    Raises InputError.
    """
    match = MOVE.fullmatch(text.strip())
    if match is None:
        raise InputError('expected FILE:WHICH=DEGREE or FILE:WHICH=DEGREE:LAYERS, "factor.pt:3=2.5:4-7"')
    found = read(match["path"], network)
    with named(match["path"]):
        directions.check_fits(found, network)
        edits = directions.parse_edits(match["which"], found)
    if len(edits) > 1:
        raise InputError(f"{match['which']}: name one direction")
    (edit,) = edits.values()
    if match["layers"]:
        edit.layers = parse_layers(match["layers"], network.n_latent)
    return Move(found, edit, float(match["degree"]))

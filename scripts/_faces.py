"""Flags that say where the face of a photo is, for the commands that cut it out. Not a command."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import TYPE_CHECKING

import cli
from errors import InputError, named

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from faces.locate import Locator

EYES = "two eye points (--eyes), or --no_align for a picture that is cut already"
HAND = ("eyes", "landmarks", "boxes", "cascade")


def add_place(parser: cli.Parser, title: str, drawings: bool = False) -> argparse._ArgumentGroup:
    """--eyes, --landmarks, --no_align; for drawings --boxes and --cascade as well."""
    group = parser.add_argument_group(title)
    add = group.add_mutually_exclusive_group().add_argument
    add("--eyes", metavar="X,Y,X,Y", help="both eyes of the one photo, in pixels, first the left one")
    add("--landmarks", type=cli.existing_file, metavar="FILE", help="CSV file,x,y,x,y,... or JSON: 2, 3, 5 or 68 points a face")
    if drawings:
        add("--boxes", type=cli.existing_file, metavar="CSV", help="file,x,y,width,height; several lines for several faces")
        add("--cascade", type=cli.existing_file, metavar="XML", help="cascade of OpenCV, say for drawings: all that it finds")
    add("--no_align", action="store_true", help="photos are cut already: the centre square of each")
    return group


def locator(args: argparse.Namespace, photos: int) -> Locator | None:
    """For that many photos; None with --no_align. Raises InputError naming the flag."""
    from faces.locate import Locator

    if args.no_align:
        return None
    if args.eyes and photos != 1:
        raise InputError(f"--eyes: is for one photo, not {photos}; --landmarks FILE is for many")
    given = {flag: vars(args)[flag] for flag in HAND if vars(args).get(flag)}
    with named("".join(f"--{flag} {value}" for flag, value in given.items())) if given else nullcontext():
        where = Locator(**given, expand=vars(args).get("expand", 1.0))
    if where.remark:
        print(f"--eyes: {where.remark}" if args.eyes else where.remark)
    return where


def squares(where: Locator | None, name: str, picture: Image, by_hand: str = EYES) -> list[np.ndarray]:
    """Of the faces in a photo, without a locator its centre. Raises NoFace, with `by_hand` for what helps."""
    from faces import align

    if where is None:
        return [align.centre_square(picture)]
    try:
        return where.squares(name, picture)
    except align.NotFound as reason:
        raise align.NoFace(f"{reason}; give {by_hand}") from None

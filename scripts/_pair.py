"""The pair of networks that turns photos into cartoons, for the commands that take one. Not a command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import cli
import shipped
from errors import InputError, named

if TYPE_CHECKING:
    from model import Generator


def add_pair(group: argparse._ArgumentGroup) -> None:
    """--source and --target."""
    add = group.add_argument
    add("--source", metavar="FILE", help="checkpoint of photo faces, of any format (default: demo/photo64.pt)")
    add("--target", metavar="FILE", help="checkpoint of cartoons, fine-tuned from it (default: demo/toon64.pt)")


def add_swap(parser: cli.Parser, group: argparse._ArgumentGroup) -> None:
    """--swap and --width."""
    add = group.add_argument
    add("--swap", type=cli.number(int, least=4), metavar="RES", help="below this resolution the source draws (default: none)")
    add("--width", type=cli.number(above=0), metavar="X", help="go over smoothly, see scripts.layer_swap (default: at once)")
    parser.needs("--width", "--swap")


def add_reach(group: argparse._ArgumentGroup, default: float | None, usual: str) -> None:
    """--reach. usual: the default, in words"""
    far = "how far people may be from the average along each axis of W, in standard deviations; 100: any"
    group.add_argument("--reach", type=cli.number(least=0), default=default, metavar="X", help=f"{far} (default: {usual})")


def choose(args: argparse.Namespace) -> list[str]:
    """Fill in the networks that come along where none is named, and say so. Returns the flags that were not given."""
    usual = {"source": shipped.PHOTO, "target": shipped.CARTOON}
    assumed = [flag for flag in usual if vars(args)[flag] is None]
    for flag in assumed:
        if not usual[flag].is_file():
            raise InputError(f"--{flag}: {usual[flag]}, which is taken where none is named, is not here; name a network")
        vars(args)[flag] = str(usual[flag])
    if len(assumed) == 2:
        print(f"no network named: {args.source} finds the person, {args.target} draws the cartoon (--source, --target: others)")
    elif assumed:
        print(f"no --{assumed[0]} named: {vars(args)[assumed[0]]}, which comes along")
    return assumed


def open_target(args: argparse.Namespace, source: Generator, assumed: Sequence[str] = ()) -> Generator:
    """The target; with --swap, the source below that resolution. Raises InputError where one `assumed` does not fit."""
    from editing import cartoon, layer_swap

    with named(f"--{assumed[0]} is not named") if len(assumed) == 1 else nullcontext():
        target = cli.read("--target", args.target, cartoon.open_target, source, args.source, related=bool(assumed))
    with named(f"--swap {args.swap}"):
        return target if args.swap is None else layer_swap.blend(source, target, args.swap, args.width)

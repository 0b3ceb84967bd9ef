"""How a run augments: the flags, and the object of augment/ that they ask for. One line of KINDS for each.

torch is imported when an object is made, so that `train.py --help` stays instant.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import cli

if TYPE_CHECKING:
    from augment import Augmentation

COMPANIONS = tuple((name, "augment") for name in ("augment_kind", "augment_p", "ada_target", "ada_length"))


def add_arguments(group: argparse._ArgumentGroup) -> None:
    add, fraction, count = group.add_argument, cli.number(float, least=0, most=1), cli.number(int, least=1)
    # fmt: off
    add("--augment", action="store_true", help="augment what the discriminator sees, as much as it needs")
    add("--augment_kind", choices=KINDS, default="ada", help="how; diff: DiffAugment, always at full strength (default: ada)")
    add("--augment_p", type=fraction, default=0.0, metavar="P", help="with --augment: fix the probability (default: adaptive)")
    add("--ada_target", type=fraction, default=0.6, metavar="X", help="r_t to hold (default: 0.6)")
    add("--ada_length", type=count, default=500_000, metavar="N", help="images for p from 0 to 1 (default: 500000)")
    add("--ada_every", help=argparse.SUPPRESS)  # published, and without effect there as well
    # fmt: on


def from_args(args: argparse.Namespace) -> Augmentation | None:
    """The augmentation as the flags ask for it, None when they do not."""
    return KINDS[args.augment_kind](args) if args.augment else None


def _ada(args: argparse.Namespace) -> Augmentation:
    from augment import Ada
    from running import parallel

    return Ada(args.ada_target, args.ada_length, fixed_p=args.augment_p, reduce=parallel.total)


def _diff(args: argparse.Namespace) -> Augmentation:
    from augment import DiffAugment

    return DiffAugment()


KINDS = {"ada": _ada, "diff": _diff}

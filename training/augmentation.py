"""How a run augments: the flags, and the object of augment/ that they ask for. One line of KINDS for each.

torch is imported when an object is made, so that `train.py --help` stays instant.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import cli

if TYPE_CHECKING:
    from augment import Augmentation
    from training.options import Options


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
    group.needs("--augment_kind --augment_p --ada_target --ada_length", "--augment")
    group.needs("--augment_p --ada_target --ada_length", "--augment_kind ada")
    group.idle_with("--ada_target --ada_length", "--augment_p")


def chosen(options: Options) -> Augmentation | None:
    """The augmentation of a run, None where it has none."""
    return KINDS[options.augment_kind](options) if options.augment else None


def _ada(options: Options) -> Augmentation:
    from augment import Ada
    from running import parallel

    return Ada(options.ada_target, options.ada_length, fixed_p=options.augment_p, reduce=parallel.total)


def _diff(options: Options) -> Augmentation:
    from augment import DiffAugment

    return DiffAugment()


KINDS = {"ada": _ada, "diff": _diff}

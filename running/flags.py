"""The flags that every training has: how long, where to, what is written when, how a run goes on. Imports no torch."""

import argparse
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

import cli

OF_THIS_CALL = {"argv", "command", "config", "debug", "dry_run", "given", "overwrite", "profile", "resume"}  # not of the run


def add_arguments(
    parser: cli.Parser,
    iterations: int | None,
    default: str = "",
    usual: Mapping[str, int] = MappingProxyType({}),
    own: Collection[str] = (),
) -> argparse._ArgumentGroup:
    """The group "run". iterations: the default of --iter; where it is None, `default` says what the training decides.

    usual: {flag: default} where this training has another one
    own:   flags that it declares itself
    """
    count = cli.number(int, least=1)
    usual = {"save_every": 2000, "keep": None, "sample_every": 100, "n_sample": 64} | usual
    shown = {name: value or "all" for name, value in usual.items()}
    group = parser.add_argument_group("run")
    add = group.add_argument
    # fmt: off
    if "iter" not in own:
        add("--iter", type=count, default=iterations, metavar="N", help=f"iterations in all (default: {default or iterations})")
    add("--outdir", type=Path, metavar="DIR", help="where everything is written (default: expr, then expr-2, ...)")
    add("--overwrite", action="store_true", help="replace the run in --outdir")
    add("--resume", nargs="?", const="latest", metavar="RUN", help="continue a run exactly: the newest, a folder's or a file")
    for name, kind, text in (
        ("save_every", count, "iterations between checkpoints"),
        ("keep", cli.number(int, least=2), "newest checkpoints to keep"),
        ("sample_every", count, "iterations between sample sheets"),
        ("n_sample", count, "pictures on a sample sheet"),
    ):
        add(f"--{name}", type=kind, default=usual[name], metavar="N", help=f"{text} (default: {shown[name]})")
    add("--tensorboard", action="store_true", help="statistics and samples to TensorBoard as well")
    add("--wandb", nargs="?", const="online", choices=("online", "offline"), help="and to Weights & Biases")
    add("--seed", type=cli.number(int, least=0, most=2**32 - 1), default=0, metavar="N",
        help="of all random numbers (default: 0)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    add("--profile", action="store_true", help="record some iterations: trace.json and operators.txt in the run's folder")
    add("--dry_run", action="store_true", help="show what would train, memory and time; write nothing")
    # fmt: on
    return group


def as_options(args: argparse.Namespace) -> dict[str, object]:
    """The flags as plain values, as options.json and the checkpoints hold them. Paths are absolute, but for --outdir."""
    options = {name: value for name, value in vars(args).items() if name not in OF_THIS_CALL}
    for name, value in options.items():
        if isinstance(value, Path):
            options[name] = str(value) if name == "outdir" else os.path.abspath(value)
    return options


def restore_paths(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Make paths of what `as_options` has made text of."""
    for action in parser._actions:
        value = getattr(args, action.dest, None)
        if action.type is Path and isinstance(value, str):
            setattr(args, action.dest, Path(value))

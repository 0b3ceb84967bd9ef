"""Flags that the drawing commands share: --ckpt with --source beside it, the people, how they are drawn. Not a command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cli

if TYPE_CHECKING:
    import torch

    from checkpoint import Checkpoint
    from model import Generator


def add_networks(parser: cli.Parser) -> None:
    add = parser.add_argument_group("networks").add_argument
    add("--ckpt", required=True, metavar="FILE", help="checkpoint of any format; its averaged generator draws")
    add("--source", metavar="FILE", help="the network it was fine-tuned from: draws the same people above")


def add_people(group: argparse._ArgumentGroup, seeds: str) -> None:
    """--seeds and --latents; `editing.people` reads them."""
    add = group.add_mutually_exclusive_group().add_argument
    add("--seeds", default=seeds, metavar="LIST", help=f"one person a seed: 0-35,100 (default: {seeds})")
    add("--latents", metavar="FILE", help="or those of a latent file; projector.py writes one")


def add_truncation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--truncation",
        type=cli.number(),
        default=1.0,
        metavar="PSI",
        help="1: all the variety, 0: the average face (default: 1)",
    )


def add_output(parser: cli.Parser, outdir: str, files: str) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("output")
    add = group.add_argument
    add("--outdir", type=Path, default=Path(outdir), metavar="DIR", help=f"for {files} (default: {outdir})")
    add("--batch", type=cli.number(int, least=1), default=8, metavar="N", help="drawn at a time (default: 8)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    return group


def read(args: argparse.Namespace) -> dict[str, Checkpoint]:
    """{row name: file}, the source above. Raises InputError for networks that draw pictures of different sizes."""
    import checkpoint

    flags = {"source": "--source", "cartoon": "--ckpt"} if args.source else {"": "--ckpt"}
    files = {name: checkpoint.read(vars(args)[flag[2:]], flag) for name, flag in flags.items()}
    if len({file.architecture.size for file in files.values()}) > 1:
        raise cli.InputError(f"--source {args.source}: draws pictures of another size than {args.ckpt}")
    return files


def generators(args: argparse.Namespace, device: torch.device) -> dict[str, Generator]:
    """`read`, ready to draw."""
    return {name: file.generator().to(device) for name, file in read(args).items()}

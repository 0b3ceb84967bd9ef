"""Flags that the drawing commands share: --ckpt with --source beside it, the people, how they are drawn. Not a command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cli
from errors import InputError

if TYPE_CHECKING:
    import torch

    from checkpoint import Checkpoint
    from model import Generator

LATENTS = "or those of latent files: projector.py's, pSp's, e4e's, NVIDIA's (docs/latents.md)"


def add_networks(parser: cli.Parser, several: bool = False) -> None:
    """several: --ckpt takes more than one file, each a row of its own."""
    add = parser.add_argument_group("networks").add_argument
    kind = "checkpoint of any format; its averaged generator draws"
    if several:
        add("--ckpt", required=True, nargs="+", metavar="[NAME=]FILE", help=f"{kind}; several: a row for each, on one sheet")
    else:
        add("--ckpt", required=True, metavar="FILE", help=kind)
    add("--source", metavar="FILE", help="the network it was fine-tuned from: draws the same people above")


def add_people(group: argparse._ArgumentGroup, seeds: str) -> None:
    """--seeds and --latents; `editing.people` reads them."""
    add = group.add_mutually_exclusive_group().add_argument
    add("--seeds", default=seeds, metavar="LIST", help=f"one person a seed: 0-35,100 (default: {seeds})")
    add("--latents", nargs="+", action="extend", metavar="FILE", help=LATENTS)


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

    given = [_named(text) for text in (args.ckpt if isinstance(args.ckpt, list) else [args.ckpt])]
    if len(given) == 1:
        given = [(given[0][0] or ("cartoon" if args.source else ""), given[0][1])]
    else:
        given = [(name or _run_name(path), path) for name, path in given]
    rows = [("source", args.source, "--source")] * bool(args.source) + [(name, path, "--ckpt") for name, path in given]
    files: dict[str, Checkpoint] = {}
    for name, path, flag in rows:
        if name in files:
            raise InputError(f"{flag} {path}: a second row with the name {name!r}; write NAME={path}")
        files[name] = cli.read(flag, path, checkpoint.read_aloud)
    size = files[given[0][0]].architecture.size
    for name, path, flag in rows:
        if files[name].architecture.size != size:
            raise InputError(f"{flag} {path}: draws pictures of another size than {given[0][1]}")
    return files


def _named(text: str) -> tuple[str, str]:
    """ "NAME=FILE" -> (NAME, FILE); "FILE" -> ("", FILE), and so it is where neither exists, so that it is named as given."""
    name, equals, path = text.partition("=")
    return (name, path) if equals and not Path(text).exists() and Path(path).is_file() else ("", text)


def _run_name(path: str) -> str:
    """expr/checkpoints/002000.pt -> "expr 002000"."""
    file = Path(path)
    return f"{file.parent.parent.name} {file.stem}" if file.parent.name == "checkpoints" else file.stem


def generators(
    args: argparse.Namespace, device: torch.device, files: dict[str, Checkpoint] | None = None
) -> dict[str, Generator]:
    """`files`, or those of `read`, ready to draw. Networks that were not fine-tuned from --source are pointed out."""
    from editing import layer_swap

    files = files or read(args)
    networks = {name: file.generator().to(device) for name, file in files.items()}
    for name in [name for name in networks if args.source and name != "source"]:
        layer_swap.warn_of_strangers(args.source, str(files[name].path), networks["source"], networks[name])
    return networks

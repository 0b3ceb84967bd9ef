"""Find the directions in which the people of a network differ most (GANSpace, arXiv 2004.02546), in standard deviations.

    python -m scripts.ganspace --out pca.pt ffhq256.pt
    python apply_factor.py --ckpt ffhq256.pt -i 0-7 pca.pt                        # from -2 to +2 standard deviations

An edit is a component on some layers, within a range. Named ones are kept in the file, and asked for by their names:
    python -m scripts.ganspace --add_to pca.pt --edit "hair colour=9:8-10:-3..3" --edit "pose=1:coarse" ffhq256.pt
    python apply_factor.py --ckpt cartoon.pt --source ffhq256.pt -i "hair colour,pose" --centre pca.pt
--add_to takes any direction file, of closed_form_factorization.py and of other programs (docs/latents.md) as well.
The file keeps these commands under `command`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
import progress
from errors import InputError, named

if TYPE_CHECKING:
    from torch import Tensor

    from editing.directions import Directions

SAMPLES, COMPONENTS = 300_000, 80  # as the paper's code
SHOWN = 8  # components in the table


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.ganspace [flags] CKPT")
    group = parser.add_argument_group("network")
    group.add_argument("ckpt", metavar="CKPT", help="checkpoint of any format; people of its averaged generator are compared")
    flags.add_device(group)
    add = parser.add_argument_group("components").add_argument
    add("--n", type=cli.number(int, least=2), default=SAMPLES, metavar="N", help=f"people sampled (default: {SAMPLES})")
    kept = f"kept, strongest first (default: {COMPONENTS})"
    add("--components", type=cli.number(int, least=1), default=COMPONENTS, metavar="N", help=kept)
    add("--seed", type=cli.number(int, least=0, most=2**32 - 1), default=0, metavar="N", help="of the people (default: 0)")
    add = parser.add_argument_group("named edits").add_argument
    edit = (
        'component K on these layers within this range of degrees, "hair=9:8-10:-3..3"; LAYERS may be all; repeat it for more'
    )
    add("--edit", action="append", default=[], metavar="NAME=K[:LAYERS[:LOW..HIGH]]", help=f"{edit} (default range: -2..2)")
    add("--add_to", type=Path, metavar="FILE", help="sample nobody: write --edit into this direction file")
    add = parser.add_argument_group("output").add_argument
    add("--out", type=cli.new_file, metavar="FILE", help="(default: ganspace.pt, or the file of --add_to, as .pt)")
    parser.idle_with("--n --components --seed", "--add_to")
    return parser


def main(args: argparse.Namespace) -> Path:
    import checkpoint
    import utils
    from editing import directions, ganspace, layers

    out = args.out or (args.add_to.with_suffix(".pt") if args.add_to else Path("ganspace.pt"))
    cli.check_out(out, args.ckpt)
    if args.add_to and not args.edit:
        raise InputError("--add_to: name what is to be added, --edit NAME=K:LAYERS")
    device = cli.read("--device", args.device, utils.choose_device)
    generator = cli.read("--ckpt", args.ckpt, checkpoint.read_aloud).generator().to(device)
    if args.add_to:
        with named(f"--add_to {args.add_to}"):
            found = directions.read_directions(args.add_to, generator)
            print(f"{args.add_to}: {found}")
            directions.check_fits(found, generator)
    count, edits = len(found) if args.add_to else min(args.components, generator.style_dim), {}
    for text in args.edit:
        with named(f"--edit {text}"):
            edits |= [directions.named_edit(text, count, generator)]
    if not args.add_to:
        with progress.Bar(args.n, "people") as bar:
            moments = ganspace.moments_of_w(generator, args.n, args.seed, bar.update)
        found = ganspace.components(moments, args.components, checkpoint.fingerprint(generator.state_dict()))
        print_shares(found, found.values / moments.covariance.trace(), args.n)
    found.edits |= edits
    found.command = "\n".join([*found.command.splitlines(), cli.command_line(args)])
    for name, edit in edits.items():
        acting = layers.described(edit.layers, generator)
        print(f"{name}: component {edit.index} on {acting}, {edit.low:+g} to {edit.high:+g}")
    return directions.save_directions(out, found)


def print_shares(found: Directions, shares: Tensor, people: int) -> None:
    print("component  std deviation   share  so far")
    for index in range(min(SHOWN, len(found))):
        print(f"{index:9}  {found.scale[index]:13.4g}  {shares[index]:6.1%}  {shares[: index + 1].sum():6.1%}")
    print(f"{len(found)} components hold {shares.sum():.1%} of the variance of {people} people")


if __name__ == "__main__":
    cli.run(main, parser())

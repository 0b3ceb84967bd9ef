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
import re
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from errors import InputError, named

if TYPE_CHECKING:
    from editing.directions import Directions, Edit
    from model import Generator

SAMPLES, COMPONENTS = 300_000, 80  # as the paper's code
SIGMAS = 2.0
SHOWN = 8  # components in the table
EDIT = re.compile(r"(?P<name>[^=]+)=(?P<index>\d+)(:(?P<layers>[\w,-]+)(:(?P<low>[-+.\de]+)\.\.(?P<high>[-+.\de]+))?)?")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.ganspace [flags] CKPT")
    whole = cli.number(int, least=1)
    add = parser.add_argument_group("network").add_argument
    add("ckpt", metavar="CKPT", help="checkpoint of any format; people of its averaged generator are compared")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    add = parser.add_argument_group("components").add_argument
    add("--n", type=cli.number(int, least=2), default=SAMPLES, metavar="N", help=f"people sampled (default: {SAMPLES})")
    add("--components", type=whole, default=COMPONENTS, metavar="N", help=f"kept, strongest first (default: {COMPONENTS})")
    add("--seed", type=cli.number(int, least=0, most=2**32 - 1), default=0, metavar="N", help="of the people (default: 0)")
    add = parser.add_argument_group("named edits").add_argument
    add(
        "--edit",
        action="append",
        default=[],
        metavar="NAME=K[:LAYERS[:LOW..HIGH]]",
        help='component K on these layers within this range of degrees, "hair=9:8-10:-3..3"; LAYERS may be all; repeat it '
        f"for several (default range: -{SIGMAS:g}..{SIGMAS:g})",
    )
    add("--add_to", type=Path, metavar="FILE", help="sample nobody: write --edit into this direction file")
    add = parser.add_argument_group("output").add_argument
    add("--out", type=Path, metavar="FILE", help="(default: ganspace.pt, or the file of --add_to, as .pt)")
    parser.idle_with("--n --components --seed", "--add_to")
    return parser


def main(args: argparse.Namespace) -> Path:
    import checkpoint
    import utils
    from editing import directions

    out = args.out or (args.add_to.with_suffix(".pt") if args.add_to else Path("ganspace.pt"))
    if out.exists() and Path(args.ckpt).exists() and out.samefile(args.ckpt):
        raise InputError(f"--out {out}: is the checkpoint itself; name another file")
    if args.add_to and not args.edit:
        raise InputError("--add_to: name what is to be added, --edit NAME=K:LAYERS")
    device = cli.read("--device", args.device, utils.choose_device)
    generator = cli.read("--ckpt", args.ckpt, checkpoint.read_aloud).generator().to(device)
    if args.add_to:
        with named(f"--add_to {args.add_to}"):
            found = directions.read_directions(args.add_to, generator)
            print(f"{args.add_to}: {found}")
            directions.check_fits(found, generator)
    count = len(found) if args.add_to else min(args.components, generator.style_dim)
    edits = dict(parse_edit(text, count, generator) for text in args.edit)
    if not args.add_to:
        found = sampled(args, generator)
    found.edits |= edits
    found.command = "\n".join([*found.command.splitlines(), cli.command_line(args)])
    for name, edit in edits.items():
        print(f"{name}: {described(edit, generator)}")
    return directions.save_directions(out, found)


def sampled(args: argparse.Namespace, generator: Generator) -> Directions:

    import checkpoint
    from editing import ganspace

    with progress.Bar(args.n, "people") as bar:
        moments = ganspace.moments_of_w(generator, args.n, args.seed, bar.update)
    found = ganspace.components(moments, args.components, checkpoint.fingerprint(generator.state_dict()))
    shares = found.values / moments.covariance.trace()
    print("component  std deviation   share  so far")
    for index in range(min(SHOWN, len(found))):
        print(f"{index:9}  {found.scale[index]:13.4g}  {shares[index]:6.1%}  {shares[: index + 1].sum():6.1%}")
    print(f"{len(found)} components hold {shares.sum():.1%} of the variance of {args.n} people")
    return found


def parse_edit(text: str, count: int, generator: Generator) -> tuple[str, Edit]:
    """ "hair=9:8-10:-3..3" -> the name, and component, layers and range."""
    from editing import layers
    from editing.directions import Edit

    match = EDIT.fullmatch(text.strip())
    if match is None:
        raise InputError(f'--edit {text}: expected NAME=K, NAME=K:LAYERS or NAME=K:LAYERS:LOW..HIGH, "hair=9:8-10:-3..3"')
    name, index, some = match["name"].strip(), int(match["index"]), match["layers"]
    if index >= count:
        raise InputError(f"--edit {text}: the components are 0-{count - 1}")
    if "," in name or name.replace("-", "").isdecimal():
        raise InputError(f"--edit {text}: a name is no number and has no comma, since -i takes lists and ranges")
    try:
        convert = cli.number()
        low, high = convert(match["low"] or str(-SIGMAS)), convert(match["high"] or str(SIGMAS))
        acting = None if some in (None, "all") else cli.read("layers", some, layers.parse_layers, generator.n_latent)
    except (argparse.ArgumentTypeError, InputError) as error:
        raise InputError(f"--edit {text}: {error}") from None
    if not low < high:
        raise InputError(f"--edit {text}: the range goes from the lower end to the higher, -3..3")
    return name, Edit(index, acting, low, high)


def described(edit: Edit, generator: Generator) -> str:
    from editing.layers import as_text

    acting = as_text(range(generator.n_latent) if edit.layers is None else edit.layers)
    return f"component {edit.index} on layers {acting} of {generator.n_latent}, {edit.low:+g} to {edit.high:+g}"


if __name__ == "__main__":
    cli.run(main, parser())

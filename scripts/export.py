"""Write networks as ONNX, for programs without PyTorch: web pages, phones, scripts.cartoonize --onnx.

    python -m scripts.export cartoon.onnx --half                  # photo to cartoon, by the networks that come along
    python -m scripts.export cartoon.onnx --source ffhq256.pt --target cartoon.pt --encoder expr/encoder.pt
    python -m scripts.export people.onnx --ckpt cartoon.pt --space z           # a generator alone
    python -m scripts.export translate.onnx --translator NAME_params_0100000.pt            # a U-GAT-IT

The file has the name of its inputs and outputs, and in words what they are; docs/export.md shows how it is run. Before it has
its name it is run, and compared with PyTorch. Recording takes some ten seconds to a few minutes of a core.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
import shipped
from editing.defaults import REACH_AT_ONCE
from errors import InputError, named
from scripts import _pair

if TYPE_CHECKING:
    from exporting.networks import Recorded

UNSTATED = (
    "not stated; weights are under the licences of the networks that they come from, and of the pictures those learned from"
)


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.export [flags] OUT")
    group = parser.add_argument_group("the file")
    add = group.add_argument
    add("out", type=cli.new_file, metavar="OUT", help="to write, .onnx")
    add("--overwrite", action="store_true", help="replace OUT if it exists")
    add("--half", action="store_true", help="weights in half precision: half the size; they are computed with in float32")
    add("--licence", default=UNSTATED, metavar="TEXT", help="of the weights, a line that the file keeps")
    group = parser.add_argument_group("from photo to cartoon")
    _pair.add_pair(group)
    group.add_argument("--encoder", metavar="FILE", help="for the source (default: demo/encoder64.pt, of demo/photo64.pt)")
    _pair.add_swap(parser, group)
    flags.add_truncation(group, "below 1 pulls people towards the average: smoother cartoons, less like them")
    _pair.add_reach(group, REACH_AT_ONCE, f"{REACH_AT_ONCE:g}")
    group = parser.add_argument_group("others in its place")
    either = group.add_mutually_exclusive_group().add_argument
    either("--ckpt", metavar="FILE", help="a generator alone, of any format")
    either("--translator", type=Path, metavar="FILE", help="of scripts.train_ugatit, or of the published program")
    add = group.add_argument
    add("--space", choices=("z", "w", "w+"), default="w+", help="what a generator takes; with z psi as well (default: w+)")
    add("--no_noise", action="store_true", help="the generator draws without noise (default: with the noise stored in it)")
    add("--direction", choices=("A2B", "B2A"), default="A2B", help="of the translator; A2B: photos to cartoons (default: A2B)")
    add("--size", type=cli.number(int, least=1), metavar="PX", help="side at which it translates (default: that of training)")
    parser.needs("--space --no_noise", "--ckpt")
    parser.needs("--direction --size", "--translator")
    parser.idle_with("--source --target --encoder --swap --width --truncation --reach", "--ckpt", "--translator")
    return parser


def main(args: argparse.Namespace) -> Path:
    from exporting import files

    if args.out.suffix != ".onnx":
        raise InputError(f"{args.out}: needs the ending .onnx")
    if args.out.exists() and not args.overwrite:
        raise InputError(f"{args.out}: exists; give --overwrite to replace it")
    files.check_packages()
    network, told = generator(args) if args.ckpt else translator(args) if args.translator else pair(args)
    print(f"recording: {network.kind}, {network.size} px ...", flush=True)
    with cli.sigterm_interrupts():  # leaves no half of a file either
        written = files.write(args.out, network, {**told, "licence": args.licence}, args.half)
    rounded = f"; half precision changes it by up to {written.rounding:.2g}" if args.half else ""
    print(f"{written.size / 1e6:.1f} MB, differs from PyTorch by up to {written.error:.1g} (pictures are -1 to 1){rounded}")
    return args.out


def pair(args: argparse.Namespace) -> tuple[Recorded, dict[str, str]]:
    """From photo to cartoon."""
    import checkpoint
    from exporting import networks
    from inversion import files

    assumed = _pair.choose(args)
    args.encoder = shipped.encoder_of(args.source, args.encoder)
    if not args.encoder:
        raise InputError(f"--source {args.source}: needs --encoder as well; python -m scripts.train_encoder trains one")
    source = cli.read("--source", args.source, checkpoint.read_aloud).generator()
    target = _pair.open_target(args, source, assumed)
    encoder = cli.read("--encoder", args.encoder, files.opened, source)
    given = {"source": source, "target": target, "encoder": encoder}
    told = {name: f"{Path(vars(args)[name]).name} {checkpoint.fingerprint(each.state_dict())}" for name, each in given.items()}
    told |= {name: str(value) for name, value in cli.told(args, ("swap", "width", "truncation", "reach")).items()}
    return networks.PhotoToCartoon(source, target, encoder, args.reach, args.truncation), told


def generator(args: argparse.Namespace) -> tuple[Recorded, dict[str, str]]:
    """One that draws people."""
    import checkpoint
    from exporting import networks

    network = cli.read("--ckpt", args.ckpt, checkpoint.read_aloud).generator()
    told = {"generator": f"{Path(args.ckpt).name} {checkpoint.fingerprint(network.state_dict())}"}
    told["noise"] = "none" if args.no_noise else "that stored in the network"
    return networks.Drawing(network, args.space, not args.no_noise), told


def translator(args: argparse.Namespace) -> tuple[Recorded, dict[str, str]]:
    """A U-GAT-IT."""
    import checkpoint
    from exporting import networks
    from translation import files, translating

    found = cli.read("--translator", args.translator, files.read)
    with named("--translator"):
        network = found.generator(args.direction)
    with named(f"--size {args.size}" if args.size else f"--translator {args.translator}"):
        size = translating.size_for(network, args.size)
    told = {"generator": f"{args.translator.name} {args.direction} {checkpoint.fingerprint(network.state_dict())}"}
    return networks.Translation(network, size), told


if __name__ == "__main__":
    cli.run(main, parser())

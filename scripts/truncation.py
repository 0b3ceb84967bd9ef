"""The same people nearer to the average face, beyond it, and further away: a sheet over psi.

    python -m scripts.truncation --ckpt cartoon.pt --seeds 0-3
    python -m scripts.truncation --ckpt cartoon.pt --source ffhq256.pt --psi=-1:1:9
    python -m scripts.truncation --ckpt cartoon.pt --psi 0,0.5,1,1.5 --cutoff 8

psi 0 is the average face, 1 the person, below 0 the opposite person, above 1 a caricature. The flag needs its equals sign
where the first value begins with a minus: --psi=-1,0,1. --cutoff N leaves the layers from N on, the finer ones, as they are.
"""

import argparse
from pathlib import Path

import cli
import flags
import progress

PSIS = "-1,-0.7,-0.5,0,0.5,0.7,1"


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.truncation [flags] --ckpt FILE")
    flags.add_networks(parser)
    flags.add_people(parser.add_argument_group("people"), seeds="0-3")
    add = parser.add_argument_group("truncation").add_argument
    several = f"one column each: 0,0.5,1 or FIRST:LAST:COUNT (default: {PSIS})"
    add("--psi", type=cli.series, default=PSIS, metavar="LIST", help=several)
    add("--cutoff", type=cli.number(int, least=0), metavar="N", help="only layers below N (default: all)")
    flags.add_output(parser, "truncated", "sheet.png")
    return parser


def main(args: argparse.Namespace) -> Path:
    import drawing
    from editing import sheets

    networks = drawing.generators(args)
    who = drawing.people(args, networks)
    with progress.Bar(len(who) * len(networks) * len(args.psi), "pictures") as bar:
        sheet = sheets.truncation_sheet(networks, who, args.psi, args.cutoff, drawing.brush(args, bar.update))
    psi = ",".join(f"{psi:g}" for psi in args.psi)
    return drawing.save(args, sheet, "sheet.png", ("latents", "seeds", "cutoff", "ckpt", "source"), psi=psi)


if __name__ == "__main__":
    cli.run(main, parser())

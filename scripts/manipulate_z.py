"""What single coordinates of z do in a DCGAN: a sheet with a row for each, a column for each value.

    python -m scripts.manipulate_z --ckpt expr/checkpoints/010000.pt
    python -m scripts.manipulate_z --ckpt expr/checkpoints/010000.pt --seed 3 --mode set --values=-3:3:7 --coordinates 1,50

--mode scale multiplies the coordinate, as in the published figure: one near 0 then does nothing. set replaces it, add adds.
"""

import argparse
from pathlib import Path

import cli
from errors import named

COORDINATES, VALUES = (1, *range(10, 100, 10)), "-3:3:7"
MODES = ("scale", "set", "add")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.manipulate_z [flags] --ckpt FILE")
    add = parser.add_argument_group("what is moved").add_argument
    add("--ckpt", required=True, metavar="FILE", help="of scripts.train_dcgan, or a state dict of PyTorch's tutorial")
    add("--seed", type=cli.number(int, least=0, most=2**32 - 1), default=0, metavar="N", help="of z (default: 0)")
    add("--mode", choices=MODES, default="scale", help="what a value does to the coordinate (default: scale)")
    counted = f"rows, counted from 1 (default: {','.join(map(str, COORDINATES))}, those there are)"
    add("--coordinates", type=cli.numbers(int, least=1), metavar="LIST", help=counted)
    several = f"columns: -3,0,3 or FIRST:LAST:COUNT (default: {VALUES})"
    add("--values", type=cli.series, default=VALUES, metavar="LIST", help=several)
    add = parser.add_argument_group("output").add_argument
    add("--outdir", type=cli.out_folder, default=Path("moved"), metavar="DIR", help="for sheet.png (default: moved)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    return parser


def main(args: argparse.Namespace) -> Path:
    import utils
    from baselines import dcgan, manipulation

    device = cli.read("--device", args.device, utils.choose_device)
    generator = cli.read("--ckpt", args.ckpt, dcgan.read).to(device)
    chosen = args.coordinates or [number for number in COORDINATES if number <= generator.style_dim]
    z = utils.seeded_normal([args.seed], generator.style_dim, device=device)[0]
    with named("--coordinates"):
        sheet = manipulation.sheet(generator, z, [number - 1 for number in chosen], args.values, args.mode)
    cli.save_command(args, args.outdir)
    return utils.save_png(sheet, args.outdir / "sheet.png", **cli.told(args, ("ckpt", "seed", "mode")))


if __name__ == "__main__":
    cli.run(main, parser())

"""What single coordinates of z do in a DCGAN: a sheet with a row for each, a column for each value.

    python -m scripts.manipulate_z --ckpt expr/checkpoints/010000.pt
    python -m scripts.manipulate_z --ckpt expr/checkpoints/010000.pt --seed 3 --mode set --values=-3:3:7 --coordinates 1,50

--mode scale multiplies the coordinate, as in the published figure: one near 0 then does nothing. set replaces it, add adds.
"""

import argparse
from pathlib import Path

import cli
from errors import named

COORDINATES, VALUES = "1,10,20,30,40,50,60,70,80,90", "-3:3:7"
MODES = ("scale", "set", "add")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.manipulate_z [flags] --ckpt FILE")
    add = parser.add_argument_group("what is moved").add_argument
    add("--ckpt", required=True, metavar="FILE", help="of scripts.train_dcgan, or a state dict of PyTorch's tutorial")
    add("--seed", type=cli.number(int, least=0, most=2**32 - 1), default=0, metavar="N", help="of z (default: 0)")
    add("--mode", choices=MODES, default="scale", help="what a value does to the coordinate (default: scale)")
    counted = f"rows, counted from 1 (default: {COORDINATES}, those there are)"
    add("--coordinates", type=whole_numbers, metavar="LIST", help=counted)
    several = f"columns: -3,0,3 or FIRST:LAST:COUNT (default: {VALUES})"
    add("--values", type=values, default=values(VALUES), metavar="LIST", help=several)
    add = parser.add_argument_group("output").add_argument
    add("--outdir", type=Path, default=Path("moved"), metavar="DIR", help="for sheet.png (default: moved)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    return parser


def main(args: argparse.Namespace) -> Path:
    import utils
    from baselines import dcgan, manipulation

    device = cli.read("--device", args.device, utils.choose_device)
    generator = cli.read("--ckpt", args.ckpt, dcgan.read).to(device)
    usual = [number for number in whole_numbers(COORDINATES) if number <= generator.style_dim]
    chosen = args.coordinates or usual
    z = utils.seeded_normal([args.seed], generator.style_dim, device=device)[0]
    with named("--coordinates"):
        sheet = manipulation.sheet(generator, z, [number - 1 for number in chosen], args.values, args.mode)
    cli.save_command(args, args.outdir)
    return utils.save_png(sheet, args.outdir / "sheet.png", **cli.told(args, ("ckpt", "seed", "mode")))


def whole_numbers(text: str) -> list[int]:
    """
    >>> whole_numbers("1,10")
    [1, 10]
    """
    return [cli.number(int, least=1)(part) for part in text.split(",")]


def values(text: str) -> list[float]:
    """
    >>> values("-3:3:3"), values("0,0.5")
    ([-3.0, 0.0, 3.0], [0.0, 0.5])
    """
    if ":" not in text:
        return [cli.number()(part) for part in text.split(",")]
    parts = text.split(":")
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"{text}: expected FIRST:LAST:COUNT, such as {VALUES}")
    first, last, count = cli.number()(parts[0]), cli.number()(parts[1]), cli.number(int, least=2, most=100)(parts[2])
    return [first + (last - first) * step / (count - 1) for step in range(count)]


if __name__ == "__main__":
    cli.run(main, parser())

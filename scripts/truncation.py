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
import progress
from errors import InputError
from scripts import pair

PSIS = "-1,-0.7,-0.5,0,0.5,0.7,1"


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.truncation [flags] --ckpt FILE")
    pair.add_networks(parser)
    pair.add_people(parser.add_argument_group("people"), seeds="0-3")
    add = parser.add_argument_group("truncation").add_argument
    add(
        "--psi",
        type=psis,
        default=psis(PSIS),
        metavar="LIST",
        help=f"one column each: 0,0.5,1 or FIRST:LAST:COUNT (default: {PSIS})",
    )
    add("--cutoff", type=cli.number(int, least=0), metavar="N", help="only layers below N (default: all)")
    pair.add_output(parser, "truncated", "sheet.png")
    return parser


def main(args: argparse.Namespace) -> Path:

    import utils
    from editing import people, truncation

    device = cli.read("--device", args.device, utils.choose_device)
    files = pair.read(args)
    networks = pair.generators(args, device, files)
    with cli.named_by(args, "latents", "seeds"):
        who = people.chosen(args.seeds, args.latents, list(networks.values())[-1])
    side, count = next(iter(networks.values())).size, len(who) * len(networks) * len(args.psi)
    with cli.named_by(args, "latents", "seeds"):
        utils.check_sheet(utils.sheet_size((side, side), count, len(args.psi)), "take fewer people, or fewer of --psi")
    rows: dict[str, list] = {}
    with progress.Bar(len(who) * len(files) * len(args.psi), "pictures") as bar:
        for name, generator in networks.items():
            if args.cutoff is not None and args.cutoff > generator.n_latent:
                raise InputError(f"--cutoff {args.cutoff}: this network has {generator.n_latent} layers")
            ladders = truncation.ladder(who.w_plus(generator), generator.w_avg, args.psi, args.cutoff)
            rows[name] = [
                people.pictures(generator, ladder, args.batch, who.noise(generator, i), bar.update)
                for i, ladder in enumerate(ladders)
            ]

    in_order = [(f"{person} {name}".strip(), rows[name][i]) for i, person in enumerate(who.captions) for name in rows]
    captions = [""] * (len(in_order) - 1) * len(args.psi) + [f"psi {psi:g}" for psi in args.psi]
    pictures = [picture for _, row in in_order for picture in row]
    sheet = utils.sheet(pictures, len(args.psi), captions, [name for name, _ in in_order], title(args))
    cli.save_command(args, args.outdir)
    made_by = {"latents": args.latents} if args.latents else {"seeds": args.seeds}
    made_by |= {
        "psi": ",".join(f"{psi:g}" for psi in args.psi),
        "cutoff": args.cutoff,
        "ckpt": args.ckpt,
        "source": args.source,
    }
    return utils.save_png(
        sheet, args.outdir / "sheet.png", **{key: value for key, value in made_by.items() if value is not None}
    )


def psis(text: str) -> list[float]:
    """
    >>> psis("-1:1:5")
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    """
    if ":" not in text:
        return [cli.number()(part) for part in text.split(",")]
    parts = text.split(":")
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"{text}: expected FIRST:LAST:COUNT, such as -1:1:9")
    first, last, count = cli.number()(parts[0]), cli.number()(parts[1]), cli.number(int, least=2, most=1000)(parts[2])
    return [first + (last - first) * step / (count - 1) for step in range(count)]


def title(args: argparse.Namespace) -> str:
    return "" if args.cutoff is None else f"on layers below {args.cutoff}"


if __name__ == "__main__":
    cli.run(main, parser())

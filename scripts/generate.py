"""Draw people from a generator: one PNG each, and a sheet of all.

    python -m scripts.generate --ckpt cartoon.pt --seeds 0-35

With the source beside it, each person appears as photo and as cartoon:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --seeds 0-11 --truncation 0.7
"""

import argparse
from pathlib import Path

import cli

COLUMNS = 8


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.generate [flags] --ckpt FILE")
    add = parser.add_argument_group("networks").add_argument
    add("--ckpt", required=True, metavar="FILE", help="checkpoint of any format; its averaged generator draws")
    add("--source", metavar="FILE", help="the network it was fine-tuned from: draws the same people above")
    add = parser.add_argument_group("people").add_argument
    add("--seeds", default="0-31", metavar="LIST", help="one person a seed: 0-35,100 (default: 0-31)")
    add(
        "--truncation",
        type=cli.number(float),
        default=1.0,
        metavar="PSI",
        help="1: all the variety, 0: the average face (default: 1)",
    )
    add = parser.add_argument_group("output").add_argument
    add(
        "--outdir",
        type=Path,
        default=Path("generated"),
        metavar="DIR",
        help="for seed0000.png ... and sheet.png (default: generated)",
    )
    add("--sheet_only", action="store_true", help="no single pictures")
    add("--columns", type=cli.number(int, least=1), default=COLUMNS, metavar="N", help=f"people in a row (default: {COLUMNS})")
    add("--batch", type=cli.number(int, least=1), default=8, metavar="N", help="drawn at a time (default: 8)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    return parser


def main(args: argparse.Namespace) -> Path:
    import checkpoint
    import utils
    from editing import latents

    device = utils.choose_device(args.device)
    seeds = utils.parse_seeds(args.seeds)
    flags = {"source": "--source", "cartoon": "--ckpt"} if args.source else {"": "--ckpt"}
    pictures = {}
    for name, flag in flags.items():
        generator = checkpoint.read(vars(args)[flag[2:]], flag).generator().to(device)
        w_plus = latents.people(generator, seeds, args.truncation)
        pictures[name] = utils.to_pictures(latents.draw(generator, w_plus, args.batch))
    if len({people[0].size for people in pictures.values()}) > 1:
        raise cli.InputError(f"--source {args.source}: draws pictures of another size than {args.ckpt}")

    if not args.sheet_only:
        for seed, picture in zip(seeds, pictures["cartoon" if args.source else ""]):
            utils.save_png(picture, args.outdir / f"seed{seed:04d}.png", seed=seed, truncation=args.truncation, ckpt=args.ckpt)
    cli.save_command(args, args.outdir)
    sheet = utils.paired_sheet(pictures, args.columns, captions=[f"{seed}" for seed in seeds])
    return utils.save_png(sheet, args.outdir / "sheet.png", seeds=args.seeds, truncation=args.truncation, ckpt=args.ckpt)


if __name__ == "__main__":
    cli.run(main, parser())

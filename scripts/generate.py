"""Draw people from a generator: one PNG each, and a sheet of all.

    python -m scripts.generate --ckpt cartoon.pt --seeds 0-35

With the source above it, each person appears as photo and as cartoon:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --seeds 0-11 --truncation 0.7

Several networks, a row for each:
    python -m scripts.generate --ckpt FreezeG=expr-2/checkpoints/030000.pt FreezeSG=expr-3/checkpoints/030000.pt

People that projector.py found in photos, as cartoons; noise found with them is used in the network it was found in:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --latents projected/latents.pt
"""

import argparse
from pathlib import Path

import cli
from scripts import pair

COLUMNS = 8


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.generate [flags] --ckpt FILE")
    pair.add_networks(parser, several=True)
    group = parser.add_argument_group("people")
    pair.add_people(group, seeds="0-31")
    pair.add_truncation(group)
    group = pair.add_output(parser, "generated", "seed0000.png ... (or the names of the latents) and sheet.png")
    group.add_argument("--sheet_only", action="store_true", help="no single pictures; so it is for several networks")
    group.add_argument(
        "--columns", type=cli.number(int, least=1), default=COLUMNS, metavar="N", help=f"people in a row (default: {COLUMNS})"
    )
    return parser


def main(args: argparse.Namespace) -> Path:
    from tqdm import tqdm

    import utils
    from editing import people

    device = utils.choose_device(args.device)
    who = people.from_file(args.latents) if args.latents else people.by_seed(args.seeds)
    networks = pair.generators(args, device)
    pictures = {}
    with tqdm(total=len(who) * len(networks), unit=" people") as bar:
        for name, generator in networks.items():
            w_plus = who.w_plus(generator, args.truncation)
            pictures[name] = people.pictures(generator, w_plus, args.batch, who.noise(generator), bar.update)

    made_by = {"truncation": args.truncation, "ckpt": " ".join(args.ckpt)}
    if not args.sheet_only and len(args.ckpt) == 1:
        for person, file_name, picture in zip(who.names, who.file_names(), list(pictures.values())[-1]):
            one = {"latents": args.latents, "latent": person} if args.latents else {"seed": person}
            utils.save_png(picture, args.outdir / f"{file_name}.png", **one, **made_by)
    cli.save_command(args, args.outdir)
    sheet = utils.paired_sheet(pictures, args.columns, captions=who.captions)
    everybody = {"latents": args.latents} if args.latents else {"seeds": args.seeds}
    return utils.save_png(sheet, args.outdir / "sheet.png", **everybody, **made_by)


if __name__ == "__main__":
    cli.run(main, parser())

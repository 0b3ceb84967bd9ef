"""Draw people from a generator: one PNG each, and a sheet of all.

    python -m scripts.generate --ckpt cartoon.pt --seeds 0-35

With the source beside it, each person appears as photo and as cartoon:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --seeds 0-11 --truncation 0.7

People that projector.py found in photos, as cartoons:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --latents projected.pt
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
    group = parser.add_argument_group("people")
    add = group.add_mutually_exclusive_group().add_argument
    add("--seeds", default="0-31", metavar="LIST", help="one person a seed: 0-35,100 (default: 0-31)")
    add("--latents", metavar="FILE", help="or those of a latent file; its noise is used in the network it was found in")
    add = group.add_argument
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
        help="for seed0000.png ... (or the names of the latents) and sheet.png (default: generated)",
    )
    add("--sheet_only", action="store_true", help="no single pictures")
    add("--columns", type=cli.number(int, least=1), default=COLUMNS, metavar="N", help=f"people in a row (default: {COLUMNS})")
    add("--batch", type=cli.number(int, least=1), default=8, metavar="N", help="drawn at a time (default: 8)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    return parser


def main(args: argparse.Namespace) -> Path:
    from tqdm import tqdm

    import checkpoint
    import utils
    from editing import people

    device = utils.choose_device(args.device)
    who = people.from_file(args.latents) if args.latents else people.by_seed(args.seeds)
    flags = {"source": "--source", "cartoon": "--ckpt"} if args.source else {"": "--ckpt"}
    networks = {name: checkpoint.read(vars(args)[flag[2:]], flag).generator() for name, flag in flags.items()}
    if len({network.size for network in networks.values()}) > 1:
        raise cli.InputError(f"--source {args.source}: draws pictures of another size than {args.ckpt}")
    pictures = {}
    with tqdm(total=len(who) * len(networks), unit=" people") as bar:
        for name, generator in networks.items():
            w_plus = who.w_plus(generator.to(device), args.truncation)
            pictures[name] = people.pictures(generator, w_plus, args.batch, who.noise(generator), bar.update)

    made_by = {"truncation": args.truncation, "ckpt": args.ckpt}
    if not args.sheet_only:
        for person, file_name, picture in zip(who.names, who.file_names(), pictures["cartoon" if args.source else ""]):
            one = {"latents": args.latents, "latent": person} if args.latents else {"seed": person}
            utils.save_png(picture, args.outdir / f"{file_name}.png", **one, **made_by)
    cli.save_command(args, args.outdir)
    sheet = utils.paired_sheet(pictures, args.columns, captions=who.names)
    everybody = {"latents": args.latents} if args.latents else {"seeds": args.seeds}
    return utils.save_png(sheet, args.outdir / "sheet.png", **everybody, **made_by)


if __name__ == "__main__":
    cli.run(main, parser())

"""Draw people from a generator: one PNG each, and a sheet of all.

    python -m scripts.generate --ckpt cartoon.pt --seeds 0-35

With the source above it, each person appears as photo and as cartoon:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --seeds 0-11 --truncation 0.7

Several networks, a row for each:
    python -m scripts.generate --ckpt FreezeG=expr-2/checkpoints/030000.pt FreezeSG=expr-3/checkpoints/030000.pt

People that projector.py found in photos, as cartoons; noise found with them is used in the network it was found in:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --latents projected/latents.pt psp.npy projected_w.npz
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from errors import InputError
from scripts import pair

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = 8
MOST_ON_SHEET = 400


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.generate [flags] --ckpt FILE")
    pair.add_networks(parser, several=True)
    group = parser.add_argument_group("people")
    pair.add_people(group, seeds="0-31")
    pair.add_truncation(group)
    group = pair.add_output(parser, "generated", "seed0000.png ... (or the names of the latents) and sheet.png")
    group.add_argument("--sheet_only", action="store_true", help="no single pictures; so it is for several networks")
    group.add_argument(
        "--sheet",
        type=cli.number(int, least=0),
        metavar="N",
        help=f"the first N people on the sheet, 0: no sheet (default: all, where there are {MOST_ON_SHEET} or fewer)",
    )
    group.add_argument(
        "--columns", type=cli.number(int, least=1), default=COLUMNS, metavar="N", help=f"people in a row (default: {COLUMNS})"
    )
    parser.idle_with("--columns", "--sheet 0")
    return parser


def main(args: argparse.Namespace) -> Path:
    from itertools import islice

    import lettering
    import utils
    from editing import people

    device = cli.read("--device", args.device, utils.choose_device)
    networks = pair.generators(args, device)
    with cli.named_by(args, "latents", "seeds"):
        who = people.chosen(args.seeds, args.latents, list(networks.values())[-1])
    *_, child = networks
    single = not args.sheet_only and len(args.ckpt) == 1
    shown = on_sheet(args, len(who), networks, single)
    counts = {name: len(who) if single and name == child else shown for name in networks}
    names, rows = who.file_names(), {name: [] for name in networks}
    with progress.Bar(sum(counts.values()), "people") as bar:
        for name, count in counts.items():
            drawing = people.everybody(networks[name], who, args.truncation, args.batch)
            for index, picture in enumerate(islice(drawing, count)):
                if index == 0:
                    cli.save_command(args, args.outdir)
                if single and name == child:
                    save(args, picture, names[index], who.names[index])
                if index < shown:
                    rows[name].append(picture)
                bar.update()
    if not shown:
        return args.outdir
    for whose, written in {"people": who.names[:shown], "rows": list(networks)}.items():
        if legend := lettering.legend(written):
            print(f"{whose} {legend}")
    sheet = utils.paired_sheet(rows, args.columns, captions=who.captions[:shown])
    everybody = {"latents": args.latents} if args.latents else {"seeds": args.seeds}
    return utils.save_png(sheet, args.outdir / "sheet.png", **everybody, **made_by(args))


def on_sheet(args: argparse.Namespace, count: int, networks: dict, single: bool) -> int:
    """How many people the sheet shows. Raises InputError where nothing would be written, or more than a sheet can hold."""
    import utils

    shown = min(count, args.sheet) if args.sheet is not None else count if count <= MOST_ON_SHEET else 0
    if args.sheet == 0 and not single:
        raise InputError("--sheet 0: leaves nothing to draw beside --sheet_only or several networks; leave the flag out")
    if not shown and not single:
        raise InputError(f"{count} people, and no sheet of so many unasked: --sheet N draws one of the first N")
    if shown < count and args.sheet != 0:
        some = f"the first {shown} are on the sheet" if shown else "no sheet; --sheet N draws one of the first N"
        print(f"{count} people: {some}")
    if shown:
        side = next(iter(networks.values())).size
        size = utils.paired_sheet_size((side, side), [*networks], shown, args.columns)
        with cli.named_by(args, "sheet", "latents", "seeds"):
            utils.check_sheet(size, "take fewer people, or --sheet N")
    return shown


def save(args: argparse.Namespace, picture: "Image", file_name: str, person: str) -> None:
    """At once, so that a long list may be killed."""
    import utils

    one = {"latents": args.latents, "latent": person} if args.latents else {"seed": person}
    utils.save_png(picture, args.outdir / f"{file_name}.png", **one, **made_by(args))


def made_by(args: argparse.Namespace) -> dict[str, object]:
    return {"truncation": args.truncation, "ckpt": " ".join(args.ckpt)}


if __name__ == "__main__":
    cli.run(main, parser())

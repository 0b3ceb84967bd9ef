"""Draw people from a generator: one PNG each, and a sheet of all.

    python -m scripts.generate --ckpt cartoon.pt --seeds 0-35

With the source above it, each person appears as photo and as cartoon:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --seeds 0-11 --truncation 0.7

Several networks, a row for each:
    python -m scripts.generate --ckpt FreezeG=expr-2/checkpoints/030000.pt FreezeSG=expr-3/checkpoints/030000.pt

People that projector.py found in photos, as cartoons; noise found with them is used in the network it was found in:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --latents projected/latents.pt psp.npy projected_w.npz

Changed along several directions at once, with the coarse layers of somebody else, over the structure of the source:
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --seeds 7 --edit factor.pt:3=2.5 factor.pt:8=-1:4-7
    python -m scripts.generate --ckpt cartoon.pt --source ffhq256.pt --seeds 7 --mix 55 --mix_layers coarse --swap 16
"""

import argparse
from pathlib import Path

import cli
import flags
import progress
from errors import InputError

COLUMNS = 8
MOST_ON_SHEET = 400
TOLD = flags.PERSON[1:]


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.generate [flags] --ckpt FILE")
    flags.add_networks(parser, several=True)
    group = parser.add_argument_group("people")
    flags.add_people(group, seeds="0-31")
    flags.add_truncation(group)
    flags.add_look(parser)
    parser.idle_with("--cutoff", "--truncation 1")
    add = flags.add_output(parser, "generated", "seed0000.png ... (or the names of the latents) and sheet.png").add_argument
    add("--sheet_only", action="store_true", help="no single pictures; so it is for several networks")
    first = f"the first N people on the sheet, 0: no sheet (default: all, where there are {MOST_ON_SHEET} or fewer)"
    add("--sheet", type=cli.number(int, least=0), metavar="N", help=first)
    whole = cli.number(int, least=1)
    add("--columns", type=whole, default=COLUMNS, metavar="N", help=f"people in a row (default: {COLUMNS})")
    parser.idle_with("--columns", "--sheet 0")
    return parser


def main(args: argparse.Namespace) -> Path:
    import drawing
    import lettering
    from editing import sheets

    networks = drawing.swapped(args, drawing.generators(args))
    who = drawing.people(args, networks)
    *_, child = networks.values()
    look = drawing.look(args, child)
    single = not args.sheet_only and len(args.ckpt) == 1
    shown = on_sheet(args, len(who), single)
    with cli.named_by(args, "sheet", "latents", "seeds"):
        sheets.check_people_sheet(networks, shown, args.columns)
    alone = drawing.saver(args, flags.PERSON) if single else None
    with progress.Bar(shown * len(networks) + (len(who) - shown) * single, "people") as bar:
        sheet = sheets.people_sheet(networks, who, args.columns, shown, drawing.brush(args, bar.update, look), alone)
    if not shown:
        return args.outdir
    for whose, written in {"people": who.names[:shown], "rows": list(networks)}.items():
        if legend := lettering.legend(written):
            print(f"{whose} {legend}")
    return drawing.save(args, sheet, "sheet.png", ("latents", "seeds", *TOLD))


def on_sheet(args: argparse.Namespace, count: int, single: bool) -> int:
    """How many people the sheet shows. Raises InputError where nothing would be written."""
    shown = min(count, args.sheet) if args.sheet is not None else count if count <= MOST_ON_SHEET else 0
    if args.sheet == 0 and not single:
        raise InputError("--sheet 0: leaves nothing to draw beside --sheet_only or several networks; leave the flag out")
    if not shown and not single:
        raise InputError(f"{count} people, and no sheet of so many unasked: --sheet N draws one of the first N")
    if shown < count and args.sheet != 0:
        rest = f"the first {shown} are on the sheet" if shown else "no sheet; --sheet N draws one of the first N"
        print(f"{count} people: {rest}")
    return shown


if __name__ == "__main__":
    cli.run(main, parser())

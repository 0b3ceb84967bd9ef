"""Some layers of one person, the others of another: tables of all pairs, or each layer alone.

    python -m scripts.style_mixing --ckpt cartoon.pt --rows 85,100 --cols 55,821
    python -m scripts.style_mixing --ckpt cartoon.pt --source ffhq256.pt --rows me.pt --cols 0-3 --res 4-8
    python -m scripts.style_mixing --ckpt cartoon.pt --rows 0-3 --cols 9 --single

Without --layers and --res, a table each for the coarse layers (pose, shape), the middle ones (features, hair) and the fine
ones (colours). --single shows which layer does what: each column takes one layer of the second person, the rest of the first.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from scripts import pair

if TYPE_CHECKING:
    from PIL.Image import Image

    from editing.people import People
    from model import Generator


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.style_mixing [flags] --ckpt FILE --rows LIST --cols LIST")
    pair.add_networks(parser)
    group = parser.add_argument_group("people")
    add = group.add_argument
    several = {"required": True, "nargs": "+", "action": "extend", "metavar": "LIST"}
    add("--rows", **several, help="who is changed: seeds, 0-3,100, or latent files (docs/latents.md), or both")
    add("--cols", **several, help="who gives layers: seeds, or latent files")
    pair.add_truncation(group)
    group = parser.add_argument_group("mixing")
    cli.add_layers(group, "taken from --cols")
    group.add_argument("--col_styles", dest="layers", metavar="LIST", help="--layers, as NVIDIA's tool calls it")
    group.add_argument("--single", action="store_true", help="each of the layers alone, one column each")
    group = pair.add_output(parser, "mixed", "grid-coarse.png, ..., grid.png or layers.png, and the pictures of the tables")
    group.add_argument("--sheet_only", action="store_true", help="no single pictures")
    parser.idle_with("--sheet_only", "--single")
    return parser


def main(args: argparse.Namespace) -> Path:

    import utils
    from editing import people

    device = cli.read("--device", args.device, utils.choose_device)
    networks = pair.generators(args, device)
    *_, child = networks.values()
    rows, columns = (
        people.told(people.together([cli.read(flag, word, people.by_seed_or_file, child) for word in words]))
        for words, flag in ((args.rows, "--rows"), (args.cols, "--cols"))
    )
    ranges = chosen_layers(args, child)
    check_sheet(args, networks, rows, columns, ranges)
    sheets = {}
    if args.single:
        layers = ranges["layers"]
        with progress.Bar(len(networks) * len(rows) * len(columns) * (len(layers) + 2), "pictures") as bar:
            sheets["layers"] = layers_sheet(args, networks, rows, columns, layers, bar.update)
    else:
        cells = (len(rows) + 1) * (len(columns) + 1) - 1
        with progress.Bar(len(networks) * cells * len(ranges), "pictures") as bar:
            for name, layers in ranges.items():
                tables = {key: table(args, network, rows, columns, layers, bar.update) for key, network in networks.items()}
                sheets[name] = grid_sheet(tables, rows, columns, layers)
                if not args.sheet_only:
                    save_pairs(args, list(tables.values())[-1], rows, columns, name)

    cli.save_command(args, args.outdir)
    for name, sheet in sheets.items():
        written = utils.save_png(sheet, args.outdir / f"{name}.png", layers=text_of(ranges[name]), **made_by(args))
        if name != list(sheets)[-1]:
            print(written)
    return written


def check_sheet(args: argparse.Namespace, networks: dict[str, Generator], rows: People, columns: People, ranges: dict) -> None:
    """Raises InputError for a sheet that no memory holds, before anything is drawn."""
    import utils

    across = len(ranges["layers"]) + 2 if args.single else len(columns) + 1
    down = len(rows) * len(columns) if args.single else len(rows) + 1
    side = next(iter(networks.values())).size
    size = utils.sheet_size((side, side), across * down * len(networks), across)
    with cli.named_by(args, "rows"):
        utils.check_sheet(size, "take fewer people there, or in --cols")


def chosen_layers(args: argparse.Namespace, generator: Generator) -> dict[str, list[int]]:
    """{name of the sheet: layers}."""
    from editing import layers

    with cli.named_by(args, "res", "layers"):
        found = layers.chosen(args.layers, args.res, generator)
    if args.single:
        return {"layers": found or list(range(generator.n_latent))}
    if found:
        return {"grid": found}
    present = [name for name, (first, _) in layers.NAMED.items() if first < generator.n_latent]
    return {f"grid-{name}": layers.parse_layers(name, generator.n_latent) for name in present}


def table(args, generator: Generator, rows: People, columns: People, layers: list[int], drawn) -> list[list[Image]]:
    """The people of the columns above, those of the rows before, the mixed ones between; white in the corner."""
    from PIL import Image as pillow

    import utils
    from editing import people, style_mixing

    first, second = (who.w_plus(generator, args.truncation) for who in (rows, columns))
    mixed = style_mixing.grid(first, second, layers)
    head = people.pictures(generator, second, args.batch, drawn=drawn)
    corner = pillow.new("RGB", head[0].size, utils.PAPER)
    people_before = people.pictures(generator, first, args.batch, drawn=drawn)
    body = [people.pictures(generator, row, args.batch, drawn=drawn) for row in mixed]
    return [[corner, *head], *([person, *row] for person, row in zip(people_before, body))]


def grid_sheet(tables: dict[str, list[list[Image]]], rows: People, columns: People, layers: list[int]) -> Image:
    """The tables of the networks, row by row below one another."""
    import utils

    pictures, names = [], []
    for i, person in enumerate(["", *rows.captions]):
        for name, lines in tables.items():
            pictures += lines[i]
            names.append(f"{person} {name}".strip())
    captions = [""] * (len(tables) - 1) * (len(columns) + 1) + ["", *columns.captions]
    title = f"layers {text_of(layers)} of the person above, the others of the person on the left"
    return utils.sheet(pictures, len(columns) + 1, captions, names, title)


def layers_sheet(args, networks: dict[str, Generator], rows: People, columns: People, layers: list[int], drawn) -> Image:
    """For each pair the first person, then one layer of the second in each column, then the second person."""
    import torch

    import utils
    from editing import people, style_mixing

    rungs = {}
    for name, generator in networks.items():
        first, second = (who.w_plus(generator, args.truncation) for who in (rows, columns))
        firsts, seconds = first.repeat_interleave(len(second), 0), second.repeat(len(first), 1, 1)
        steps = style_mixing.one_by_one(firsts, seconds, layers)
        shown = torch.cat([firsts[:, None], steps, seconds[:, None]], dim=1)
        rungs[name] = [people.pictures(generator, line, args.batch, drawn=drawn) for line in shown]
    pairs = [f"{one} + {other}" for one in rows.captions for other in columns.captions]
    lines = [(f"{names} {name}".strip(), rungs[name][i]) for i, names in enumerate(pairs) for name in networks]
    width = len(layers) + 2
    captions = [""] * (len(lines) - 1) * width + ["first", *[f"layer {layer}" for layer in layers], "second"]
    pictures = [picture for _, line in lines for picture in line]
    return utils.sheet(pictures, width, captions, [name for name, _ in lines], "one layer of the second person in the first")


def save_pairs(args: argparse.Namespace, lines: list[list[Image]], rows: People, columns: People, name: str) -> None:
    """ROW-COLUMN.png of every pair; several tables in a folder each."""
    import utils

    folder = args.outdir if name == "grid" else args.outdir / name.removeprefix("grid-")
    for row, line in zip(rows.file_names(), lines[1:]):
        for column, picture in zip(columns.file_names(), line[1:]):
            utils.save_png(picture, folder / f"{row}-{column}.png", row=row, column=column, **made_by(args))


def made_by(args: argparse.Namespace) -> dict[str, object]:
    names = ("rows", "cols", "truncation", "ckpt", "source")
    return {name: vars(args)[name] for name in names if vars(args)[name] is not None}


def text_of(layers: list[int]) -> str:
    from editing.layers import as_text

    return as_text(layers)


if __name__ == "__main__":
    cli.run(main, parser())

"""Some layers of one person, the others of another: tables of all pairs, or each layer alone.

    python -m scripts.style_mixing --ckpt cartoon.pt --rows 85,100 --cols 55,821
    python -m scripts.style_mixing --ckpt cartoon.pt --source ffhq256.pt --rows me.pt --cols 0-3 --res 4-8
    python -m scripts.style_mixing --ckpt cartoon.pt --rows 0-3 --cols 9 --single

Without --layers and --res, a table each for the coarse layers (pose, shape), the middle ones (features, hair) and the fine
ones (colours). --single shows which layer does what: each column takes one layer of the second person, the rest of the first.
"""

import argparse
from pathlib import Path

import cli
import flags
import progress

TOLD = ("rows", "cols", "truncation", "ckpt", "source")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.style_mixing [flags] --ckpt FILE --rows LIST --cols LIST")
    flags.add_networks(parser)
    group = parser.add_argument_group("people")
    add = group.add_argument
    several = {"required": True, "nargs": "+", "action": "extend", "metavar": "LIST"}
    add("--rows", **several, help="who is changed: seeds, 0-3,100, or latent files (docs/latents.md), or both")
    add("--cols", **several, help="who gives layers: seeds, or latent files")
    flags.add_truncation(group)
    group = parser.add_argument_group("mixing")
    flags.add_layers(group, "taken from --cols")
    group.add_argument("--col_styles", dest="layers", metavar="LIST", help="--layers, as NVIDIA's tool calls it")
    group.add_argument("--single", action="store_true", help="each of the layers alone, one column each")
    group = flags.add_output(parser, "mixed", "grid-coarse.png, ..., grid.png or layers.png, and the pictures of the tables")
    group.add_argument("--sheet_only", action="store_true", help="no single pictures")
    parser.idle_with("--sheet_only", "--single")
    return parser


def main(args: argparse.Namespace) -> Path:
    import drawing
    from editing import layers, people, sheets

    networks = drawing.generators(args)
    *_, child = networks.values()
    rows, columns = (
        people.told(people.together([cli.read(flag, word, people.by_seed_or_file, child) for word in words]))
        for words, flag in ((args.rows, "--rows"), (args.cols, "--cols"))
    )
    chosen = drawing.layers(args, child)
    if args.single:
        chosen = chosen or range(child.n_latent)
        with progress.Bar(len(networks) * len(rows) * len(columns) * (len(chosen) + 2), "pictures") as bar:
            sheet = sheets.single_layers(networks, rows, columns, chosen, drawing.brush(args, bar.update))
        return drawing.save(args, sheet, "layers.png", TOLD, layers=layers.as_text(chosen))

    tables = {"grid": chosen} if chosen else {f"grid-{name}": part for name, part in layers.named(child.n_latent).items()}
    cells = (len(rows) + 1) * (len(columns) + 1) - 1
    written = []
    with progress.Bar(len(networks) * cells * len(tables), "pictures") as bar:
        for name, taken in tables.items():
            alone = people.nobody if args.sheet_only else drawing.saver(args, TOLD, name[len("grid-") :])
            sheet = sheets.mixing_table(networks, rows, columns, taken, drawing.brush(args, bar.update), alone)
            written.append(drawing.save(args, sheet, f"{name}.png", TOLD, layers=layers.as_text(taken)))
    *others, last = written
    for path in others:
        print(path)
    return last


if __name__ == "__main__":
    cli.run(main, parser())

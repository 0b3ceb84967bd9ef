"""Blend a network with the one it was fine-tuned from: a sheet over the swap resolutions, and a checkpoint of one of them.

    python -m scripts.layer_swap --source ffhq256.pt --target cartoon.pt --seeds 0-3
    python -m scripts.layer_swap --source ffhq256.pt --target cartoon.pt --width 1 --loop webp
    python -m scripts.layer_swap --source ffhq256.pt --target cartoon.pt --swap 32 --save toonify.pt

Columns go from the source to the target; "from 32" has the target's weights from 32 px up: photo structure, cartoon texture.
--reverse takes the low resolutions from the target: cartoon shapes, photo texture. Several targets become rows, for example
the checkpoints of one run (training age x swap resolution):
    python -m scripts.layer_swap --source ffhq256.pt --target expr/checkpoints/*.pt --seeds 0

    python -m scripts.layer_swap --source ffhq256.pt --target cartoon.pt --interpolate=-0.5,0.25,0.5,0.75,1.5
    python -m scripts.layer_swap --source ffhq256.pt --target cartoon.pt --features

Cartoon-StyleGAN's swap_layer_num 1, 2, ... is --features --swap 8, 16, ...; the published hard blend at 32 is --swap 64 here.
"""

import argparse
from pathlib import Path

import cli
import flags
import progress
from errors import InputError, named

FPS = 16
BLEND = ("reverse", "swap", "interpolate", "width", "level", "mapping", "features", "rgb")
TOLD = ("source", "target", *BLEND, "seeds", "latents", "truncation")
SWITCHES = ("reverse", "level", "features")  # told where they are on


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.layer_swap [flags] --source FILE --target FILE...")
    add = parser.add_argument_group("networks").add_argument
    add("--source", required=True, metavar="FILE", help="checkpoint of any format: gives the low resolutions")
    add("--target", required=True, nargs="+", metavar="FILE", help="fine-tuned from it: gives the high ones; several are rows")
    add("--reverse", action="store_true", help="low resolutions from the target, high ones from the source")
    group = parser.add_argument_group("blend")
    add = group.add_mutually_exclusive_group().add_argument
    add("--swap", type=cli.numbers(int), metavar="LIST", help="swap resolutions: 16,32 (default: each from the highest to 8)")
    parts = "instead: all weights at these parts of the way, 0.25,0.5; beyond 0 and 1 exaggerates"
    add("--interpolate", type=cli.numbers(), metavar="LIST", help=parts)
    add = group.add_argument
    smooth = "go over smoothly, by a sigmoid this wide; two positions to a resolution, 0.5 to 2 (default: swap hard; --loop: 1)"
    add("--width", type=cli.number(above=0), metavar="X", help=smooth)
    within = "1: swap after the first convolution of the resolution (default: 0)"
    add("--level", type=int, choices=(0, 1), default=0, help=within)
    whose = "mapping network of the low resolutions, the high ones, or between (default: low; --interpolate: blend)"
    add("--mapping", choices=("low", "high", "blend"), help=whose)
    add("--features", action="store_true", help="swap feature maps, not weights: the low network's at that resolution")
    painted = "with --features: whose image of the lower resolutions is painted on (default: high)"
    add("--rgb", choices=("low", "high"), help=painted)
    group = parser.add_argument_group("people")
    flags.add_people(group, seeds=None, usual="0-3; 0 with several targets")
    flags.add_truncation(group)
    group = flags.add_output(parser, "swapped", "sheet.png")
    flags.add_loop(group, "swap.webp, ...: the swap point moves there and back", frames=32, counted="one way")
    group.add_argument("--save", type=cli.new_file, metavar="FILE.pt", help="the network of the one --swap or --interpolate")
    group.add_argument("--overwrite", action="store_true", help="replace the file of --save")
    parser.idle_with("--interpolate --width --level --mapping --save --loop", "--features")
    parser.idle_with("--width --level", "--interpolate")
    parser.needs("--rgb", "--features")
    parser.needs("--overwrite", "--save")
    return parser


def main(args: argparse.Namespace) -> Path:
    import animation
    import checkpoint
    import drawing
    import utils
    from editing import films, layer_swap, people, sheets

    check_flags(args)
    device = cli.read("--device", args.device, utils.choose_device)
    source_file = cli.read("--source", args.source, checkpoint.read_aloud)
    source = source_file.generator().to(device)
    for resolution in args.swap or ():
        with named(f"--swap {resolution}"):
            layer_swap.position(source, resolution)
    kind = "features" if args.features else "interpolate" if args.interpolate else "weights"
    way = layer_swap.Way(kind, args.reverse, args.width, args.level, args.mapping, "giver" if args.rgb == "low" else "receiver")
    stops = way.stops(args.interpolate or args.swap, source)
    with cli.named_by(args, "latents", "seeds"):
        who = people.chosen(args.seeds or ("0-3", "0")[len(args.target) > 1], args.latents, source)
    sheets.check_swap_sheet(source, who, stops, len(args.target))
    if args.loop:
        drawing.check_loop(args, films.swap_loop_size(source, who, args.columns))

    ladders, told = {}, [name for name in TOLD if vars(args)[name] or name not in SWITCHES]
    with progress.Bar(len(args.target) * len(who) * len(stops), "pictures") as bar:
        for name, path in row_names(args.target).items():
            target_file = cli.read("--target", path, checkpoint.read_aloud)
            target = target_file.generator().to(device)
            with named(f"--target {path}"):
                progress.say(layer_swap.report(args.source, path, source, target))
            ladders[name] = sheets.layer_ladder(source, target, who, way, stops, drawing.brush(args, bar.update))
    written = drawing.save(args, sheets.swap_sheet(ladders, who, way, stops), "sheet.png", told)
    if args.save:
        network = way.network(*way.ends(source, target), *(args.swap or args.interpolate))
        contents = layer_swap.contents(network, *way.ends(source_file, target_file), way.whose_mapping)
        checkpoint.write(args.save, contents | {"blend": cli.told(args, told)}, manifest=False)
        print(f"network: {args.save}")
    if args.loop:
        with progress.Bar(args.frames, "frames") as bar:
            frames = films.swap_loop(source, target, who, way, args.frames, args.columns, drawing.brush(args, bar.update))
        print(f"loop: {animation.save(frames, args.outdir / f'swap.{args.loop}', FPS, hold=1 / FPS)}")
    return written


def check_flags(args: argparse.Namespace) -> None:
    """Raises InputError for flags that contradict each other, before any file is read."""
    if len(args.target) > 1 and (args.save or args.loop):
        raise InputError(f"--{'save' if args.save else 'loop'}: takes one --target")
    if args.save and len(args.swap or args.interpolate or ()) != 1:
        raise InputError("--save: which one? Give one --swap resolution, or one --interpolate")
    if args.save and args.save.exists():
        if any(Path(path).exists() and args.save.samefile(path) for path in (args.source, *args.target)):
            raise InputError(f"--save {args.save}: is one of the networks to blend")
        if not args.overwrite:
            raise InputError(f"--save {args.save}: exists; give --overwrite to replace it")


def row_names(targets: list[str]) -> dict[str, str]:
    """{which target a row is of: its file}; nothing to tell of a single one.

    >>> row_names(["a/1.pt", "a/2.pt"]), row_names(["a/1.pt", "b/1.pt"]), row_names(["a/1.pt"])
    ({'1': 'a/1.pt', '2': 'a/2.pt'}, {'a/1.pt': 'a/1.pt', 'b/1.pt': 'b/1.pt'}, {'': 'a/1.pt'})
    """
    if len(targets) == 1:
        return {"": targets[0]}
    by_stem = {Path(path).stem: path for path in targets}
    return by_stem if len(by_stem) == len(targets) else {path: path for path in targets}


if __name__ == "__main__":
    cli.run(main, parser())

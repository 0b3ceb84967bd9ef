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
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from checkpoint import Checkpoint
    from editing.people import People
    from model import Generator

LOOP_WIDTH = 1.0
MARGIN = 5  # widths of the sigmoid beyond the ladder: there the share is below 1 %
FPS = 16
TITLE = "from 1024 px"  # the longest of a loop
LOOP = {"loop", "frames", "columns"}
NOT_OF_THE_PICTURE = {"argv", "command", "config", "given", "outdir", "save", "overwrite", "batch", "device"} | LOOP


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.layer_swap [flags] --source FILE --target FILE...")
    add = parser.add_argument_group("networks").add_argument
    add("--source", required=True, metavar="FILE", help="checkpoint of any format: gives the low resolutions")
    add("--target", required=True, nargs="+", metavar="FILE", help="fine-tuned from it: gives the high ones; several are rows")
    add("--reverse", action="store_true", help="low resolutions from the target, high ones from the source")
    group = parser.add_argument_group("blend")
    add = group.add_mutually_exclusive_group().add_argument
    add("--swap", type=numbers(int), metavar="LIST", help="swap resolutions: 16,32 (default: each from the highest to 8)")
    add(
        "--interpolate",
        type=numbers(float),
        metavar="LIST",
        help="instead: all weights at these parts of the way, 0.25,0.5; beyond 0 and 1 exaggerates",
    )
    add = group.add_argument
    add(
        "--width",
        type=cli.number(above=0),
        metavar="X",
        help=f"go over smoothly, by a sigmoid this wide; two positions to a resolution, 0.5 to 2 (default: swap hard; "
        f"--loop: {LOOP_WIDTH:g})",
    )
    add(
        "--level",
        type=int,
        choices=(0, 1),
        default=0,
        help="1: swap after the first convolution of the resolution (default: 0)",
    )
    add(
        "--mapping",
        choices=("low", "high", "blend"),
        help="mapping network of the low resolutions, the high ones, or between (default: low; --interpolate: blend)",
    )
    add("--features", action="store_true", help="swap feature maps, not weights: the low network's at that resolution")
    add(
        "--rgb",
        choices=("low", "high"),
        help="with --features: whose image of the lower resolutions is painted on (default: high)",
    )
    group = parser.add_argument_group("people")
    add = group.add_mutually_exclusive_group().add_argument
    add("--seeds", metavar="LIST", help="one person a seed: 0-35,100 (default: 0-3; 0 with several targets)")
    add("--latents", nargs="+", action="extend", metavar="FILE", help="or those of latent files (docs/latents.md)")
    group.add_argument(
        "--truncation",
        type=cli.number(),
        default=1.0,
        metavar="PSI",
        help="1: all the variety, 0: the average face (default: 1)",
    )
    add = parser.add_argument_group("output").add_argument
    add("--outdir", type=Path, default=Path("swapped"), metavar="DIR", help="for sheet.png (default: swapped)")
    add("--loop", choices=("webp", "gif", "mp4"), help="also swap.webp, ...: the swap point moves there and back")
    add("--frames", type=cli.number(int, least=2), default=32, metavar="N", help="of the loop, one way (default: 32)")
    add("--columns", type=cli.number(int, least=1), metavar="N", help="people in a row of the loop (default: all)")
    add("--save", type=Path, metavar="FILE.pt", help="write the network of the one --swap or --interpolate")
    add("--overwrite", action="store_true", help="replace the file of --save")
    add("--batch", type=cli.number(int, least=1), default=8, metavar="N", help="drawn at a time (default: 8)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    parser.idle_with("--interpolate --width --level --mapping --save --loop", "--features")
    parser.idle_with("--width --level", "--interpolate")
    parser.needs("--rgb", "--features")
    parser.needs("--frames --columns", "--loop")
    parser.needs("--overwrite", "--save")
    return parser


def main(args: argparse.Namespace) -> Path:

    import animation
    import checkpoint
    import utils
    from editing import people

    check_flags(args)
    device = cli.read("--device", args.device, utils.choose_device)
    source = cli.read("--source", args.source, checkpoint.read_aloud)
    photo = source.generator().to(device)
    swaps = chosen_swaps(args, photo)
    with cli.named_by(args, "latents", "seeds"):
        who = people.chosen(args.seeds or ("0-3", "0")[len(args.target) > 1], args.latents, photo)
        size = utils.sheet_size((photo.size, photo.size), len(args.target) * len(who) * len(swaps), len(swaps))
        utils.check_sheet(size, "take fewer people, --swap or --target")
    if args.loop:
        row = utils.sheet_size((photo.size, photo.size), len(who), loop_columns(args, who), title=TITLE)
        fewer = "fewer people" if args.latents else "fewer people (--seeds)"
        cli.read("--loop", args.loop, animation.check, row, [fewer, "--columns N for several rows"])
    rows, names = [], []
    with progress.Bar(len(args.target) * len(who) * len(swaps), "pictures") as bar:
        for path in args.target:
            target = cli.read("--target", path, checkpoint.read_aloud)
            cartoon = target.generator().to(device)
            progress.say(distance_report(args.source, path, photo, cartoon))
            low, high = (cartoon, photo) if args.reverse else (photo, cartoon)
            columns = [pictures(args, swap, low, high, who, bar.update) for swap in swaps]
            rows += zip(*columns)
            names += [row_name(path, name, args.target, len(who)) for name in who.captions]

    cli.save_command(args, args.outdir)
    if args.save:
        files = (target, source) if args.reverse else (source, target)
        print(f"network: {save(args, low, high, *files)}")
    captions = [""] * (len(swaps) * (len(rows) - 1)) + [caption(args, swap) for swap in swaps]
    sheet = utils.sheet([picture for row in rows for picture in row], len(swaps), captions, names)
    written = utils.save_png(sheet, args.outdir / "sheet.png", **made_by(args))
    if args.loop:
        frames = loop(args, low, high, who)
        print(f"loop: {animation.save(frames, args.outdir / f'swap.{args.loop}', FPS, hold=1 / FPS)}")
    return written


def numbers(kind: type) -> Callable[[str], list]:
    """For `type=`: 16,32 or 0.25,0.5."""
    convert = cli.number(kind)
    return lambda text: [convert(part) for part in text.split(",")]


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


def chosen_swaps(args: argparse.Namespace, generator: "Generator") -> list[float | str]:
    """What each column shows: "low" and "high", and between them resolutions, or parts of the way."""
    if args.interpolate:
        ends = {0: "low", 1: "high"}
        return [ends.get(t, t) for t in sorted({0, 1, *args.interpolate})]
    for resolution in args.swap or ():
        if resolution not in generator.resolutions:
            raise InputError(f"--swap {resolution}: these networks have {', '.join(map(str, generator.resolutions))}")
    return ["low", *sorted(set(args.swap or generator.resolutions[1:]), reverse=True), "high"]


def caption(args: argparse.Namespace, swap: float | str) -> str:
    if isinstance(swap, str):
        return "target" if (swap == "high") != args.reverse else "source"
    return f"{swap:g}" if args.interpolate else f"features {swap}" if args.features else f"from {swap}"


def distance_report(source: str, target: str, photo: "Generator", cartoon: "Generator") -> str:
    from editing import layer_swap

    try:
        distances = layer_swap.level_distances(photo, cartoon)
    except InputError as error:
        raise InputError(f"--target {target}: {error}") from None
    parts = [f"{part}{' px' * part.isdecimal()} {distance:.3f}" for part, distance in distances.items()]
    report = f"{target}: relative distance of its weights: {', '.join(parts)}"
    if warning := layer_swap.warning_of(distances, source, target, "expect no faces in between"):
        report += f"\n{warning}"
    return report


def pictures(args, swap: float | str, low: "Generator", high: "Generator", who: "People", drawn) -> "list[Image]":
    """Everybody in one column."""
    import utils
    from editing import layer_swap, people

    if args.features and not isinstance(swap, str):
        found, rgb = [], "giver" if args.rgb == "low" else "receiver"
        for some in who.w_plus(low, args.truncation).split(args.batch):
            found += utils.to_pictures(layer_swap.swap_features(low, high, some, swap, rgb=rgb))
            drawn(len(some))
        return found
    network = {"low": low, "high": high}.get(swap) or blended(args, swap, low, high)
    return people.pictures(network, who.w_plus(network, args.truncation), args.batch, drawn=drawn)


def blended(args: argparse.Namespace, swap: float, low: "Generator", high: "Generator") -> "Generator":
    from editing import layer_swap

    if args.interpolate:
        return layer_swap.interpolate(low, high, swap, args.mapping or "blend")
    return layer_swap.blend(low, high, swap, args.width, args.level, args.mapping or "low")


def loop(args: argparse.Namespace, low: "Generator", high: "Generator", who: "People") -> "list[Image]":
    """Everybody side by side; the swap point goes from above the highest resolution to below 4x4, and back."""

    import utils
    from editing import layer_swap, people

    way = [step / (args.frames - 1) for step in range(args.frames)]
    width, rungs = args.width or LOOP_WIDTH, 2 * len(low.resolutions)
    frames = []
    for t in progress.through(way, "frames"):
        if args.interpolate:
            network, title = layer_swap.interpolate(low, high, t, args.mapping or "blend"), f"{t:.2f}"
        else:
            at = rungs + MARGIN * width - t * (rungs + 2 * MARGIN * width)
            network = layer_swap.blend_at(low, high, at, width, args.mapping or "low")
            title = f"from {4 * 2 ** (min(max(at, 0), rungs) / 2):.0f} px"
        row = people.pictures(network, who.w_plus(network, args.truncation), args.batch)
        frames.append(utils.sheet(row, loop_columns(args, who), title=title))
    return frames + frames[-2:0:-1]


def loop_columns(args: argparse.Namespace, who: "People") -> int:
    return min(args.columns or len(who), len(who))


def save(
    args: argparse.Namespace, low: "Generator", high: "Generator", low_file: "Checkpoint", high_file: "Checkpoint"
) -> Path:
    """In our layout: g_ema, latent_avg, architecture, the styles of --freezeStyle if any, and how it was made."""
    import checkpoint
    from checkpoint import layouts

    network = blended(args, (args.swap or args.interpolate)[0], low, high)
    mapping = args.mapping or ("blend" if args.interpolate else "low")
    mapped_by = dataclasses.replace(high_file if mapping == "high" else low_file, networks={"g_ema": network.state_dict()})
    contents = layouts.reference(mapped_by) | {"blend": made_by(args)}
    if mapping == "blend":
        contents["latent_avg"] = network.w_avg
    checkpoint.write(args.save, contents, manifest=False)
    return args.save


def row_name(target: str, person: str, targets: list[str], people: int) -> str:
    """The person; with several targets also, or only, which one."""
    if len(targets) == 1:
        return person
    stems = [Path(path).stem for path in targets]
    label = Path(target).stem if len(set(stems)) == len(stems) else target
    return f"{label}, {person}" if people > 1 else label


def made_by(args: argparse.Namespace) -> dict[str, object]:
    """What the picture's text and the saved network tell."""
    chosen = {name: value for name, value in vars(args).items() if value not in (None, False)}
    return {name: value for name, value in chosen.items() if name not in NOT_OF_THE_PICTURE}


if __name__ == "__main__":
    cli.run(main, parser())

"""Move people along directions of W: pictures of both ways, a sheet of many directions, a loop.

    python apply_factor.py --ckpt ffhq256.pt -i 3 -d 5 factor.pt                          # as stylegan2-pytorch: +d, 0, -d
    python apply_factor.py --ckpt cartoon.pt --source ffhq256.pt -i 0-7 factor.pt         # and which index does what
    python apply_factor.py --ckpt cartoon.pt -i 3 --layers coarse --loop webp factor.pt
    python apply_factor.py --ckpt cartoon.pt -i 3 --latents me.pt factor.pt               # a projected photo

Directions come from closed_form_factorization.py (degrees of length 1), scripts.ganspace (degrees of one standard deviation)
or other programs (docs/latents.md); one file serves the source and every network fine-tuned from it. As published, the
truncation shortens the edit too (5 to 3.5 at 0.7); here it does so with --edit_before_trunc only, and a degree keeps its
meaning.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from errors import InputError, named

if TYPE_CHECKING:
    from editing.directions import Directions, Edit
    from editing.sweeps import Scene
    from model import Generator

PEOPLE, PSI = 7, 0.7
DEGREE, SIGMAS = 5.0, 2.0
STEPS_OF_PEOPLE, STEPS_OF_DIRECTIONS = 3, 7
FPS = 24
LONGEST_LABEL = 80  # letters of a file name


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python apply_factor.py [flags] --ckpt FILE FACTOR")
    whole = cli.number(int, least=1)
    add = parser.add_argument_group("networks").add_argument
    add("--ckpt", required=True, metavar="FILE", help="checkpoint of any format; its averaged generator draws")
    add("--source", metavar="FILE", help="the network it was fine-tuned from: draws the same edits in a row above")
    add("--size", type=whole, metavar="PX", help="not needed; an error where it contradicts --ckpt")
    add("--channel_multiplier", type=cli.number(above=0), metavar="X", help="the same")
    add("--ckpt2", metavar="FILE", help="as in Cartoon-StyleGAN: the cartoons' network, where --ckpt is the source")
    group = parser.add_argument_group("edit")
    add = group.add_argument
    add("directions", nargs="?", metavar="FACTOR", help="direction file of this or another program (docs/latents.md)")
    add("--factor", metavar="FILE", help="the same, as a flag")
    add("-i", "--index", default="0", metavar="LIST", help="directions: 3, 0-7,12, or names in the file (default: 0)")
    add(
        "-d",
        "--degree",
        type=cli.number(),
        metavar="D",
        help="how far, both ways (default: 5; of GANSpace 2, in standard deviations; of named edits their range)",
    )
    cli.add_layers(group)
    add("--truncation", type=cli.number(), metavar="PSI", help="1: none, 0: the average face (default: 0.7; 1 with --latents)")
    add("--edit_before_trunc", action="store_true", help="as stylegan2-pytorch: the truncation shortens the edit too")
    add("--centre", action="store_true", help="from the mean of each direction, not from the person: needs scripts.ganspace")
    group = parser.add_argument_group("people")
    group.add_argument(
        "-n", "--n_sample", type=whole, default=PEOPLE, metavar="N", help=f"people, from --seed on (default: {PEOPLE})"
    )
    who = group.add_mutually_exclusive_group()
    who.add_argument("--seed", type=cli.number(int, least=0), default=0, metavar="N", help="the first of them (default: 0)")
    who.add_argument("--seeds", metavar="LIST", help="these people: 0-3,100")
    who.add_argument(
        "--latents", nargs="+", action="extend", metavar="FILE", help="those of latent files, of any program (docs/latents.md)"
    )
    add = parser.add_argument_group("output").add_argument
    add(
        "--out_prefix",
        "--video_name",
        default="factor",
        metavar="NAME",
        help="of NAME_index-0_degree-5.0.png (default: factor)",
    )
    add("--outdir", type=Path, metavar="DIR", help="folder for them, and for command.txt (default: this one)")
    add("--steps", type=cli.number(int, least=2), metavar="N", help="degrees shown (default: 3; 7 on a sheet of directions)")
    add("--loop", choices=("webp", "gif", "mp4"), help="also an animation from -d to +d and back; mp4 needs the extra `video`")
    add("--video", dest="loop", action="store_const", const="mp4", help="as in Cartoon-StyleGAN: --loop mp4")
    add("--save_image", action="store_true", help=argparse.SUPPRESS)  # published; here pictures are always saved
    add("--frames", type=cli.number(int, least=2), default=48, metavar="N", help=f"of it, {FPS} a second (default: 48)")
    add("--columns", type=whole, metavar="N", help="people in a row of it (default: all)")
    add("--batch", type=whole, default=8, metavar="N", help="drawn at a time (default: 8)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    parser.needs("--frames --columns", "--loop")
    parser.idle_with("--n_sample", "--seeds", "--latents")
    parser.idle_with("--edit_before_trunc", "--truncation 1")
    return parser


def main(args: argparse.Namespace) -> Path:

    import utils
    from editing import directions, sweeps

    check_flags(args)
    networks = open_networks(args)
    found = cli.read("--factor", args.factor, directions.read_directions, list(networks.values())[-1])
    print(f"{args.factor}: {found}")
    if args.centre and found.mean is None:
        raise InputError(f"--centre: the directions of {args.factor} have no mean; those of scripts.ganspace have")
    scenes = open_scenes(args, networks, found)
    *_, child = scenes.values()
    edits = choose_edits(args, found, child.generator)
    check_sheet(args, scenes)
    if args.loop:
        check_loop(args, scenes, edits)
    steps, frames = args.steps or STEPS_OF_PEOPLE, args.frames if args.loop else 0
    compared = (args.steps or STEPS_OF_DIRECTIONS) if len(edits) > 1 else 0

    with progress.Bar(len(edits) * len(scenes) * (steps + compared + frames), "rows") as bar:
        for scene in scenes.values():
            scene.drawn = bar.update
        for name, edit in edits.items():
            title = sweeps.described(name, edit, child.generator)
            progress.say(title)
            sheet = sweeps.sheet_of_people(scenes, found, edit, steps, title)
            written = utils.save_png(sheet, file_name(args, name, edit), **made_by(args, title))
            if args.loop:
                progress.say(f"loop: {save_loop(args, scenes, found, name, edit)}")
        if compared:
            title = f"person {child.who.captions[0]}"
            sheet = sweeps.sheet_of_directions(scenes, found, edits, compared, title)
            written = utils.save_png(sheet, file_name(args, args.index, edit), **made_by(args, f"{args.index}, {title}"))
    if written.parent != Path():
        cli.save_command(args, written.parent)
    return written


def check_flags(args: argparse.Namespace) -> None:
    """Settle the two spellings of the factor file and of the networks. Raises InputError where both or neither are given."""
    if not args.factor and not args.directions and len(args.latents or []) > 1:
        args.directions = args.latents.pop()  # --latents me.pt you.pt FACTOR takes all words that follow
    if bool(args.factor) == bool(args.directions):
        raise InputError("FACTOR: name one file of directions; closed_form_factorization.py writes it")
    if args.ckpt2 and args.source:
        raise InputError(f"--ckpt2 {args.ckpt2}: makes --ckpt the source; leave --source out")
    args.factor = args.factor or args.directions
    if args.ckpt2:
        args.source, args.ckpt = args.ckpt, args.ckpt2


def open_networks(args: argparse.Namespace) -> dict[str, Generator]:
    """The generators of --source, where it is given, and of --ckpt."""
    import checkpoint
    import utils
    from editing import layer_swap

    device = cli.read("--device", args.device, utils.choose_device)
    networks = {}
    for name, flag in [("source", "--source"), ("cartoon", "--ckpt")] if args.source else [("", "--ckpt")]:
        path = vars(args)[flag[2:]]
        file = cli.read(flag, path, checkpoint.read_aloud)
        cli.expect(args, file.architecture)
        networks[name] = file.generator().to(device)
    if len({generator.size for generator in networks.values()}) > 1:
        raise InputError(f"--source {args.source}: draws pictures of another size than {args.ckpt}")
    if args.source:
        layer_swap.warn_of_strangers(args.source, args.ckpt, *networks.values())
    return networks


def open_scenes(args: argparse.Namespace, networks: dict[str, Generator], found: Directions) -> dict[str, Scene]:
    """The same people in each network."""
    from editing import directions, people
    from editing.sweeps import Scene

    for name, generator in networks.items():
        flag, path = ("--source", args.source) if name == "source" else ("--ckpt", args.ckpt)
        with named(f"--factor {args.factor} with {flag} {path}"):
            directions.check_fits(found, generator)
    args.seeds = None if args.latents else args.seeds or f"{args.seed}-{args.seed + args.n_sample - 1}"
    with cli.named_by(args, "latents", "seeds"):
        who = people.chosen(args.seeds, args.latents, list(networks.values())[-1])
    if args.truncation is None:
        args.truncation = 1.0 if args.latents else PSI
    shown = {"psi": args.truncation, "edit_before_trunc": args.edit_before_trunc, "centred": args.centre}
    return {name: Scene(generator, who, **shown, batch=args.batch) for name, generator in networks.items()}


def choose_edits(args: argparse.Namespace, found: Directions, generator: Generator) -> dict[str, Edit]:
    """Those of --index, with the layers and the degrees of the other flags, of the file, or of this program."""
    from editing import directions, layers

    with cli.named_by(args, "res", "layers"):
        chosen = layers.chosen(args.layers, args.res, generator)
    edits = cli.read("--index", args.index, directions.parse_edits, found)
    for name, edit in edits.items():
        if args.degree is not None or name not in found.edits:
            degree = args.degree if args.degree is not None else SIGMAS if found.method == "ganspace" else DEGREE
            edit.low, edit.high = -degree, degree
        edit.layers = chosen or edit.layers or found.layers
    return edits


def check_sheet(args: argparse.Namespace, scenes: dict[str, Scene]) -> None:
    """Raises InputError for a sheet that no memory holds, before anything is drawn."""
    import utils

    *_, scene = scenes.values()
    side, people, steps = scene.generator.size, len(scene.who), args.steps or STEPS_OF_PEOPLE
    size = utils.sheet_size((side, side), people * steps * len(scenes), people)
    with cli.named_by(args, "latents", "seeds"):
        utils.check_sheet(size, "take fewer people, or fewer --steps")


def check_loop(args: argparse.Namespace, scenes: dict[str, Scene], edits: dict[str, Edit]) -> None:
    """Raises InputError for a loop that could not be written, before anything is drawn."""
    import animation
    from editing import sweeps

    fewer = "fewer people (--seeds)" if not args.latents else "fewer people"
    for edit in edits.values():
        size = sweeps.loop_size(scenes, edit, args.columns)
        cli.read("--loop", args.loop, animation.check, size, [fewer, "--columns N for several rows"])


def save_loop(args: argparse.Namespace, scenes: dict[str, Scene], found: Directions, name: str, edit: Edit) -> Path:
    import animation
    from editing import sweeps

    pictures = sweeps.loop(scenes, found, edit, args.frames, args.columns)
    return animation.save(pictures, file_name(args, name, edit, args.loop), FPS, hold=1 / FPS)


def file_name(args: argparse.Namespace, name: str, edit: Edit, ending: str = "png") -> Path:
    """As stylegan2-pytorch names them; what a file system could mistake becomes a dash."""
    import filenames

    label = filenames.safe(re.sub(r"[^\w,.-]+", "-", name)[:LONGEST_LABEL])
    return (args.outdir or Path()) / f"{args.out_prefix}_index-{label}_degree-{edit.high}.{ending}"


def made_by(args: argparse.Namespace, edit: str) -> dict[str, object]:
    """For the text chunks of the pictures."""
    known = {name: vars(args)[name] for name in ("ckpt", "source", "factor", "seeds", "latents", "truncation")}
    command = cli.command_line(args)
    return {"edit": edit, **{name: value for name, value in known.items() if value is not None}, "command": command}


if __name__ == "__main__":
    cli.run(main, parser())

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
import filenames
import flags
import progress
from errors import InputError, named

if TYPE_CHECKING:
    from editing.directions import Directions, Edit

PEOPLE, PSI = 7, 0.7
DEGREE = 5.0
SHORTER = {"ganspace": 2.0, "styleclip": 2.0}  # a degree is a standard deviation; what words asked for
STEPS_OF_PEOPLE, STEPS_OF_DIRECTIONS = 3, 7
FPS = 24
LONGEST_LABEL = 80  # letters of a file name
# What moves is the edit of the picture; those of --edit are in its command.
LOOK = tuple(name for name in flags.LOOK if name != "edit")
TOLD = ("ckpt", "source", "factor", "seeds", "latents", "truncation", *LOOK)


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python apply_factor.py [flags] --ckpt FILE FACTOR")
    whole = cli.number(int, least=1)
    group = flags.add_networks(parser)
    flags.add_published_shape(group)
    pair = "as in Cartoon-StyleGAN: the cartoons' network, where --ckpt is the source"
    group.add_argument("--ckpt2", metavar="FILE", help=pair)
    group = parser.add_argument_group("edit")
    add = group.add_argument
    add("directions", nargs="?", metavar="FACTOR", help="direction file of this or another program (docs/latents.md)")
    add("--factor", metavar="FILE", help="the same, as a flag")
    add("-i", "--index", default="0", metavar="LIST", help="directions: 3, 0-7,12, or names in the file (default: 0)")
    degree = "how far, both ways (default: 5; of GANSpace 2, in standard deviations, of words 2; of named edits their range)"
    add("-d", "--degree", type=cli.number(), metavar="D", help=degree)
    flags.add_layers(group)
    add("--truncation", type=cli.number(), metavar="PSI", help="1: none, 0: the average face (default: 0.7; 1 with --latents)")
    add("--edit_before_trunc", action="store_true", help="as stylegan2-pytorch: the truncation shortens the edit too")
    add("--centre", action="store_true", help="from the mean of each direction, not from the person: needs scripts.ganspace")
    flags.add_look(parser)
    group = parser.add_argument_group("people")
    many = f"people, from --seed on (default: {PEOPLE})"
    group.add_argument("-n", "--n_sample", type=whole, default=PEOPLE, metavar="N", help=many)
    either = flags.add_people(group, seeds=None, usual="those of --n_sample and --seed")
    either.add_argument("--seed", type=cli.number(int, least=0), default=0, metavar="N", help="the first of them (default: 0)")
    group = flags.add_output(parser, ".", "pictures, and in another folder than this one command.txt")
    add = group.add_argument
    prefix = "of NAME_index-0_degree-5.0.png (default: factor)"
    add("--out_prefix", "--video_name", default="factor", metavar="NAME", help=prefix)
    add("--steps", type=cli.number(int, least=2), metavar="N", help="degrees shown (default: 3; 7 on a sheet of directions)")
    flags.add_loop(group, "an animation from -d to +d and back", frames=48, counted=f"{FPS} a second")
    add("--video", dest="loop", action="store_const", const="mp4", help="as in Cartoon-StyleGAN: --loop mp4")
    add("--save_image", action="store_true", help=argparse.SUPPRESS)  # published; here pictures are always saved
    parser.idle_with("--n_sample", "--seeds", "--latents")
    parser.idle_with("--edit_before_trunc", "--truncation 1")
    parser.idle_with("--cutoff", "--truncation 1", "--edit_before_trunc")
    return parser


def main(args: argparse.Namespace) -> Path:
    import animation
    import drawing
    import utils
    from editing import directions, sheets, sweeps

    args = settled(args)
    files = drawing.read(args)
    for file in files.values():
        cli.expect(args, file.architecture)
    networks = drawing.generators(args, files)
    *_, child = networks.values()
    found = cli.read("--factor", args.factor, directions.read_directions, child)
    print(f"{args.factor}: {found}")
    if args.centre and found.mean is None:
        raise InputError(f"--centre: the directions of {args.factor} have no mean; those of scripts.ganspace have")
    for name, generator in networks.items():
        flag, path = ("--source", args.source) if name == "source" else ("--ckpt", args.ckpt)
        with named(f"--factor {args.factor} with {flag} {path}"):
            directions.check_fits(found, generator)
    networks = drawing.swapped(args, networks)
    who, look = drawing.people(args, networks), drawing.look(args, child)
    edits = cli.read("--index", args.index, directions.parse_edits, found)
    settle_edits(args, edits, found, drawing.layers(args, child))
    steps, frames = args.steps or STEPS_OF_PEOPLE, args.frames if args.loop else 0
    compared = (args.steps or STEPS_OF_DIRECTIONS) if len(edits) > 1 else 0
    sheets.check(networks, len(who), steps, "take fewer people, or fewer steps")
    for edit in edits.values() if args.loop else ():
        drawing.check_loop(args, sweeps.loop_size(networks, who, edit, args.columns))

    told = cli.told(args, TOLD) | {"command": cli.command_line(args)}
    with progress.Bar(len(edits) * len(networks) * (steps + compared + frames), "rows") as bar:
        how = (args.truncation, args.edit_before_trunc, args.centre, args.batch, bar.update, look)
        scenes = {name: sweeps.Scene(generator, who, *how) for name, generator in networks.items()}
        for name, edit in edits.items():
            title = sweeps.described(name, edit, child)
            progress.say(title)
            sheet = sweeps.sheet_of_people(scenes, found, edit, steps, title)
            written = utils.save_png(sheet, file_name(args, name, edit), edit=title, **told)
            if args.loop:
                film = sweeps.loop(scenes, found, edit, args.frames, args.columns)
                path = animation.save(film, file_name(args, name, edit, args.loop), FPS, hold=1 / FPS)
                progress.say(f"loop: {path}")
        if compared:
            title = f"person {who.captions[0]}"
            sheet = sweeps.sheet_of_directions(scenes, found, edits, compared, title)
            written = utils.save_png(sheet, file_name(args, args.index, edit), edit=f"{args.index}, {title}", **told)
    if written.parent != Path():
        cli.save_command(args, written.parent)
    return written


def settled(args: argparse.Namespace) -> argparse.Namespace:
    """One spelling of factor, networks, people and truncation. Raises InputError where both spellings or none are given."""
    factor, latents = args.directions, args.latents
    if not args.factor and not factor and len(latents or []) > 1:
        *latents, factor = latents  # --latents me.pt you.pt FACTOR takes all words that follow
    if bool(args.factor) == bool(factor):
        raise InputError("FACTOR: name one file of directions; closed_form_factorization.py writes it")
    if args.ckpt2 and args.source:
        raise InputError(f"--ckpt2 {args.ckpt2}: makes --ckpt the source; leave --source out")
    source, ckpt = (args.ckpt, args.ckpt2) if args.ckpt2 else (args.source, args.ckpt)
    seeds = None if latents else args.seeds or f"{args.seed}-{args.seed + args.n_sample - 1}"
    usual = 1.0 if latents else PSI
    chosen = {"factor": args.factor or factor, "latents": latents, "source": source, "ckpt": ckpt, "seeds": seeds}
    chosen["truncation"] = usual if args.truncation is None else args.truncation
    if args.edit_before_trunc and chosen["truncation"] == 1:
        raise InputError("--edit_before_trunc: has no effect with --truncation 1, which is the default of --latents")
    return argparse.Namespace(**vars(args) | chosen)


def settle_edits(args: argparse.Namespace, edits: dict[str, Edit], found: Directions, layers: list[int] | None) -> None:
    """Layers and degrees of the flags, else of the file, else of this program."""
    for name, edit in edits.items():
        if args.degree is not None or name not in found.edits:
            degree = args.degree if args.degree is not None else SHORTER.get(found.method, DEGREE)
            edit.low, edit.high = -degree, degree
        edit.layers = layers or edit.layers or found.layers


def file_name(args: argparse.Namespace, name: str, edit: Edit, ending: str = "png") -> Path:
    """As stylegan2-pytorch names them; what a file system could mistake becomes a dash."""
    label = filenames.safe(re.sub(r"[^\w,.-]+", "-", name)[:LONGEST_LABEL])
    return args.outdir / f"{args.out_prefix}_index-{label}_degree-{edit.high}.{ending}"


if __name__ == "__main__":
    cli.run(main, parser())

"""A film that walks from person to person.

    python -m scripts.interpolate --ckpt cartoon.pt --seeds 0-5 --loop
    python -m scripts.interpolate --ckpt cartoon.pt --source ffhq256.pt --seeds 3,7,12 --loop --format mp4
    python -m scripts.interpolate --ckpt cartoon.pt --latents me_and_you.pt --interp lerp
    python -m scripts.interpolate --ckpt cartoon.pt --seeds 0-5 --space z

In w it walks along straight lines or a spline, in z along arcs of the sphere. It passes exactly through every person;
keyframes.png shows them.
"""

import argparse
from pathlib import Path

import cli
import flags
import progress
from errors import InputError, named

USUAL = {"w": "spline", "z": "slerp"}
HOLD = 1.0  # seconds for the last picture of a film that does not loop
TOLD = ("latents", "seeds", "space", "interp", "loop", "truncation", "ckpt", "source")


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.interpolate [flags] --ckpt FILE")
    count = cli.number(int, least=1, most=flags.MOST_FRAMES)
    flags.add_networks(parser)
    group = parser.add_argument_group("people")
    flags.add_people(group, seeds="0-5")
    flags.add_truncation(group)
    add = parser.add_argument_group("walk").add_argument
    add("--space", choices=("w", "z"), default="w", help="where it walks (default: w)")
    ways = "straight, smooth, or along the sphere of z (default: spline; slerp)"
    add("--interp", choices=("lerp", "spline", "slerp"), help=ways)
    add("--loop", action="store_true", help="back to the first person at the end, so that the film can go on for ever")
    add("--frames", type=count, default=24, metavar="N", help="from one person to the next (default: 24)")
    add("--fps", type=cli.number(above=0, most=100), default=24.0, metavar="X", help="frames a second (default: 24)")
    add = flags.add_output(parser, "walk", "walk.webp and keyframes.png").add_argument
    add("--format", choices=("webp", "gif", "mp4"), default="webp", help="mp4 needs the extra `video` (default: webp)")
    return parser


def main(args: argparse.Namespace) -> Path:
    import animation
    import drawing
    from editing import films, people

    args.interp = args.interp or USUAL[args.space]
    if args.space == "w" and args.interp == "slerp":
        raise InputError("--interp slerp: is for the sphere of --space z; w takes lerp or spline")
    networks = drawing.generators(args)
    who = drawing.people(args, networks)
    if len(who) < 2:
        raise InputError(f"{'--latents' if args.latents else '--seeds'}: a walk needs two people or more")
    smaller = ["one network without --source"] * bool(args.source)
    cli.read("--format", args.format, animation.check, films.walk_size(networks), smaller, args.frames * len(who))
    with named(f"--fps {args.fps:g}"):
        animation.check_pace(args.format, args.fps)
    with cli.named_by(args, "latents", "seeds"):
        paths = films.walks(networks, who, args.frames, args.space, args.interp, args.loop, args.truncation)
    keyframes = films.keyframes(networks, paths, args.frames, who, drawing.brush(args, people.nobody))
    print(drawing.save(args, keyframes, "keyframes.png", TOLD))
    with progress.Bar(sum(map(len, paths.values())), "frames") as bar:
        frames = films.side_by_side(networks, paths, drawing.brush(args, bar.update))
        hold = 1 / args.fps if args.loop else HOLD
        return animation.save(frames, args.outdir / f"walk.{args.format}", args.fps, hold)


if __name__ == "__main__":
    cli.run(main, parser())

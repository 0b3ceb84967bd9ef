"""Change people by words: their latents move until CLIP says that the pictures fit (StyleCLIP).

    python -m scripts.styleclip --ckpt ffhq256.pt --words "a smiling face" --seeds 0-3
    python -m scripts.styleclip --ckpt cartoon.pt --source ffhq256.pt --latents projected/latents.pt \\
        --words "a face with a beard" "an angry face" --strengths=-1:2:7 --layers 2-7

With --source it is searched in the network of photos, where CLIP knows more, and both draw what was found. A column for each
strength: 0 is the person, 1 what was found, beyond it is exaggerated. The words become sliders for anybody:
    python apply_factor.py --ckpt cartoon.pt -i "a smiling face" styleclip/words.pt
    python -m scripts.generate --ckpt cartoon.pt --edit "styleclip/words.pt:a smiling face=1" --seeds 5
CLIP's weights are a file of their own (docs/words.md).
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
import newfolder
import progress
from errors import InputError

if TYPE_CHECKING:
    from editing.styleclip import Found

PSI, STRENGTHS = 0.7, "0:1.5:5"
STEPS, LR, L2 = 300, 0.1, 0.008  # as published
TOLD = (
    *("words", "clip", "layers", "res", "step", "lr", "l2_lambda"),
    *("ckpt", "source", "seeds", "latents", "truncation", *flags.LOOK),
)


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.styleclip [flags] --ckpt FILE --words TEXT")
    flags.add_networks(parser)
    group = parser.add_argument_group("words")
    add = group.add_argument
    text = 'what the people shall look like, one or several: "a smiling face" "an old man"'
    add("--words", "--description", nargs="+", action="extend", required=True, metavar="TEXT", help=text)
    flags.add_clip(group)
    add("--legacy", action="store_true", help="prepare pictures for CLIP as StyleCLIP's program does")
    flags.add_layers(group, "moved")
    shown = f"a column for each strength: 0,1,2 or FIRST:LAST:COUNT (default: {STRENGTHS})"
    add("--strengths", type=cli.series, default=STRENGTHS, metavar="LIST", help=shown)
    flags.add_look(parser)
    group = parser.add_argument_group("people")
    flags.add_people(group, seeds="0")
    psi = "1: none, 0: the average face (default: 0.7; 1 with --latents)"
    group.add_argument("--truncation", type=cli.number(), metavar="PSI", help=psi)
    add = parser.add_argument_group("search").add_argument
    add("--step", type=cli.number(int, least=1), default=STEPS, metavar="N", help=f"steps of Adam (default: {STEPS})")
    add("--lr", type=cli.number(above=0), default=LR, metavar="X", help=f"highest learning rate (default: {LR})")
    kept = f"weight of the distance from the person, squared; 0 lets go (default: {L2})"
    add("--l2_lambda", type=cli.number(least=0), default=L2, metavar="X", help=kept)
    add("--at_once", type=cli.number(int, least=1), default=1, metavar="N", help="people searched at a time (default: 1)")
    group = flags.add_new_folder(parser, "styleclip", "words.pt")
    group.add_argument("--batch", type=cli.number(int, least=1), default=8, metavar="N", help="drawn at a time (default: 8)")
    parser.idle_with("--cutoff", "--truncation 1")
    return parser


def main(args: argparse.Namespace) -> Path:
    import torch

    import checkpoint
    import drawing
    from editing import directions, latents, sheets, styleclip, sweeps
    from vision import clip_files

    args = settled(args)
    networks = drawing.generators(args)
    name, first = next(iter(networks.items()))
    networks = drawing.swapped(args, networks)
    who, look = drawing.people(args, networks), drawing.look(args, first)
    layers = drawing.layers(args, first)
    sheets.check(networks, len(args.strengths), len(who) * len(args.words), "take fewer people, words or strengths")
    with cli.named_by(args, "clip"):
        clip = clip_files.load(args.clip, args.legacy).to(first.device)
        clip.eyes(torch.zeros(1, 3, first.size, first.size, device=first.device))
    wanted = {words: cli.read("--words", words, lambda text: clip.words([text])[0]) for words in args.words}

    how = {"batch": args.batch, "look": look}
    scenes = {row: sweeps.Scene(network, who, args.truncation, **how) for row, network in networks.items()}
    start, noise = scenes[name].w_plus, scenes[name].noise or first.stored_noise()
    steps = len(args.words) * -(-len(who) // args.at_once) * args.step
    seconds = styleclip.seconds_of_a_step(first, clip.eyes, wanted[args.words[0]], start[: args.at_once], noise)
    print(
        f"CLIP {clip.name}: {steps} steps of {seconds:.2g} s on {first.device}, {progress.told_time(steps * seconds)} in all",
        flush=True,
    )
    moved, fits = {}, {}
    with progress.Bar(steps, "steps") as bar:
        how = {
            "layers": layers,
            "search": styleclip.Search(args.step, args.lr, args.l2_lambda),
            "stepped": partial(step_on, bar),
        }
        for words, found in until_stopped(styleclip.find_each(first, clip.eyes, wanted, start, noise, args.at_once, **how)):
            moved[words], fits[words] = found.moved, found.fits
            progress.say(f"{words}: fits {found.fits[0].mean():.3f} -> {found.fits[-1].mean():.3f}")
    if not moved:
        raise KeyboardInterrupt
    found = styleclip.as_directions(moved, who.captions, layers, max(map(abs, args.strengths)) or 1.0)
    found.ckpt, found.command = checkpoint.fingerprint(first.state_dict()), cli.command_line(args)

    sheet = styleclip.sheet(scenes, found, [*moved], args.strengths)
    drawing.save(args, sheet, "sheet.png", TOLD, strengths=",".join(f"{strength:g}" for strength in args.strengths))
    styleclip.save_fits(args.outdir, who.captions, fits)
    everyone = [f"{person} {words}" for words in moved for person in who.names]
    changed = torch.cat([start + moves for moves in moved.values()]).cpu()
    latents.save_latents(args.outdir / "latents.pt", changed, space="w+", names=everyone, ckpt=found.ckpt, truncated=True)
    written = directions.save_directions(args.outdir / "words.pt", found)
    if len(moved) < len(args.words):
        raise InputError(f"interrupted; {written} holds {', '.join(moved)}")
    print(f"strengths side by side: {args.outdir / 'sheet.png'}; sliders: {', '.join(found.edits)}")
    return written


def settled(args: argparse.Namespace) -> argparse.Namespace:
    """With a folder, and the truncation of these people. Raises InputError for words that are said twice."""
    if double := next((words for words in args.words if args.words.count(words) > 1), None):
        raise InputError(f"--words {double}: said twice")
    psi = (1.0 if args.latents else PSI) if args.truncation is None else args.truncation
    outdir = newfolder.choose(args.outdir, "styleclip", "words.pt", args.overwrite)
    return argparse.Namespace(**vars(args) | {"truncation": psi, "outdir": outdir})


def until_stopped(found: Iterator[tuple[str, Found]]) -> Iterator[tuple[str, Found]]:
    """Ctrl-C and SIGTERM end the search; what was found for some words by then is kept."""
    with cli.sigterm_interrupts(), contextlib.suppress(KeyboardInterrupt):
        yield from found


def step_on(bar: progress.Bar, fit: float) -> None:
    bar.show(note=f"fits {fit:.3f}")
    bar.update()


if __name__ == "__main__":
    cli.run(main, parser())

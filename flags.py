"""Flags that the drawing commands share: networks, people, how they are drawn, and where to. Imports no torch.

    parser = cli.Parser(__doc__, "python -m scripts.truncation [flags] --ckpt FILE")
    flags.add_networks(parser)
    flags.add_people(parser.add_argument_group("people"), seeds="0-3")
    flags.add_output(parser, "truncated", "sheet.png")

`drawing` reads what they name.
"""

import argparse
from pathlib import Path

import cli

MOST_FRAMES = 100_000  # more than an hour
LATENTS = "or those of latent files: projector.py's, pSp's, e4e's, NVIDIA's (docs/latents.md)"


def add_networks(parser: cli.Parser, several: bool = False) -> argparse._ArgumentGroup:
    """--ckpt and --source. several: --ckpt takes more than one file, each a row of its own."""
    group = parser.add_argument_group("networks")
    kind = "checkpoint of any format; its averaged generator draws"
    if several:
        more = f"{kind}; several: a row for each, on one sheet"
        group.add_argument("--ckpt", required=True, nargs="+", metavar="[NAME=]FILE", help=more)
    else:
        group.add_argument("--ckpt", required=True, metavar="FILE", help=kind)
    group.add_argument("--source", metavar="FILE", help="the network it was fine-tuned from: draws the same people above")
    return group


def add_people(group: argparse._ArgumentGroup, seeds: str | None, usual: str = "") -> argparse._MutuallyExclusiveGroup:
    """--seeds and --latents. usual: the default in words, where the command decides it"""
    either = group.add_mutually_exclusive_group()
    text = f"one person a seed: 0-35,100 (default: {usual or seeds})"
    either.add_argument("--seeds", default=seeds, metavar="LIST", help=text)
    either.add_argument("--latents", nargs="+", action="extend", metavar="FILE", help=LATENTS)
    return either


def add_truncation(
    group: argparse._ArgumentGroup,
    text: str = "1: all the variety, 0: the average face",
    default: float | None = 1.0,
    usual: str = "1",
) -> None:
    """--truncation. usual: the default, in words"""
    group.add_argument("--truncation", type=cli.number(), default=default, metavar="PSI", help=f"{text} (default: {usual})")


def add_look(parser: cli.Parser) -> argparse._ArgumentGroup:
    """What is changed in people, and in the network of cartoons, before it draws; `drawing.look` and `.swapped` read it."""
    group = parser.add_argument_group("what is changed")
    add = group.add_argument
    several = {"nargs": "+", "action": "extend"}
    add("--cutoff", type=cli.number(int, least=0), metavar="N", help="only layers below N are truncated (default: all)")
    further = "along a direction of a file, by number or name, on its layers or on those given; several add up"
    add("--edit", **several, metavar="FILE:WHICH=DEGREE[:LAYERS]", help=further)
    add("--mix", metavar="WHO", help="a seed, or the file of one latent: gives everybody the layers of --mix_layers")
    add("--mix_layers", metavar="LIST", help="0-3,8 or coarse, middle, fine (default: coarse)")
    add("--no_noise", action="store_const", const=True, help="draw without noise")
    swap = "below this resolution the source draws, see scripts.layer_swap (default: nowhere)"
    add("--swap", type=cli.number(int, least=4), metavar="RES", help=swap)
    add("--width", type=cli.number(above=0), metavar="X", help="go over smoothly, 0.5 to 2 (default: at once)")
    parser.needs("--mix_layers", "--mix")
    parser.needs("--swap", "--source")
    parser.needs("--width", "--swap")
    return group


LOOK = ("cutoff", "edit", "mix", "mix_layers", "no_noise", "swap", "width")  # the flags of `add_look`
CARTOON = (  # what the pictures of one photo tell, beside its name
    *("source", "target", "encoder", "swap", "width", "space", "wplus_reg", "encoder_reg", "tune", "carry", "truncation"),
    *("reach", "perceptual", "precision", "step", "seed"),
)
PERSON = ("latents", "truncation", "ckpt", *LOOK)  # what the picture of one person tells, beside who it is


def add_layers(group: argparse._ArgumentGroup, verb: str = "edited") -> None:
    """--layers and --res, two ways to choose layers of a generator; editing.layers.chosen resolves them."""
    add = group.add_mutually_exclusive_group().add_argument
    add("--layers", metavar="LIST", help=f"layers that are {verb}: 0-3,8 or coarse, middle, fine (default: all)")
    add("--res", metavar="LIST", help=f"the same by resolution: 4-32 or 8,16; the convolutions there are {verb}")


def add_output(parser: cli.Parser, outdir: str, files: str) -> argparse._ArgumentGroup:
    """--outdir, --batch and --device; the group, for more."""
    group = parser.add_argument_group("output")
    add = group.add_argument
    add("--outdir", type=cli.out_folder, default=Path(outdir), metavar="DIR", help=f"for {files} (default: {outdir})")
    add("--batch", type=cli.number(int, least=1), default=8, metavar="N", help="drawn at a time (default: 8)")
    add_device(group)
    return group


def add_new_folder(parser: cli.Parser, default: str, replaced: str) -> argparse._ArgumentGroup:
    """--outdir, --overwrite and --device of who writes into a folder of its own each time; the group, for more."""
    group = parser.add_argument_group("output")
    text = f"folder for all files (default: {default}, then {default}-2, ...)"
    group.add_argument("--outdir", type=cli.out_folder, metavar="DIR", help=text)
    group.add_argument("--overwrite", action="store_true", help=f"replace {replaced} in it")
    add_device(group)
    return group


def add_distance(parser: cli.Parser, group: argparse._ArgumentGroup) -> None:
    """--perceptual and --vgg; `vision.perceptual.choose` takes them."""
    add = group.add_argument
    add("--perceptual", choices=("lpips", "disc", "mse"), help="distance of pictures (default: the first that can be had)")
    add("--vgg", type=cli.existing_file, metavar="FILE", help="VGG16 for lpips (default: networks/, then torch hub's cache)")
    parser.idle_with("--vgg", "--perceptual disc", "--perceptual mse")


def add_pace(group: argparse._ArgumentGroup) -> None:
    """--precision, of which `utils.compute_dtype` knows the type, and --no_graphs."""
    text = "while it searches, of the networks and of disc; the bf16 of AMX pays at 256 px (default: fp32)"
    group.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help=text)
    group.add_argument("--no_graphs", action="store_true", help="no CUDA graphs on a GPU: slower, in less memory")


def add_encoder(parser: cli.Parser, group: argparse._ArgumentGroup, usual: str) -> None:
    """--encoder and --encoder_reg. usual: the default in words, see `shipped.encoder_of`"""
    add = group.add_argument
    begin = "begin with what it says of the photo; scripts.train_encoder trains one; none: with the average face"
    add("--encoder", metavar="FILE", help=f"{begin} (default: {usual}, else none)")
    near = "weight that holds the search where the encoder would say the same (default: 0)"
    add("--encoder_reg", type=cli.number(least=0), metavar="X", help=near)
    parser.needs("--encoder_reg", "--encoder")


def add_clip(group: argparse._ArgumentGroup) -> None:
    """--clip; `vision.clip_files.load` reads it."""
    text = "CLIP's weights: a file, a folder of open_clip, or MODEL/TAG in its cache, docs/words.md (default: ViT-B-32/openai)"
    group.add_argument("--clip", metavar="FILE", help=text)


def add_published_shape(group: argparse._ArgumentGroup) -> None:
    """--size and --channel_multiplier, which `cli.expect` compares with the file."""
    size, width = cli.number(int, least=1), cli.number(above=0)
    group.add_argument("--size", type=size, metavar="PX", help="not needed; an error where it contradicts --ckpt")
    group.add_argument("--channel_multiplier", type=width, metavar="X", help="the same")


def add_device(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")


def add_loop(group: argparse._ArgumentGroup, film: str, frames: int, counted: str) -> None:
    """--loop, --frames and --columns: a film beside the sheet. counted: what the frames are counted of"""
    add, whole = group.add_argument, cli.number(int, least=2, most=MOST_FRAMES)
    add("--loop", choices=("webp", "gif", "mp4"), help=f"also {film}; mp4 needs the extra `video`")
    add("--frames", type=whole, default=frames, metavar="N", help=f"of the loop, {counted} (default: {frames})")
    add("--columns", type=cli.number(int, least=1), metavar="N", help="people in a row of the loop (default: all)")
    group.needs("--frames --columns", "--loop")

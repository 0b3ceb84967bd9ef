"""Render synthetic faces of the same people: photo-like (domain A), cartoons (B), or plainer cartoons (C).

The same seed gives the same people in all domains, and the same files every time:
    python -m scripts.render_faces --domain B --n 250 --seed 1 --out faces/cartoons
    python -m scripts.render_faces --domain A --n 20000 --out faces/photos
"""

import argparse
from pathlib import Path

import cli
import progress
from errors import InputError

CHUNK = 256  # faces rendered between two steps of the progress bar


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m scripts.render_faces [flags] --out DIR")
    whole = cli.number(int, least=1)
    add = parser.add_argument_group("faces").add_argument
    add("--domain", choices=("A", "B", "C"), default="A", help="A: photo-like, B: cartoon, C: plainer (default: A)")
    add("--n", type=whole, default=250, metavar="N", help="how many (default: 250)")
    add("--size", type=cli.number(int, least=8), default=64, metavar="PX", help="side, a multiple of 8 (default: 64)")
    add("--seed", type=cli.number(int, least=0, most=2**32 - 1), default=0, metavar="N", help="which people (default: 0)")
    calm = "heads face the viewer, calmly and without glasses: fewer are enough to learn from"
    add("--portraits", action="store_true", help=calm)
    usual = "hair, skin, beards, eyes and smiles as often as in photos of people (default: all equally often)"
    add("--like_photos", action="store_true", help=usual)
    add("--out", type=cli.out_folder, required=True, metavar="DIR", help="folder for 00000.png, 00001.png, ...")
    add("--overwrite", action="store_true", help="write into a folder that is not empty")
    return parser


def main(args: argparse.Namespace) -> Path:
    import utils
    from faces.rendered.synthetic import as_portraits, render, sample_attributes, sample_people

    if args.size % 8:
        raise InputError(f"--size {args.size}: must be a multiple of 8")
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out {args.out}: is a file; name a folder")
    if args.out.exists() and any(args.out.iterdir()) and not args.overwrite:
        raise InputError(f"--out {args.out}: is not empty; give another folder, or --overwrite")
    attributes = (sample_people if args.like_photos else sample_attributes)(args.n, args.seed)
    attributes = as_portraits(attributes) if args.portraits else attributes
    with progress.Bar(args.n, "faces") as bar:
        for first in range(0, args.n, CHUNK):
            some = {name: values[first : first + CHUNK] for name, values in attributes.items()}
            images = render(some, args.size, args.domain, args.seed, first)
            for index, picture in enumerate(utils.to_pictures(images), first):
                utils.save_png(picture, args.out / f"{index:05d}.png")
            bar.update(len(images))
    return args.out


if __name__ == "__main__":
    cli.run(main, parser())

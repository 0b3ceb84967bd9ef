"""What each --format of prepare_data.py costs: bytes, time to write and to read, and the worst error of a level.

python -m benchmarks.formats                       # rendered photos and cartoons
python -m benchmarks.formats --size 64 FOLDER      # pictures of one's own
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import cli

HEADER = "| pictures | format | KiB each | to write, ms | to read, ms | worst error of 255 |\n|---|---|---|---|---|---|"


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.formats [flags] [PATH...]")
    count = cli.number(int, least=1)
    add = parser.add_argument_group("measurement").add_argument
    add("paths", nargs="*", type=Path, metavar="PATH", help="pictures, or folders, zips and films (default: rendered faces)")
    add("--size", type=cli.number(int, least=8), default=256, metavar="PX", help="side (default: 256)")
    add("--count", type=count, default=16, metavar="N", help="pictures of each kind (default: 16)")
    add("--rounds", type=count, default=5, metavar="N", help="of which the fastest counts (default: 5)")
    return parser


def main(args: argparse.Namespace) -> None:
    import prepare_data

    options = prepare_data.parser().parse_args(["--out", "none", "none"])
    print(HEADER)
    for kind, tiles in (named(args) if args.paths else rendered(args)).items():
        for options.format in prepare_data.ENCODINGS:
            print(f"| {kind} | {options.format} | {row(tiles, lambda tile: prepare_data.encode(tile, options), args.rounds)} |")


def row(tiles: list, encode: Callable, rounds: int) -> str:
    """Processor time of one picture, the fastest round."""
    import numpy as np
    from PIL import Image

    def pixels(data: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def fastest(function: Callable, inputs: list) -> float:
        times = []
        for _ in range(rounds):
            began = time.process_time()
            for picture in inputs:
                function(picture)
            times.append(time.process_time() - began)
        return 1000 * min(times) / len(inputs)

    stored = [encode(tile) for tile in tiles]
    errors = [np.abs(pixels(data).astype(int) - np.asarray(tile)).max() for data, tile in zip(stored, tiles)]
    kib = sum(map(len, stored)) / len(stored) / 1024
    return f"{kib:.1f} | {fastest(encode, tiles):.1f} | {fastest(pixels, stored):.2f} | {max(errors)}"


def named(args: argparse.Namespace) -> dict[str, list]:
    from data.squares import square
    from faces.photos import Album

    tiles = [square(photo.picture, args.size) for _, (_, photo) in zip(range(args.count), Album(args.paths))]
    return {f"{len(tiles)} of {args.paths[0].name}": tiles}


def rendered(args: argparse.Namespace) -> dict[str, list]:
    import utils
    from data.squares import square
    from faces.rendered.synthetic import render, sample_attributes

    attributes, side = sample_attributes(args.count, 0), -(-args.size // 8) * 8
    return {
        name: [square(picture, args.size) for picture in utils.to_pictures(render(attributes, side, domain, 0))]
        for domain, name in (("A", "rendered photos"), ("B", "rendered cartoons"))
    }


if __name__ == "__main__":
    cli.run(main, parser())

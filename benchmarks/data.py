"""Time the stream of training images: decoded from an LMDB, and from memory after that.

python -m benchmarks.data
python -m benchmarks.data --size 64 --batch 32 --threads 2
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import cli


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.data [flags]")
    count = cli.number(int, least=1)
    add = parser.add_argument_group("measurement").add_argument
    add("--size", type=cli.number(int, least=8), default=256, metavar="PX", help="side of the images (default: 256)")
    add("--images", type=count, default=128, metavar="N", help="in the data set (default: 128)")
    add("--batch", type=count, default=16, metavar="N", help="images in a batch (default: 16)")
    add("--threads", type=count, default=1, metavar="N", help="that make batches (default: 1)")
    add("--seconds", type=cli.number(float, above=0), default=5, metavar="N", help="for each figure (default: 5)")
    return parser


def main(args: argparse.Namespace) -> None:
    import torch

    from dataset import Batches, open_images

    torch.set_num_threads(1)
    print(f"{args.size} px, batch {args.batch}, {args.threads} thread{'s' * (args.threads > 1)}; images per second")
    print(f"{'':<24}{'of the processor':>18}{'of the wall':>14}")
    with tempfile.TemporaryDirectory() as folder:
        images = open_images(write_lmdb(Path(folder), args.size, args.images), args.size)
        for name, memory in (("from an LMDB", 0), ("from memory", 2**33)):
            with Batches(images, args.batch, workers=args.threads, memory=memory) as batches:
                for _ in range(-(-2 * args.images // args.batch)):  # every image was seen
                    next(batches)
                processor, wall = images_per_second(batches, args.batch, args.seconds)
            print(f"{name:<24}{processor:>18,.0f}{wall:>14,.0f}", flush=True)


def write_lmdb(folder: Path, size: int, count: int) -> Path:
    """Rendered faces, stored as prepare_data.py does by default."""
    import prepare_data
    from scripts import render_faces

    faces, stored = folder / "faces", folder / "faces.lmdb"
    side = -(-size // 8) * 8
    cli.run(render_faces.main, render_faces.parser(), f"--domain A --n {count} --size {side} --out {faces}".split())
    cli.run(prepare_data.main, prepare_data.parser(), f"--out {stored} --size {size} {faces}".split())
    return stored


def images_per_second(batches, batch: int, seconds: float) -> tuple[float, float]:
    """(by time of the processor, by the wall clock)."""
    wall, processor = time.perf_counter(), time.process_time()
    for number in itertools.count(1):
        next(batches)
        if time.perf_counter() - wall > seconds:
            return number * batch / (time.process_time() - processor), number * batch / (time.perf_counter() - wall)


if __name__ == "__main__":
    cli.run(main, parser())

"""Cut pictures to squares and store them in an LMDB for training.

python prepare_data.py --out faces.lmdb --n_worker 4 --size 64,128 DIR
"""

import argparse
import io
from pathlib import Path

import lmdb

import cli
from faces import store
from faces.decode import RESAMPLE, Unreadable, square
from faces.sources import open_source


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__)
    parser.add_argument("path", type=Path, metavar="PATH", help="folder (nested or flat) or zip of pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="LMDB", help="data set to write")
    parser.add_argument("--size", default="128,256,512,1024", metavar="N,N", help="sides in pixels (default: %(default)s)")
    parser.add_argument("--n_worker", type=cli.number(int, least=1), default=8, metavar="N", help="processes (default: 8)")
    parser.add_argument("--resample", choices=RESAMPLE, default="lanczos", help="filter (default: lanczos)")
    return parser


def main(args: argparse.Namespace) -> Path:
    sizes = [int(size) for size in args.size.split(",")]
    source = open_source(args.path)
    environment = lmdb.open(str(args.out), map_size=2**34, lock=False)
    stored = 0
    with environment.begin(write=True) as transaction:
        for item in source.items:
            try:
                picture = source.picture(item).picture
            except Unreadable as reason:
                print(f"{item.name}: {reason}")
                continue
            for size in sizes:
                encoded = io.BytesIO()
                square(picture, size, args.resample).save(encoded, "JPEG", quality=100)
                transaction.put(store.key(size, stored), encoded.getvalue())
            stored += 1
        transaction.put(b"length", str(stored).encode())
        transaction.put(b"format", str(store.FORMAT).encode())
    environment.close()
    return args.out


if __name__ == "__main__":
    cli.run(main, parser())

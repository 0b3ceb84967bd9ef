"""Give a network a higher resolution, or more feature maps: it goes on from what it knows.

    python -m scripts.grow demo/photo64.pt start128.pt --size 128
    python -m scripts.grow demo/photo64.pt start128.pt --size 128 --channel_base 4096 --channel_max 192     # wider as well
    python train.py --ckpt start128.pt --size 128 photos.lmdb

The new network begins with the images of the old one, enlarged; training adds the detail. Most of the training is then done at
the low resolution, where it is cheap. That is how demo/photo128.pt was made.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cli


def parser() -> cli.Parser:
    command = cli.Parser(__doc__, "python -m scripts.grow [flags] IN OUT")
    files = command.add_argument_group("files")
    files.add_argument("file", type=cli.existing_file, metavar="IN", help="a StyleGAN2 checkpoint that scripts.inspect reads")
    files.add_argument("out", type=cli.new_file, metavar="OUT", help="the file to write, .pt")
    files.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    add = command.add_argument_group("network").add_argument
    add("--size", type=int, choices=[2**k for k in range(3, 11)], metavar="PX", help="resolution (default: the present one)")
    whole = cli.number(int, least=1)
    width = "N / resolution channels (default: as now; above, as at the highest)"
    add("--channel_base", type=whole, metavar="N", help=width)
    add("--channel_max", type=whole, default=512, metavar="N", help="with it: but at most N (default: 512)")
    add("--seed", type=cli.number(int, least=0), default=0, metavar="N", help="of the new weights (default: 0)")
    command.needs("--channel_max", "--channel_base")
    return command


def main(args: argparse.Namespace) -> Path:
    import checkpoint
    from checkpoint import growth, layouts

    cli.check_made_of(args.file, args.out, args.overwrite, "grow")
    source = checkpoint.read_aloud(args.file)
    old = source.architecture
    channels = wanted(old.channels, args.size or old.size, args.channel_base, args.channel_max)
    grown = growth.grown(source, channels, args.seed)
    checkpoint.write(args.out, layouts.own(grown), manifest=False)
    print("feature maps  " + "  ".join(f"{res}: {count}" for res, count in channels.items()))
    return args.out


def wanted(present: dict[int, int], size: int, base: int | None, maximum: int) -> dict[int, int]:
    """{resolution: feature maps}; without a base those that there are, and above as many as at the highest."""
    from model import channel_table

    table = channel_table(size, base=base or 1, maximum=maximum)
    if base is None:
        for res in table:
            table[res] = present.get(res) or table[res // 2]
    return table


if __name__ == "__main__":
    cli.run(main, parser())

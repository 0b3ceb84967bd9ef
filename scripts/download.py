"""Fetch published weights: resumable, checked, and never over plain http.

python -m scripts.download ffhq256
python -m scripts.download all
python -m scripts.download https://example.org/cartoon.pt --sha256 0123...
python -m scripts.download ffhq256 --offline          says where the file is and where to put it
"""

import argparse
from pathlib import Path

import cli
import published
from errors import InputError


def parser() -> cli.Parser:
    known = "\n".join(f"  {name:28}{file.what}" for name, file in published.PUBLISHED.items())
    command = cli.Parser(f"{__doc__}\npublished files:\n{known}\n", "python -m scripts.download [flags] NAME|all|URL")
    command.add_argument("name", metavar="NAME|all|URL", help="one of the published files, all, or an https link")
    command.add_argument("--out", type=Path, default=Path("networks"), metavar="DIR", help="folder (default: networks)")
    command.add_argument("--sha256", metavar="HEX", help="what the file must hash to")
    command.add_argument("--offline", action="store_true", help="only print the link and the place for the file")
    command.add_argument("--overwrite", action="store_true", help="fetch again what is there")
    return command


def main(args: argparse.Namespace) -> Path | None:
    if args.name != "all":
        return published.get(args.name, args.out, args.sha256 or "", args.overwrite, args.offline)
    if args.sha256:
        raise InputError("--sha256: is that of one file, not of all")
    return published.get_all(args.out, args.overwrite, args.offline)


if __name__ == "__main__":
    cli.run(main, parser())

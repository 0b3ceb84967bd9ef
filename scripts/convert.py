"""Turn a checkpoint of one program into that of another, and check the result by reading it back.

python -m scripts.convert ffhq.pkl ffhq.pt                          NVIDIA -> stylegan2-pytorch and this project
python -m scripts.convert 550000.pt ffhq256-nvidia.pt --to nvidia   state dicts under NVIDIA's names
python -m scripts.convert cartoon.pt cartoon.safetensors            one network, for sharing
python -m scripts.convert 030000.pt source.pt --without g --half    a small file to start from: g_ema and d
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cli
from errors import InputError
from writing import whole_file

if TYPE_CHECKING:
    from torch import Tensor

    from checkpoint import Checkpoint

LAYOUTS, NETWORKS = ("reference", "bare", "nvidia", "safetensors"), ("g_ema", "g", "d")


def parser() -> cli.Parser:
    command = cli.Parser(__doc__, "python -m scripts.convert [flags] IN OUT")
    files = command.add_argument_group("files")
    files.add_argument("file", type=cli.existing_file, metavar="IN", help="any checkpoint that scripts.inspect reads")
    files.add_argument("out", type=cli.new_file, metavar="OUT", help="the file to write, .pt or .safetensors")
    files.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    files.add_argument("--preview", type=Path, metavar="PNG", help="draw four images from OUT, seeds 0 to 3")
    layout = command.add_argument_group("layout")
    kinds = "reference: g, d, g_ema and latent_avg, of a StyleGAN1 generator, discriminator and g_running; "
    kinds += "bare: one state dict; nvidia: G, D, G_ema under NVIDIA's names; "
    kinds += "safetensors: one network (default: by the ending of OUT, reference for .pt)"
    add = layout.add_argument
    add("--to", choices=LAYOUTS, help=kinds)
    add("--network", choices=NETWORKS, default="g_ema", help="which one, for bare and safetensors (default: g_ema)")
    add("--without", action="append", default=[], choices=NETWORKS, help="leave a network out; may be repeated")
    add("--half", action="store_true", help="store half precision: half the size, about 3 decimal digits")
    return command


def main(args: argparse.Namespace) -> Path:
    import checkpoint
    from checkpoint import layouts

    to = args.to or ("safetensors" if args.out.suffix == ".safetensors" else "reference")
    _check_out(args, to)
    source = checkpoint.read(args.file)
    source.networks = {name: state for name, state in source.networks.items() if name not in args.without}
    if not source.networks:
        raise InputError(f"--without {' '.join(args.without)}: leaves no network of {args.file}")
    for note in [*source.notes, *layouts.losses(source, to, args.network)]:
        print(f"note: {note}")
    _write(source, to, args)
    written = checkpoint.read(args.out)
    print(_self_check(source, written, args.network))
    if args.preview:
        _draw(written, args.preview)
    return args.out


def _check_out(args: argparse.Namespace, to: str) -> None:
    cli.check_made_of(args.file, args.out, args.overwrite, "convert")
    if (to == "safetensors") != (args.out.suffix == ".safetensors"):
        raise InputError(f"{args.out}: --to {to} needs the ending {'.safetensors' if to == 'safetensors' else '.pt'}")
    if args.network != "g_ema" and to not in ("bare", "safetensors"):
        raise InputError(f"--network {args.network}: has no effect without --to bare or safetensors; {to} holds all networks")


def _write(source: Checkpoint, to: str, args: argparse.Namespace) -> None:
    import checkpoint
    from checkpoint import layouts

    if to == "safetensors":
        tensors, metadata = layouts.bare_with_metadata(source, args.network)
        return _write_safetensors(args.out, _halved(tensors) if args.half else tensors, metadata)
    if to == "bare":
        contents = layouts.bare(source, args.network)
    else:
        contents = layouts.reference(source) if to == "reference" else layouts.to_nvidia(source)
    checkpoint.write(args.out, _halved(contents) if args.half else contents, manifest=False, stamp=False)


def _write_safetensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    try:
        from safetensors.torch import save
    except ImportError:
        raise InputError(f"{path}: writing safetensors needs a package: pip install -e .[export]") from None
    data = save({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, metadata)
    with whole_file(path, durable=True) as partial:
        partial.write_bytes(data)


def _halved(value: object) -> object:
    if isinstance(value, dict):
        return {name: _halved(item) for name, item in value.items()}
    return value.half() if hasattr(value, "half") else value


def _self_check(source: Checkpoint, written: Checkpoint, network: str) -> str:
    """Draw one image (or judge one, where there is only a discriminator) with the network of both files, and compare."""
    before, after = _probe(source, network), _probe(written, network)
    difference = (before - after).abs().max().item()
    verdict = "equal to that of the input" if difference == 0 else f"differs from that of the input by up to {difference:.2g}"
    return f"check: one result has mean {after.mean():.4f}, from {after.min():.4f} to {after.max():.4f}; {verdict}"


def _probe(source: Checkpoint, network: str) -> Tensor:
    import utils
    from editing import latents

    if network == "d" or set(source.networks) == {"d"}:
        size = source.architecture.size
        return source.discriminator()(utils.seeded_normal([0], 3, size, size)).detach()
    generator = source.generator(network)
    return latents.draw(generator, latents.people(generator, [0]))


def _draw(written: Checkpoint, path: Path) -> None:
    import utils
    from editing import people, sheets

    utils.save_png(sheets.people_sheet({"": written.generator()}, people.by_seed("0-3")), path)
    print(f"preview: {path}")


if __name__ == "__main__":
    cli.run(main, parser())

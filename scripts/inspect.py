"""Say what a checkpoint holds, without running anything in it.

python -m scripts.inspect 550000.pt
python -m scripts.inspect ffhq.pkl --keys
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cli

if TYPE_CHECKING:
    from checkpoint import Checkpoint
    from inversion.encoder import Encoder

NETWORKS = {"g": "trained generator", "d": "discriminator", "g_ema": "averaged generator"}


def parser() -> cli.Parser:
    command = cli.Parser(__doc__, "python -m scripts.inspect FILE")
    command.add_argument("file", type=cli.existing_file, metavar="FILE", help="a .pt, .pkl or .safetensors file")
    command.add_argument("--keys", action="store_true", help="list every tensor with its shape")
    return command


def main(args: argparse.Namespace) -> None:
    import checkpoint
    from errors import InputError
    from inversion import files

    try:
        source = checkpoint.read(args.file, lazy=True)
    except InputError as reason:
        try:
            encoder = files.read(args.file)
        except InputError:
            raise reason from None
        print("\n".join(of_encoder(encoder, args.file, keys=args.keys)))
    else:
        print("\n".join(report(source, args.file, keys=args.keys)))


def report(source: Checkpoint, file: Path, keys: bool = False) -> list[str]:
    """The lines to print."""
    import checkpoint

    facts = {"file": f"{file}, {file.stat().st_size / 2**20:.1f} MiB", "format": source.format} | _architecture(source)
    for name, state in source.networks.items():
        count = sum(tensor.numel() for key, tensor in state.items() if not key.endswith("kernel") and "noises." not in key)
        facts[name] = f"{NETWORKS[name]}, {count:,} parameters, fingerprint {checkpoint.fingerprint(state)}"
    facts |= _beside(source.extra)
    lines = [f"{name:14}{value}" for name, value in [*facts.items(), *(("note", note) for note in source.notes)]]
    for name, state in source.networks.items() if keys else ():
        lines += [f"{name}.{key}  {list(tensor.shape)}" for key, tensor in state.items()]
    return lines


def of_encoder(encoder: Encoder, file: Path, keys: bool = False) -> list[str]:
    """The same for an encoder."""
    centre = "the mean w" if encoder.offset else f"0, drawn truncated to {encoder.psi:g} about the mean w, as published"
    count = sum(parameter.numel() for parameter in encoder.parameters())
    facts = {
        "file": f"{file}, {file.stat().st_size / 2**20:.1f} MiB",
        "network": f"encoder of faces, for projector.py --encoder; {count:,} parameters",
        "size": f"{encoder.size} px",
        "feature maps": _listed(encoder.channels),
        "codes": f"{encoder.n_codes} of {encoder.style_dim} numbers, counted from {centre}",
        "passes": str(encoder.passes),
        "made for": f"the network {encoder.home}" if encoder.home else "unknown",
    }
    tensors = encoder.state_dict().items() if keys else ()
    return [f"{name:14}{value}" for name, value in facts.items()] + [
        f"e.{key}  {list(tensor.shape)}" for key, tensor in tensors
    ]


def _listed(channels: dict[int, int]) -> str:
    return "  ".join(f"{res}: {width}" for res, width in channels.items())


def _architecture(source: Checkpoint) -> dict[str, str]:
    architecture = source.architecture
    first = architecture.kind == "stylegan1"
    lines = {
        "network": "StyleGAN1" if first else "StyleGAN2",
        "size": f"{architecture.size} px",
        "feature maps": _listed(architecture.channels),
    }
    if "g" in source.networks or "g_ema" in source.networks:
        styles = f"{architecture.style_dim} numbers, {architecture.n_mlp} mapping layers"
        lines["styles"] = styles if first else f"{styles}, lr_mlp {architecture.lr_mlp:g}"
        lines["blur taps"] = "1 2 1" if first else " ".join(f"{tap:g}" for tap in architecture.blur_kernel)
    if architecture.conv_clamp is not None:
        lines["conv_clamp"] = f"{architecture.conv_clamp:g}"
    if "d" in source.networks:
        lines["stddev_group"] = architecture.compared
    return lines


def _beside(extra: dict) -> dict[str, str]:
    from errors import printable

    lines = {}
    if "iteration" in extra:
        lines["iteration"] = printable(str(extra["iteration"]))
    if "freeze_style" in extra:
        lines["freeze_style"] = f"the first {extra['freeze_style']} layers take their styles from the source network"
    optimizers = ("g_optim", "d_optim", "g_optimizer", "d_optimizer")
    lines["optimizers"] = " and ".join(name for name in optimizers if name in extra) or "none"
    known = {"iteration", "freeze_style", *optimizers}
    lines["beside them"] = ", ".join(printable(str(name)) for name in extra if name not in known) or "nothing"
    return lines


if __name__ == "__main__":
    cli.run(main, parser())

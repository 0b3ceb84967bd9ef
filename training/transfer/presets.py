"""Flags that belong together, chosen so that they mean the same at every resolution."""

import argparse

PRESETS = ("freezed", "freezeg", "freezesg", "structure", "cartoon")  # the first four are published methods


def preset_flags(name: str, size: int, arch: str | None = None) -> dict[str, object]:
    """The flags of `--preset name` for a network of `size` px, a StyleGAN2 unless `arch` says "stylegan1".

    The frozen coarse levels are those that hold pose and face shape: 4 and 8 px, from 256 px up 16 px as well.
    The discriminator trains up to 32 px, and always keeps its highest resolution.
    "cartoon" is what drew flat cartoons of real faces best (docs/choosing.md): D is whole and held back by R1, all of G trains
    but 4 px, without noise.

    >>> preset_flags("freezesg", 256)
    {'augment': True, 'freezeD': 3, 'freezeG': 4, 'freezeStyle': 5, 'train_mapping': True}
    """
    levels = size.bit_length() - 2  # 4, 8, ..., size
    coarse = min(3 if size >= 256 else 2, levels - 1)
    if name == "cartoon":
        return {"augment": True, "freezeG": levels - 1, "no_noise": True, "r1": min(10.0, 3 * size**2 / 4096)}
    flags: dict[str, object] = {"augment": True, "freezeD": max(1, min(3, levels - 2))}
    if name in ("freezeg", "freezesg"):
        flags["freezeG"] = levels - coarse
    if name == "freezesg":
        layers = 2 * coarse if arch == "stylegan1" else 2 * coarse - 1  # the convolutions of the frozen levels
        flags |= {"freezeStyle": layers, "train_mapping": True}
    if name == "structure":
        flags["structure_loss"] = coarse
        if arch == "stylegan1":  # which has no pictures at low resolutions
            flags["structure_target"] = "features"
    return flags


def left_open(args: argparse.Namespace, size: int) -> dict[str, object]:
    """The flags of --preset that were not given, be it as "off"."""
    flags = preset_flags(args.preset, size, args.arch) if args.preset else {}
    return {name: value for name, value in flags.items() if name not in args.given}

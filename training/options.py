"""What a run is: decided once from the flags, and held by options.json and by the checkpoints.

A flag that is no field of `Options` and no flag of a transfer method belongs to one call, not to the run.
"""

import argparse
import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path

import torch

from checkpoint import Checkpoint
from checkpoint.architecture import KINDS
from errors import InputError, spelled
from running import parallel
from training.alone import KEPT, OF_PICTURES, USUAL
from training.transfer import METHODS, TransferMethod
from training.transfer.presets import left_open

# What the flags of the optimisation are where they are left open: FreezeD's.
OF_STYLEGAN1 = {"lr": 0.001, "path_regularize": 0.0, "ema_decay": 0.999}


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of train.py under their names, with everything decided that was left open.

    methods: the flags of the transfer methods, {name: value}
    """

    path: str | None
    size: int
    no_flip: bool
    ckpt: Path | None
    start_from: str
    channel_multiplier: float | None
    channel_base: int | None
    channel_max: int | None
    style_dim: int | None
    n_mlp: int | None
    arch: str
    preset: str | None
    methods: Mapping[str, object]
    augment: bool
    augment_kind: str
    augment_p: float
    ada_target: float
    ada_length: int
    batch: int
    accumulate: int
    iter: int
    kimg: None  # counted as `iter`
    precision: str
    lr: float
    r1: float
    d_reg_every: int
    path_regularize: float
    g_reg_every: int
    path_batch_shrink: int
    mixing: float
    ema_decay: float
    eval_every: int | None
    eval: str
    eval_features: str
    eval_n: int
    tensorboard: bool
    wandb: str | None
    outdir: Path | None
    save_every: int
    keep: int | None
    sample_every: int
    n_sample: int
    seed: int
    device: str
    no_graphs: bool

    def as_dict(self) -> dict[str, object]:
        """Plain values. Paths are absolute, so that the run can go on from another folder, but for --outdir."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain |= {"path": self.path and os.path.abspath(self.path), "ckpt": self.ckpt and os.path.abspath(self.ckpt)}
        plain["outdir"] = self.outdir and str(self.outdir)
        return {name: value for name, value in plain.items() if name != "methods"} | dict(self.methods)

    def over(self, args: argparse.Namespace) -> argparse.Namespace:
        """The flags of this call, and in place of what was left open what was decided."""
        return argparse.Namespace(**vars(args) | self.as_dict() | {"outdir": self.outdir, "ckpt": self.ckpt, "path": self.path})

    def chosen_methods(self) -> list[TransferMethod]:
        """The transfer methods of the run, each made from its own flags."""
        own = [argparse.Namespace(**{name: self.methods[name] for name in kind.flags()}) for kind in METHODS]
        return [method for kind, flags in zip(METHODS, own) if (method := kind.from_args(flags))]


def check(args: argparse.Namespace) -> None:
    """Raises InputError for flags that contradict each other, before any file is read."""
    if args.launcher:
        raise InputError(
            "-m torch.distributed.launch: several GPUs are started with torchrun --standalone --nproc_per_node=N train.py ..."
        )
    if args.arch not in (None, *KINDS):
        raise InputError(f"--arch {args.arch}: only {' and '.join(KINDS)} exist here")
    if args.images and args.path and args.images != args.path:
        raise InputError(f"--path {args.path}: {args.images} was given as well; name the images once")
    alone = words_alone(args)
    if alone and args.ckpt and (idle := sorted((OF_PICTURES | KEPT) & {*args.given})):
        why = "needs pictures to learn from; name them" if idle[0] in OF_PICTURES else "the mapping network stays as it is"
        raise InputError(f"{spelled(idle[0], vars(args)[idle[0]])}: words alone are learnt, and {why}, or leave the flag out")
    if not (args.images or args.path or alone):
        what = "name an LMDB, a folder, a zip, a film or a picture, or words with --clip_target"
        resuming = f"--outdir {args.outdir}: holds no run to resume, and no images are named to begin one"
        raise InputError(resuming if args.resume else f"no images: {what}; --help lists the flags")
    if args.channel_multiplier and (args.channel_base or args.channel_max):
        raise InputError("--channel_multiplier and --channel_base/--channel_max: give one kind of channel flag, not both")
    if args.iter and args.kimg:
        raise InputError("--iter and --kimg: give one of them")
    if args.batch % args.accumulate:
        raise InputError(f"--accumulate {args.accumulate}: does not divide --batch {args.batch}")
    if args.ckpt is None and args.start_from == "g":
        raise InputError("--start_from: names a network of --ckpt, which is missing")
    if (
        args.overwrite
        and args.ckpt
        and args.outdir
        and args.ckpt.resolve().is_relative_to((args.outdir / "checkpoints").resolve())
    ):
        raise InputError(f"--overwrite: would delete --ckpt {args.ckpt}; choose another --outdir")


def words_alone(args: argparse.Namespace) -> bool:
    """Whether there are no pictures, and a method that needs none."""
    return not (args.images or args.path) and any(kind.alone and kind.from_args(args) for kind in METHODS)


def for_words(args: argparse.Namespace, resumed: Checkpoint | None) -> tuple[argparse.Namespace, list[str]]:
    """Of a new run without pictures what was left open, and what to say of it."""
    if resumed or not words_alone(args):
        return args, []
    left = {name: value for name, value in USUAL.items() if name not in args.given and not (name == "iter" and args.kimg)}
    said = " ".join(spelled(name, value) for name, value in left.items())
    return argparse.Namespace(**vars(args) | left), [f"words alone: {said}"] if left else []


def for_kind(args: argparse.Namespace, start: Checkpoint | None, resumed: Checkpoint | None) -> argparse.Namespace:
    """The flags with `arch` decided, and of a new run those of the optimisation that were left open.

    Raises InputError where the kind of network is another than that of the file to start from.
    """
    file = resumed or start
    kind = args.arch or (file.architecture.kind if file else KINDS[0])
    if start and start.architecture.kind != kind:
        way = "choose another file" if resumed else "leave the flag out"
        raise InputError(f"--arch {kind}: {start.path} is a {start.architecture.kind}; {way}")
    usual = OF_STYLEGAN1 if kind == "stylegan1" and not resumed else {}
    usual = {name: value for name, value in usual.items() if name not in args.given}
    for name in ("g_reg_every", "path_batch_shrink"):
        if name in args.given and "path_regularize" in usual:
            raise InputError(f"--{name}: has no effect without --path_regularize X, which is 0 for {kind}")
    return argparse.Namespace(**vars(args) | usual | {"arch": kind})


def resolve(
    args: argparse.Namespace, size: int, start: Checkpoint | None, device: torch.device, resumed: bool = False
) -> tuple[Options, list[str]]:
    """(the options of a run, what to say of those that were left open).

    args:    the flags as they were given; of a run that goes on, as they were saved
    size:    of the images
    start:   the file of --ckpt
    resumed: the preset has done its part when the run began
    """
    remarks = []
    if args.arch == "stylegan1" and not resumed:
        remarks.append(" ".join(["stylegan1:", *(spelled(name, getattr(args, name)) for name in OF_STYLEGAN1)]))
    if args.preset and not resumed:
        args, remark = _with_preset(args, size, start)
        remarks.append(remark)
    total_batch = args.batch * parallel.world_size()
    remarks.append(f"Batch: {total_batch} images in all, {args.batch} for each of {parallel.world_size()} processes")
    r1 = args.r1
    if r1 == "auto":
        r1 = 10.0 if size >= 256 else 0.0002 * size**2 / total_batch
        remarks += [f"--r1 auto: {r1:.4g}"] if args.images or args.path else []
    decided = vars(args) | {
        "path": args.images or args.path,
        "size": size,
        "r1": r1,
        "iter": math.ceil(args.kimg * 1000 / total_batch) if args.kimg else args.iter or (30_000 if args.ckpt else 800_000),
        "kimg": None,
        "precision": _precision(args.precision, device),
        "methods": {name: vars(args)[name] for kind in METHODS for name in kind.flags()},
    }
    return Options(**{field.name: decided[field.name] for field in dataclasses.fields(Options)}), remarks


def _with_preset(args: argparse.Namespace, size: int, start: Checkpoint | None) -> tuple[argparse.Namespace, str]:
    """Without the flags of methods that need a discriminator, where the file has none, or that need pictures."""
    why, idle = "", set()
    if words_alone(args):
        why, idle = "there are no pictures", OF_PICTURES | KEPT
    elif start and "d" not in start.networks:
        why = f"{args.ckpt} holds no discriminator"
        idle = {name for kind in METHODS if kind.needs_discriminator for name in kind.flags()}
    of_preset = left_open(args, size)
    chosen = {name: value for name, value in of_preset.items() if name not in idle}
    left_out = [f"--{name}" for name in of_preset if name in idle]
    flags = " ".join(spelled(name, value) for name, value in chosen.items()) or "nothing that was left open"
    without = f"; it leaves {' '.join(left_out)} out, since {why}" if left_out else ""
    return argparse.Namespace(**vars(args) | chosen), f"--preset {args.preset} at {size} px sets {flags}{without}"


def _precision(wanted: str, device: torch.device) -> str:
    """bf16 where it is asked for, or where the GPU is made for it."""
    if wanted != "auto":
        return wanted
    return "bf16" if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"

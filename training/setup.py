"""From flags to a run that can take its first step. Everything that can be wrong with the flags is found here."""

import argparse
import dataclasses
import math
import os
from collections.abc import Collection
from pathlib import Path

import torch

import checkpoint
from checkpoint import Architecture, Checkpoint
from data.store import is_store
from dataset import Batches, Images, open_images, stored_sizes
from errors import InputError, named
from model import Discriminator, Generator, channel_table
from running import parallel
from running.run import Run, Start
from training import augmentation
from training.state import Settings, TrainingState, new_state
from training.symptoms import Symptoms
from training.transfer import METHODS, TransferMethod
from training.transfer.presets import preset_flags

NOT_OPTIONS = {
    "ada_every",
    "argv",
    "command",
    "config",
    "debug",
    "given",
    "dry_run",
    "images",
    "launcher",
    "local_rank",
    "overwrite",
    "profile",
    "resume",
}
SHAPE_FLAGS = ("size", "style_dim", "n_mlp")
CHANNEL_FLAGS = ("channel_multiplier", "channel_base", "channel_max")
NEW_NETWORK_SIZE = 256  # px, for a folder or zip without --size


def prepare(begun: Start) -> Run:
    """Raises InputError, in one line that names the flag, for whatever cannot work."""
    args, resumed = begun.args, begun.saved
    check_flags(args)
    with named(f"--ckpt {args.ckpt}"):
        start = checkpoint.read(args.ckpt) if args.ckpt else None
    images = _open_images(args, resumed or start)
    architecture = _architecture(args, resumed or start, images.size)
    args.size = images.size
    remarks = list(resumed.notes) if resumed else _apply_preset(args, images.size, start, args.given)
    remarks += _decide_numbers(args, images.size)
    methods = _methods(args, start, resumed)
    generator, discriminator, source = _networks(args, architecture, start, remarks)
    state = new_state(
        Settings(**{field.name: getattr(args, field.name) for field in dataclasses.fields(Settings)}),
        generator,
        discriminator,
        methods,
        source=source,
        augmentation=augmentation.from_args(args),
        seed=args.seed,
        device=begun.device,
    )
    remarks += [*_choose_precision(args, state), *(method.describe(generator, discriminator) for method in methods)]

    origin = source and checkpoint.fingerprint(source.state_dict())
    if resumed and source and resumed.extra["source"] != origin:
        raise InputError(
            f"--ckpt {args.ckpt}: not the source network that the run began with; "
            "leave the flag out, or leave --resume out to begin a new run from it"
        )
    batches = Batches(
        images,
        args.batch,
        seed=args.seed,
        flip=not args.no_flip,
        position=begun.position,
        rank=parallel.rank(),
        world=parallel.world_size(),
    )
    batches.fill()
    return Run(
        begun,
        state,
        batches,
        options=plain_options(args),
        remarks=[images.summary(), *images.remarks(), *remarks],
        beside={"architecture": architecture.as_dict(), "source": origin},
        unchanging={*SHAPE_FLAGS, *CHANNEL_FLAGS},  # set or left open: the networks are what they were
        losses=("d", "g", "r1", "path", "structure"),
        told=("p", "r_t"),
        watch=lambda folder: Symptoms(args, folder, batches.position).new,
    )


def plain_options(args: argparse.Namespace) -> dict[str, object]:
    """The flags as plain values, as options.json and the checkpoints hold them."""
    plain = {name: value for name, value in vars(args).items() if name not in NOT_OPTIONS}
    for name in ("path", "ckpt"):  # so that the run can go on from another folder
        plain[name] = plain[name] and os.path.abspath(plain[name])
    return {name: str(value) if isinstance(value, Path) else value for name, value in plain.items()}


def check_flags(args: argparse.Namespace) -> None:
    """Contradictions between flags."""
    if args.launcher:
        raise InputError(
            "-m torch.distributed.launch: several GPUs are started with torchrun --standalone --nproc_per_node=N train.py ..."
        )
    if args.arch != "stylegan2":
        raise InputError(f"--arch {args.arch}: only stylegan2 exists here")
    if args.images and args.path and args.images != args.path:
        raise InputError(f"--path {args.path}: {args.images} was given as well; name the images once")
    args.images = args.path = args.images or args.path
    if not args.images and args.resume:
        raise InputError(f"--outdir {args.outdir}: holds no run to resume, and no images are named to begin one")
    if not args.images:
        raise InputError("no images: name an LMDB, a folder, a zip, a film or a picture; --help lists the flags")
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
    for name in ("freezeD", "freezeG", "freezeStyle", "structure_loss"):
        if getattr(args, name) == 0 or getattr(args, name) < -1:
            raise InputError(f"--{name} {getattr(args, name)}: expected 1 or more, or -1 for off")


def _open_images(args: argparse.Namespace, start: Checkpoint | None) -> Images:
    """--size, else the checkpoint's, else the only one stored, else 256."""
    size = args.size or (start.architecture.size if start else None)
    stored = stored_sizes(args.images) if is_store(Path(args.images)) else None
    if size is None and stored is None:
        size = NEW_NETWORK_SIZE
    if start and stored and size == start.architecture.size not in stored:
        raise InputError(
            f"--path {args.images}: holds pictures of {_listed(stored)} px, and {start.path} is a network of {size} px; "
            f"prepare the data at {size} px (prepare_data.py --size {size}), "
            f"or start from a network of {_listed(stored, 'or')} px"
        )
    if size is None and stored and len(stored) > 1:
        raise InputError(f"--path {args.images}: holds pictures of {_listed(stored)} px; choose with --size")
    try:
        return open_images(args.images, size)
    except InputError as error:
        raise InputError(f"--path {error}") from None


def _listed(numbers: list[int], last: str = "and") -> str:
    return f" {last} ".join(filter(None, [", ".join(map(str, numbers[:-1])), str(numbers[-1])]))


def _architecture(args: argparse.Namespace, start: Checkpoint | None, size: int) -> Architecture:
    """The checkpoint's, which no flag may contradict, or what the flags describe."""
    wanted = {name: getattr(args, name) for name in SHAPE_FLAGS}
    if any(getattr(args, name) for name in CHANNEL_FLAGS):
        wanted["channels"] = _channels(args, size)
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if start is None:
        defaults = {"style_dim": 512, "n_mlp": 8, "channels": _channels(args, size)}
        return Architecture(**defaults | wanted | {"size": size})
    found = dataclasses.asdict(start.architecture)
    for name, value in wanted.items():
        if found[name] != value:
            flags = CHANNEL_FLAGS if name == "channels" else (name,)
            given = " ".join(f"--{flag} {getattr(args, flag)}" for flag in flags if getattr(args, flag))
            out = "the channel flags" if name == "channels" else "the flag"
            other = f", or start from a network of {value} px" if name == "size" else ""
            raise InputError(f"{given}: {start.path} has {name} {found[name]}, not {value}; leave {out} out{other}")
    return start.architecture


def _channels(args: argparse.Namespace, size: int) -> dict[int, int]:
    base = args.channel_base or (32768 if args.channel_max else None)
    return channel_table(size, args.channel_multiplier or 2, base, args.channel_max or 512)


def _apply_preset(args: argparse.Namespace, size: int, start: Checkpoint | None, given: Collection[str]) -> list[str]:
    """Set the flags of --preset that the user left alone, but for --freezeD where there is no discriminator to freeze."""
    if not args.preset:
        return []
    flags = {name: value for name, value in preset_flags(args.preset, size).items() if name not in given}
    chosen = {name: value for name, value in flags.items() if getattr(args, name) in (-1, False)}
    left_out = ""
    if start and "d" not in start.networks and chosen.pop("freezeD", None):
        left_out = f"; it leaves --freezeD out, since {args.ckpt} holds no discriminator"
    vars(args).update(chosen)
    flags = " ".join(f"--{name}" if value is True else f"--{name} {value}" for name, value in chosen.items())
    return [f"--preset {args.preset} at {size} px sets {flags or 'nothing that was left open'}{left_out}"]


def _decide_numbers(args: argparse.Namespace, size: int) -> list[str]:
    """Fill in the defaults that depend on other flags: --r1, --iter."""
    total_batch = args.batch * parallel.world_size()
    remarks = [f"Batch: {total_batch} images in all, {args.batch} for each of {parallel.world_size()} processes"]
    if args.r1 == "auto":
        args.r1 = 10.0 if size >= 256 else 0.0002 * size**2 / total_batch
        remarks.append(f"--r1 auto: {args.r1:.4g}")
    if args.kimg:
        args.iter, args.kimg = math.ceil(args.kimg * 1000 / total_batch), None
    args.iter = args.iter or (30_000 if args.ckpt else 800_000)
    return remarks


def _choose_precision(args: argparse.Namespace, state: TrainingState) -> list[str]:
    """bf16 convolutions with float32 weights, where asked for or where the GPU is made for them. g_ema stays float32."""
    if args.precision == "auto":
        able = state.device.type == "cuda" and torch.cuda.get_device_capability(state.device) >= (8, 0)
        args.precision = "bf16" if able else "fp32"
    if args.precision == "fp32":
        return []
    for network in (state.generator, state.discriminator, state.source):
        if network:
            network.compute_dtype = torch.bfloat16
    return ["Convolutions in bf16, weights in fp32"]


def _methods(args: argparse.Namespace, start: Checkpoint | None, resumed: Checkpoint | None) -> list[TransferMethod]:
    methods = [method for kind in METHODS if (method := kind.from_args(args))]
    needy = [type(method).__name__ for method in methods if method.needs_source]
    if needy and not start:
        way = f"begin a new run with --ckpt {resumed.path} in place of --resume" if resumed else "name one with --ckpt"
        raise InputError(f"{needy[0]} (--structure_loss, --freezeStyle) compares with a source network: {way}")
    if methods and not start and not resumed:
        raise InputError(f"{type(methods[0]).__name__} keeps what a source network has learnt: name one with --ckpt")
    if needy and args.start_from == "g":
        raise InputError(f"--start_from g: {needy[0]} compares with the source, which is g_ema; leave the flag out")
    return methods


def _networks(
    args: argparse.Namespace, architecture: Architecture, start: Checkpoint | None, remarks: list[str]
) -> tuple[Generator, Discriminator, Generator | None]:
    """(generator, discriminator, source), those of --ckpt or new ones."""
    torch.manual_seed(args.seed)  # the weights of new networks
    if not start:
        return architecture.generator(), architecture.discriminator(), None
    source = start.generator()
    remarks.append(f"Source: {args.ckpt} ({start.format}), generator {checkpoint.fingerprint(source.state_dict())}")
    remarks += start.notes
    if "d" in start.networks:
        return start.generator(args.start_from), start.discriminator(), source
    if args.freezeD > 0:
        raise InputError(f"--freezeD {args.freezeD}: {args.ckpt} holds no discriminator to freeze; leave the flag out")
    remarks.append(f"{args.ckpt} holds no discriminator: a new one begins with random weights")
    return start.generator(args.start_from), architecture.discriminator(), source

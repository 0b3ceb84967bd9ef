"""From flags to a run that can take its first step. Everything that can be wrong with the flags is found here."""

import argparse
import dataclasses
from pathlib import Path

import torch

import checkpoint
from checkpoint import Architecture, Checkpoint
from checkpoint.architecture import WHOLE_BATCH
from data.store import is_store, sizes
from dataset import Images, open_images
from errors import InputError, named, spelled
from model import Discriminator, StyleGenerator, channel_table
from running.base import NoBatches
from running.run import Run, Start
from stylegan1 import Discriminator1, channel_table1
from training import augmentation
from training.alone import NoPictures
from training.options import Options, check, for_kind, for_words, resolve
from training.state import Settings, TrainingState, new_state
from training.symptoms import TransferSymptoms
from training.transfer import METHODS, TransferMethod

SHAPE_FLAGS = ("size", "style_dim", "n_mlp")
CHANNEL_FLAGS = ("channel_multiplier", "channel_base", "channel_max")
NEW_NETWORK_SIZE = 256  # px, for a folder or zip without --size


def prepare(begun: Start) -> Run:
    """Raises InputError, in one line that names the flag, for whatever cannot work."""
    args, resumed = begun.args, begun.saved
    check(args)
    with named(f"--ckpt {args.ckpt}"):
        start = checkpoint.read(args.ckpt) if args.ckpt else None
    args = for_kind(args, start, resumed)
    args, decided = for_words(args, resumed)
    images = _open_images(args.images or args.path, args.size, resumed or start)
    architecture = _architecture(args, resumed or start, images.size)
    options, remarks = resolve(args, images.size, start, begun.device, resumed is not None)
    methods = options.chosen_methods()
    for method in methods:
        method.pictures = bool(len(images))
    _check_methods(methods, options, start, resumed)
    generator, discriminator, source = _networks(options, architecture, start, remarks)
    state = new_state(
        Settings(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Settings)}),
        generator,
        discriminator,
        methods,
        source=source,
        augmentation=augmentation.chosen(options),
        seed=options.seed,
        device=begun.device,
        adversarial=bool(len(images)),
    )
    remarks += [*_set_precision(options, state), *(method.describe(generator, discriminator) for method in methods)]

    origin = source and checkpoint.fingerprint(source.state_dict())
    if resumed and source and resumed.extra["source"] != origin:
        raise InputError(
            f"--ckpt {options.ckpt}: not the source network that the run began with; "
            "leave the flag out, or leave --resume out to begin a new run from it"
        )
    batches = NoBatches(images, options.batch, begun.position)
    if len(images):
        batches = begun.stream(images, options.batch, flip=not options.no_flip)
    return Run(
        dataclasses.replace(begun, args=options.over(args)),
        state,
        batches,
        options=options.as_dict(),
        remarks=[
            images.summary(),
            *(images.remarks() if len(images) else decided),
            *(resumed.notes if resumed else ()),
            *remarks,
        ],
        beside={"architecture": architecture.as_dict(), "source": origin},
        unchanging={*SHAPE_FLAGS, *CHANNEL_FLAGS},  # set or left open: the networks are what they were
        losses=("d", "g", "r1", "path", *(name for kind in METHODS for name in kind.terms)),
        told=("p", "r_t"),
        watch=lambda folder: TransferSymptoms(options, args.command, folder, batches.position).new,
    )


def _open_images(path: str | None, size: int | None, start: Checkpoint | None) -> Images:
    """In `size`, else the checkpoint's, else the only one stored, else 256."""
    size = size or (start.architecture.size if start else None)
    if not path:
        return NoPictures(size or NEW_NETWORK_SIZE)
    stored = sizes(Path(path)) if is_store(Path(path)) else None
    if size is None and stored is None:
        size = NEW_NETWORK_SIZE
    if start and stored and size == start.architecture.size not in stored:
        raise InputError(
            f"--path {path}: holds pictures of {_listed(stored)} px, and {start.path} is a network of {size} px; "
            f"prepare the data at {size} px (prepare_data.py --size {size}), "
            f"or start from a network of {_listed(stored, 'or')} px"
        )
    if size is None and stored and len(stored) > 1:
        raise InputError(f"--path {path}: holds pictures of {_listed(stored)} px; choose with --size")
    with named(f"--path {path}"):
        return open_images(path, size)


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
        group = {"stddev_group": WHOLE_BATCH} if args.arch == "stylegan1" else {}
        return Architecture(**defaults | wanted | group | {"size": size, "kind": args.arch})
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
    """Of a StyleGAN1 those of every stage, as in the public files."""
    if args.arch == "stylegan1":
        if args.channel_multiplier:
            raise InputError("--channel_multiplier: is of StyleGAN2; choose --channel_base or --channel_max")
        return channel_table1(args.channel_base or (16384 if args.channel_max else None), args.channel_max or 512)
    base = args.channel_base or (32768 if args.channel_max else None)
    return channel_table(size, args.channel_multiplier or 2, base, args.channel_max or 512)


def _set_precision(options: Options, state: TrainingState) -> list[str]:
    """bf16 convolutions with float32 weights, where it was chosen. g_ema stays float32."""
    if options.precision == "fp32":
        return []
    for network in (state.generator, state.discriminator, state.source):
        if network:
            network.compute_dtype = torch.bfloat16
    return ["Convolutions in bf16, weights in fp32"]


def _check_methods(
    methods: list[TransferMethod], options: Options, start: Checkpoint | None, resumed: Checkpoint | None
) -> None:
    """Raises InputError where what a method keeps is missing."""
    asked = {method: f"{type(method).__name__} ({_flags_of(method, options)})" for method in methods}
    needy = [told for method, told in asked.items() if method.needs_source]
    if needy and not start:
        way = f"begin a new run with --ckpt {resumed.path} in place of --resume" if resumed else "name one with --ckpt"
        raise InputError(f"{needy[0]} compares with a source network: {way}")
    if methods and not start and not resumed:
        raise InputError(f"{asked[methods[0]]} keeps what a source network has learnt: name one with --ckpt")
    if needy and options.start_from == "g":
        raise InputError(f"--start_from g: {needy[0]} compares with the source, which is g_ema; leave the flag out")
    for method in methods:
        if method.needs_discriminator and start and "d" not in start.networks:
            flags = _flags_of(method, options)
            raise InputError(f"{flags}: {options.ckpt} holds no discriminator to freeze; leave the flag out")


def _flags_of(method: TransferMethod, options: Options) -> str:
    """Those that ask for it, as they are written."""
    values = {name: (options.methods[name], default) for name, default in method.flags().items()}
    return " ".join(spelled(name, value) for name, (value, default) in values.items() if value != default)


def _networks(
    options: Options, architecture: Architecture, start: Checkpoint | None, remarks: list[str]
) -> tuple[StyleGenerator, Discriminator | Discriminator1, StyleGenerator | None]:
    """(generator, discriminator, source), those of --ckpt or new ones."""
    torch.manual_seed(options.seed)  # the weights of new networks
    if not start:
        return architecture.generator(), architecture.discriminator(), None
    source = start.generator()
    remarks.append(f"Source: {options.ckpt} ({start.format}), generator {checkpoint.fingerprint(source.state_dict())}")
    remarks += start.notes
    generator = start.generator(options.start_from)
    if "d" in start.networks:
        return generator, start.discriminator(), source
    rests = "a new one begins with random weights" if options.path else "words alone need none, a new one rests"
    remarks.append(f"{options.ckpt} holds no discriminator: {rests}")
    return generator, architecture.discriminator(), source

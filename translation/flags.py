"""The flags of a training of U-GAT-IT: the published ones under their names, and a few more. Imports no torch."""

import argparse
from pathlib import Path

import cli
from errors import InputError
from running import flags
from translation.settings import BOTTLENECKS, GROUPS, MOST_P, Settings, Weights

TRUE, FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
MARGIN = 30  # pixels, as published, whatever the size
SHOWN = 10  # columns of a sheet: half of them test pictures


def boolean(text: str) -> bool:
    """For `type=`: True or False in any case, as the published program spells its switches."""
    if text.lower() not in TRUE | FALSE:
        raise argparse.ArgumentTypeError(f"{text!r}: expected true or false")
    return text.lower() in TRUE


def add_arguments(parser: cli.Parser) -> None:
    """All but those of the evaluation."""
    count, weight, above = cli.number(int, least=1), cli.number(float, least=0), cli.number(float, above=0)
    share = cli.number(float, least=0, most=1)
    switch = {"type": boolean, "nargs": "?", "const": True, "metavar": "BOOL"}
    usual = Settings()
    # fmt: off
    add = parser.add_argument_group("data").add_argument
    add("--phase", choices=("train", "test"), default="train", help="test: translate testA and testB (default: train)")
    add("--dataset", metavar="NAME", help="dataset/NAME, or a folder, with trainA, trainB, testA and testB in it")
    for name, what in (("trainA", "photos"), ("trainB", "cartoons"), ("testA", "photos to look at"), ("testB", "the same")):
        add(f"--{name}", type=Path, metavar="PICTURES", help=f"in place of that folder: {what}, a folder, zip or film")
    add("--img_size", type=cli.number(int, least=8), default=usual.size, metavar="PX",
        help="side of the pictures, divisible by 4 (default: 256)")
    add("--margin", type=cli.number(int, least=0), default=MARGIN, metavar="PX",
        help="pictures are made so much larger, and a square is cut out at random; small ones want less (default: 30)")
    add("--no_flip", action="store_true", help="do not mirror half of the pictures")

    add = parser.add_argument_group("network").add_argument
    add("--light", **switch, default=False, help="the style from means: 11 million parameters, not 279, and any size")
    add("--ch", type=count, default=usual.ch, metavar="N", help="width (default: 64)")
    add("--n_res", type=count, default=usual.n_res, metavar="N", help="residual blocks on each side (default: 4)")
    add("--n_dis", "--img_ch", help=argparse.SUPPRESS)  # published, and without effect there as well
    add("--ckpt", type=Path, metavar="FILE", help="begin with the networks of this file, published or ours")

    add = parser.add_argument_group("optimisation").add_argument
    add("--iteration", "--iter", dest="iter", type=count, default=usual.iterations, metavar="N",
        help="steps in all (default: 1000000)")
    add("--batch_size", "--batch", type=count, default=1, metavar="N", help="pictures of each domain a step (default: 1)")
    add("--lr", type=above, default=usual.lr, metavar="X", help="learning rate (default: 0.0001)")
    add("--weight_decay", type=weight, default=usual.weight_decay, metavar="X", help="part of the gradient (default: 0.0001)")
    add("--decay_flag", **switch, default=True, help="lower the learning rate to 0 in the second half (default: true)")
    for name, value in vars(Weights()).items():
        if name != "group":
            add(f"--{name}_weight", type=weight, default=value, metavar="X", help=f"of the {name} loss (default: {value})")
    add("--ema", type=share, default=0.0, metavar="X", help="draw with averages of the generators, of this decay: 0.999")
    add("--precision", choices=("fp32", "bf16"), default="fp32", help="of convolutions; statistics are fp32 (default: fp32)")
    add("--benchmark_flag", **switch, default=False, help="let cuDNN try which convolution is the fastest")

    group = parser.add_argument_group("few-shot groups, and augmentation (Face2webtoon)")
    add = group.add_argument
    add("--group", metavar="LIST", help="groups in turn: 0,1,2,3, of the folders trainA/0, trainB/0, ... (default: no groups)")
    add("--use_grouploss", **switch, default=True, help="discriminators of B classify groups (default: true)")
    add("--group_weight", type=weight, default=1.0, metavar="X", help="what that weighs for the generator (default: 1)")
    add("--group_scale", type=above, default=1.0, metavar="X",
        help="of the logits of groups; in short trainings 50 lets classifiers learn early (default: 1, as published)")
    add("--bottleneck", choices=BOTTLENECKS, default="base_group",
        help="which groups update the encoder blocks: all, none, the first (default: base_group)")
    add("--useADA", **switch, help="augment what the discriminators see (default: true with --group, else false)")
    add("--strength", type=share, default=0.0, metavar="P", help=f"probability at first; at most {MOST_P} (default: 0)")
    add("--kimg", type=above, default=500.0, metavar="N", help="thousands of pictures from 0 to 1 (default: 500)")
    add("--neptune", **switch, default=False, help=argparse.SUPPRESS)  # published; its service is gone
    # fmt: on
    parser.idle_with("--margin --no_flip", "--group")
    group.needs("--use_grouploss --group_weight --group_scale --bottleneck", "--group")


def add_run_arguments(parser: cli.Parser) -> None:
    """The group "run", with the published names beside those of every run."""
    usual = {"sample_every": 1000, "n_sample": SHOWN, "keep": 2}
    group = flags.add_arguments(parser, None, usual=usual, own={"iter"})
    count = cli.number(int, least=1)
    # fmt: off
    add = group.add_argument
    add("--result_dir", type=Path, default=Path("results"), metavar="DIR",
        help="everything is written to DIR/NAME, unless --outdir names a folder (default: results)")
    add("--print_freq", dest="sample_every", type=count, default=1000, metavar="N", help="the same as --sample_every")
    add("--save_freq", type=count, default=100_000, metavar="N",
        help="iterations between the networks alone, model/NAME_params_NNNNNNN.pt (default: 100000)")
    add("--show_real", type=boolean, nargs="?", const=True, metavar="BOOL",
        help="test: two rows, input and output; false: the output alone (default: the seven rows, with --group true)")
    # fmt: on


def groups(args: argparse.Namespace) -> tuple[int, ...]:
    """Raises InputError for what is no list of groups."""
    if args.group is None:
        return ()
    words = [word.strip() for word in args.group.split(",")]
    found = sorted({int(word) for word in words if word.isdecimal()})
    if len(found) < len(words) or not found or found[-1] >= GROUPS:
        raise InputError(f"--group {args.group}: expected different numbers from 0 to {GROUPS - 1}, such as 0,1,2,3")
    return tuple(found)


def settled(args: argparse.Namespace) -> Settings:
    """Raises InputError for what cannot be trained."""
    if args.img_size % 4:
        near = max(8, args.img_size // 4 * 4)
        raise InputError(f"--img_size {args.img_size}: the networks need a side divisible by 4, such as {near}")
    of_groups = groups(args)
    weights = {name: vars(args)[f"{name}_weight"] for name in vars(Weights())}
    weights["group"] = args.group_weight if of_groups and args.use_grouploss else 0
    return Settings(
        size=args.img_size,
        ch=args.ch,
        n_res=args.n_res,
        light=args.light,
        lr=args.lr,
        weight_decay=args.weight_decay,
        iterations=args.iter,
        decay=args.decay_flag,
        weights=Weights(**weights),
        ema=args.ema,
        bf16=args.precision == "bf16",
        groups=of_groups,
        group_scale=args.group_scale,
        bottleneck=args.bottleneck if of_groups else "train",
        ada=args.useADA if args.useADA is not None else bool(of_groups),
        strength=args.strength,
        kimg=args.kimg,
        batch=args.batch_size,
    )

"""The flags of a training of StyleGAN2, from its images to its optimisers. Imports no torch."""

import argparse
from pathlib import Path

import cli
from running import flags
from training import augmentation
from training.transfer import METHODS
from training.transfer.presets import PRESETS

SIZES = tuple(2**k for k in range(3, 11))
EMA_DECAY = 0.5 ** (32 / 10_000)  # per iteration, whatever the batch


def add_arguments(parser: cli.Parser) -> None:
    """The groups "data", "network", "transfer methods", "augmentation" and "optimisation"."""
    count, positive = cli.number(int, least=1), cli.number(float, above=0)
    weight, fraction = cli.number(float, least=0), cli.number(float, least=0, most=1)
    r1 = lambda text: text if text == "auto" else weight(text)
    # fmt: off
    add = parser.add_argument_group("data").add_argument
    add("images", nargs="?", metavar="LMDB", help="an LMDB from prepare_data.py, a folder, zip or film, or one picture")
    add("--path", metavar="LMDB", help="the same as a flag")
    add("--size", type=int, choices=SIZES, metavar="PX", help="resolution (default: the checkpoint's, or the one stored)")
    add("--no_flip", action="store_true", help="do not mirror half of the images")

    add = parser.add_argument_group("network").add_argument
    add("--ckpt", type=Path, metavar="FILE", help="start from this network; without it, train from scratch")
    add("--start_from", choices=("g_ema", "g"), default="g_ema", help="which generator of --ckpt (default: g_ema)")
    add("--channel_multiplier", type=positive, metavar="X", help="width of a new StyleGAN2 (default: 2)")
    add("--channel_base", type=count, metavar="N", help="or: N / resolution channels at each resolution ...")
    add("--channel_max", type=count, metavar="N", help="... but at most N (default: 512)")
    add("--style_dim", type=count, metavar="N", help="length of z and w of a new network (default: 512)")
    add("--n_mlp", type=count, metavar="N", help="layers of a new mapping network (default: 8)")
    add("--arch", metavar="NAME", help="stylegan2 or stylegan1 (default: that of --ckpt, else stylegan2)")

    methods = parser.add_argument_group("transfer methods, in any combination (N as in the published commands)")
    methods.add_argument("--preset", choices=PRESETS, help="the flags of one method, chosen for the resolution and printed")
    for method in METHODS:
        method.add_arguments(methods)

    augmentation.add_arguments(parser.add_argument_group("augmentation"))

    add = parser.add_argument_group("optimisation").add_argument
    add("--batch", type=count, default=16, metavar="N", help="images per step for each process (default: 16)")
    add("--accumulate", type=count, default=1, metavar="N", help="pass a batch in N parts, to save memory (default: 1)")
    add("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of convolutions (auto: bf16 on GPUs)")
    add("--lr", type=positive, default=0.002, metavar="X", help="learning rate (default: 0.002)")
    add("--r1", type=r1, default="auto", metavar="X", help="R1 weight (default: 10 from 256 px, else 0.0002 size^2 / batch)")
    add("--d_reg_every", type=count, default=16, metavar="N", help="iterations between R1 steps (default: 16)")
    add("--path_regularize", type=weight, default=2.0, metavar="X", help="path-length weight, 0 = off (default: 2)")
    add("--g_reg_every", type=count, default=4, metavar="N", help="iterations between path-length steps (default: 4)")
    add("--path_batch_shrink", type=count, default=2, metavar="N", help="path-length steps use batch / N images (default: 2)")
    add("--mixing", type=fraction, default=0.9, metavar="P", help="probability of style mixing (default: 0.9)")
    add("--ema_decay", type=fraction, default=EMA_DECAY, metavar="X", help="of the average of G (default: 0.5^(32/10000))")
    # fmt: on
    parser.idle_with("--d_reg_every", "--r1 0")
    parser.idle_with("--g_reg_every --path_batch_shrink", "--path_regularize 0")


def add_run_arguments(parser: cli.Parser) -> None:
    """The group "run", with what a training of StyleGAN2 has beside the flags of every run."""
    # fmt: off
    add = flags.add_arguments(parser, None, "30000 with --ckpt, 800000 without").add_argument
    add("--kimg", type=cli.number(float, above=0), metavar="N", help="in place of --iter: thousands of real images to show")
    add("--no_graphs", action="store_true", help="no CUDA graphs on a GPU: slower, in less memory; the losses are the same")
    add("-m", dest="launcher", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    add("--local_rank", help=argparse.SUPPRESS)  # older launchers pass it; the environment says the same
    # fmt: on

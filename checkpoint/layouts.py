"""The contents of a checkpoint in the layouts that other programs read.

    source = read("ffhq.pkl")
    write("ffhq.pt", reference(source))             # stylegan2-pytorch's generate.py and train.py --ckpt

reference: g, d, g_ema, latent_avg; of a StyleGAN1 generator, discriminator, g_running.  bare: one state dict.
nvidia: G, D, G_ema under NVIDIA's names.  All are plain dicts.
What a layout cannot hold is an InputError, or a line among the losses.
"""

import json

from torch import Tensor

from checkpoint import nvidia, stylegan1
from checkpoint.architecture import WHOLE_BATCH
from checkpoint.read import Checkpoint
from errors import InputError, printable
from model import W_AVG_SAMPLES

PROGRAM = {"stylegan2": "stylegan2-pytorch", "stylegan1": "style-based-gan-pytorch"}
PUBLISHED_GROUP = {"stylegan2": 4, "stylegan1": WHOLE_BATCH}
HELD = {  # what each layout keeps beside the networks
    "reference": ("latent_avg", "freeze_style", "source_style"),
    "safetensors": ("latent_avg",),
    "nvidia": ("latent_avg",),
    "bare": (),
}


def own(source: Checkpoint) -> dict:
    """g, d, g_ema and what a file of this project holds beside them."""
    beside = {name: source.extra[name] for name in HELD["reference"] if name in source.extra}
    return {**source.networks, **beside, "architecture": source.architecture.as_dict()}


def reference(source: Checkpoint) -> dict:
    """The layout of stylegan2-pytorch; of a StyleGAN1 that of style-based-gan-pytorch.

    What their scripts do not know (architecture, blended styles) lies beside the networks.
    """
    contents = own(source)
    if source.architecture.kind == "stylegan1":
        contents = {name: value for name, value in contents.items() if name not in source.networks}
        contents = stylegan1.public(source.architecture, source.networks) | contents
    return contents


def bare(source: Checkpoint, network: str = "g_ema") -> dict[str, Tensor]:
    """The state dict of one network."""
    _refuse_blended(source, "a bare state dict")
    name = network if network == "d" else source.generator_name(network)
    if name not in source.networks:
        raise InputError(f"{source.path}: holds no {name}, only {', '.join(source.networks)}")
    if source.architecture.kind == "stylegan1":
        return stylegan1.public(source.architecture, {name: source.networks[name]})[stylegan1.PUBLIC[name]]
    return dict(source.networks[name])


def bare_with_metadata(source: Checkpoint, network: str = "g_ema") -> tuple[dict[str, Tensor], dict[str, str]]:
    """For safetensors, which hold tensors and texts: the state dict with latent_avg, and the architecture as JSON."""
    tensors = bare(source, network)
    if "latent_avg" in source.extra and network != "d":
        tensors["latent_avg"] = source.extra["latent_avg"]
    return tensors, {"architecture": json.dumps(source.architecture.as_dict())}


def to_nvidia(source: Checkpoint) -> dict:
    """State dicts under stylegan2-ada-pytorch's names, for load_state_dict of networks built with `config`."""
    _refuse_blended(source, "NVIDIA's layout")
    if source.architecture.kind == "stylegan1":
        raise InputError(
            f"{source.path}: a StyleGAN1, which NVIDIA's layout of StyleGAN2 cannot hold; choose reference or bare"
        )
    contents = {}
    for ours, theirs in {"g": "G", "d": "D", "g_ema": "G_ema"}.items():
        if ours == "d" and ours in source.networks:
            contents[theirs] = nvidia.discriminator_to_nvidia(source.networks[ours])
        elif ours in source.networks:
            contents[theirs] = nvidia.generator_to_nvidia(source.networks[ours], _w_avg(source))
    architecture = source.architecture
    whole = architecture.stddev_group >= WHOLE_BATCH
    return contents | {
        "config": {
            "img_resolution": architecture.size,
            "channels": dict(architecture.channels),
            "z_dim": architecture.style_dim,
            "w_dim": architecture.style_dim,
            "c_dim": 0,
            "mapping_layers": architecture.n_mlp,
            "lr_multiplier": architecture.lr_mlp,
            "conv_clamp": architecture.conv_clamp,
            "mbstd_group_size": None if whole else architecture.stddev_group,
        }
    }


def losses(source: Checkpoint, layout: str, network: str = "g_ema") -> list[str]:
    """What the other program will not see, one line each. network: the one that is written, of layouts that hold one."""
    architecture, lost = source.architecture, []
    beside = [name for name in source.extra if name not in HELD[layout]]
    if layout in ("bare", "safetensors"):
        beside = [
            name for name in source.networks if name != (network if network == "d" else source.generator_name(network))
        ] + beside
    if beside:
        lost.append(f"not written: {', '.join(printable(str(name)) for name in beside)}")
    if layout in ("reference", "bare") and architecture.conv_clamp is not None:
        lost.append(
            f"conv_clamp {architecture.conv_clamp:g} is unknown to stylegan2-pytorch (it matters above that value only)"
        )
    if (
        layout in ("reference", "bare")
        and architecture.stddev_group != PUBLISHED_GROUP[architecture.kind]
        and "d" in source.networks
    ):
        lost.append(f"the discriminator compares {architecture.compared} at once, stylegan2-pytorch's 4")
    if layout != "nvidia" and architecture.kind == "stylegan1":
        lost.append("a StyleGAN1: in the layout of style-based-gan-pytorch, without noise, which that program draws anew")
    if layout == "reference" and "freeze_style" in source.extra:
        lost.append(f"{PROGRAM[architecture.kind]}'s scripts show this network without the styles of its source")
    if layout == "nvidia" and "latent_avg" not in source.extra and len(source.networks) > ("d" in source.networks):
        lost.append(f"mapping.w_avg: none in the file, so the mean of {W_AVG_SAMPLES:,} mapped z")
    return lost


def _w_avg(source: Checkpoint) -> Tensor:
    return source.extra["latent_avg"] if "latent_avg" in source.extra else source.generator().w_avg


def _refuse_blended(source: Checkpoint, layout: str) -> None:
    if source.extra.get("freeze_style"):
        raise InputError(f"{source.path}: takes the styles of its first layers from its source, which {layout} cannot hold")

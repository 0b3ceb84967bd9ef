"""Networks of a higher resolution, or wider, that begin where others stand (in the spirit of Net2Net, arXiv 1511.05641).

    wider = grown(read("demo/photo64.pt"), {4: 192, 8: 192, 16: 128, 32: 64, 64: 32})

What is new in the generator begins silent: its images are those of the old one, enlarged by the filter of the ToRGB layers.
A new channel has random weights of its own, and none where the old channels read it; new ToRGB layers give 0. The new blocks of
the discriminator pass the image on, made smaller, as its old FromRGB layer saw it, or as much of that as they have channels
for; it judges nearly as before (its channel of standard deviations also sees what is new).
"""

import dataclasses
import math

import torch
from torch import Tensor

from checkpoint.architecture import State
from checkpoint.read import Checkpoint
from errors import InputError
from model import Discriminator, Generator, ResBlock


def grown(source: Checkpoint, channels: dict[int, int], seed: int = 0) -> Checkpoint:
    """The same networks with these feature maps at each resolution, {4: ..., 8: ..., size: ...}.

    Raises InputError where something would become narrower or smaller, and for another kind than stylegan2.
    """
    old, size = source.architecture, max(channels)
    if old.kind != "stylegan2":
        raise InputError(f"{source.path}: a {old.kind} network cannot grow; only stylegan2 can")
    if lost := [res for res in old.channels if channels.get(res, 0) < old.channels[res]]:
        res = lost[0]
        raise InputError(
            f"{source.path}: has {old.channels[res]} channels at {res} px, which {channels.get(res, 0)} do not hold"
        )
    new = dataclasses.replace(old, size=size, channels=channels)
    networks = {}
    for name in source.networks:
        with torch.random.fork_rng(devices=[]):  # the same new weights in g and in g_ema
            torch.manual_seed(seed)
            network = new.discriminator() if name == "d" else new.generator()
        before = source.discriminator() if name == "d" else source.generator(name)
        (_grow_discriminator if name == "d" else _grow_generator)(network, before)
        networks[name] = network.state_dict()
    extra = {name: value for name, value in source.extra.items() if name == "latent_avg"}
    return dataclasses.replace(source, networks=networks, architecture=new, extra=extra)


@torch.no_grad()
def _grow_generator(new: Generator, old: Generator) -> None:
    _take_over(new.state_dict(), old.state_dict())
    for layer in new.to_rgbs[len(old.to_rgbs) :]:
        layer.conv.weight.zero_()


@torch.no_grad()
def _grow_discriminator(new: Discriminator, old: Discriminator) -> None:
    added = len(new.convs) - len(old.convs)
    # The last block ends in the 4x4 features of both. Its input, beside them the standard deviation, is what final_conv reads.
    for before, after in zip(old.convs[1:], new.convs[1 + added :]):
        _take_over(after.state_dict(), before.state_dict())
    for name in ("final_conv", "final_linear"):
        _take_over(getattr(new, name).state_dict(), getattr(old, name).state_dict())
    _move_deviation(new.final_conv[0].weight, old.final_conv[0].weight)
    seen = min(channels for res, channels in new.channels.items() if res >= old.size)
    _take_over(new.convs[0].state_dict(), {name: tensor[:seen] for name, tensor in old.convs[0].state_dict().items()})
    for block in new.convs[1 : 1 + added]:
        _pass_on(block, min(seen, old.channels[old.size]))


def _take_over(new: State, old: State) -> None:
    """Old numbers in the corner of the new ones, whose other rows stay random; what reads new channels begins at 0."""
    for name, before in old.items():
        after = new[name]
        if name.endswith("kernel"):
            continue
        if name.endswith("weight") and before.ndim > 1:  # [1, out, in, k, k], [out, in, k, k] or [out, in]
            squeezed = (after[0], before[0]) if before.ndim == 5 else (after, before)
            _weight(*squeezed)
        else:
            after[tuple(slice(n) for n in before.shape)] = before


def _weight(after: Tensor, before: Tensor) -> None:
    """Layers divide by the root of their inputs: the old weights grow by as much as there are more."""
    rows, columns = before.shape[:2]
    after[:rows] = 0
    after[:rows, :columns] = before * math.sqrt(after.shape[1] / columns)


def _move_deviation(after: Tensor, before: Tensor) -> None:
    """The channel of standard deviations is the last one, before and after."""
    rows, last = before.shape[0], before.shape[1] - 1
    if after.shape[1] > before.shape[1]:
        after[:rows, last] = 0
        after[:rows, -1] = before[:, last] * math.sqrt(after.shape[1] / before.shape[1])


def _pass_on(block: ResBlock, channels: int) -> None:
    """The first channels leave as they came, at half the resolution; the block's own layers add nothing yet."""
    block.conv2[1].weight.zero_()
    skip = block.skip[1]
    skip.weight[:channels] = 0
    skip.weight[range(channels), range(channels)] = 1 / skip.scale
    block.conv2[2].bias.zero_()

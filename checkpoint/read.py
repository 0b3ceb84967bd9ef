"""Read a checkpoint of any known format into networks. No code of the file is ever run.

source = read("550000.pt")
generator = source.generator()         # g_ema, or g where that is missing
print(source.format, source.architecture.size, source.notes)
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from checkpoint.architecture import Architecture, State, complete, from_discriminator, from_generator
from cli import InputError
from model import Discriminator, Generator

STAMP = "cartoon-stylegan2"  # under the key `written_by` of our files


@dataclass
class Checkpoint:
    """What a file holds.

    format:   for people: "this project", "stylegan2-pytorch training", "converted weights", "bare state dict"
    networks: "g", "d", "g_ema", whichever are present, complete and in float32 under the public names
    extra:    everything else: optimizers, args (a dict), iteration, latent_avg [style_dim], ...
    notes:    what was filled in or tolerated
    """

    path: Path
    format: str
    networks: dict[str, State]
    architecture: Architecture
    extra: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def generator(self, which: str = "g_ema") -> Generator:
        """Ready to draw: eval mode, without gradients. g_ema stands in for a missing g, and g for a missing g_ema."""
        state = self.networks.get(which) or self.networks.get("g" if which == "g_ema" else "g_ema")
        if state is None:
            raise InputError(f"{self.path}: holds no generator, only {' '.join(self.networks)}")
        return _loaded(self.architecture.generator(), state)

    def discriminator(self) -> Discriminator:
        if "d" not in self.networks:
            raise InputError(f"{self.path}: holds no discriminator, only {' '.join(self.networks)}")
        return _loaded(self.architecture.discriminator(), self.networks["d"])


def read(path: str | Path) -> Checkpoint:
    """Raises InputError, one line naming the file and what is wrong with it."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return _interpret(path, _load(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _load(path: Path) -> dict:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler fails in many ways on a damaged file
        raise InputError(f"not a readable checkpoint ({str(error).splitlines()[0]})") from None
    if not isinstance(contents, dict):
        raise InputError(f"expected a dict of networks, found {type(contents).__name__}")
    return {name: vars(value) if isinstance(value, argparse.Namespace) else value for name, value in contents.items()}


def _interpret(path: Path, contents: dict) -> Checkpoint:
    if kind := _kind(contents):
        contents, format = {kind: contents}, "bare state dict"
    elif contents.pop("written_by", None) == STAMP:
        format = "this project"
    else:
        format = "stylegan2-pytorch training" if "g_optim" in contents or "d_optim" in contents else "converted weights"
    states = {name: _unwrapped(contents.pop(name)) for name in ("g", "d", "g_ema") if contents.get(name) is not None}
    if not states:
        raise InputError(f"holds no generator or discriminator, only {' '.join(map(str, contents)) or 'nothing'}")

    architecture = _architecture(states, contents.pop("architecture", {}))
    networks, notes = {}, []
    for name, state in states.items():
        shapes = architecture.discriminator_shapes() if name == "d" else architecture.generator_shapes()
        try:
            networks[name], remarks = complete(state, shapes, architecture.blur_kernel)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        notes += [f"{name}: {remark}" for remark in remarks]
    if path.stem.isdecimal() and format == "stylegan2-pytorch training":
        contents.setdefault("iteration", int(path.stem))
    return Checkpoint(path, format, networks, architecture, contents, notes)


def _architecture(states: dict[str, State], options: dict) -> Architecture:
    generator = states.get("g_ema") or states.get("g")
    architecture = from_generator(generator) if generator else from_discriminator(states["d"])
    for name in ("lr_mlp", "conv_clamp", "stddev_group"):
        setattr(architecture, name, options.get(name, getattr(architecture, name)))
    return architecture


def _kind(contents: dict) -> str | None:
    """Whether a dict is itself a state dict: "g_ema", "d" or None."""
    names = {str(name).removeprefix("module.") for name in contents}
    if "input.input" in names:
        return "g_ema"
    return "d" if "final_linear.0.weight" in names else None


def _unwrapped(state: dict[str, Tensor]) -> State:
    """Without the prefix that data-parallel training leaves."""
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _loaded(network, state: State):
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)

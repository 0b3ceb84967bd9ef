"""Translators in files: the published ones, six state dicts, and the checkpoints of our runs, which hold them as well.

    found = read(Path("NAME_params_0100000.pt"))
    generator = found.generator("A2B")              # ready to translate; found.size is None for any size

What a network is follows from the shapes of its tensors.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from checkpoint import container
from errors import InputError, reading
from translation.networks import Discriminator, Generator

State = dict[str, Tensor]
NETWORKS = ("genA2B", "genB2A", "disGA", "disGB", "disLA", "disLB")
WAYS = ("A2B", "B2A")
GROUPS = "group_classfier."  # sic
PARTS = {"weight.original": "weight_orig", "weight.0._u": "weight_u", "weight.0._v": "weight_v"}  # of today's spectral norm


@dataclass
class Translator:
    """What a file holds.

    networks:  {published name: its tensors under the published names}, whichever are present
    averaged:  {"genA2B": ..., "genB2A": ...} of a run with averaged generators
    size:      of the pictures that it was trained on; of a light network None where the file does not say
    iteration: as the file or its name says; 0 where neither does
    extra:     what else a checkpoint of ours holds
    """

    path: Path
    networks: dict[str, State]
    averaged: dict[str, State] = field(default_factory=dict)
    ch: int = 64
    n_res: int = 4
    light: bool = False
    size: int | None = None
    iteration: int = 0
    extra: dict = field(default_factory=dict)

    def generator(self, way: str = "A2B") -> Generator:
        """Eval mode, without gradients; the averaged one where there is one. Raises InputError where it is missing."""
        name = f"gen{way}"
        state = self.averaged.get(name) or self.networks.get(name)
        if state is None:
            raise InputError(f"{self.path}: holds no {name}, only {', '.join(self.networks)}")
        network = Generator(self.ch, self.n_res, self.size or 256, self.light)
        network.size = self.size
        load(network, state, f"{self.path}: {name}")
        return network.eval().requires_grad_(False)

    def described(self) -> str:
        """
        >>> Translator(Path(), {}, light=True).described()
        'light, width 64, 4 blocks, any size'
        """
        size = f"{self.size} px" if self.size else "any size"
        return f"{'light' if self.light else 'full'}, width {self.ch}, {self.n_res} blocks, {size}"


def read(path: Path) -> Translator:
    """Raises InputError, one line that begins with the path, for what is missing, damaged or something else."""
    with reading(path, "train one with python -m scripts.train_ugatit"):
        contents = container.load(path)[0]
        networks = {name: named_as_published(contents[name]) for name in NETWORKS if isinstance(contents.get(name), dict)}
        averaged = {f"gen{way}": contents.get(f"gen{way}_ema") for way in WAYS}
        generators = [networks[f"gen{way}"] for way in WAYS if f"gen{way}" in networks]
        if not generators:
            raise InputError(f"no U-GAT-IT translator: holds no genA2B or genB2A, but {listed(contents)}")
        shape = shape_of(generators[0])
        args = contents.get("args") if isinstance(contents.get("args"), dict) else {}
        size = shape.pop("size") or args.get("img_size")
        iteration = contents.get("iteration", number_in(path))
        extra = {key: value for key, value in contents.items() if key not in networks}
    averaged = {name: named_as_published(state) for name, state in averaged.items() if isinstance(state, dict)}
    return Translator(path, networks, averaged, **shape, size=size, iteration=iteration, extra=extra)


def named_as_published(state: dict) -> State:
    """Without the prefix of several GPUs, and with today's names of spectral normalisation turned into those of then."""

    def name(key: str) -> str:
        stem, between, part = str(key).removeprefix("module.").partition(".parametrizations.")
        return f"{stem}.{PARTS.get(part, part)}" if between else stem

    return {name(key): value for key, value in state.items()}


def shape_of(state: State) -> dict[str, object]:
    """ch, n_res, light and size of a generator; size None for a light one. Raises InputError where it is none."""
    try:
        ch, _, _, _ = state["DownBlock.1.weight"].shape
        width, columns = state["FC.0.weight"].shape
    except (KeyError, ValueError, AttributeError):
        raise InputError(f"not a generator of U-GAT-IT: {listed(state)}") from None
    n_res = len({found[1] for key in state if (found := re.match(r"UpBlock1_(\d+)\.", key))})
    side = round((columns / width) ** 0.5)
    light = columns == width
    if width != 4 * ch or (not light and side * side * width != columns):
        raise InputError(f"FC.0.weight: {width} x {columns} fits no width of {ch}")
    return {"ch": ch, "n_res": n_res, "light": light, "size": None if light else 4 * side}


def load(network: nn.Module, state: State, where: str) -> None:
    """Raises InputError naming the first tensor that is missing, of another shape, or too many."""
    expected = network.state_dict()
    for name, tensor in expected.items():
        if name not in state:
            raise InputError(f"{where}: {name} is missing")
        if state[name].shape != tensor.shape:
            raise InputError(f"{where}: {name} has shape {[*state[name].shape]}, expected {[*tensor.shape]}")
    if more := sorted(state.keys() - expected.keys()):
        raise InputError(f"{where}: {more[0]} has no place")
    network.load_state_dict(state)


def load_discriminator(network: Discriminator, state: State, where: str) -> list[str]:
    """As `load`; the group classifier, which one of the two may lack, stays as it is, or is left out. What to say of it."""
    own, given = ({name for name in names if name.startswith(GROUPS)} for names in (network.state_dict(), state))
    kept = {name: value for name, value in network.state_dict().items() if name in own - given}
    taken = {name: value for name, value in state.items() if name not in given - own}
    load(network, taken | kept, where)
    return [f"{where}: without a group classifier; a new one begins"] if own - given else []


def number_in(path: Path) -> int:
    """
    >>> number_in(Path("a/face_params_0100000.pt")), number_in(Path("latest.pt"))
    (100000, 0)
    """
    last = path.stem.rpartition("_")[2]
    return int(last) if last.isdecimal() else 0


def listed(contents: dict) -> str:
    names = [str(name) for name in list(contents)[:5]]
    return ", ".join(names) + (" ..." if len(contents) > 5 else "") if names else "nothing"

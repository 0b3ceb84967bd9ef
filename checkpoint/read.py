"""Read a checkpoint of any known format into networks. No code of the file is ever run.

source = read("550000.pt")
generator = source.generator()         # g_ema, or g where that is missing
print(source.format, source.architecture.size, source.notes)
"""

import dataclasses
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from checkpoint import container, nvidia
from checkpoint.architecture import WHOLE_BATCH, Architecture, State, Undrawn, complete, from_discriminator, from_generator
from checkpoint.blended import BlendedGenerator
from checkpoint.write import STAMP
from cli import InputError
from model import Discriminator, Generator


@dataclass
class Checkpoint:
    """What a file holds.

    format:       for people: "this project", "stylegan2-pytorch training", "converted weights", "bare state dict",
                  "safetensors", "NVIDIA pickle", "NVIDIA state dicts"
    networks:     "g", "d", "g_ema", whichever are present, complete and in float32 under the public names
    architecture: of the generator, or of the discriminator where there is no generator
    extra:        everything else as plain values and tensors: optimizers, args, iteration, latent_avg [style_dim], ...
    notes:        what was filled in or tolerated
    """

    path: Path
    format: str
    networks: dict[str, State]
    architecture: Architecture
    extra: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def generator_name(self, which: str = "g_ema") -> str:
        """`which`, or the other of "g" and "g_ema" where it is missing."""
        names = [which, *({"g", "g_ema"} - {which})]
        found = next((name for name in names if name in self.networks), None)
        if found is None:
            raise InputError(f"{self.path}: holds no generator, only {', '.join(self.networks)}")
        return found

    def generator(self, which: str = "g_ema") -> Generator:
        """Ready to draw: eval mode, without gradients. Each call returns a network of its own.

        Of a run with --freezeStyle, its `mapping` gives the blended w_plus [batch, n_latent, style_dim].
        """
        state = self.networks[self.generator_name(which)]
        if not self.extra.get("freeze_style"):
            return _loaded(self.architecture.generator, state)
        network = _loaded(lambda: self.architecture.generator(BlendedGenerator, freeze_style=self.extra["freeze_style"]), state)
        network.load_source(self.extra["source_style"])
        return network

    def discriminator(self) -> Discriminator:
        """Eval mode, without gradients. Its widths are its own, and may differ from the generator's."""
        if "d" not in self.networks:
            raise InputError(f"{self.path}: holds no discriminator, only {', '.join(self.networks)}")
        widths = from_discriminator(self.networks["d"]).channels
        return _loaded(dataclasses.replace(self.architecture, channels=widths).discriminator, self.networks["d"])


def read(path: str | Path, flag: str = "", lazy: bool = False) -> Checkpoint:
    """Read any format, recognised by its first bytes and its names.

    flag: of the command that names the file, for the message
    lazy: leave tensors on the disk until they are used; for looking only, the file must not change meanwhile
    Raises InputError, one line naming the file and what is wrong with it.
    """
    path = Path(path)
    named = f"{flag} {path}".lstrip()
    if not path.is_file():
        what = "not an ordinary file" if path.exists() else "no such file"
        raise InputError(f"{named}: {what}; docs/checkpoints.md says where published networks are")
    try:
        return _interpret(path, *container.load(path, lazy))
    except InputError as error:
        raise InputError(f"{path}: {printable(str(error), 300)}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except MemoryError:
        raise InputError(f"{named}: not enough memory to read it") from None


def printable(text: str, length: int = 60) -> str:
    """Text of a stranger's file for the terminal: one line, no control characters, cut in the middle when it is long."""
    if len(text) > length:
        text = f"{text[: length // 2]}...{text[-length // 2 + 3 :]}"
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _interpret(path: Path, contents: dict, kind: str) -> Checkpoint:
    contents, format = _public_names(contents, kind)
    states = {}
    for name in ("g", "d", "g_ema"):
        if contents.get(name) is not None:
            with _named(name):
                states[name] = _state(contents.pop(name))
    if not states:
        raise InputError(f"holds no generator or discriminator, only {_listed(contents)}")
    architecture = _architecture(states, contents.pop("architecture", None) or {})
    networks, notes = {}, []
    for name, state in states.items():
        networks[name], remarks = _completed(name, state, architecture)
        notes += remarks
    if format == "stylegan2-pytorch training" and path.stem.isdecimal():
        contents.setdefault("iteration", int(path.stem))
        notes.append("iteration taken from the file name")
    notes += _check_extra(contents, architecture)
    return Checkpoint(path, format, networks, architecture, contents, notes)


def _public_names(contents: dict, kind: str) -> tuple[dict, str]:
    """The contents with the networks under "g", "d" and "g_ema", and the format for people."""
    metadata = contents.pop("metadata", {}) if kind == "safetensors" else {}
    stamped = contents.pop("written_by", None) == STAMP
    if bare := _bare(contents):
        beside = {"latent_avg": contents.pop("latent_avg")} if "latent_avg" in contents else {}
        contents, format = {bare: contents, **beside}, "bare state dict"
    elif stamped:
        format = "this project"
    else:
        format = "stylegan2-pytorch training" if "g_optim" in contents or "d_optim" in contents else "converted weights"
    if kind == "safetensors":
        return contents | _metadata(metadata), "safetensors"
    if translated := _from_nvidia(contents):
        return translated, "NVIDIA pickle" if kind == "pickle" else "NVIDIA state dicts"
    return contents, format


def _bare(contents: dict) -> str | None:
    """Which network a dict is, if it is itself a state dict and not a dict of them."""
    names = {str(name).removeprefix("module.") for name in contents}
    if "input.input" in names:
        return "g_ema"
    if nvidia.is_generator(names):
        return "G_ema"
    if nvidia.is_discriminator(names):
        return "D"
    return "d" if "final_linear.0.weight" in names else None


def _from_nvidia(contents: dict) -> dict:
    """NVIDIA's networks and options under our names; empty if there are none."""
    names = {"G": "g", "D": "d", "G_ema": "g_ema"}
    theirs = {name: contents[name] for name in names if isinstance(contents.get(name), dict)}
    ours = {}
    for name, state in theirs.items():
        with _named(name):
            if nvidia.is_generator(state):
                ours[names[name]], w_avg = nvidia.generator_from_nvidia(_state(state))
                ours |= {} if w_avg is None else {"latent_avg": w_avg}  # G_ema comes last, and wins
            elif nvidia.is_discriminator(state):
                ours[names[name]] = nvidia.discriminator_from_nvidia(_state(state))
    return ours | {"architecture": _nvidia_options(contents.get("config"))} if ours else {}


def _nvidia_options(config: object) -> dict:
    config = config if isinstance(config, dict) else {}
    ours = {"conv_clamp": "conv_clamp", "lr_multiplier": "lr_mlp", "mbstd_group_size": "stddev_group"}
    options = {ours[name]: value for name, value in config.items() if name in ours}
    return options | ({"stddev_group": WHOLE_BATCH} if options.get("stddev_group", 4) is None else {})


def _metadata(metadata: dict) -> dict:
    """The options that our own safetensors files carry."""
    try:
        return {"architecture": json.loads(metadata.get("architecture", "{}"))}
    except ValueError:
        raise InputError("damaged (metadata that is not JSON)") from None


def _state(state: object) -> State:
    """A state dict of tensors, without the prefix that data-parallel training leaves."""
    if not isinstance(state, dict) or not state:
        raise InputError(f"expected a state dict, found {'an empty one' if state == {} else type(state).__name__}")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise InputError(f"{name}: expected a tensor, found {type(tensor).__name__}")
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _architecture(states: dict[str, State], options: object) -> Architecture:
    """From the shapes, and from the options for what the shapes do not show."""
    name = next(name for name in ("g_ema", "g", "d") if name in states)
    with _named(name):
        architecture = (from_discriminator if name == "d" else from_generator)(states[name])
    if not isinstance(options, dict):
        raise InputError(f"architecture: expected a dict, found {type(options).__name__}")
    for option, kinds in {"lr_mlp": (float, int), "conv_clamp": (float, int), "stddev_group": (int,)}.items():
        value = options.get(option, getattr(architecture, option))
        if (option, value) == ("conv_clamp", None):
            continue
        if type(value) not in kinds or not (math.isfinite(value) and value > 0):
            raise InputError(f"architecture: {option}: expected a number above 0, found {value!r}")
        setattr(architecture, option, value)
    return architecture


def _completed(name: str, state: State, architecture: Architecture) -> tuple[State, list[str]]:
    with _named(name):
        if name != "d":
            shapes = architecture.generator_shapes()
        else:
            own = from_discriminator(state)
            if own.size != architecture.size:
                raise InputError(f"made for {own.size} px, the generator for {architecture.size} px")
            shapes = own.discriminator_shapes()
        state, remarks = complete(state, shapes, architecture.blur_kernel)
    return state, [f"{name}: {remark}" for remark in remarks]


def _check_extra(extra: dict, architecture: Architecture) -> list[str]:
    """What `Checkpoint` itself relies on must have the right shape: latent_avg, freeze_style and source_style."""
    notes = []
    w_avg = extra.get("latent_avg")
    if w_avg is not None and (not isinstance(w_avg, Tensor) or w_avg.numel() != architecture.style_dim):
        notes.append(f"latent_avg left out: expected [{architecture.style_dim}], found {_shape(w_avg)}")
        del extra["latent_avg"]
    elif w_avg is not None:
        extra["latent_avg"] = w_avg.flatten().float()
    if layers := extra.get("freeze_style"):
        most = 2 * int(math.log2(architecture.size)) - 2
        if type(layers) is not int or not 0 < layers <= most:
            raise InputError(f"freeze_style: expected a number of layers from 1 to {most}, found {layers!r}")
        shapes = architecture.generator_shapes()
        shapes = {name.removeprefix("style."): shape for name, shape in shapes.items() if name.startswith("style.")}
        with _named("source_style"):
            extra["source_style"], _ = complete(_state(extra.get("source_style")), shapes)
    return notes


@contextmanager
def _named(part: str) -> Iterator[None]:
    """Put the name of the part in front of what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{part}: {error}") from None


def _loaded(build, state: State) -> nn.Module:
    with Undrawn():
        network = build()
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def _shape(value: object) -> str:
    return str(list(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def _listed(contents: dict) -> str:
    names = [printable(str(name)) for name in contents]
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") or "nothing"

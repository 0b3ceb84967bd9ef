"""Read a checkpoint of any known format into networks. No code of the file is ever run.

source = read("550000.pt")
generator = source.generator()         # g_ema, or g where that is missing
print(source.format, source.architecture.size, source.notes)
"""

import dataclasses
import json
import math
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from checkpoint import architecture as stylegan2
from checkpoint import container, kinds, modules, nvidia, nvidia_pickle, search, stylegan1
from checkpoint.architecture import (
    KINDS,
    WHOLE_BATCH,
    Architecture,
    State,
    Undrawn,
    complete,
)
from checkpoint.blended import BLENDED
from checkpoint.tensors import Unread
from checkpoint.values import Whole, number
from checkpoint.write import STAMP
from errors import InputError, named, printable, reading
from model import Discriminator, StyleGenerator
from stylegan1 import Discriminator1

LEFT_OUT = "left out: "  # how a note on other networks of the file begins
PART = re.compile(r"-(\d{5})-of-(\d{5})\.(?:safetensors|bin|pt|pth)$")  # names of large networks in several files
WHOLE_SETTINGS = {  # option: (module, attribute) of networks that were pickled whole
    "lr_mlp": ("style.1", "lr_mul"),
    "conv_clamp": ("conv1.clamp", "max_val"),
    "stddev_group": ("", "stddev_group"),
}


@dataclass
class Checkpoint:
    """What a file holds.

    format:       for people: "this project", "stylegan2-pytorch training", "converted weights", "bare state dict",
                  "safetensors", "NVIDIA pickle", "NVIDIA state dicts", "pSp, e4e or the like", "whole networks", "pickle"
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

    @property
    def contents(self) -> dict:
        """All of it, as in one of our own files."""
        return {**self.networks, **self.extra}

    def generator_name(self, which: str = "g_ema") -> str:
        """`which`, or the other of "g" and "g_ema" where it is missing."""
        for name in (which, *({"g", "g_ema"} - {which})):
            if name in self.networks:
                return name
        raise InputError(f"{self.path}: holds no generator, only {', '.join(self.networks)}")

    def generator(self, which: str = "g_ema") -> StyleGenerator:
        """Ready to draw: eval mode, without gradients. Each call returns a network of its own.

        Of a run with --freezeStyle, its `mapping` gives the blended w_plus [batch, n_latent, style_dim].
        """
        name = self.generator_name(which)
        layers, build = self.extra.get("freeze_style"), self.architecture.generator
        blended = partial(build, BLENDED[self.architecture.kind], freeze_style=layers) if layers else build
        network = _loaded(blended, self.networks[name])
        if layers:
            network.load_source(self.extra["source_style"])
        network.w_avg = self._w_avg(name)
        return network

    def _w_avg(self, name: str) -> Tensor | None:
        """The centre that the file states, which is that of g_ema where there is one. Of two mappings it differs by layer."""
        w_avg = self.extra.get("latent_avg")
        fits = w_avg is not None and w_avg.ndim == (2 if self.extra.get("freeze_style") else 1)
        return w_avg.clone() if fits and name == self.generator_name() else None

    def discriminator(self) -> Discriminator | Discriminator1:
        """Eval mode, without gradients. Its widths are its own, and may differ from the generator's."""
        if "d" not in self.networks:
            raise InputError(f"{self.path}: holds no discriminator, only {', '.join(self.networks)}")
        own = _told("d", self.networks["d"])
        own = {"channels": own.channels, "from_rgb_activate": own.from_rgb_activate}
        return _loaded(dataclasses.replace(self.architecture, **own).discriminator, self.networks["d"])


def read(path: str | Path, *, lazy: bool = False) -> Checkpoint:
    """Read any format, recognised by its first bytes and its names.

    lazy: leave tensors on the disk until they are used; for looking only, the file must not change meanwhile
    Raises InputError, one line naming the file and what is wrong with it.
    """
    path = Path(path)
    if path.is_dir() and any([*path.glob("data.pkl"), *path.glob("*/data.pkl")]):
        raise InputError(f"{path}: a folder, unpacked from a file of torch.save; name that file, and leave it packed")
    with reading(path, missing="docs/checkpoints.md says where published networks are"):
        if part := PART.search(path.name):
            raise InputError(f"part {int(part[1])} of a network in {int(part[2])} files; load all, and save it as one")
        return _interpret(path, *container.load(path, lazy))


def read_aloud(path: str | Path) -> Checkpoint:
    """As `read`, for commands that draw and measure: prints which parts of the file are left out."""
    source = read(path)
    for note in source.notes:
        if note.startswith(LEFT_OUT):
            print(f"{source.path}: {printable(note, 300)}")
    return source


def _interpret(path: Path, contents: dict, kind: str) -> Checkpoint:
    metadata = contents.pop("metadata", {}) if kind == "safetensors" else {}
    stamped = contents.pop("written_by", None) == STAMP
    contents = contents if stamped else _opened(contents)
    _refuse_other_kinds(contents.get("architecture"), _metadata(metadata))
    survey = search.networks_in({key: value for key, value in contents.items() if key in search.EXACT} if stamped else contents)
    _refuse_unknown(survey, contents, kind)
    states, centres, notes = {}, {}, []
    for name, network in survey.networks.items():
        with named(network.place or name):
            states[name], w_avg = _public_names(network)
        centres |= {} if w_avg is None else {"latent_avg": w_avg}  # g_ema comes last, and wins
        notes += _remarks(name, network)
    extra = _beside(contents, survey) | centres
    options = _nvidia_options(contents.get("config"))
    for name in ("d", "g", "g_ema"):  # the discriminator, which has a conv_clamp of its own, says least
        options |= _settings(survey.networks[name]) if name in survey.networks else {}
    architecture = _architecture(states, options | _metadata(metadata) | _stated(extra.pop("architecture", None)))
    networks = {}
    for name, state in states.items():
        networks[name], remarks = _completed(name, state, architecture)
        notes += remarks
    notes += stylegan1.remarks(architecture) if architecture.kind == "stylegan1" else []
    if states.keys() - {"d"} and not architecture.n_mlp:
        notes.append("no mapping layers (style.*): z is taken for w")
    format = _format(kind, stamped, survey, contents)
    if format.endswith(" training") and path.stem.isdecimal():
        extra.setdefault("iteration", int(path.stem))
        notes.append("iteration taken from the file name")
    notes += _check_extra(extra, architecture)
    notes += [] if stamped else [f"{LEFT_OUT}{place or 'the rest'}, {what}" for place, what in survey.left.items()]
    return Checkpoint(path, format, networks, architecture, extra, notes)


def _opened(contents: dict) -> dict:
    """A file's dict; where that holds nothing but one dict which holds the published keys, that one with what was beside it."""
    inner = [key for key, value in contents.items() if isinstance(value, dict) and any(name in search.EXACT for name in value)]
    if len(inner) != 1 or inner[0] in search.EXACT or any(name in search.EXACT for name in contents):
        return contents
    return {**{key: value for key, value in contents.items() if key != inner[0]}, **contents[inner[0]]}


def _refuse_other_kinds(*stated: object) -> None:
    """Raises InputError where the options that a file states are of a network that cannot be built."""
    for options in stated:
        kind = options.get("kind", KINDS[0]) if isinstance(options, dict) else KINDS[0]
        if kind not in KINDS:
            raise InputError(f"architecture: kind: expected {' or '.join(KINDS)}, found {kind!r}")


def _refuse_unknown(survey: search.Survey, contents: dict, kind: str) -> None:
    """Raises InputError where no network is understood, or a discriminator alone beside others that are not."""
    kinds_left = "; ".join(f"{place or 'the file'}: {what}" for place, what in list(survey.left.items())[:3])
    if not survey.networks:
        dicts = [contents, *(value for value in contents.values() if isinstance(value, dict))]
        if program := next(filter(None, (kinds.described(entries, kinds.PROGRAMS) for entries in dicts)), ""):
            raise InputError(f"{program}, not a StyleGAN2 network")
        missing = "a pickle without the networks G, D or G_ema" if kind == "pickle" else "holds no generator or discriminator"
        what = kinds_left or kinds.described(contents, kinds.FILES)
        raise InputError(f"{missing}, {_listed(contents)}" + (f" ({what})" if what else ""))
    if set(survey.networks) == {"d"} and kinds_left:
        raise InputError(f"holds no generator that can be used; beside the discriminator there is {kinds_left}")


def _beside(contents: dict, survey: search.Survey) -> dict:
    """Everything that is no network, latent_avg among it wherever it lies on the way to a generator."""
    used = {network.keys[0] for network in survey.networks.values() if network.keys}
    bare = any(not network.keys for network in survey.networks.values())
    extra = {
        key: value
        for key, value in contents.items()
        if key not in {*used, "config"}
        and not (value is None and key in search.EXACT)
        and not (bare and isinstance(value, Tensor) and key != "latent_avg")
    }
    for network in survey.networks.values():
        holders = [network.holder, *_on_the_way(contents, network.keys)]
        w_avg = next((holder["latent_avg"] for holder in holders if isinstance(holder.get("latent_avg"), Tensor)), None)
        if w_avg is not None and network.kind == "generator":
            extra.setdefault("latent_avg", w_avg)
    return extra


def _on_the_way(contents: dict, keys: tuple[str, ...]) -> list[dict]:
    holders = [contents]
    for key in keys[:-1]:
        inner = holders[-1].get(key)
        if isinstance(inner, dict):
            holders.append(inner)
    return holders


def _public_names(network: search.Network) -> tuple[State, Tensor | None]:
    """A network's tensors under our names, and NVIDIA's w_avg."""
    if network.keys and not network.prefix and not network.dropped:
        _state(network.holder)  # nothing else may lie there
    state = _state(network.state)
    if network.names == "stylegan1":
        return stylegan1.without_kernels(state), None
    if network.names == "ours":
        return state, None
    if network.kind == "generator":
        return nvidia.generator_from_nvidia(state)
    return nvidia.discriminator_from_nvidia(state), None


def _settings(network: search.Network) -> dict:
    """What a network that was pickled whole says of itself beside its tensors."""
    module = modules.at(network.holder.module, network.prefix) if isinstance(network.holder, Whole) else None
    while module and network.dropped & set(inner := modules.children(module)):  # DataParallel and its like
        module = next(child for name, child in inner.items() if name in network.dropped)
    if module is None:
        return {}
    if network.names == "nvidia":
        return _nvidia_options(nvidia_pickle.config(module))
    values = {option: number(modules.setting(module, *place)) for option, place in WHOLE_SETTINGS.items()}
    return {option: value for option, value in values.items() if value is not modules.ABSENT}


def _remarks(name: str, network: search.Network) -> list[str]:
    """What was understood rather than read."""
    remarks = []
    if isinstance(network.holder, Whole) and network.names == "ours":
        remarks.append(f"{name}: a whole {network.holder.title}, of which the tensors are read and nothing is run")
    if network.prefix or (network.keys and not network.key):
        remarks.append(f"{name}: taken from {network.place}")
    if network.dropped:
        remarks.append(f"{name}: {', '.join(sorted(network.dropped))} left out of its names")
    return remarks


def _format(kind: str, stamped: bool, survey: search.Survey, contents: dict) -> str:
    """For people: the first that fits."""
    networks = survey.networks.values()
    theirs = any(network.names == "nvidia" for network in networks)
    formats = {
        "safetensors": kind == "safetensors",
        "NVIDIA pickle": kind == "pickle" and theirs,
        "pickle": kind == "pickle",
        "whole networks": any(isinstance(network.holder, Whole) for network in networks),
        "NVIDIA state dicts": theirs,
        "pSp, e4e or the like": any(network.prefix == "decoder." for network in networks),
        "bare state dict": any(not network.keys for network in networks),
        "this project": stamped,
        "stylegan2-pytorch training": "g_optim" in contents or "d_optim" in contents,
        "style-based-gan-pytorch training": "g_optimizer" in contents or "d_optimizer" in contents,
    }
    return next((name for name, fits in formats.items() if fits), "converted weights")


def _nvidia_options(config: object) -> dict:
    config = config if isinstance(config, dict) else {}
    ours = {"conv_clamp": "conv_clamp", "lr_multiplier": "lr_mlp", "mbstd_group_size": "stddev_group"}
    options = {ours[name]: value for name, value in config.items() if name in ours}
    return options | ({"stddev_group": WHOLE_BATCH} if options.get("stddev_group", 4) is None else {})


def _metadata(metadata: dict) -> dict:
    """The options that our own safetensors files carry. Others keep whatever they like under that name."""
    try:
        options = json.loads(metadata.get("architecture", "{}"))
    except (ValueError, RecursionError):
        return {}
    return options if isinstance(options, dict) else {}


def _stated(options: object) -> dict:
    if not isinstance(options, (dict, type(None))):
        raise InputError(f"architecture: expected a dict, found {type(options).__name__}")
    return options or {}


def _state(state: object) -> State:
    """A state dict of tensors, and of nothing else."""
    if not isinstance(state, dict) or not state:
        raise InputError(f"expected a state dict, found {'an empty one' if state == {} else type(state).__name__}")
    for name, tensor in state.items():
        if not isinstance(name, str):
            raise InputError(f"{name}: expected a text as the tensor's name, found {type(name).__name__}")
        if not isinstance(tensor, Tensor):
            raise InputError(f"{name}: expected a tensor, found {_shape(tensor)}")
    return state


def _architecture(states: dict[str, State], options: dict) -> Architecture:
    """From the shapes, and from the options for what the shapes do not show."""
    name = next(name for name in ("g_ema", "g", "d") if name in states)
    with named(name):
        architecture = _told(name, states[name])
    if options.get("kind", architecture.kind) != architecture.kind:
        raise InputError(f"architecture: kind: {options['kind']}, and the tensors are those of {architecture.kind}")
    if architecture.kind == "stylegan1":
        architecture.size = stylegan1.stated_size(architecture, options.get("size", architecture.size))
    for option, types in {"lr_mlp": (float, int), "conv_clamp": (float, int), "stddev_group": (int,)}.items():
        value = options.get(option, getattr(architecture, option))
        if (option, value) == ("conv_clamp", None):
            continue
        if type(value) not in types or not (math.isfinite(value) and value > 0):
            raise InputError(f"architecture: {option}: expected a number above 0, found {value!r}")
        setattr(architecture, option, value)
    return architecture


def _told(name: str, state: State) -> Architecture:
    """By the tensors of "g", "g_ema" or "d"."""
    kind = stylegan1 if stylegan1.is_one(state) else stylegan2
    return (kind.from_discriminator if name == "d" else kind.from_generator)(state)


def _completed(name: str, state: State, architecture: Architecture) -> tuple[State, list[str]]:
    with named(name):
        if name != "d":
            shapes = architecture.generator_shapes()
        else:
            own = _told(name, state)
            if own.kind != architecture.kind:
                raise InputError(f"a discriminator of {own.kind}, beside a generator of {architecture.kind}")
            if own.kind == "stylegan1":
                own.size = stylegan1.stated_size(own, architecture.size)
            if own.size != architecture.size:
                raise InputError(f"made for {own.size} px, the generator for {architecture.size} px")
            shapes = own.discriminator_shapes()
        state, remarks = complete(state, shapes, architecture.blur_kernel)
    return state, [f"{name}: {remark}" for remark in remarks]


def _check_extra(extra: dict, architecture: Architecture) -> list[str]:
    """What `Checkpoint` itself relies on must have the right shape: latent_avg, freeze_style and source_style."""
    notes = _check_centre(extra, architecture)
    if layers := extra.get("freeze_style"):
        most = _layers(architecture)
        if type(layers) is not int or not 0 < layers <= most:
            raise InputError(f"freeze_style: expected a number of layers from 1 to {most}, found {layers!r}")
        shapes = architecture.generator_shapes()
        shapes = {name.removeprefix("style."): shape for name, shape in shapes.items() if name.startswith("style.")}
        with named("source_style"):
            extra["source_style"], _ = complete(_state(extra.get("source_style")), shapes)
    return notes


def _check_centre(extra: dict, architecture: Architecture) -> list[str]:
    """latent_avg to [style_dim]; of a network with the styles of its source, which differ by layer, [n_latent, style_dim]."""
    w_avg, width = extra.pop("latent_avg", None), architecture.style_dim
    if w_avg is None:
        return []
    strange = [f"latent_avg left out: expected [{width}], found {_shape(w_avg)}"]
    if not isinstance(w_avg, Tensor) or not w_avg.numel() or width not in (w_avg.numel(), *w_avg.shape[-1:]):
        return strange
    rows = w_avg.reshape(-1, width).float()
    alike = bool((rows == rows[0]).all())  # pSp repeats it for each layer
    if not rows.isfinite().all():
        return ["latent_avg left out: expected finite numbers, found NaN or Inf"]
    if not alike and not (extra.get("freeze_style") and len(rows) == _layers(architecture)):
        return strange
    extra["latent_avg"] = rows[0] if alike else rows
    return []


def _layers(architecture: Architecture) -> int:
    return 2 * int(math.log2(architecture.size)) - 2


def _loaded(build, state: State) -> nn.Module:
    with Undrawn():
        network = build()
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def _shape(value: object) -> str:
    return str(list(value.shape)) if isinstance(value, Tensor) else value if isinstance(value, Unread) else type(value).__name__


def _listed(contents: dict) -> str:
    names = [printable(str(name)) for name in contents]
    return "only " + ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") if names else "nothing at all"

"""Find the generators and discriminators in what a file holds, under whatever names its program gave them.

    survey = networks_in({"state_dict": {"decoder.input.input": ..., "encoder.body.0.weight": ...}, "opts": {}})
    survey.networks["g_ema"].place      # "state_dict: decoder.*"
    survey.left                         # {"state_dict: encoder.*": "an encoder (pSp, e4e)"}

A network is known by one tensor that no other has. What stands before the names of all its tensors is the program's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from checkpoint import kinds, stylegan1
from checkpoint.tensors import Unread
from errors import InputError

SIGNATURES = {  # tensor: (network, whose names)
    "input.input": ("generator", "ours"),
    "synthesis.b4.const": ("generator", "nvidia"),
    "final_linear.0.weight": ("discriminator", "ours"),
    "b4.out.weight": ("discriminator", "nvidia"),
    stylegan1.GENERATOR: ("generator", "stylegan1"),
    stylegan1.DISCRIMINATOR: ("discriminator", "stylegan1"),
}
EXACT = {"g": "g", "d": "d", "g_ema": "g_ema", "G": "g", "D": "d", "G_ema": "g_ema"}
# What parallel and compiled training put in front.
WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_forward_module", "_checkpoint_wrapped_module"}
AVERAGED = {"ema", "gema", "running", "avg", "average", "averaged", "smooth", "smoothed", "shadow", "gs"}
TRAINED = {"g", "gen", "generator", "online"}
JUDGES = {"d", "dis", "disc", "discriminator", "critic"}
FEWEST = 4  # tensors of a network
KNOWN = {"source_style", "rng", "statistics"}  # entries that hold tensors and are no networks of their own
MOST_NETWORKS = 100  # in one dict
DEEPEST = 8  # levels of dicts in which networks are looked for


@dataclass
class Network:
    """A network in the file.

    keys:    of the dicts that lead to it
    prefix:  of its tensors' names there
    names:   "ours", "nvidia", or "stylegan1": those of its public files, which are ours too
    holder:  the dict that holds its tensors
    dropped: names of WRAPPERS that stood among those of its tensors
    """

    keys: tuple[str, ...]
    prefix: str
    kind: str
    names: str
    state: dict[str, Tensor]
    holder: dict
    dropped: set[str] = field(default_factory=set)

    @property
    def place(self) -> str:
        return told(self.keys, f"{self.prefix}*" if self.prefix else "")

    @property
    def key(self) -> str:
        """The published key that it has, or ""."""
        near = [*self.keys[-1:], *self.prefix.rstrip(".").split(".")[-1:]]
        return next((key for key in near if key in EXACT and (EXACT[key] == "d") == (self.kind == "discriminator")), "")

    @property
    def role(self) -> str | None:
        """The one of "d", "g" and "g_ema" that its key tells; None for a generator whose key does not."""
        if self.key or self.kind == "discriminator":
            return EXACT.get(self.key, "d")
        for key in (*reversed(self.prefix.rstrip(".").split(".")), *reversed(self.keys)):
            if words := _words(key) & (AVERAGED | TRAINED):
                return "g_ema" if words & AVERAGED else "g"
        return None


@dataclass
class Survey:
    """networks: by "g", "d" and "g_ema".  left: {place: what it seems to be} of networks that are not among them."""

    networks: dict[str, Network] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


def networks_in(contents: dict) -> Survey:
    """Raises InputError for a published key whose network is not understood, and where it is unclear which network is which."""
    survey, networks = Survey(), []
    for keys, holder in _holders(contents):
        here, left = _split(keys, holder)
        networks += here
        survey.left |= left
    for key in EXACT:
        if contents.get(key) is not None and not any(network.keys[:1] == (key,) for network in networks):
            networks.append(_expected(key, contents[key]))
            survey.left.pop(key, None)
    known = {network.place for network in networks}
    survey.left |= {place: what for place, what in _unread(contents) if place not in known}
    _assign(networks, survey)
    return survey


def _unread(contents: dict) -> Iterator[tuple[str, str]]:
    """(place, what it is) of networks whose tensors are no plain numbers, or have no names."""
    for keys, holder in _holders(contents):
        unread = {str(key): value for key, value in holder.items() if isinstance(value, Unread)}
        if len(unread) >= FEWEST:
            yield told(keys), f"{next(iter(unread.values()))} among its {len(holder)}; only ordinary ones can be used"
        else:
            yield from ((told((*keys, key)), value) for key, value in unread.items())
        for key, value in holder.items():
            tensors = [item for item in value if isinstance(item, Tensor)] if isinstance(value, (list, tuple)) else []
            if len({tensor.shape for tensor in tensors}) >= FEWEST:  # those of one shape are samples
                yield told((*keys, str(key))), f"{len(tensors)} tensors without names"


def _holders(contents: dict) -> Iterator[tuple[tuple[str, ...], dict]]:
    """(keys, dict) of every dict, but for optimizers."""
    pending: list[tuple[tuple[str, ...], dict]] = [((), contents)]
    while pending:
        keys, holder = pending.pop(0)
        if "param_groups" in holder:
            continue
        yield keys, holder
        if len(keys) < DEEPEST:
            pending += [((*keys, str(key)), value) for key, value in _dicts(holder) if key not in KNOWN]


def _dicts(holder: dict) -> Iterator[tuple[object, dict]]:
    for key, value in holder.items():
        if isinstance(value, dict):
            yield key, value
        elif isinstance(value, (list, tuple)):
            yield from ((f"{key} {i}", item) for i, item in enumerate(value) if isinstance(item, dict))


def _split(keys: tuple[str, ...], holder: dict) -> tuple[list[Network], dict[str, str]]:
    """The networks among a dict's tensors, and what the others are."""
    tensors, dropped = _unwrapped({str(name): value for name, value in holder.items() if isinstance(value, Tensor)})
    states: dict[str, dict[str, Tensor]] = {prefix: {} for prefix in _prefixes(tensors)}
    if len(states) > MOST_NETWORKS:
        raise InputError(f"holds {len(states)} networks in one dict, more than any checkpoint")
    rest: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        owner = max((prefix for prefix in states if name.startswith(prefix)), key=len, default=None)
        short = name.removeprefix(owner or "")
        count = tensor.ndim == 0 and "." not in short  # such as the n_averaged of torch's AveragedModel
        state = rest if owner is None or count or name == "latent_avg" else states[owner]
        state[name if state is rest else short] = tensor
    networks = []
    for prefix, state in states.items():
        kind, names = next(value for name, value in SIGNATURES.items() if name in state)
        networks.append(Network(keys, prefix, kind, names, state, holder, dropped))
    return networks, _others(keys, rest, alone=not states)


def _prefixes(names: dict[str, Tensor]) -> list[str]:
    return [name[: -len(end)] for name in names for end in SIGNATURES if name == end or name.endswith(f".{end}")]


def _unwrapped(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], set[str]]:
    """Without the names of wrappers, wherever they stand; and those names. Nothing is dropped where two would become one."""
    clean = {".".join(part for part in name.split(".") if part not in WRAPPERS): tensor for name, tensor in state.items()}
    if len(clean) < len(state) or "" in clean:
        return state, set()
    return clean, {part for name in state for part in name.split(".") if part in WRAPPERS}


def _others(keys: tuple[str, ...], rest: dict[str, Tensor], alone: bool) -> dict[str, str]:
    """{place: what it seems to be} of tensors that belong to no network that is known."""
    rest = {name: tensor for name, tensor in rest.items() if name != "latent_avg"}
    if not alone:
        groups: dict[str, dict[str, Tensor]] = {}
        for name in rest:
            groups.setdefault(f"{name.split('.')[0]}.*" if "." in name else name, {})[name] = rest[name]
        return {told(keys, group): _description(names) for group, names in groups.items()}
    matrices = sum(tensor.ndim > 1 for tensor in rest.values())
    what = kinds.described(rest)
    called_so = keys and _words(keys[-1]) & (AVERAGED | TRAINED | JUDGES)
    return {told(keys): _description(rest)} if what or (matrices and (called_so or len(rest) >= FEWEST)) else {}


def _description(state: dict[str, Tensor]) -> str:
    what = kinds.described(state)
    if what in (*kinds.OURS, *kinds.NVIDIAS, *kinds.STYLEGAN1S):  # by whose own tensor it would have been found
        return f"{what}, of which parts are missing"
    return what or f"{len(state)} tensor{'s' * (len(state) != 1)} of no network known here"


def _assign(networks: list[Network], survey: Survey) -> None:
    """Give each network its role. Of several for one role, that under a published key is taken and the others are left."""
    roles = {id(network): network.role for network in networks}
    unclear = [network for network in networks if network.role is None]
    free = [role for role in ("g_ema", "g") if role not in roles.values()]
    if len(unclear) == 1 and free:
        roles[id(unclear[0])] = free[0]
    elif unclear and len(free) == 2:
        raise InputError(_several("generators", unclear))
    for role in ("g", "d", "g_ema", None):
        claimants = [network for network in networks if roles[id(network)] == role]
        taken = [network for network in claimants if network.key] if len(claimants) > 1 else claimants
        if role and len(claimants) > 1 and len(taken) != 1:
            raise InputError(_several("networks for one place", claimants))
        for network in claimants:
            if role and network in taken:
                survey.networks[role] = network
            else:
                survey.left[network.place] = f"one more {network.kind}"


def _several(what: str, networks: list[Network]) -> str:
    places = " and ".join(network.place or "the file itself" for network in networks)
    return f"holds several {what}, {places}; save the one to use alone"


def _expected(key: str, value: object) -> Network:
    """A network under a published key without the tensor by which it is known: refused by its kind, or to be read strictly."""
    state, dropped = (
        _unwrapped({str(name): tensor for name, tensor in value.items()}) if isinstance(value, dict) else ({}, set())
    )
    what = kinds.described(state)
    if what and what not in (*kinds.OURS, *kinds.NVIDIAS):
        if what in kinds.STYLEGAN1S:
            raise InputError(f"{key}: {_description(state)}")
        raise InputError(f"{key}: {what}, which cannot be used here; only those of StyleGAN2 and StyleGAN1 can")
    named = state and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items())
    if named and not what:
        raise InputError(
            f"{key}: {_description(state)}, such as {next(iter(state))}; expected a StyleGAN2 generator or discriminator"
        )
    names = "nvidia" if what in kinds.NVIDIAS else "ours"
    kind = "discriminator" if EXACT[key] == "d" else "generator"
    return Network((key,), "", kind, names, state, value, dropped)


def _words(key: str) -> set[str]:
    """
    >>> sorted(_words("netG_ema")), sorted(_words("generatorEMA"))
    (['ema', 'g', 'net'], ['ema', 'generator'])
    """
    return {word.lower() for word in re.split(r"[^a-zA-Z]+|(?<=[a-z])(?=[A-Z])", key) if word}


def told(keys: tuple[str, ...], names: str = "") -> str:
    """A place in the file, for people."""
    return ": ".join(part for part in (" / ".join(keys), names) if part)

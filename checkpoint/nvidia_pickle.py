"""Read the .pkl files of stylegan2-ada-pytorch without running the source text that they carry.

In such a file each network is a call of torch_utils.persistence._reconstruct_persistent_obj, whose argument holds Python
source and the attributes of the module. The usual loader runs the source. Here every name stands for something passive,
the source is dropped unread, and the tensors are collected from the attributes.

    with open("ffhq.pkl", "rb") as file:
        contents = load_pickle(file)       # {"G": state dict, "D": ..., "G_ema": ..., "config": {"conv_clamp": 256, ...}}
"""

import io
import mmap
import pickle
from collections import OrderedDict
from typing import BinaryIO

import torch
from torch import Tensor

from checkpoint.torch_format import load_stream
from checkpoint.vetting import damage, vet
from cli import InputError

MOST_MODULES = 10_000


class Module:
    """A network or a layer as the file describes it: `attributes` is its __dict__."""

    def __init__(self, meta: dict):
        self.attributes = meta["state"]
        if not isinstance(self.attributes, dict):
            raise InputError("damaged (a module without attributes)")

    def children(self) -> dict[str, "Module"]:
        return {name: child for name, child in self._table("_modules").items() if isinstance(child, Module)}

    def tensors(self) -> dict[str, Tensor]:
        """Its own parameters, then its buffers."""
        own = self._table("_parameters") | self._table("_buffers")
        return {name: tensor for name, tensor in own.items() if isinstance(tensor, Tensor)}

    def at(self, path: str) -> "Module | None":
        """The module of a dotted path."""
        module = self
        for name in filter(None, path.split(".")):
            module = module and module.children().get(name)
        return module

    def _table(self, name: str) -> dict:
        table = self.attributes.get(name) or {}
        if not isinstance(table, dict):
            raise InputError(f"damaged ({name} is not a table)")
        return dict(table)


class Ignored:
    """Stands for numpy values, which occur among the training options only."""

    def __init__(self, *args):
        pass

    def __setstate__(self, state):
        pass


class Options(dict):
    """dnnlib.EasyDict."""


def _storage(data: bytes) -> torch.storage.TypedStorage:
    storage = load_stream(io.BytesIO(data))
    if not isinstance(storage, torch.storage.TypedStorage):
        raise InputError(f"damaged (a {type(storage).__name__} in place of a storage)")
    return storage


def _tensor(storage, offset, size, stride, *_) -> Tensor:
    return torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage, offset, size, stride)


def _parameter(tensor, *_) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise InputError("damaged (a parameter without a tensor)")
    return tensor


STAND_INS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("dnnlib.util", "EasyDict"): Options,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): Module,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("numpy", "dtype"): Ignored,
    ("numpy", "ndarray"): Ignored,
    **{(f"numpy.{core}.multiarray", name): Ignored for core in ("core", "_core") for name in ("scalar", "_reconstruct")},
}
ABSENT = object()
SETTINGS = (  # network, module and attribute of it, or place among the network's arguments; our name
    ("G_ema", "", "z_dim", ("z_dim",), "z_dim"),
    ("G_ema", "", "w_dim", ("w_dim",), "w_dim"),
    ("G_ema", "", "c_dim", ("c_dim",), "c_dim"),
    ("G_ema", "mapping.fc0", "bias_gain", ("mapping_kwargs", "lr_multiplier"), "lr_multiplier"),
    ("G_ema", "synthesis.b4.conv1", "conv_clamp", ("synthesis_kwargs", "conv_clamp"), "conv_clamp"),
    ("D", "b4.conv", "conv_clamp", ("conv_clamp",), "conv_clamp"),
    ("D", "b4.mbstd", "group_size", ("epilogue_kwargs", "mbstd_group_size"), "mbstd_group_size"),
)
TENSORFLOW = ("dnnlib.tflib.network", "Network")


class Reader(pickle.Unpickler):
    """An unpickler for which every name is a stand-in."""

    def find_class(self, module: str, name: str):
        if (module, name) == TENSORFLOW:
            raise InputError("a TensorFlow pickle; NVIDIA's legacy.py of stylegan2-ada-pytorch turns it into a PyTorch one")
        if (module, name) not in STAND_INS:
            raise InputError(f"wants to call {module}.{name}, which no checkpoint needs; nothing of it was run")
        return STAND_INS[module, name]


def load_pickle(file: BinaryIO) -> dict:
    """{"G", "D", "G_ema": state dicts under NVIDIA's names, "config": what does not show in them}."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        vet(view, {*STAND_INS, TENSORFLOW})
    try:
        contents = Reader(file).load()
        contents = contents if isinstance(contents, dict) else {}
        networks = {name: contents[name] for name in ("G", "D", "G_ema") if isinstance(contents.get(name), Module)}
        if not networks:
            raise InputError("a pickle without the networks G, D or G_ema")
        return {**{name: state_dict(network) for name, network in networks.items()}, "config": _config(networks)}
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged or hostile stream fails in many ways
        raise InputError(damage(error)) from None


def state_dict(network: Module) -> dict[str, Tensor]:
    """Every parameter and buffer under its dotted name."""
    tensors, pending, seen = {}, [("", network)], 0
    while pending:
        prefix, module = pending.pop()
        seen += 1
        if seen > MOST_MODULES:
            raise InputError("damaged (too many modules)")
        tensors |= {prefix + name: tensor for name, tensor in module.tensors().items()}
        pending += [(f"{prefix}{name}.", child) for name, child in module.children().items()]
    return tensors


def _config(networks: dict[str, Module]) -> dict:
    """What the program needs to know and the tensors do not show. A name is absent where the file does not state it."""
    config = {}
    for network, module, attribute, arguments, name in SETTINGS:
        holder = networks.get(network) or networks.get("G" if network == "G_ema" else "")
        if holder and name not in config:
            value = _setting(holder, module, attribute, arguments)
            config |= {name: value} if value is not ABSENT else {}
    return config


def _setting(network: Module, module: str, attribute: str, arguments: tuple[str, ...]) -> object:
    """An attribute of one of the network's modules, else one of the arguments that the network was built with."""
    holder = network.at(module)
    value = holder.attributes.get(attribute, ABSENT) if holder else ABSENT
    if value is ABSENT:
        value = network.attributes.get("_init_kwargs", ABSENT)
        for name in arguments:
            value = value.get(name, ABSENT) if isinstance(value, dict) else ABSENT
    return value if value is None or isinstance(value, (int, float)) else ABSENT

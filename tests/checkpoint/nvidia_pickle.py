"""Write a .pkl of the kind that stylegan2-ada-pytorch writes, from state dicts under its names.

    write_nvidia_pickle("ffhq.pkl", generator, discriminator, attributes={"synthesis.b4.conv1": {"conv_clamp": 256}})

Every network is a tree of modules, each pickled as a call of torch_utils.persistence._reconstruct_persistent_obj on its
source text and its attributes. The source given here leaves a mark if anything runs it.
"""

import pickle
import sys
from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from torch import Tensor, nn

SOURCE = "raise SystemExit('the source text inside the file was run')\n"
BUFFERS = ("resample_filter", "noise_const", "w_avg")


def write_nvidia_pickle(
    path: str | Path,
    generator: dict[str, Tensor] | None,
    discriminator: dict[str, Tensor] | None = None,
    average: dict[str, Tensor] | None = None,
    attributes: dict[str, dict] | None = None,
    arguments: dict[str, dict] | None = None,
    source: str = SOURCE,
    protocol: int = 4,
    **beside: object,
) -> Path:
    """G, D and G_ema (the generator again, unless `average` is given) in one pickle; its path is returned.

    attributes: {module, or "" for the networks themselves: {name: value}}
    arguments:  {"G", "D" or "G_ema": the keyword arguments that it was built with}
    beside:     further entries of the file's dict
    """
    states = {"G": generator, "D": discriminator, "G_ema": average or generator}
    arguments = arguments or {}
    with _modules() as (Persistent, EasyDict):
        networks = {
            name: _tree(Persistent, name, state, attributes or {}, arguments.get(name, {}), source)
            for name, state in states.items()
            if state is not None
        }
        options = EasyDict(class_name="training.dataset.ImageFolderDataset", path="ffhq.zip", resolution=256)
        contents = {**networks, "augment_pipe": None, "training_set_kwargs": options, **beside}
        Path(path).write_bytes(pickle.dumps(contents, protocol))
    return Path(path)


@contextmanager
def _modules():
    """Stand-ins for dnnlib.util and torch_utils.persistence, importable while the file is being written."""
    easy, persistence = ModuleType("dnnlib.util"), ModuleType("torch_utils.persistence")

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("the file's own reconstructor was called")

    class EasyDict(dict):
        pass

    class Persistent:
        def __init__(self, kind: str, source: str, state: dict):
            self.meta = {"type": "class", "version": 6, "module_src": source, "class_name": kind, "state": state}

        def __reduce__(self):
            return _reconstruct_persistent_obj, (EasyDict(self.meta),)

    for owner, thing in ((persistence, _reconstruct_persistent_obj), (easy, EasyDict)):
        thing.__module__, thing.__qualname__ = owner.__name__, thing.__name__
        setattr(owner, thing.__name__, thing)
    present = {easy.__name__: easy, persistence.__name__: persistence}
    present |= {name: ModuleType(name) for name in ("dnnlib", "torch_utils")}
    sys.modules.update(present)
    try:
        yield Persistent, EasyDict
    finally:
        for name in present:
            del sys.modules[name]


def _tree(Persistent, kind: str, state: dict[str, Tensor], attributes: dict, arguments: dict, source: str, path: str = ""):
    """One module with its own tensors and its children, as its attributes would be pickled."""
    own = {name: tensor for name, tensor in state.items() if "." not in name}
    below: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        child, dot, rest = name.partition(".")
        if dot:
            below.setdefault(child, {})[rest] = tensor
    children = {
        child: _tree(Persistent, child, tensors, attributes, {}, source, f"{path}.{child}".lstrip("."))
        for child, tensors in below.items()
    }
    for name in attributes:  # modules without tensors, such as the minibatch standard deviation
        child = name.removeprefix(f"{path}.").lstrip(".") if path else name
        if (not path or name.startswith(f"{path}.")) and child and "." not in child and child not in children:
            children[child] = _tree(Persistent, child, {}, attributes, {}, source, name)
    return Persistent(
        kind,
        source,
        {
            "training": False,
            "_parameters": OrderedDict((name, nn.Parameter(t)) for name, t in own.items() if name not in BUFFERS),
            "_buffers": OrderedDict((name, tensor) for name, tensor in own.items() if name in BUFFERS),
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_modules": OrderedDict(children),
            "_init_args": (),
            "_init_kwargs": dict(arguments),
            **attributes.get(path, {}),
        },
    )

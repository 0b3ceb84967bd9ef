"""Whatever lies beside the weights is read as plain values, and whole networks as their tensors; nothing of a file is run."""

import argparse
import collections
import datetime
import decimal
import enum
import fractions
import functools
import logging
import pathlib
import pickle
import random
import sys
import types
import uuid
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

import checkpoint
from checkpoint import container, layouts
from checkpoint.blended import BlendedGenerator
from checkpoint.nvidia import discriminator_to_nvidia, generator_to_nvidia
from errors import InputError
from tests.checkpoint import hostile
from tests.checkpoint.files import networks, saved, zip_with_pickle
from tests.checkpoint.nvidia_pickle import _modules, _tree
from tests.networks import tiny_discriminator, tiny_generator

G, D = networks()["g"], networks()["d"]


class Options(dict):
    """As EasyDict: entries that are attributes, too."""

    def __setattr__(self, name, value):
        self[name] = value


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Mode(enum.Enum):
    FAST = "fast"


Point = collections.namedtuple("Point", "x y")


class Things(list):
    pass


def in_itself(value):
    value.append(value) if isinstance(value, list) else value.update(me=value)
    return value


SIDE_VALUES = {
    "float64": (np.float64(12.3), 12.3),
    "float32": (np.float32(0.5), 0.5),
    "float16": (np.float16(0.5), 0.5),
    **{f"int{bits}": (getattr(np, f"int{bits}")(-7), -7) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (getattr(np, f"uint{bits}")(2**bits - 1), 2**bits - 1) for bits in (8, 16, 32, 64)},
    "numpy bool": (np.bool_(True), True),
    "numpy text": (np.str_("abc"), "abc"),
    "numpy complex": (np.complex64(1 + 2j), "(1+2j)"),
    "numpy dtype": (np.dtype("float32"), "float32"),
    "numpy type": (np.float32, "numpy.float32"),
    "numpy texts": (np.array(["a", "bc"]), ["a", "bc"]),
    "numpy objects": (np.array([{"a": 1}, None], dtype=object), [{"a": 1}, None]),
    "dtype": (torch.float16, "torch.float16"),
    "device": (torch.device("cuda:0"), "cuda:0"),
    "size": (torch.Size([1, 2]), [1, 2]),
    "path": (pathlib.PurePosixPath("/a/b.pt"), "/a/b.pt"),
    "windows path": (pathlib.PureWindowsPath("C:/a/b.pt"), "C:\\a\\b.pt"),
    "own path": (pathlib.Path("a/b"), "a/b"),
    "set": ({3}, [3]),
    "frozenset": (frozenset([3]), [3]),
    "bytes": (b"\x00\xff", b"\x00\xff"),
    "bytearray": (bytearray(b"ab"), b"ab"),
    "complex": (1 + 2j, "(1+2j)"),
    "slice": (slice(1, 2), "slice(1, 2, None)"),
    "a builtin type": (dict, "dict"),
    "ordered": (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "defaultdict": (collections.defaultdict(list, a=[1]), {"a": [1]}),
    "counter": (collections.Counter("aab"), {"a": 2, "b": 1}),
    "deque": (collections.deque([1, 2], 3), [1, 2]),
    "datetime": (datetime.datetime(2024, 2, 3, 4, 5), "2024-02-03T04:05:00"),
    "datetime with zone": (datetime.datetime(2024, 2, 3, tzinfo=datetime.UTC), "2024-02-03T00:00:00"),
    "date": (datetime.date(2024, 2, 3), "2024-02-03"),
    "time": (datetime.time(4, 5), "04:05:00"),
    "timedelta": (datetime.timedelta(1, 2), "1 day, 0:00:02"),
    "decimal": (decimal.Decimal("1.5"), "1.5"),
    "fraction": (fractions.Fraction(1, 3), "1/3"),
    "uuid": (uuid.UUID(int=5), str(uuid.UUID(int=5))),
    "namespace": (argparse.Namespace(a=1), {"a": 1}),
    "simple namespace": (types.SimpleNamespace(a=1), {"a": 1}),
    "options": (Options(a=1, b=Options(c=2)), {"a": 1, "b": {"c": 2}}),
    "an object": (Plain(a=1, b=Plain(c=np.int64(2))), {"a": 1, "b": {"c": 2}}),
    "slots": (Slotted(3), {"value": 3}),
    "enum": (Mode.FAST, f"{__name__}.Mode('fast')"),
    "named tuple": (Point(1, 2), f"{__name__}.Point(1, 2)"),
    "a list of one's own": (Things([1, 2]), [1, 2]),
    "a class": (Plain, f"{__name__}.Plain"),
    "a function of somebody's": (torch.nn.functional.relu, "torch.nn.functional.relu"),
    "a large number": (2**100, 2**100),
    "a function with arguments": (functools.partial(torch.nn.functional.relu, inplace=True), "torch.nn.functional.relu(...)"),
    "an exception": (ValueError("bad"), "ValueError('bad')"),
    "a logger": (logging.getLogger("training"), "logging.getLogger('training')"),
    "a type with arguments": (list[int], "list(...)"),
    "a list in itself": (in_itself([1]), [1, "..."]),
    "a dict in itself": (in_itself({}), {"me": "..."}),
    "a storage": (torch.zeros(3).untyped_storage(), "a storage, without a tensor"),
    "a sparse tensor": (torch.eye(3).to_sparse(), "a sparse tensor"),
    "a tensor without data": (torch.empty(3, device="meta"), "a tensor without data (meta)"),
}


def read_with(tmp_path, value, protocol: int = 2, stream: bool = False):
    path = tmp_path / "file.pt"
    contents = {**networks(), "args": argparse.Namespace(value=value), "value": value, "again": [value]}
    torch.save(contents, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not stream)
    source = checkpoint.read(path)
    for name, state in networks().items():
        assert all(torch.equal(source.networks[name][key], tensor) for key, tensor in state.items())
    return source.extra


@pytest.mark.parametrize("protocol, stream", [(2, False), (4, False), (5, False), (2, True)])
@pytest.mark.parametrize("kind", SIDE_VALUES)
def test_values_beside_the_weights(tmp_path, kind, protocol, stream):
    value, expected = SIDE_VALUES[kind]
    extra = read_with(tmp_path, value, protocol, stream)
    for found in (extra["value"], extra["args"]["value"], extra["again"][0]):
        if kind == "datetime with zone":
            assert found.startswith(expected) and "timezone" in found
        else:
            assert found == expected
            assert isinstance(found, type(expected))


ARRAYS = {
    **{code: np.arange(6).astype(code) for code in ("i1", "i2", "i4", "i8", "u1", "f2", "f4", "f8", ">f4", ">i8", "?")},
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "a number": np.array(5.0),
    "empty": np.zeros((0, 3)),
    "strided": np.arange(12.0)[::2],
}


@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_become_tensors(tmp_path, kind, protocol, core):
    """Under the module names of NumPy 1 and 2."""
    array = ARRAYS[kind]
    data = pickle.dumps({"g": {"x": array}, "latent": array}, protocol)
    here = "numpy._core" if b"numpy._core" in data else "numpy.core"
    if core != here:  # the length of the name stands before it in newer protocols
        for module in ("multiarray", "numeric"):
            old, new = f"{here}.{module}".encode(), f"{core}.{module}".encode()
            data = data.replace(b"\x8c" + bytes([len(old)]) + old, b"\x8c" + bytes([len(new)]) + new)
            data = data.replace(b"c" + old + b"\n", b"c" + new + b"\n")
        data = data if protocol < 4 else without_frames(data)
    assert (core.encode() + b".") in data
    found = container.load(zip_with_pickle(tmp_path / "file.pt", data))[0]["latent"]
    assert found.tolist() == array.tolist()
    assert list(found.shape) == list(array.shape)


def without_frames(data: bytes) -> bytes:
    """Their lengths changed with the names."""
    return data.replace(data[2:11], b"", 1) if data[2:3] == b"\x95" else data


def test_a_state_dict_of_arrays_is_a_network(tmp_path):
    """Some programs save them so."""
    path = saved(tmp_path, {"g_ema": {name: tensor.numpy() for name, tensor in G.items()}})
    assert all(torch.equal(checkpoint.read(path).networks["g_ema"][name], tensor) for name, tensor in G.items())


@pytest.mark.parametrize(
    "state", [random.getstate(), np.random.get_state(), np.random.RandomState(1), np.random.default_rng(1)]
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_random_states(tmp_path, state, protocol):
    assert read_with(tmp_path, state, protocol)["value"] is not None


def test_trees_that_know_their_parents(tmp_path):
    """OmegaConf's, for instance, point back at them."""
    with classes("omegaconf.dictconfig.DictConfig", "omegaconf.nodes.AnyNode") as (DictConfig, AnyNode):
        root, leaf = DictConfig(), AnyNode()
        leaf.__dict__.update(_parent=root, _val=np.float64(0.5))
        none = AnyNode()
        none.__dict__.update(_parent=root, _val=None)
        root.__dict__.update(_parent=None, _content={"lr": leaf, "same": leaf, "none": none})
        path = saved(tmp_path, {"g": G, "args": root})
    assert checkpoint.read(path).extra["args"] == {"lr": 0.5, "same": 0.5, "none": None}


def test_an_object_that_holds_itself(tmp_path):
    odd = Plain(a=1)
    odd.me = odd
    assert read_with(tmp_path, odd)["value"]["a"] == 1


@contextmanager
def classes(*names):
    """Classes of a program that is not there when the file is read."""
    made, modules = [], {}
    for name in names:
        module, _, last = name.rpartition(".")
        parts = module.split(".")
        for i in range(len(parts)):
            modules.setdefault(".".join(parts[: i + 1]), types.ModuleType(".".join(parts[: i + 1])))
        made.append(type(last, (), {"__module__": module, "__qualname__": last}))
        setattr(modules[module], last, made[-1])
    sys.modules.update(modules)
    try:
        yield made
    finally:
        for name in modules:
            del sys.modules[name]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_whole_networks(tmp_path, stream, protocol):
    contents = {"g": tiny_generator(1, lr_mlp=0.05, conv_clamp=3.0), "d": tiny_discriminator(2, stddev_group=2, conv_clamp=3.0)}
    for what in (contents, contents["g"], nn.DataParallel(contents["g"]), {"model": contents["g"], "epoch": 1}):
        path = tmp_path / "file.pt"
        torch.save(what, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not stream)
        source = checkpoint.read(path)
        found = source.generator()
        assert all(torch.equal(found.state_dict()[name], tensor) for name, tensor in contents["g"].state_dict().items())
        assert (source.architecture.lr_mlp, source.architecture.conv_clamp) == (0.05, 3.0)
        assert source.format == "whole networks"
        assert any("of which the tensors are read and nothing is run" in note for note in source.notes)
    source = checkpoint.read(saved(tmp_path, contents))
    assert source.architecture.stddev_group == 2
    images = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(source.discriminator()(images), contents["d"](images))


def test_whole_networks_leave_out_what_is_not_saved(tmp_path):
    blended = BlendedGenerator(16, 8, 2, channels={4: 8, 8: 8, 16: 4}, freeze_style=2)
    found = checkpoint.read(saved(tmp_path, {"g_ema": blended})).networks["g_ema"]
    assert all(torch.equal(found[name], tensor) for name, tensor in blended.state_dict().items())


@pytest.mark.parametrize("bare", [False, True])
def test_whole_networks_of_nvidia_saved_by_torch(tmp_path, bare):
    """As pivotal tuning saves them: the source text goes along, and is not run."""
    w_avg = torch.arange(8.0)
    settings = {"synthesis.b4.conv1": {"conv_clamp": 256}, "mapping.fc0": {"bias_gain": np.float64(0.05)}}
    with _modules() as (Persistent, _):
        state = generator_to_nvidia(G, w_avg)
        generator = _tree(Persistent, "Generator", state, settings, {}, "raise SystemExit('run')")
        path = saved(tmp_path, generator if bare else {"G_ema": generator, "D": discriminator_to_nvidia(D)})
    source = checkpoint.read(path)
    assert all(torch.equal(source.networks["g_ema"][name], tensor) for name, tensor in G.items())
    assert torch.equal(source.extra["latent_avg"], w_avg)
    assert (source.architecture.conv_clamp, source.architecture.lr_mlp) == (256, 0.05)
    assert set(layouts.to_nvidia(source)) >= {"G_ema", "config"}


def test_whole_networks_of_classes_that_are_not_there(tmp_path):
    with classes("somebody.models.stylegan2.Generator") as (Foreign,):
        foreign = Foreign()
        foreign.__dict__.update(vars(tiny_generator(1)))
        path = saved(tmp_path, {"G": foreign})
    source = checkpoint.read(path)
    assert all(torch.equal(source.networks["g"][name], tensor) for name, tensor in G.items())
    assert "g: a whole somebody.models.stylegan2.Generator" in source.notes[0]


def test_whole_networks_of_another_kind_are_named(tmp_path):
    with pytest.raises(InputError, match="holds no generator or discriminator"):
        checkpoint.read(saved(tmp_path, nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))))


class Runs:
    """Its pickle calls a function of somebody else's program."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


CALLS = [
    functools.partial(print, 1),
    print,
    open,
    getattr,
    type,
    Runs(torch.load, "a.pt"),
    Runs(np.load, "a.npy"),
    Runs(eval, "1"),
]


@pytest.mark.parametrize("value", CALLS, ids=lambda value: type(value).__name__ if isinstance(value, Runs) else str(value))
def test_functions_are_refused_beside_networks_too(tmp_path, value):
    with pytest.raises(InputError, match=r"wants to call .*, which no checkpoint needs; nothing of it was run$"):
        checkpoint.read(saved(tmp_path, {"g": G, "args": value}))


@pytest.mark.parametrize("beside", [None, {3}])
def test_numbers_stored_with_the_other_sign(tmp_path, beside):
    """With a set beside them, the file is read as records."""
    path = saved(tmp_path, {"g": {name: torch._neg_view(-tensor) for name, tensor in G.items()}, "x": beside})
    source = checkpoint.read(path)
    assert all(torch.equal(source.networks["g"][name], tensor) for name, tensor in G.items())
    assert checkpoint.fingerprint(source.networks["g"]) == checkpoint.fingerprint(G)


@pytest.mark.parametrize("beside", [None, {3}])
@pytest.mark.parametrize("view", [torch._neg_view, torch.conj])
def test_a_sign_of_one_number_that_repeats_is_not_copied(tmp_path, beside, view):
    repeated = view(torch.zeros(1, dtype=torch.complex64 if view is torch.conj else None).expand(2**40))
    with pytest.raises(InputError, match="holds more data than any network"):
        checkpoint.read(saved(tmp_path, {"g": G, "x": repeated, "y": beside}))


def test_tensors_with_attributes(tmp_path):
    parameter = nn.Parameter(torch.ones(8))
    parameter.trained = True
    state = G | {"conv1.activate.bias": parameter}
    assert checkpoint.read(saved(tmp_path, {"g": state})).networks["g"]["conv1.activate.bias"].tolist() == [1] * 8


HOSTILE = {
    "a class that would be called": hostile.call("torch.nn.Linear", b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\x7f"),
    "an array of 2^60 numbers": hostile.named("numpy._core.multiarray._reconstruct")
    + hostile.named("numpy.ndarray")
    + b"K\x00\x85C\x01b\x87R"
    + b"(K\x01\x8a\x08"
    + (2**60).to_bytes(8, "little")
    + b"\x85"
    + hostile.call("numpy.dtype", hostile.text("f8"))
    + b"\x89C\x08aaaaaaaatb",
    "a decimal with a long exponent as a key": b"}" + hostile.call("decimal.Decimal", hostile.text("1e999999999")) + b"Ns",
    "a device with a long name": hostile.call("torch.device", hostile.text("cuda" * 10_000)),
    "records in records": hostile.named("a.B") + b"q\x00" + b")R" + b"\x85q\x01h\x00h\x01R" * 30_000,
    "frozen sets of frozen sets": b"(\x91" + b"q\x00(h\x00h\x00\x86\x91" * 40,
    "a storage out of nothing": hostile.call("torch.storage._load_from_bytes", b"C\x04abcd"),
    "a tensor out of nothing": hostile.call("torch._utils._rebuild_tensor_v2", b"N", b"K\x00", b")", b")"),
    "a parameter of a parameter": hostile.call("torch._utils._rebuild_parameter", b"N"),
    "a path of numbers": hostile.call("pathlib.PosixPath", b"K\x01"),
    "a date out of nothing": hostile.call("datetime.datetime", b"C\x0aaaaaaaaaaa"),
    "a time span without end": hostile.call("datetime.timedelta", b"\x8a\x08" + b"\xff" * 7 + b"\x7f"),
    "a number of many digits": hostile.call("builtins.complex", b"\x8b\x00\x10\x00\x00" + b"\x7f" * 4096, b"K\x01"),
    "a module of itself": hostile.named("a.B")
    + b")R}q\x01("
    + b"".join(hostile.text(name) + b"}" for name in ("_parameters", "_buffers"))
    + hostile.text("_modules")
    + b"h\x01ub",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("beside", [False, True])
def test_records_that_would_fill_the_memory_or_the_time(tmp_path, name, beside):
    """Read in words beside a network, or refused in one line: either way soon."""
    data = b"\x80\x04" + (b"}" + hostile.text("x") + HOSTILE[name] + b"s" if beside else HOSTILE[name]) + b"."
    path = zip_with_pickle(tmp_path / "file.pt", data)
    with pytest.raises(InputError) as caught:
        checkpoint.read(path)
    assert str(caught.value).isprintable()

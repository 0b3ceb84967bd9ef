"""Read a pickle without building anything that it names: each name stands for a passive record of how it was used.

    with open("ffhq.pkl", "rb") as file:
        contents = Reader(file).load()          # dicts, lists, numbers, texts and Records; values.py says what they mean

Nothing of the file is imported or run. `judge` decides which names may occur at all, before anything is read (see vetting.py).
"""

import builtins
import pickle
import sys
from collections.abc import Callable
from typing import BinaryIO

from errors import InputError

REFUSED, MENTIONED, CALLED = range(3)  # what a pickle may do with a name: nothing; hold it as a value; also call it

PYTHON = {*sys.stdlib_module_names, "__builtin__", "copy_reg", "cPickle", "commands", "urllib2", "Queue", "exceptions"}
PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
BUILT_IN = "object dict list tuple set frozenset int long float complex bool str unicode bytes bytearray slice range xrange"
PERSISTENT = "_reconstruct_persistent_obj"  # NVIDIA's modules, which carry their source
TENSORFLOW = ("dnnlib.tflib.network", "Network")
EXCEPTIONS = [name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)]
UNREAD = {  # functions that make tensors which are no plain numbers: what those are called
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_qtensor": "a quantised tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor without data (meta)",
    "_rebuild_wrapper_subclass": "a tensor of a class of its own",
    "_rebuild_device_tensor_from_numpy": "a tensor of another kind of device",
    "_rebuild_device_tensor_from_cpu_tensor": "a tensor of another kind of device",
}
# Functions, and classes of Python itself, that harmless files call: (modules, names in them). All others are refused.
HARMLESS = (
    ("builtins __builtin__", f"{BUILT_IN} Ellipsis"),
    ("builtins exceptions", " ".join(EXCEPTIONS)),
    ("pathlib pathlib._local", " ".join(PATHS)),
    ("collections", "OrderedDict defaultdict Counter deque ChainMap UserDict"),
    ("datetime", "datetime date time timedelta timezone"),
    ("typing", "Any Union Optional List Dict Tuple"),
    ("numpy", "dtype ndarray"),
    ("numpy.core.multiarray numpy._core.multiarray", "scalar _reconstruct"),  # NumPy 1 and 2
    ("numpy.core.numeric numpy._core.numeric", "_frombuffer"),
    ("numpy.ma.core", "_mareconstruct"),
    ("numpy.random._pickle", "__randomstate_ctor __generator_ctor __bit_generator_ctor"),
    ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"),
    ("torch", "device"),
    ("torch._utils", "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3"),
    ("torch._utils", "_rebuild_parameter _rebuild_parameter_with_state"),
    ("torch._utils", " ".join(UNREAD)),
    ("torch._tensor", "_rebuild_from_type_v2"),
    ("torch.storage", "_load_from_bytes"),
    ("torch.serialization", "_get_layout"),
    ("copyreg copy_reg", "_reconstructor"),
    ("_codecs", "encode"),
    ("array", "_array_reconstructor"),
    ("functools", "partial"),
    ("logging", "getLogger"),
    ("operator", "attrgetter itemgetter"),
    ("time", "struct_time"),
    ("types", "GenericAlias SimpleNamespace"),
    ("argparse", "Namespace"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("uuid", "UUID SafeUUID"),
    ("random", "Random"),
    ("re", "_compile"),
)
LISTED = {(module, name) for modules, names in HARMLESS for module in modules.split() for name in names.split()}


def judge(module: str | None, name: str | None) -> int:
    """REFUSED, MENTIONED or CALLED.

    What Python itself comes with can do harm; of it, only what is LISTED. Of other programs, classes may be called (their
    names begin with a capital letter), functions only mentioned: either way nothing happens but that it is noted.
    """
    if (module, name) in LISTED or (name == PERSISTENT and str(module).endswith("torch_utils.persistence")):
        return CALLED
    parts = f"{module}.{name}".split(".")
    if parts[0] in PYTHON or not all(part.isidentifier() for part in parts):
        return REFUSED
    return CALLED if parts[-1].lstrip("_")[:1].isupper() else MENTIONED


class Record:
    """What the file does with a name: a call with `args`, attributes set to `state`, entries added to it.

    A class of the file is a subclass made here, which differs in `name` only; an object of it is an instance.
    """

    name = ""

    def __new__(cls, *args):
        record = super().__new__(cls)
        record.args, record.state, record.items, record.pairs = args, None, [], {}
        return record

    def __init__(self, *args):
        pass

    def __setstate__(self, state):
        self.state = state

    def __setitem__(self, key, value):
        self.pairs[key] = value

    def append(self, item):
        self.items.append(item)

    add = append

    def extend(self, items):
        self.items.extend(items)


class Reader(pickle.Unpickler):
    """Every name is a Record. storage: what becomes of the persistent ids, by which torch.save points at tensors' data."""

    def __init__(self, file: BinaryIO, storage: Callable[[object], object] | None = None):
        super().__init__(file, fix_imports=False, encoding="latin1")
        self.storage = storage
        self.names: dict[str, type[Record]] = {}

    def find_class(self, module: str, name: str) -> type[Record]:
        if judge(module, name) == REFUSED:
            raise InputError(refusal(module, name))
        if (module, name) == TENSORFLOW:
            raise InputError("a TensorFlow pickle; NVIDIA's legacy.py of stylegan2-ada-pytorch turns it into a PyTorch one")
        full = f"{module}.{name}"
        if full not in self.names:
            self.names[full] = type("Record", (Record,), {"name": full})
        return self.names[full]

    def persistent_load(self, pid: object) -> object:
        if self.storage is None:
            raise InputError("damaged (points at data that it does not hold)")
        return self.storage(pid)


def refusal(module: str | None, name: str | None) -> str:
    whole = " as the methods of some whole networks do (save the state_dict() instead)," if name == "getattr" else ""
    return f"wants to call {module}.{name},{whole} which no checkpoint needs; nothing of it was run"

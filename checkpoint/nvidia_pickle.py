"""Read the .pkl files of stylegan2-ada-pytorch without running the source text that they carry.

In such a file each network is a call of torch_utils.persistence._reconstruct_persistent_obj, whose argument holds Python
source and the attributes of the module. The usual loader runs the source. Here every name stands for something passive
(records.py), the source is dropped unread, and the tensors are collected from the attributes (modules.py).

    with open("ffhq.pkl", "rb") as file:
        contents = load_pickle(file)       # {"G": a record, "D": ..., "G_ema": ..., "training_set_kwargs": ...}
"""

import mmap
from typing import BinaryIO

from checkpoint import modules
from checkpoint.records import Reader, Record
from checkpoint.values import number
from checkpoint.vetting import understood, vet

SETTINGS = (  # module of the network and attribute of it, or place among the network's arguments; our name
    ("mapping.fc0", "bias_gain", ("mapping_kwargs", "lr_multiplier"), "lr_multiplier"),
    ("synthesis.b4.conv1", "conv_clamp", ("synthesis_kwargs", "conv_clamp"), "conv_clamp"),
    ("b4.conv", "conv_clamp", ("conv_clamp",), "conv_clamp"),
    ("b4.mbstd", "group_size", ("epilogue_kwargs", "mbstd_group_size"), "mbstd_group_size"),
)


def load_pickle(file: BinaryIO) -> object:
    """Its contents as records."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        vet(view)
    with understood():
        return Reader(file).load()


def config(network: Record) -> dict:
    """What the program needs to know and the tensors do not show. A name is absent where the file does not state it."""
    settings = {}
    for path, attribute, arguments, name in SETTINGS:
        value = number(modules.setting(network, path, attribute))
        value = number(modules.argument(network, arguments)) if value is modules.ABSENT else value
        if value is not modules.ABSENT:
            settings.setdefault(name, value)
    return settings

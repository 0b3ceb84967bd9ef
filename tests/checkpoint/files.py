"""Small checkpoint files of every kind, as other programs write them."""

import argparse
import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

import checkpoint
from errors import InputError
from tests.networks import tiny_discriminator, tiny_generator

OPTIONS = {"path": "faces.lmdb", "size": 16, "batch": 4, "lr": 0.002, "augment": False, "ckpt": None}


def networks() -> dict[str, OrderedDict]:
    """g, d and g_ema at 16 px, all different."""
    return {
        "g": tiny_generator(1).state_dict(),
        "d": tiny_discriminator(2).state_dict(),
        "g_ema": tiny_generator(3).state_dict(),
    }


def training_contents() -> dict:
    """What a training run of the reference saves: networks, Adam's states after a step, its flags as a Namespace."""
    contents: dict = networks()
    for name, network in {"g_optim": tiny_generator(1), "d_optim": tiny_discriminator(2)}.items():
        optimizer = torch.optim.Adam(network.parameters(), lr=0.002, betas=(0.0, 0.99))
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        contents[name] = optimizer.state_dict()
    return contents | {"args": argparse.Namespace(**OPTIONS), "ada_aug_p": 0.25}


def saved(folder: Path, contents: object, name: str = "file.pt", stream: bool = False) -> Path:
    """By torch.save; stream: in the format before 1.6."""
    path = folder / name
    torch.save(contents, path, _use_new_zipfile_serialization=not stream)
    return path


def zip_with_pickle(path: Path, data: bytes, storages: tuple[bytes, ...] = (), compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip as torch.save lays it out, around any pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", "little")
        for i, storage in enumerate(storages):
            archive.writestr(f"archive/data/{i}", storage)
        archive.writestr("archive/version", "3\n")
    return path


def stream_with_pickle(path: Path, data: bytes) -> Path:
    """The format before torch 1.6, around any pickle."""
    whole = io.BytesIO()
    torch.save(0, whole, _use_new_zipfile_serialization=False)
    head = io.BytesIO(whole.getvalue())
    for _ in range(3):
        pickle.Unpickler(head).load()
    path.write_bytes(whole.getvalue()[: head.tell()] + data + pickle.dumps([], 2))
    return path


def refusal(path: Path) -> str:
    """What `checkpoint.read` says of a file that it refuses, without the name in front."""
    with pytest.raises(InputError) as caught:
        checkpoint.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and message.isprintable()
    return message.removeprefix(f"{path}: ")

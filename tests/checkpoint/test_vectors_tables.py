"""Names, shapes, order and counts of the public checkpoints' tensors."""

import json
import re

import pytest
import torch

from checkpoint import Architecture
from checkpoint.architecture import Undrawn, from_discriminator, from_generator
from model import channel_table
from tests.vectors import for_each_folder


def tables(folder) -> dict:
    return json.loads((folder / "state_dict_shapes.json").read_text())


def published(name: str) -> Architecture:
    """The architecture that an entry such as generator_256_cm2 is of."""
    size, multiplier = map(int, re.search(r"_(\d+)_cm(\d+)", name).groups())
    return Architecture(size, 512, 8, channel_table(size, multiplier))


def entries(folder, pattern: str) -> dict:
    found = {name: table for name, table in tables(folder).items() if re.fullmatch(pattern, name)}
    if not found:
        pytest.skip(f"this set holds no {pattern}")
    return found


def shapes_only(table: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Tensors of these shapes that take no memory, without the filters, whose values matter."""
    return {name: torch.zeros(1).expand(shape) for name, shape in table.items() if not name.endswith("kernel")}


@for_each_folder("tables")
@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_vectors_names_shapes_and_order(folder, kind):
    for name, table in entries(folder, rf"{kind}_\d+_cm\d+").items():
        architecture = published(name)
        ours = architecture.generator_shapes() if kind == "generator" else architecture.discriminator_shapes()
        assert [(key, list(shape)) for key, shape in ours.items()] == list(table.items())


@for_each_folder("tables")
@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_vectors_architecture_is_inferred_from_the_shapes(folder, kind):
    infer = from_generator if kind == "generator" else from_discriminator
    for name, table in entries(folder, rf"{kind}_\d+_cm\d+").items():
        assert infer(shapes_only(table)) == published(name)


@for_each_folder("tables")
@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_vectors_order_of_the_parameters(folder, kind):
    for name, order in entries(folder, rf"{kind}_\d+_cm\d+_param_order").items():
        with Undrawn():
            network = getattr(published(name), kind)()
        assert [key for key, _ in network.named_parameters()] == order


@for_each_folder("tables")
def test_vectors_counts_of_the_parameters(folder):
    for name, counts in entries(folder, r"count_\d+_cm\d+").items():
        with Undrawn():
            networks = {"g_params": published(name).generator(), "d_params": published(name).discriminator()}
        assert {key: sum(p.numel() for p in network.parameters()) for key, network in networks.items()} == counts

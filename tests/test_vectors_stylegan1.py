"""The blocks of StyleGAN1 against recorded ones; cases are the records in the folder "ugatit" of the vectors."""

import pytest
import torch
from torch import nn

from model import PixelNorm
from stylegan1 import DownBlock, EqualConv, EqualLinear1, LastBlock, StyledBlock
from tests.vectors import root

TOLERANCE = {"atol": 2e-5, "rtol": 1e-4}
BLUR = (".weight_flip", "conv1.1.weight", "conv1.2.weight", "conv2.0.weight")  # fixed kernels
BLOCKS = {
    f"{path.stem}-{name}": record
    for path in sorted(root("ugatit").glob("*stylegan1*.pt"))
    for name, record in torch.load(path, weights_only=True).items()
}


def built(name: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """The block of a name, as wide as its tensors."""
    size = 128 if "fused" in name else 8
    if "styled" in name:
        out, style_dim = len(state["adain1.style.linear.bias"]) // 2, state["adain1.style.linear.weight_orig"].shape[1]
        first = {"conv1.1.conv.weight_orig": 1, "conv1.0.weight": 0}
        into = next((state[key].shape[axis] for key, axis in first.items() if key in state), None)
        return StyledBlock(into, out, style_dim, size)
    if "conv_last" in name:
        return LastBlock(len(state["conv2.0.conv.bias"]))
    if "conv_down" in name:
        return DownBlock(state["conv1.0.conv.weight_orig"].shape[1], len(state["conv1.0.conv.bias"]), size)
    if "mapping" in name:
        width = len(state["1.linear.bias"])
        layers = [layer for _ in range(len(state) // 2) for layer in (EqualLinear1(width, width), nn.LeakyReLU(0.2))]
        return nn.Sequential(PixelNorm(), *layers)
    assert "to_rgb" in name, f"{name}: no block of this name is known here"
    return EqualConv(state["conv.weight_orig"].shape[1], 3, 1)


@pytest.mark.skipif(not BLOCKS, reason=f"no record of StyleGAN1 in {root('ugatit')}")
@pytest.mark.parametrize("name", BLOCKS)
@torch.no_grad()
def test_vectors_of_a_block(name):
    record = BLOCKS[name]
    state = {key: tensor for key, tensor in record["state_dict"].items() if not key.endswith(BLUR) or tensor.ndim < 4}
    block = built(name, state)
    block.load_state_dict(state)
    assert list(block.state_dict()) == list(state)
    x, *rest = record["inputs"]
    arguments = [x, rest[0], *rest] if isinstance(block, StyledBlock) else [x]
    torch.testing.assert_close(block(*arguments), record["output"], **TOLERANCE)

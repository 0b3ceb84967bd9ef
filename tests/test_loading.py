"""A part of PyTorch waits, and is there as ever for whoever uses it."""

import subprocess
import sys

import pytest

from tests.house import ROOT

FLOPS = """
from torch.utils.flop_counter import FlopCounterMode
with torch.device("meta"):
    layer, image = torch.nn.Conv2d(3, 4, 3), torch.empty(1, 3, 8, 8, requires_grad=True)
with FlopCounterMode(display=False) as counted:
    layer(image).sum().backward()
print(counted.get_total_flops())
"""
OPTIMIZER = "torch.optim.Adam([torch.ones(2, requires_grad=True)]); print(0)\n"
EXPORT = "print(torch.export.export(torch.nn.SiLU(), (torch.ones(1, 3),)).run_decompositions().graph_module.code)\n"
DERIVATIVE = "print(torch.func.jvp(lambda x: x.var(0), (torch.ones(4, 3),), (torch.ones(4, 3),))[1].tolist())\n"
DECOMPOSED = "import torch._decomp as d; print(d.decomposition_table[torch.ops.aten.silu.default](torch.ones(1)))\n"
FAKE = """
from torch._subclasses import FakeTensorMode
with FakeTensorMode():
    print(torch.nn.Conv2d(3, 4, 3)(torch.empty(1, 3, 8, 8)).shape)
"""
USES = (FLOPS, OPTIMIZER, EXPORT, DERIVATIVE, DECOMPOSED, FAKE)


def printed(*program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", "\n".join(program)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_waits_while_a_network_draws():
    """Else every command starts a second later."""
    drawing = "from tests.networks import tiny_generator; tiny_generator()([torch.ones(1, 8)])"
    asked = "import inspect; inspect.getmodule(torch.ones); print(type(sys.modules[cli.loading.LATER]).__name__)"
    assert printed("import cli, sys, torch", drawing, asked) == "Waiting\n"


@pytest.fixture(scope="module")
def expected():
    """What each of them prints where PyTorch was loaded as it is."""
    return printed("import torch", "print('---')\n".join(USES)).split("---\n")


@pytest.mark.parametrize("number", range(len(USES)))
def test_it_is_there_for_whoever_uses_it_first(expected, number):
    assert printed("import cli, torch", USES[number]) == expected[number]

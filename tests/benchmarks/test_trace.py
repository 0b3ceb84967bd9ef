"""What the steps ask of a GPU, counted without one: and that no step asks for what is slow there."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import trace
from tests.commands import run

SMALL = ["--size", 16, "--batch", 4, "--channel_base", 128, "--channel_max", 8]


class Shapes(TorchDispatchMode):
    """Notes (size of the image, size of the filter) of each convolution."""

    def __init__(self):
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        if operator.overloadpacket is torch.ops.aten.convolution:
            self.seen.append((args[0].shape[-1], args[1].shape[-1]))
        return operator(*args, **kwargs or {})


def steps(*flags) -> dict:
    return trace.steps(trace.parser().parse_args([str(word) for word in (*SMALL, *flags)]))


@pytest.mark.parametrize("name", ["D", "R1", "G", "path"])
def test_no_step_convolves_with_a_filter_as_large_as_the_image(name):
    """PyTorch's second derivative of a convolution does, and libraries are slow at it: seconds, or worse."""
    step = steps()[name]
    with trace.as_on_a_gpu(), Shapes() as shapes:
        step()
    assert len(shapes.seen) > 20 and {taps for _, taps in shapes.seen} <= {1, 3}


def test_what_counts_as_a_kernel():
    x, row = torch.zeros(4, 8), torch.zeros(8)

    def work():
        y = x.t() + row[:, None]  # a view is none, and a number for many places is read once
        y.mul_(2)
        torch.empty(100)
        torch.nn.functional.conv2d(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 3, 3))

    with trace.counter()() as counted:
        work()
    found = {kernel.kind: kernel.bytes for kernel in counted.kernels}
    assert found["add"] == 4 * (32 + 8 + 32) and found["mul_"] == 4 * (32 + 32) and found["convolution"] == 4 * (16 + 9 + 4)
    assert set(found) == {"add", "mul_", "convolution", "zeros"} and counted.flop == 2 * 9 * 4


def test_ada_is_counted_as_it_is_recorded():
    """One pass for both axes, over the image with the widest margins; nothing is read from the device."""
    plain, augmented = (trace.trace(steps(*flags)["D"]) for flags in ([], ["--augment"]))
    filters = [sum(k.count for k in traced.kernels if k.kind == "upfirdn2d") for traced in (plain, augmented)]
    assert filters[1] - filters[0] == 4, "real and generated images are doubled and halved"


def test_the_table_has_the_four_steps(capsys):
    run(trace, *SMALL, "--precision", "fp32", "--most", 2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[2:6]] == ["D", "R1", "G", "path"] and len(lines) == 6 + 1 + 2 + 8

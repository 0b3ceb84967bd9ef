"""Count what the four training steps ask of a GPU, on tensors without memory: kernels, and the bytes that they move.

    python -m benchmarks.trace
    python -m benchmarks.trace --augment --most 8

No GPU is needed, and no time is measured. The roads are those of CUDA: compiled operators, convolutions of op/convolution.py,
and ADA as it is recorded in a graph. Every operator of PyTorch counts as one kernel, a convolution's backward pass as one for
each gradient; bytes are those of what a kernel reads and writes, each number once. Adam is left out.
"""

import argparse
import contextlib
import types
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from unittest import mock

import cli
from benchmarks import tables
from benchmarks.train_step import add_network

TINY = 2**20  # bytes: a kernel that moves fewer takes no longer than its launch


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m benchmarks.trace [flags]")
    add = add_network(parser, size=256, batch=16, precision="bf16")
    add("--augment", action="store_true", help="with ADA")
    add("--most", type=cli.number(int, least=0), default=0, metavar="N", help="also the N dearest operators (default: 0)")
    return parser


def main(args: argparse.Namespace) -> None:
    rows, details = [], []
    for name, step in steps(args).items():
        traced = trace(step)
        rows.append([name, *figures(traced)])
        ranking = traced.ranking()[: args.most]
        details += [[name, kind, calls, f"{size / 1e9:.2f}"] for kind, calls, size in ranking]
    what = f"{args.size} px, batch {args.batch}, {args.precision}{', ADA' * args.augment}"
    print(tables.table([what, "kernels", "tiny", "convolutions", "their TFLOP", "their GB", "other GB", "most GiB"], rows))
    if details:
        print("\n" + tables.table(["step", "operator", "kernels", "GB"], details))


class Kernel(NamedTuple):
    kind: str
    count: int
    bytes: int


class Traced(NamedTuple):
    kernels: list[Kernel]
    flop: int
    most: int  # bytes that were held at once, beside the networks

    def ranking(self) -> list[tuple[str, int, int]]:
        """(operator, its kernels, their bytes), the dearest first."""
        calls, size = Counter(), Counter()
        for kernel in self.kernels:
            calls[kernel.kind] += kernel.count
            size[kernel.kind] += kernel.bytes
        return [(kind, calls[kind], total) for kind, total in size.most_common()]


def figures(traced: Traced) -> list[str]:
    """Kernels, those that move next to nothing, convolutions with their work and bytes, bytes of all others, and memory."""
    dense, others = [], []
    for kernel in traced.kernels:
        (dense if kernel.kind.startswith("convolution") else others).append(kernel)
    numbers = (sum(k.count for k in group) for group in (traced.kernels, [k for k in others if k.bytes < TINY], dense))
    gigabytes = (f"{sum(k.bytes for k in group) / 1e9:.1f}" for group in (dense, others))
    return [*map(str, numbers), f"{traced.flop / 1e12:.2f}", *gigabytes, f"{traced.most / 2**30:.1f}"]


def trace(step) -> Traced:
    from training.estimate import Held

    with as_on_a_gpu(), counter()() as counted, Held() as held:
        step()
    return Traced(counted.kernels, counted.flop, held.most)


def counter() -> type:
    """A mode that notes a Kernel for each operator that launches one."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    convolution = torch.ops.aten.convolution

    class Counted(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.kernels: list[Kernel] = []
            self.flop = 0

        def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
            result = operator(*args, **kwargs or {})
            self.kernels += launched(operator, (args, kwargs), result, args)
            if rule := flop_registry.get(operator.overloadpacket):
                self.flop += rule(*args, **kwargs or {}, out_val=result)
            # cuDNN's lies as its input does; without memory it would lie channel by channel.
            return result.to(memory_format=torch.channels_last) if operator.overloadpacket is convolution else result

    return Counted


def launched(operator, given: object, result: object, args: tuple) -> list[Kernel]:
    """The kernels of one call: none for a view or for memory that is only taken."""
    name = operator.overloadpacket.__name__
    read, written = tensors(given), tensors(result)
    known = {tensor.untyped_storage()._cdata for tensor in read}
    view = written and not operator._schema.is_mutable and all(t.untyped_storage()._cdata in known for t in written)
    if view or name.startswith(("empty", "new_empty")) or name in ("detach", "_unsafe_view", "lift_fresh"):
        return []
    if name == "convolution_backward":
        grad, x, weight, mask = *args[:3], args[-1]
        made = [gradient for gradient, wanted in ((x, mask[0]), (weight, mask[1])) if wanted]
        return [Kernel("convolution_backward", 1, size(grad) + size(x) + size(weight)) for _ in made]
    count = 2 if operator.namespace == "cartoon_stylegan2" and name.endswith("_backward") else 1  # a second one adds up sums
    return [Kernel(name, count, sum(map(size, read)) + sum(map(size, written)))]


def tensors(values: object) -> list:
    from torch import Tensor
    from torch.utils._pytree import tree_leaves

    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def size(tensor) -> int:
    """Bytes of its different numbers: one that is read for many places counts once."""
    numbers = 1
    for length, stride in zip(tensor.shape, tensor.stride()):
        numbers *= length if stride else 1
    return numbers * tensor.element_size()


@contextlib.contextmanager
def as_on_a_gpu() -> Iterator[None]:
    """Within it, tensors without memory go the ways of tensors on CUDA."""
    import op
    from augment import geometric, pipeline
    from op import build, convolution

    op.build._define()
    with contextlib.ExitStack() as ways:
        for owner, name, way in (
            (build, "has_kernel", lambda x, impl: x.dtype in build.TYPES["cuda"]),
            (build, "takes_planes", lambda x: x.is_contiguous()),
            (convolution, "_quick_to_differentiate", lambda x, weight: False),
            (convolution, "_on_cpu", lambda x: False),
            (geometric, "_being_recorded", lambda images: True),
            (geometric, "_at_once", lambda x: True),
            (pipeline, "_full_precision", lambda device: contextlib.nullcontext()),
        ):
            ways.enter_context(mock.patch.object(owner, name, way))
        yield


def steps(args: argparse.Namespace) -> dict:
    """The four updates of training/steps.py on networks without numbers, by name."""
    import torch

    from training import steps

    state = untrained(args)
    reals = torch.empty(args.batch, 3, args.size, args.size, device="meta")
    drawn, fewer = (steps.draw_latents(state, batch) for batch in (args.batch, max(1, args.batch // 2)))
    return {
        "D": lambda: steps.discriminator_step(state, [reals], [drawn]),
        "R1": lambda: steps.r1_step(state, [reals]),
        "G": lambda: steps.generator_step(state, [drawn]),
        "path": lambda: steps.path_length_step(state, [fewer]),
    }


def untrained(args: argparse.Namespace):
    """A TrainingState without numbers, but for the taps of filters, which are read."""
    import torch

    import utils
    from augment import Ada
    from model import BLUR_TAPS, Discriminator, Generator, channel_table, make_kernel
    from training import state

    channels = channel_table(args.size, 2, args.channel_base, args.channel_max)
    with torch.device("meta"):
        networks = Generator(args.size, 512, 8, channels=channels), Discriminator(args.size, channels=channels)
    draws = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    with mock.patch.object(state, "random_numbers", lambda *_: draws), mock.patch.object(state, "lazy_adam", no_adam):
        made = state.new_state(state.Settings(), *networks, [], augmentation=Ada() if args.augment else None, device="meta")
    for network in networks:
        network.compute_dtype = utils.compute_dtype(args.precision)
        for module in network.modules():
            if hasattr(module, "kernel"):
                module.kernel = make_kernel(BLUR_TAPS)
    return made


def no_adam(network, *_) -> types.SimpleNamespace:
    """An optimizer that does nothing."""
    nothing = dict.fromkeys(("step", "zero_grad"), lambda **_: None)
    return types.SimpleNamespace(param_groups=[{"params": list(network.parameters())}], defaults={"fused": True}, **nothing)


if __name__ == "__main__":
    cli.run(main, parser())

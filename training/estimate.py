"""What a run will need, before it starts: who trains, how much memory, how long."""

import functools
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from checkpoint.architecture import NETWORKS
from model import Discriminator, Generator
from progress import told_time
from running import parallel
from running.run import Run
from training import losses
from training.state import Settings
from training.transfer import TransferMethod

MANY = 64  # images in a batch without numbers, which costs no more than one; what does not grow with it then hardly counts


def level_table(generator: Generator, discriminator: Discriminator) -> str:
    """One line for each level: parameters of both networks, trainable or frozen."""
    rows = [("level", "generator", "discriminator"), ("mapping", _share(generator.style), "")]
    rows += [(f"{res} px", _share(generator.level(res)), _share(discriminator.level(res))) for res in generator.resolutions]
    rows += [("all", _share(generator), _share(discriminator))]
    return "\n".join(f"{level:>9}   {ours:<34}{theirs}".rstrip() for level, ours, theirs in rows)


def _share(modules: nn.Module) -> str:
    total = sum(p.numel() for p in modules.parameters())
    trainable = sum(p.numel() for p in modules.parameters() if p.requires_grad)
    state = "trains" if trainable == total else "frozen" if not trainable else f"{trainable:,} train"
    return f"{total:>12,}  {state}"


@dataclass
class Estimate:
    """gflop: of one iteration, regularisation included in its share. gib: peak memory. seconds: of one iteration."""

    gflop: float
    gib: float
    seconds: float


def estimate(
    generator: Generator,
    discriminator: Discriminator,
    settings: Settings,
    batch: int,
    micro_batch: int,
    device: torch.device,
    graphs: bool = False,
    methods: Sequence[TransferMethod] = (),
    adversarial: bool = True,
) -> Estimate:
    """Count the operations and the memory of the four steps on networks without memory, and time one convolution.

    methods: whose own costs are added; adversarial: whether the discriminator takes part
    graphs: whether the steps become CUDA graphs, which hold memory of their own beside that of the first, ordinary, calls
    """
    shape = Shape.of(generator, discriminator)
    g_flop, d_flop = _flop(shape)
    d_step = g_flop + 2 * 3 * d_flop
    g_step = 3 * g_flop + 2 * d_flop
    if not adversarial:
        d_step, g_step = 0, 3 * g_flop
    own = [method.costs(generator, batch) for method in methods]
    g_step += sum(passes * g_flop + flop for passes, flop, _, _ in own)
    r1 = 6 * d_flop / settings.d_reg_every if settings.r1 and adversarial else 0
    path = 6 * g_flop / settings.path_batch_shrink / settings.g_reg_every if settings.path_regularize else 0
    gflop = batch * (d_step + g_step + r1 + path) / 1e9

    # Weights, their average, two Adam moments and gradients; the source.
    weights = 4 * (6 * _size(generator) + 4 * _size(discriminator)) + sum(once for _, _, once, _ in own)
    each = _held_for_an_image(shape, settings, adversarial) + sum(each for _, _, _, each in own)
    held = micro_batch * each * (2 if graphs else 1)
    return Estimate(gflop, (weights + held) / 2**30 + 0.4, gflop / gflop_per_second(device, shape.dtype))


class Shape(NamedTuple):
    """What the need of a step depends on. widths: as (resolution, channels)."""

    size: int
    style_dim: int
    g_widths: tuple[tuple[int, int], ...]
    d_widths: tuple[tuple[int, int], ...]
    dtype: torch.dtype
    kind: str

    @classmethod
    def of(cls, generator: Generator, discriminator: Discriminator) -> "Shape":
        widths = (tuple(network.channels.items()) for network in (generator, discriminator))
        return cls(generator.size, generator.style_dim, *widths, generator.compute_dtype or torch.float32, generator.kind)

    def networks(self) -> tuple[Generator, Discriminator]:
        """Of this shape, without numbers. The mapping network needs next to nothing, and is missing."""
        generates, judges = NETWORKS[self.kind]
        with torch.device("meta"):
            generator = generates(self.size, self.style_dim, 0, channels=dict(self.g_widths))
            discriminator = judges(self.size, channels=dict(self.d_widths))
        generator.compute_dtype = discriminator.compute_dtype = self.dtype
        return generator, discriminator


@functools.lru_cache(64)
def _flop(shape: Shape) -> tuple[float, float]:
    """Of the generator and of the discriminator, for one image."""
    generator, discriminator = shape.networks()
    with FlopCounterMode(display=False) as g_flops:
        image = _drawn(generator, _codes(generator, 1))
    with FlopCounterMode(display=False) as d_flops:
        discriminator(image.detach())
    return g_flops.get_total_flops(), d_flops.get_total_flops()


def _held_for_an_image(shape: Shape, settings: Settings, adversarial: bool) -> float:
    """The most bytes that any of the four steps holds at once, beside the networks, for each image of a batch."""
    held = [_held_by(_generator_pass, shape)]
    if adversarial:
        held.append(_held_by(_discriminator_pass, shape))
    if settings.r1 and adversarial:
        held.append(_held_by(_r1_pass, shape))
    if settings.path_regularize:
        held.append(_held_by(_path_length_pass, shape) / settings.path_batch_shrink)
    return max(held) / MANY


@functools.lru_cache(256)
def _held_by(forward_and_backward: Callable, shape: Shape, batch: int = MANY) -> int:
    networks = shape.networks()
    with Held() as held:
        forward_and_backward(*networks, batch)
    return held.most


# What holds memory in training/steps.py: the same losses, and gradients in the same parameters.


def _discriminator_pass(generator: Generator, discriminator: Discriminator, batch: int) -> None:
    with torch.no_grad():
        fake = _drawn(generator, _codes(generator, batch))
    fake_pred, real_pred = discriminator(torch.cat([fake, fake]), batches=2).chunk(2)
    _gradients(losses.discriminator_loss(real_pred, fake_pred), discriminator)


def _r1_pass(generator: Generator, discriminator: Discriminator, batch: int) -> None:
    real = torch.empty(batch, 3, generator.size, generator.size, device="meta", requires_grad=True)
    _gradients(losses.r1_penalty(discriminator(real), real), discriminator)


def _generator_pass(generator: Generator, discriminator: Discriminator, batch: int) -> None:
    discriminator.requires_grad_(False)
    _gradients(losses.generator_loss(discriminator(_drawn(generator, _codes(generator, batch)))), generator)


def _path_length_pass(generator: Generator, discriminator: Discriminator, batch: int) -> None:
    w_plus = _codes(generator, batch).requires_grad_()
    image = _drawn(generator, w_plus)
    lengths = losses.path_lengths(image, w_plus, torch.empty_like(image))
    _gradients(losses.path_length_penalty(lengths, lengths.new_zeros(()))[0], generator)


def _codes(generator: Generator, batch: int) -> Tensor:
    return torch.empty(batch, generator.n_latent, generator.style_dim, device="meta")


def _drawn(generator: Generator, w_plus: Tensor) -> Tensor:
    return generator.synthesis(w_plus, generator.make_noise(len(w_plus)))


def _gradients(loss: Tensor, network: nn.Module) -> None:
    torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)


class Held(TorchDispatchMode):
    """Counts the bytes of all tensors that are made while it is entered, for as long as somebody holds them."""

    def __init__(self):
        super().__init__()
        self.now = self.most = 0
        self.storages = weakref.WeakSet()

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        given = {id(tensor.untyped_storage()) for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)}
        result = operator(*args, **kwargs or {})
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and id(tensor.untyped_storage()) not in given:
                self._holds(tensor.untyped_storage())
        return result

    def _holds(self, storage: torch.UntypedStorage) -> None:
        if storage not in self.storages:
            self.storages.add(storage)
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._lets_go, storage.nbytes())

    def _lets_go(self, size: int) -> None:
        self.now -= size


def gflop_per_second(device: torch.device, dtype: torch.dtype = torch.float32, seconds: float = 0.3) -> float:
    """Measured on a convolution of the kind that dominates, forward; large enough for a GPU where there is one."""
    batch, side, at_once, wait = 4, 64, 1, int
    if device.type == "cuda":
        batch, side, at_once, wait = 16, 128, 20, functools.partial(torch.cuda.synchronize, device)
    x = torch.randn(batch, 128, side, side, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3, device=device, dtype=dtype)
    gflop = 2 * batch * 128 * 128 * 9 * side * side / 1e9
    with torch.no_grad():
        rate = _per_second(lambda: nn.functional.conv2d(x, weight, padding=1), wait, at_once, seconds)
    # Backward passes and everything that is not a convolution run at about half that rate.
    return 0.5 * rate * gflop


def _per_second(run: Callable[[], object], wait: Callable[[], object], at_once: int, seconds: float) -> float:
    """How often it runs, once warm. A GPU is waited for after `at_once` runs: it works while the host goes on."""
    for _ in range(2 * at_once):
        run()
    wait()
    runs, start = 0, time.perf_counter()
    while runs < 2 or time.perf_counter() - start < seconds:
        for _ in range(at_once):
            run()
        wait()
        runs += at_once
    return runs / (time.perf_counter() - start)


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def describe(run: Run) -> str:
    """Memory and time of a run, in one line."""
    options, state = run.args, run.state
    guess = estimate(
        state.generator,
        state.discriminator,
        state.settings,
        options.batch,
        options.batch // options.accumulate,
        state.device,
        state.device.type == "cuda" and not options.no_graphs and parallel.world_size() == 1,
        state.methods,
        state.adversarial,
    )
    return (
        f"Estimate: {guess.gib:.1f} GiB of memory, {guess.gflop:,.0f} GFLOP and {guess.seconds:.2g} s an iteration, "
        f"{told_time(run.start.left * guess.seconds)} for {run.start.left:,} iterations"
    )

"""What a run will need, before it starts: who trains, how much memory, how long."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from model import Discriminator, Generator
from training.setup import Run
from training.state import Settings


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
    generator: Generator, discriminator: Discriminator, settings: Settings, batch: int, micro_batch: int, device: torch.device
) -> Estimate:
    """Count the operations and the tensors kept for the backward pass on a network without memory, and time one convolution."""
    g_flop, g_kept, d_flop, d_kept = _count(generator, discriminator)
    d_step = g_flop + 2 * 3 * d_flop
    g_step = 3 * g_flop + 2 * d_flop
    r1 = 6 * d_flop / settings.d_reg_every if settings.r1 else 0
    path = 6 * g_flop / settings.path_batch_shrink / settings.g_reg_every if settings.path_regularize else 0
    gflop = batch * (d_step + g_step + r1 + path) / 1e9

    # Weights, their average, two Adam moments and gradients; the source. A gradient of a gradient keeps everything twice.
    weights = 4 * (6 * _size(generator) + 4 * _size(discriminator))
    kept = micro_batch * max(2 * d_kept, g_kept + d_kept, 2 * g_kept / settings.path_batch_shrink)
    return Estimate(gflop, (weights + kept) / 2**30 + 0.4, gflop / _gflop_per_second(device))


def _count(generator: Generator, discriminator: Discriminator) -> tuple[float, float, float, float]:
    """(generator: FLOP, bytes kept for the backward pass, discriminator: the same) for one image."""
    with torch.device("meta"):
        twin = Generator(generator.size, generator.style_dim, 0, channels=generator.channels)
        critic = Discriminator(discriminator.size, channels=discriminator.channels)
        w_plus = torch.empty(1, twin.n_latent, twin.style_dim)
    g_flop, g_kept, image = _cost(twin, lambda: twin.synthesis(w_plus, twin.stored_noise()))
    d_flop, d_kept, _ = _cost(critic, lambda: critic(image.detach()))
    return g_flop, g_kept, d_flop, d_kept


def _cost(network: nn.Module, forward: Callable[[], Tensor]) -> tuple[float, float, Tensor]:
    """(FLOP, bytes of activations kept for the backward pass, result)."""
    kept: dict[int, Tensor] = {}
    own = {id(parameter) for parameter in network.parameters()}

    def remember(tensor: Tensor) -> Tensor:
        if id(tensor) not in own:
            kept[id(tensor)] = tensor
        return tensor

    with FlopCounterMode(display=False) as flops, torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        result = forward()
    return flops.get_total_flops(), sum(tensor.numel() * tensor.element_size() for tensor in kept.values()), result


def _gflop_per_second(device: torch.device, seconds: float = 0.3) -> float:
    """Measured on a convolution of the kind that dominates, forward."""
    x = torch.randn(4, 128, 64, 64, device=device).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3, device=device)
    gflop = 2 * 4 * 128 * 128 * 9 * 64 * 64 / 1e9
    for warm_up in (True, False):
        runs, start = 0, time.perf_counter()
        while runs < 2 or (not warm_up and time.perf_counter() - start < seconds):
            nn.functional.conv2d(x, weight, padding=1)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            runs += 1
    # Backward passes and everything that is not a convolution run at about half that rate.
    return 0.5 * runs * gflop / (time.perf_counter() - start)


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def describe(run: Run) -> str:
    """Memory and time of a run, in one line."""
    args, state = run.args, run.state
    guess = estimate(
        state.generator, state.discriminator, state.settings, args.batch, args.batch // args.accumulate, state.device
    )
    return (
        f"Estimate: {guess.gib:.1f} GiB of memory, {guess.gflop:,.0f} GFLOP and {guess.seconds:.2g} s an iteration, "
        f"{args.iter * guess.seconds / 3600:.1f} hours for {args.iter:,} iterations"
    )

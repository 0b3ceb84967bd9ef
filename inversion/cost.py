"""What a training of an encoder will take, said before it starts."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inversion.training import Inversion
from progress import told_time
from running import parallel
from training.estimate import Held, gflop_per_second


def describe(training: Inversion, iterations: int) -> str:
    """Memory and time, in one line."""
    gflop, held = of_an_image(training)
    batch, networks = training.settings.batch, [*training.networks().values(), training.generator, training.distance]
    weights = sum(parameter.nbytes for network in networks for parameter in network.parameters())
    gib = (2 * weights + held * batch) / 2**30 + 0.4
    seconds = batch * gflop / gflop_per_second(training.device)
    whose = " a process" if parallel.world_size() > 1 else ""
    each = f"{batch * gflop:,.0f} GFLOP and {seconds:.2g} s an iteration of {batch} pictures{whose}"
    return f"Estimate: {gib:.1f} GiB of memory, {each}, {told_time(iterations * seconds)} for {iterations:,} iterations"


def of_an_image(training: Inversion) -> tuple[float, float]:
    """(GFLOP, bytes held at once) of one iteration: passes there and back through each network, on networks without numbers."""
    with torch.random.fork_rng(devices=[]):
        encoder, generator = without_numbers(training.encoder), without_numbers(training.generator)
        distance = without_numbers(training.distance)
        judge = training.discriminator and without_numbers(training.discriminator).requires_grad_(True)
    image = torch.empty(2, 3, generator.size, generator.size, device="meta")
    seen = image if encoder.passes == 1 else torch.cat([image, image], 1)
    with FlopCounterMode(display=False) as counted, Held() as held:
        noise = [torch.empty(len(image), *layer.shape[1:], device="meta") for layer in generator.stored_noise()]
        drawing = generator.synthesis(encoder(seen).expand(-1, generator.n_latent, -1), noise)
        features = [distance.features(drawing), distance.features(image)]
        loss = distance.between(*features).sum() + drawing.sum()
        loss = loss + (judge(drawing).sum() if judge else 0)
        torch.autograd.grad(loss, [*encoder.parameters()], allow_unused=True)
        if judge:
            torch.autograd.grad(judge(torch.cat([image, image])).sum(), [*judge.parameters()], allow_unused=True)
        with torch.no_grad():  # half of a batch is drawn; of the passes, half come before the one that is differentiated
            for _ in range(encoder.passes):
                generator.synthesis(torch.empty(1, generator.n_latent, generator.style_dim, device="meta"), noise)
    return counted.get_total_flops() / len(image) / 1e9, held.most / len(image)


def without_numbers(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).to("meta")

"""One contestant of a benchmark: a process that has one implementation first on sys.path, and runs its pieces when told to.

Started by benchmarks.rounds as `python contestant.py KIND FOLDER SETTING`, with SETTING in JSON. Each line on standard input
names a piece; the answer is one line of JSON. The process imports nothing of this project but what KIND asks for, since the
module names of the others are the same.

KIND: "ours"; "plain", the same networks in the plainest PyTorch; "rosinality" (rosinality/stylegan2-pytorch) or "ada"
(NVlabs/stylegan2-ada-pytorch), from a checkout in FOLDER.
"""

import contextlib
import copy
import functools
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Pieces = dict[str, Callable[[], object]]
R1, PATH, EMA_DECAY, LR = 10.0, 2.0, 0.998, 0.002
D_REG_EVERY, G_REG_EVERY = 16, 4
OP_SIDES = {"blur": (1, 1), "up 2": (0.5, 0), "down 2": (1, 0), "leaky relu": (1, 0)}  # times the side, and more
OP_BATCH, OP_CHANNELS = 2, 128


def main(kind: str, folder: str, setting: str) -> None:
    setting = json.loads(setting)
    sys.path[0] = folder
    if setting["device"] == "cpu":
        torch.set_num_threads(setting["threads"])
    torch.manual_seed(0)
    answers, sys.stdout = sys.stdout, sys.stderr  # what an implementation prints is no answer
    pieces = {"step": training_pieces, "ops": operator_pieces}[setting["benchmark"]](kind, setting)
    print(json.dumps({"pieces": list(pieces)}), file=answers, flush=True)
    for line in sys.stdin:
        piece = pieces[line.strip()]
        print(json.dumps(timed(piece, setting) | {"graph": is_graph(piece)}), file=answers, flush=True)


def timed(piece: Callable[[], object], setting: dict) -> dict[str, float]:
    """Seconds for one run: of the wall, of the processor (all threads), of the GPU; and the peak memory so far in bytes."""
    repeats = setting["repeats"]
    if setting["device"] == "cuda":
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        piece()
    gpu = 0.0
    if setting["device"] == "cuda":
        end.record()
        torch.cuda.synchronize()
        gpu = begin.elapsed_time(end) / 1000
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = (
        torch.cuda.max_memory_allocated()
        if setting["device"] == "cuda"
        else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    )
    return {"wall": wall / repeats, "cpu": cpu / repeats, "gpu": gpu / repeats, "peak": peak}


def is_graph(piece: Callable[[], object]) -> bool:
    """Whether a CUDA graph was launched."""
    return isinstance(piece, Update) and getattr(piece.step, "graph", None) is not None


# ---------------------------------------------------------------------------------------------------------------------
# The training step


class Update(NamedTuple):
    """One of our updates, on new inputs each time."""

    step: Callable[..., object]
    inputs: Callable[[], tuple]

    def __call__(self) -> object:
        return self.step(*self.inputs())


def training_pieces(kind: str, setting: dict) -> Pieces:
    """The parts of an iteration, each with its optimizer step."""
    device, size, batch = setting["device"], setting["size"], setting["batch"]
    reals = torch.rand(batch, 3, size, size, device=device) * 2 - 1
    if kind == "ours":
        return our_steps(setting, reals)
    generator, discriminator, generate, discriminate = {"plain": plain, "rosinality": rosinality, "ada": ada}[kind](setting)
    return PlainSteps(generator, discriminator, generate, discriminate, reals).pieces()


def our_steps(setting: dict, reals: Tensor) -> Pieces:
    from training import graphs, steps
    from training.state import Settings, new_state

    networks = our_networks(setting)
    settings = Settings(lr=LR, r1=R1, d_reg_every=D_REG_EVERY, path_regularize=PATH, g_reg_every=G_REG_EVERY, mixing=0.0)
    state = new_state(settings, *networks, [], device=setting["device"])
    if setting["precision"] == "bf16":
        state.generator.compute_dtype = state.discriminator.compute_dtype = torch.bfloat16
    draw, step = functools.partial(steps.draw_latents, state), graphs.training_steps(state, print)
    batch = len(reals)
    return {
        "D": Update(step.discriminator_step, lambda: (state, [reals], [draw(batch)])),
        "R1": Update(step.r1_step, lambda: (state, [reals])),
        "G": Update(step.generator_step, lambda: (state, [draw(batch)])),
        "path": Update(step.path_length_step, lambda: (state, [draw(max(1, batch // settings.path_batch_shrink))])),
        "EMA": state.update_ema,
    }


def our_networks(setting: dict) -> tuple[torch.nn.Module, torch.nn.Module]:
    from model import Discriminator, Generator, channel_table

    channels = channel_table(setting["size"], 2, setting["channel_base"], setting["channel_max"])
    return Generator(setting["size"], 512, 8, channels=channels), Discriminator(setting["size"], channels=channels)


class PlainSteps:
    """The losses and updates of StyleGAN2 without any art, around anybody's networks.

    generate:     z -> (images, the w that they were made from)
    discriminate: images -> logits
    """

    def __init__(
        self,
        generator: torch.nn.Module,
        discriminator: torch.nn.Module,
        generate: Callable[[Tensor], tuple[Tensor, Tensor]],
        discriminate: Callable[[Tensor], Tensor],
        reals: Tensor,
    ):
        self.generator, self.discriminator = generator.to(reals.device).train(), discriminator.to(reals.device).train()
        self.generate, self.discriminate, self.reals = generate, discriminate, reals
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.mean_length = torch.zeros((), device=reals.device)
        adam = functools.partial(torch.optim.Adam, eps=1e-8)
        self.g_optim = adam(self.generator.parameters(), lr=LR * 4 / 5, betas=(0.0, 0.99 ** (4 / 5)))
        self.d_optim = adam(self.discriminator.parameters(), lr=LR * 16 / 17, betas=(0.0, 0.99 ** (16 / 17)))

    def pieces(self) -> Pieces:
        return {"D": self.d_step, "R1": self.r1_step, "G": self.g_step, "path": self.path_step, "EMA": self.update_average}

    def latents(self, batch: int) -> Tensor:
        return torch.randn(batch, 512, device=self.reals.device)

    def update(self, network: torch.nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        network.zero_grad()
        loss.backward()
        optimizer.step()

    def choose(self, trained: torch.nn.Module) -> None:
        self.generator.requires_grad_(trained is self.generator)
        self.discriminator.requires_grad_(trained is self.discriminator)

    def d_step(self) -> None:
        self.choose(self.discriminator)
        with torch.no_grad():
            fake, _ = self.generate(self.latents(len(self.reals)))
        fake_pred, real_pred = self.discriminate(fake), self.discriminate(self.reals)
        self.update(self.discriminator, self.d_optim, F.softplus(-real_pred).mean() + F.softplus(fake_pred).mean())

    def r1_step(self) -> None:
        self.choose(self.discriminator)
        real = self.reals.detach().requires_grad_(True)
        pred = self.discriminate(real)
        (grad,) = torch.autograd.grad(pred.sum(), real, create_graph=True)
        penalty = grad.square().flatten(1).sum(1).mean()
        self.update(self.discriminator, self.d_optim, R1 / 2 * D_REG_EVERY * penalty + 0 * pred[0])

    def g_step(self) -> None:
        self.choose(self.generator)
        fake, _ = self.generate(self.latents(len(self.reals)))
        self.update(self.generator, self.g_optim, F.softplus(-self.discriminate(fake)).mean())

    def path_step(self) -> None:
        self.choose(self.generator)
        image, w = self.generate(self.latents(max(1, len(self.reals) // 2)))
        noise = torch.randn_like(image) / (image.shape[2] * image.shape[3]) ** 0.5
        (grad,) = torch.autograd.grad((image * noise).sum(), w, create_graph=True)
        lengths = grad.square().sum(2).mean(1).sqrt()
        mean = self.mean_length + 0.01 * (lengths.mean() - self.mean_length)
        self.mean_length = mean.detach()
        loss = PATH * G_REG_EVERY * (lengths - mean).square().mean() + 0 * image[0, 0, 0, 0]
        self.update(self.generator, self.g_optim, loss)

    @torch.no_grad()
    def update_average(self) -> None:
        for averaged, current in zip(self.average.parameters(), self.generator.parameters()):
            averaged.mul_(EMA_DECAY).add_(current, alpha=1 - EMA_DECAY)


def plain(setting: dict):
    """Our networks, in float32, with the definitions for operators and a convolution with weights of its own for each image."""
    import model
    from op.fused_act import fused_leaky_relu_ref
    from op.resample import upfirdn2d

    def modulated(self, x: Tensor, w: Tensor) -> tuple[Tensor, None]:
        weight = self.scale * self.weight * self.modulation(w)[:, None, :, None, None]
        if self.demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        batch, rows, columns, *taps = weight.shape
        joined = x.reshape(1, batch * columns, *x.shape[2:])
        if self.upsample:
            weight = weight.transpose(1, 2).reshape(batch * columns, rows, *taps)
            x = F.conv_transpose2d(joined, weight, stride=2, groups=batch)
            return self.blur(x.reshape(batch, rows, *x.shape[2:])), None
        x = F.conv2d(joined, weight.reshape(batch * rows, columns, *taps), padding=self.padding, groups=batch)
        return x.reshape(batch, rows, *x.shape[2:]), None

    model.upfirdn2d = functools.partial(upfirdn2d, impl="ref")
    model.fused_leaky_relu = fused_leaky_relu_ref
    model.FusedLeakyReLU.forward = lambda self, x, **terms: fused_leaky_relu_ref(
        x, self.bias, self.negative_slope, self.scale, **terms
    )
    model.ModulatedConv2d.modulated = modulated
    model.ModulatedConv2d.forward = lambda self, x, w: modulated(self, x, w)[0]
    model.ConstantInput.forward = lambda self, batch: self.input.expand(batch, -1, -1, -1)
    generator, discriminator = our_networks(setting)

    def generate(z: Tensor) -> tuple[Tensor, Tensor]:
        w_plus = generator.mapping(z)[:, None].expand(-1, generator.n_latent, -1)
        return generator.synthesis(w_plus, generator.make_noise(len(z))), w_plus

    return generator, discriminator, generate, discriminator


def rosinality(setting: dict):
    without_gpu(setting)
    from model import Discriminator, Generator

    multiplier = setting["channel_base"] / 16384
    generator = Generator(setting["size"], 512, 8, channel_multiplier=multiplier if multiplier < 1 else round(multiplier))
    discriminator = Discriminator(setting["size"], channel_multiplier=multiplier if multiplier < 1 else round(multiplier))
    return generator, discriminator, lambda z: generator([z], return_latents=True), discriminator


def ada(setting: dict):
    from training.networks import Discriminator, Generator

    half = setting["precision"] != "fp32"
    widths = {"channel_base": setting["channel_base"], "channel_max": setting["channel_max"]}
    widths |= {"num_fp16_res": 4 if half else 0, "conv_clamp": 256 if half else None}
    size = {"c_dim": 0, "img_resolution": setting["size"], "img_channels": 3}
    generator = Generator(z_dim=512, w_dim=512, mapping_kwargs={"num_layers": 8}, synthesis_kwargs=widths, **size)
    discriminator = Discriminator(**size, **widths, epilogue_kwargs={"mbstd_group_size": 4})

    def generate(z: Tensor) -> tuple[Tensor, Tensor]:
        w_plus = generator.mapping(z, None)
        return generator.synthesis(w_plus), w_plus

    return generator, discriminator, generate, lambda images: discriminator(images, None)


def without_gpu(setting: dict) -> None:
    """Some build CUDA kernels when they are imported, and never call them on a CPU."""
    if setting["device"] == "cpu":
        import torch.utils.cpp_extension

        torch.utils.cpp_extension.load = lambda *args, **options: None


# ---------------------------------------------------------------------------------------------------------------------
# The operators


def operator_pieces(kind: str, setting: dict) -> Pieces:
    """Forward, and forward with backward, of each operator as a network of `side` px has them."""
    operators = {"ours": our_operators, "plain": plain_operators, "rosinality": rosinality_operators, "ada": ada_operators}
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[setting["precision"]]
    pieces = {}
    for name, operator in operators[kind](setting).items():
        layout = torch.channels_last if kind == "ours" else torch.contiguous_format
        factor, more = OP_SIDES[name]
        side = int(setting["side"] * factor) + more
        x = torch.randn(OP_BATCH, OP_CHANNELS, side, side, device=setting["device"], dtype=dtype).contiguous(
            memory_format=layout
        )
        x.requires_grad_()
        grad = torch.randn_like(operator(x))
        pieces[f"{name}, forward"] = functools.partial(forward, operator, x)
        pieces[f"{name}, with backward"] = functools.partial(there_and_back, operator, x, grad)
    if kind == "ours":
        pieces["copy, forward"] = x.detach().clone
    return pieces


@torch.no_grad()
def forward(operator: Callable[[Tensor], Tensor], x: Tensor) -> None:
    operator(x)


def there_and_back(operator: Callable[[Tensor], Tensor], x: Tensor, grad: Tensor) -> None:
    torch.autograd.grad(operator(x), x, grad)


def filters(device: str) -> tuple[Tensor, Tensor]:
    """The published 4x4 kernel, and a bias."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=device)
    return torch.outer(taps, taps) / 64, torch.zeros(OP_CHANNELS, device=device)


def our_operators(setting: dict, **impl: str):
    from op import fused_leaky_relu, upfirdn2d

    kernel, bias = filters(setting["device"])
    fourfold = kernel * 4
    return {
        "blur": lambda x: upfirdn2d(x, kernel, pad=(1, 1), **impl),
        "up 2": lambda x: upfirdn2d(x, fourfold, up=2, pad=(2, 1), **impl),
        "down 2": lambda x: upfirdn2d(x, kernel, down=2, pad=(1, 1), **impl),
        "leaky relu": lambda x: fused_leaky_relu(x, bias.to(x.dtype), **impl),
    }


def plain_operators(setting: dict):
    return our_operators(setting, impl="ref")


def rosinality_operators(setting: dict):
    without_gpu(setting)
    return our_operators(setting)  # the same names and arguments


def ada_operators(setting: dict):
    from torch_utils.ops.bias_act import bias_act
    from torch_utils.ops.upfirdn2d import upfirdn2d

    kernel, bias = filters(setting["device"])
    return {
        "blur": lambda x: upfirdn2d(x, kernel, padding=1),
        "up 2": lambda x: upfirdn2d(x, kernel, up=2, padding=[2, 1, 2, 1], gain=4),
        "down 2": lambda x: upfirdn2d(x, kernel, down=2, padding=1),
        "leaky relu": lambda x: bias_act(x, bias.to(x.dtype), act="lrelu"),
    }


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])

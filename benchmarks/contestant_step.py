"""The parts of a training iteration: with our networks, the plainest ones, and those of others; see contestant.py."""

import copy
import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Pieces = dict[str, Callable[[], object]]
R1, PATH, EMA_DECAY, LR = 10.0, 2.0, 0.998, 0.002
D_REG_EVERY, G_REG_EVERY = 16, 4


class Update(NamedTuple):
    """One of our updates, on new inputs each time."""

    step: Callable[..., object]
    inputs: Callable[[], tuple]

    def __call__(self) -> object:
        return self.step(*self.inputs())


def pieces(kind: str, setting: dict) -> Pieces:
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
    """The losses and updates of StyleGAN2 in their plainest form, for any networks.

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
    from model import Discriminator, Generator

    multiplier = setting["channel_base"] / 16384
    multiplier = multiplier if multiplier < 1 else round(multiplier)
    generator = Generator(setting["size"], 512, 8, channel_multiplier=multiplier)
    discriminator = Discriminator(setting["size"], channel_multiplier=multiplier)
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

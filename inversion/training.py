"""Train an encoder for a frozen generator: what it says of a picture is drawn, and compared with the picture.

    training = Inversion(Settings(), encoder, generator, distance, discriminator, shown, device=torch.device("cpu"))
    logs = training.step(pixels)                                # {"features": ..., "pixels": ..., "latents": ..., ...}

Part of a batch is photos, where there are some; the others are drawn by the generator, so that their latents are known.
"""

import copy
from contextlib import nullcontext

import torch
from PIL import Image
from torch import Tensor, nn

import utils
from editing import latents
from editing.projection import latent_spread, offset_penalty
from inversion.encoder import Encoder
from inversion.jitter import jittered
from inversion.settings import Settings, learning_rate
from model import StyleGenerator
from running.base import Logs, Statistic, Trainable
from training import losses
from training.steps import held
from vision.perceptual import Distance


class Inversion(Trainable):
    """The encoder, its average, and the discriminator of drawings, which goes on training.

    generator:     frozen, on the device
    distance:      frozen, on the device
    discriminator: None where the adversarial loss weighs nothing
    shown:         the pictures of the sample sheet, [count, 3, size, size] in [-1, 1]
    """

    def __init__(
        self,
        settings: Settings,
        encoder: Encoder,
        generator: StyleGenerator,
        distance: Distance,
        discriminator: nn.Module | None,
        shown: Tensor,
        device: torch.device,
        seed: int = 0,
    ):
        super().__init__(device, seed)
        self.settings, self.generator, self.distance, self.shown = settings, generator, distance.requires_grad_(False), shown
        self.encoder = encoder.to(device).requires_grad_(True)
        self.average = copy.deepcopy(self.encoder).eval().requires_grad_(False)
        self.discriminator = discriminator and discriminator.to(device).requires_grad_(True)
        self.centre, self.spread = generator.w_avg, latent_spread(generator)
        adam = {"lr": settings.lr, "betas": (0.9, 0.99), "fused": True}
        self.e_optim = torch.optim.Adam(self.encoder.parameters(), **adam)
        self.d_optim = discriminator and torch.optim.Adam(self.discriminator.parameters(), **adam)

    def networks(self) -> dict[str, nn.Module]:
        """Under the published keys, and the average."""
        judge = {"d": self.discriminator} if self.discriminator else {}
        return {"e": self.encoder, "e_ema": self.average} | judge

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"e_optim": self.e_optim} | ({"d_optim": self.d_optim} if self.discriminator else {})

    def step(self, pixels: Tensor | None = None) -> Logs:
        """An update of the encoder, then of the discriminator on the same drawings. pixels: uint8 photos, if any."""
        for optimizer in self.optimizers().values():
            optimizer.param_groups[0]["lr"] = learning_rate(self.settings, self.iteration)
        images, known = self.pictures(pixels)
        drawn = []

        def inverted(images: Tensor, known: Tensor) -> tuple[Tensor, Logs]:
            total, logs, drawing = self.losses(images, known)
            drawn.append(drawing.detach())
            return total, logs

        with held(self.discriminator) if self.discriminator else nullcontext():
            logs = self.update("encoder", self.e_optim, inverted, [(images, known)])
        if self.discriminator:
            logs |= self.update("discriminator", self.d_optim, self.judged, [(images, *drawn)])
            if self.settings.r1 and self.iteration % self.settings.r1_every == 0:
                logs |= self.update("R1", self.d_optim, self.penalised, [(images,)])
        self.follow()
        return logs

    @torch.no_grad()
    def pictures(self, pixels: Tensor | None) -> tuple[Tensor, Tensor]:
        """(images [batch, 3, size, size], w_plus of those at their end that were drawn)."""
        photos = [] if pixels is None else [utils.from_pixels(pixels.to(self.device, non_blocking=True))]
        photos = [jittered(images, self.settings.jitter, self.rng) for images in photos]
        w_plus = self.people(self.settings.batch - sum(map(len, photos)))
        if not len(w_plus):
            return torch.cat(photos), w_plus
        noise = self.generator.make_noise(len(w_plus), self.rng)  # not the stored ones: a photo has none of them
        return torch.cat([*photos, self.generator.synthesis(w_plus, noise).clamp(-1, 1)]), w_plus

    def people(self, count: int) -> Tensor:
        """w_plus of random people, half of them mixed of two: [count, n_latent, style_dim]."""
        generator = self.generator
        z = torch.randn(2 * count, generator.style_dim, generator=self.rng, device=self.device)
        first, second = generator.broadcast(generator.mapping(z)).chunk(2) if count else (self.centre.new_empty(0, 1, 1),) * 2
        layers = torch.arange(generator.n_latent, device=self.device)[:, None]
        crossing = torch.randint(1, 2 * generator.n_latent, (count, 1, 1), generator=self.rng, device=self.device)
        return torch.where(layers < crossing, first, second)

    def losses(self, images: Tensor, known: Tensor) -> tuple[Tensor, Logs, Tensor]:
        """(what to differentiate, the unweighted terms, drawings [batch, 3, size, size])."""
        weights, unit = self.settings.weights, self.spread**2
        codes = self.encoder.looked(images, self.guess(images), self.generator, self.centre)
        w_plus = codes.expand(-1, self.generator.n_latent, -1)
        drawing = self.generator.synthesis(w_plus, self.generator.stored_noise())
        with torch.no_grad():
            wanted = self.distance.features(images)
        terms = {
            "features": self.distance.between(self.distance.features(drawing), wanted).mean(),
            "pixels": (drawing - images).square().mean(),
            "near_w": offset_penalty(w_plus).mean() / unit,
            "near_mean": (w_plus - self.centre).square().sum(2).mean() / unit,
        }
        if len(known):
            terms["latents"] = (w_plus[-len(known) :] - known).square().sum(2).mean() / unit
        if self.discriminator:
            terms["adversarial"] = losses.generator_loss(self.discriminator(drawing))
        variety = codes.detach().var(0, unbiased=False).sum(-1).mean().sqrt() / self.spread
        total = sum(vars(weights)[name] * value for name, value in terms.items())
        return total, terms | {Statistic("variety"): variety}, drawing

    @torch.no_grad()
    def guess(self, images: Tensor) -> Tensor:
        """What the encoder says after as many looks as come before a random one of its passes."""
        looks = torch.randint(self.encoder.passes, (), generator=self.host_rng).item()
        return self.encoder.looked(images, self.encoder.start(images, self.centre), self.generator, self.centre, looks)

    def judged(self, images: Tensor, drawing: Tensor) -> tuple[Tensor, Logs]:
        fake_pred, real_pred = self.discriminator(torch.cat([drawing, images]), batches=2).chunk(2)
        d = losses.discriminator_loss(real_pred, fake_pred)
        return d, {"d": d}

    def penalised(self, images: Tensor) -> tuple[Tensor, Logs]:
        images = images.detach().requires_grad_(True)
        real_pred = self.discriminator(images)
        r1 = losses.r1_penalty(real_pred, images)
        return losses.r1_term(real_pred, r1, self.settings.r1 / 2 * self.settings.r1_every), {"r1": r1}

    @torch.no_grad()
    def follow(self) -> None:
        """Move the average a little towards the encoder."""
        torch._foreach_lerp_([*self.average.parameters()], [*self.encoder.parameters()], 1 - self.settings.ema)

    @torch.no_grad()
    def inverted(self, images: Tensor, batch: int = 8) -> Tensor:
        """Images [count, 3, size, size] as the averaged encoder sees them, drawn: of the same shape, on the CPU."""
        parts = [some.to(self.device) for some in images.split(batch)]
        w_plus = torch.cat([self.average.w_plus(part, self.generator, self.centre) for part in parts])
        return latents.draw(self.generator, w_plus, batch)

    def sheet(self, count: int) -> Image.Image:
        """Pictures, and what one pass makes of them."""
        shown = self.shown[:count]
        rows = {"picture": shown, "one pass": self.inverted(shown)}
        return utils.paired_sheet({name: utils.to_pictures(images) for name, images in rows.items()}, columns=8)

    @torch.no_grad()
    def score(self, images: Tensor, batch: int = 8) -> dict[str, float]:
        """Of pictures that it was not trained on: mean distance, and mean squared difference of pixels."""
        pairs = zip(images.split(batch), self.inverted(images, batch).split(batch))
        both = [[part.to(self.device) for part in pair] for pair in pairs]
        distance = torch.cat([self.distance(ours, theirs) for theirs, ours in both]).mean().item()
        return {"distance": distance, "mse": torch.cat([(a - b).square().mean((1, 2, 3)) for a, b in both]).mean().item()}

    def figures(self) -> dict[str, float]:
        return super().figures() | {"lr": learning_rate(self.settings, self.iteration)}


def begun_as(discriminator: nn.Module, encoder: Encoder) -> bool:
    """Let the encoder begin with the convolutions of a discriminator, which has seen faces; whether they fit.

    Its codes begin as 0, the mean face.
    """
    ours, theirs = encoder.convs.state_dict(), getattr(discriminator, "convs", nn.Module()).state_dict()
    if "0.0.weight" in theirs and encoder.passes > 1:  # it begins blind for its own drawings
        look = theirs["0.0.weight"]
        theirs = theirs | {"0.0.weight": torch.cat([look * 2**0.5, torch.zeros_like(look)], 1)}
    fits = bool(theirs) and all(name in ours and ours[name].shape == tensor.shape for name, tensor in theirs.items())
    if fits:
        encoder.convs.load_state_dict(ours | theirs)
    nn.init.zeros_(encoder.convs[-1].weight)
    return fits

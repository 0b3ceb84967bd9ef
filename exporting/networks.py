"""What is recorded: networks that take and give tensors by name, with all that they need inside.

    network = PhotoToCartoon(source, target, encoder)
    cartoon, projected, latent = network(photos)              # pictures, and w+ [batch, n_latent, style_dim]

Pictures that go in and come out are [batch, 3, size, size], red, green and blue from -1 to 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

import utils
from drawer import Drawer
from editing import latents
from editing.defaults import REACH_AT_ONCE
from editing.instant import KIND, PICTURES
from editing.reach import Reach
from inversion.encoder import Encoder
from model import truncate
from translation.networks import Generator as Translator

SPACES = {"z": "z and psi", "w": "w", "w+": "w+"}
CUT = "cut as FFHQ's faces: eyes level, at 47 % of the height, a quarter of the width apart"
RGB = "red, green, blue from -1 to 1"


class Recorded(nn.Module):
    """
    kind:    what it is, in words
    size:    width and height of its pictures
    inputs:  {name: what it takes, in words}; the first dimension of the first is the batch
    outputs: {name: what it gives}
    """

    kind = ""
    size: int
    inputs: dict[str, str]
    outputs: dict[str, str]

    def examples(self, count: int) -> tuple[Tensor, ...]:
        """Inputs that it is at home with, the same at each call."""
        raise NotImplementedError

    def pictures(self, name: str) -> str:
        return f"[batch, 3, {self.size}, {self.size}], {name}, {RGB}"


class PhotoToCartoon(Recorded):
    """What `editing.cartoon` does with an encoder and without a search.

    most, psi: as of `cartoon.Painter`
    """

    kind = KIND

    def __init__(self, source: Drawer, target: Drawer, encoder: Encoder, most: float = REACH_AT_ONCE, psi: float = 1.0):
        super().__init__()
        self.source, self.target, self.encoder, self.most, self.psi = source, target, encoder, most, psi
        self.size = source.size
        self.inputs = {"photo": self.pictures(f"a face {CUT}")}
        told = (self.pictures("the cartoon"), self.pictures("the face as the network of photos draws it"))
        of_latents = f"[batch, {source.n_latent}, {source.style_dim}], the face in w+ of the network of photos"
        self.outputs = dict(zip((*PICTURES, "latent"), (*told, of_latents)))
        reach = Reach.of(source)
        for name in ("centre", "axes", "spread"):
            self.register_buffer(name, getattr(reach, name))
        self.register_buffer("w_avg", source.w_avg)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        w_plus = self.encoder.w_plus(photo, self.source, self.w_avg)
        held = Reach(self.centre, self.axes, self.spread).within(w_plus, self.most)
        if self.psi != 1:
            held = truncate(held, self.w_avg, self.psi)
        cartoon, projected = _drawn(self.target, held), _drawn(self.source, w_plus)
        return cartoon, projected, w_plus

    def examples(self, count: int) -> tuple[Tensor, ...]:
        return (latents.draw(self.source, latents.people(self.source, range(count))).clamp(-1, 1),)


class Drawing(Recorded):
    """A generator alone.

    space: of what it takes: "z", and then psi as well, "w" or "w+"
    noise: whether it draws with the noise that is stored in it, or without
    """

    kind = "latent to picture"

    def __init__(self, generator: Drawer, space: str = "w+", noise: bool = True):
        super().__init__()
        self.generator, self.space, self.noise, self.size = generator, space, noise, generator.size
        layers = f"{generator.n_latent}, " if space == "w+" else ""
        self.inputs = {space.replace("+", "_plus"): f"[batch, {layers}{generator.style_dim}], people in {space}"}
        if space == "z":
            self.inputs["psi"] = "[1], the truncation: 1 all the variety, 0 the average face"
        self.outputs = {"image": self.pictures("people")}
        self.register_buffer("w_avg", generator.w_avg)

    def forward(self, latent: Tensor, psi: Tensor | None = None) -> Tensor:
        w_plus = self.generator.broadcast(self.generator.mapping(latent) if self.space == "z" else latent)
        return _drawn(self.generator, w_plus if psi is None else truncate(w_plus, self.w_avg, psi), self.noise)

    def examples(self, count: int) -> tuple[Tensor, ...]:
        z = utils.seeded_normal(range(count), self.generator.style_dim)
        if self.space == "z":
            return z, torch.tensor([0.7])
        with torch.no_grad():
            w = self.generator.mapping(z)
        return (w if self.space == "w" and w.ndim == 2 else self.generator.broadcast(w),)


class Translation(Recorded):
    """One direction of a U-GAT-IT, at one size."""

    kind = "picture to picture"

    def __init__(self, generator: Translator, size: int):
        super().__init__()
        self.generator, self.size = generator, size
        self.inputs = {"photo": self.pictures("a picture as those of the training")}
        heat = f"[batch, 1, {size // 4}, {size // 4}], where it looked; the more, the larger"
        self.outputs = {"image": self.pictures("its translation"), "heatmap": heat}

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        image, _, heatmap = self.generator(photo)
        return image, heatmap

    def examples(self, count: int) -> tuple[Tensor, ...]:
        coarse = utils.seeded_normal(range(count), 3, 8, 8)
        return (nn.functional.interpolate(coarse, (self.size, self.size), mode="bilinear").clamp(-1, 1),)


def _drawn(generator: Drawer, w_plus: Tensor, noise: bool = True) -> Tensor:
    stored: Sequence[Tensor] = generator.stored_noise()
    return generator.synthesis(w_plus, stored if noise else [layer.new_zeros(1, 1, 1, 1) for layer in stored]).clamp(-1, 1)

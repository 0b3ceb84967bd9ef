"""Pictures and words in one space: how well a picture fits what is said (CLIP, Radford et al. 2021, arXiv 2103.00020).

    clip = clip_files.load()                                # OpenAI's ViT-B/32, from where it lies
    wanted = clip.words(["a smiling face"])                 # [1, 512]
    fit = clip.eyes(images) @ wanted.T                      # [batch, 1], a cosine; strangers to each other have about 0.2

All embeddings have length 1. Gradients reach the pictures; CLIP itself never changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from errors import InputError

LEGACY_FACTOR = 7  # by which StyleCLIP's program enlarges pictures before it averages them down


class Eyes(nn.Module):
    """images [batch, 3, size, size] in [-1, 1] -> [batch, dims] of length 1.

    visual:  the image tower
    side:    of the pictures that it takes
    mean, std, interpolation: as its training had them, of pictures in [0, 1]
    legacy:  prepare pictures as StyleCLIP's program does: nearest neighbours, an average, no mean and no std
    """

    def __init__(
        self,
        visual: nn.Module,
        side: int,
        mean: Sequence[float],
        std: Sequence[float],
        interpolation: str = "bicubic",
        legacy: bool = False,
    ):
        super().__init__()
        self.visual, self.side, self.interpolation, self.legacy = visual, side, interpolation, legacy
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        return F.normalize(self.visual(self.prepared(images)), dim=-1)

    def prepared(self, images: Tensor) -> Tensor:
        """[batch, 3, side, side] as the tower takes them. What no screen shows, values beyond [-1, 1], it does not see."""
        if self.legacy:
            return self._as_styleclip(images)
        pixels = (images.clamp(-1, 1) + 1) / 2
        if images.shape[-1] != self.side:
            # With antialias this is Pillow's filter, also where it enlarges.
            pixels = F.interpolate(pixels, (self.side, self.side), mode=self.interpolation, antialias=True).clamp(0, 1)
        return (pixels - self.mean) / self.std

    def _as_styleclip(self, images: Tensor) -> Tensor:
        """[batch, 3, size, size] -> 7 times as large, then averages of size / 32: 224 px."""
        size = images.shape[-1]
        if size < 32 or size * LEGACY_FACTOR // (size // 32) != self.side:
            raise InputError(f"the published preparation makes 224 px of pictures from 32 px on, not {self.side} of {size}")
        return F.avg_pool2d(F.interpolate(images, scale_factor=LEGACY_FACTOR), size // 32)


@dataclass
class Clip:
    """name: which one it is, for people; encode: texts -> [texts, dims], of any length; pieces: a text -> of how many words."""

    name: str
    eyes: Eyes
    encode: Callable[[Sequence[str]], Tensor]
    pieces: Callable[[str], int]
    longest: int
    templates: Sequence[Callable[[str], str]]

    @torch.no_grad()
    def words(self, texts: Sequence[str]) -> Tensor:
        """[texts, dims]. Raises InputError for none, and for more than it reads."""
        for text in texts:
            if not text.strip():
                raise InputError("no words")
            if (pieces := self.pieces(text)) > self.longest:
                raise InputError(f"{text[:40]}...: {pieces} pieces of words, and CLIP reads {self.longest}; say it shorter")
        return F.normalize(self.encode(list(texts)), dim=-1)

    def concept(self, what: str) -> Tensor:
        """[sentences, dims]: "a photo of a WHAT", "a painting of the WHAT", ... those that CLIP was published with."""
        self.words([what])  # what is wrong with it is said of it alone
        return self.words([template(what) for template in self.templates])

    def direction(self, source: str, target: str) -> Tensor:
        """[dims]: from one concept to another, the mean over the sentences, of length 1. Raises InputError for the same."""
        way = (self.concept(target) - self.concept(source)).mean(0)
        if way.norm() < 1e-4:
            raise InputError(f"{source!r} and {target!r} are the same to CLIP; say how they differ")
        return F.normalize(way, dim=0)

    def to(self, device: torch.device | str) -> "Clip":
        """The eyes, and what is read from then on, on a device."""
        self.eyes.to(device)
        encode = self.encode
        return Clip(self.name, self.eyes, lambda texts: encode(texts).to(device), self.pieces, self.longest, self.templates)

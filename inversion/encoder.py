"""An encoder: from a face to its latent without a search, with the layers and names of the published one.

    encoder = Encoder(64, 64, channels, n_codes=10)
    w_plus = encoder.w_plus(photos, generator)             # [batch, n_latent, style_dim]
    images = latents.draw(generator, w_plus)

One that looks several times sees beside the photo what was drawn of its latest guess, and says what to change of that
(Alaluf et al. 2021, ReStyle, 2104.02699). The published one looks once.
"""

import torch
from torch import Tensor, nn

from drawer import Drawer
from errors import InputError
from model import ConvLayer, EqualConv2d, ResBlock, truncate

PUBLISHED_PSI = 0.7  # the published training draws what its encoder says through a truncation of this psi


class Encoder(nn.Module):
    """Image -> codes: the convolutions of a discriminator down to 4x4, then one over all of it, without a bias.

    size, channels: as of a Discriminator
    style_dim:      length of a code
    n_codes:        n_latent, or 1 for the same w in all layers
    passes:         how often it looks
    offset:         whether codes count from the network's mean w, as ours do; the published ones count from 0
    psi:            how the codes were truncated in training before they were drawn
    home:           fingerprint of the network that it was trained for, "" where unknown
    """

    def __init__(
        self,
        size: int,
        style_dim: int,
        channels: dict[int, int],
        n_codes: int = 1,
        passes: int = 1,
        offset: bool = True,
        psi: float = 1.0,
        home: str = "",
    ):
        super().__init__()
        self.size, self.style_dim, self.n_codes, self.channels = size, style_dim, n_codes, channels
        self.passes, self.offset, self.psi, self.home = passes, offset, psi, home
        blocks: list[nn.Module] = [ConvLayer(3 if passes == 1 else 6, channels[size], 1)]
        for res in sorted((res for res in channels if 4 < res <= size), reverse=True):
            blocks.append(ResBlock(channels[res], channels[res // 2]))
        self.convs = nn.Sequential(*blocks, EqualConv2d(channels[4], n_codes * style_dim, 4))

    def forward(self, image: Tensor) -> Tensor:
        """[batch, 3 or 6, size, size] in [-1, 1] -> codes [batch, n_codes, style_dim], as the layers give them."""
        codes = self.convs(image.contiguous(memory_format=torch.channels_last))
        return codes.reshape(image.shape[0], self.n_codes, self.style_dim)

    def w_plus(self, image: Tensor, generator: Drawer, centre: Tensor | None = None) -> Tensor:
        """[batch, 3, size, size] -> latents [batch, n_latent, style_dim], to be drawn as they are.

        centre: the generator's w_avg, where it is known already
        """
        centre = generator.w_avg if centre is None else centre
        codes = self.looked(image, self.start(image, centre), generator, centre, self.passes)
        return codes.expand(-1, generator.n_latent, -1)

    def start(self, image: Tensor, centre: Tensor) -> Tensor:
        """The mean w before the first look, [batch, n_codes, style_dim]."""
        return centre.expand(image.shape[0], self.n_codes, -1)

    def looked(self, image: Tensor, guess: Tensor, generator: Drawer, centre: Tensor, times: int = 1) -> Tensor:
        """A guess after so many more looks, [batch, n_codes, style_dim]."""
        for _ in range(times):
            if self.passes == 1:
                guess = self.latents(self(image), centre)
            else:
                drawing = generator.synthesis(guess.expand(-1, generator.n_latent, -1), generator.stored_noise())
                guess = guess + self(torch.cat([image, drawing], 1))
        return guess

    def latents(self, codes: Tensor, centre: Tensor) -> Tensor:
        """codes [batch, n_codes, style_dim] -> w or w_plus of the same shape. centre: the network's mean w"""
        return truncate(codes + centre if self.offset else codes, centre, self.psi)

    def check_fits(self, generator: Drawer) -> None:
        """Raises InputError where it is for networks of another shape."""
        ours = (self.size, self.style_dim, self.n_codes)
        theirs = (generator.size, generator.style_dim, generator.n_latent)
        if ours[:2] != theirs[:2] or self.n_codes not in (1, generator.n_latent):
            raise InputError(f"an encoder {said(*ours)}, and the network is one {said(*theirs)}; train one for it")

    def as_dict(self) -> dict[str, object]:
        """What the tensors do not show, for the key `encoder` of our files."""
        return {"style_dim": self.style_dim, "passes": self.passes, "offset": self.offset, "psi": self.psi, "home": self.home}


def said(size: int, style_dim: int, codes: int) -> str:
    return f"of {size} px with {codes} codes of {style_dim} numbers"

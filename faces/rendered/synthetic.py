"""Faces from code: photo-like (domain A), cartoons (B), plainer cartoons (C); the same people from 26 attributes.

The same attributes give the same person in the same pose in all domains, so whatever a network should keep while it
turns one domain into another can be measured. A data set is a seed:

    attributes = sample_attributes(8, seed=1)
    photos = render(attributes, size=64, domain="A", seed=1)
    cartoons = render(attributes, size=64, domain="B")
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from faces.rendered.anatomy import Traits
from faces.rendered.cartoon_painter import paint_cartoon
from faces.rendered.photo_painter import paint_photo

Draw = Callable[[Tensor, Tensor], Tensor]  # from two independent uniform numbers in 0..1 to a place in the range, 0..1
PIXELS_AT_ONCE = 2**17  # few enough to stay in the cache; 32 faces at 64x64


def uniform(u: Tensor, _: Tensor) -> Tensor:
    """Everywhere equally often."""
    return u


def centred(u: Tensor, v: Tensor) -> Tensor:
    """A triangle around the middle of the range: extremes are rare."""
    return (u + v) / 2


def often_zero(share: float) -> Draw:
    """The low end of the range for a share of the faces, uniform for the others."""
    return lambda u, _: ((u - share) / (1 - share)).clamp(min=0)


def short_or_long(short: float) -> Draw:
    """0..0.2 for a share of the faces, 0.55..1 for the others; between them long hair would set in abruptly."""
    slope = 0.45 / (1 - short)
    return lambda u, _: torch.where(u < short, 0.2 / short * u, 1 - slope + slope * u)


def low(part: float) -> Draw:
    """Uniform over the lowest part of the range."""
    return lambda u, _: part * u


def mostly_low(u: Tensor, v: Tensor) -> Tensor:
    """The lower of two draws: the higher a place in the range, the rarer."""
    return torch.minimum(u, v)


def high(part: float) -> Draw:
    """Uniform over the highest part of the range."""
    return lambda u, _: 1 - part * u


def yes(share: float) -> Draw:
    """1 for a share of the faces, else 0."""
    return lambda u, _: (u < share).float()


class Attribute(NamedTuple):
    """One number that describes a face.

    low, high:  its range
    draw:       how it is sampled
    meaning:    what the ends of the range look like
    """

    low: float
    high: float
    draw: Draw
    meaning: str


ATTRIBUTES = {
    "yaw": Attribute(-1, 1, centred, "head turned to the left .. right of the picture, 36 degrees"),
    "pitch": Attribute(-1, 1, centred, "head turned up .. down, 17 degrees"),
    "roll": Attribute(-1, 1, centred, "head tilted to the left .. right, 11 degrees"),
    "gaze_x": Attribute(-1, 1, centred, "eyes look to the left .. right"),
    "gaze_y": Attribute(-1, 1, centred, "eyes look up .. down"),
    "eye_open": Attribute(0.35, 1, uniform, "narrow .. wide eyes"),
    "brow": Attribute(-1, 1, uniform, "frowning .. raised brows"),
    "smile": Attribute(-1, 1, uniform, "corners of the mouth down .. up"),
    "mouth_open": Attribute(0, 1, often_zero(0.375), "closed .. wide open mouth"),
    "face_w": Attribute(-1, 1, uniform, "slim .. broad head"),
    "jaw": Attribute(-1, 1, uniform, "pointed .. broad chin"),
    "skin": Attribute(0, 1, uniform, "light .. dark skin"),
    "hair_len": Attribute(0, 1, short_or_long(0.4), "short .. long hair"),
    "hair_vol": Attribute(0, 1, uniform, "flat .. full hair"),
    "fringe": Attribute(0, 1, uniform, "high .. low hairline"),
    "part": Attribute(-1, 1, centred, "hairline falls to the left .. right"),
    "curl": Attribute(0, 1, often_zero(1 / 3), "straight .. curly hair"),
    "hair_dark": Attribute(0, 1, uniform, "blond .. black hair"),
    "hair_warm": Attribute(0, 1, uniform, "ash .. ginger hair"),
    "bg_hue": Attribute(0, 1, uniform, "hue of the background, once around the colour circle"),
    "shirt_hue": Attribute(0, 1, uniform, "hue of the shirt, once around the colour circle"),
    "light": Attribute(-1, 1, centred, "light from the left .. right"),
    "iris_hue": Attribute(0, 1, uniform, "hue of the eyes, brown over green to blue"),
    "glasses": Attribute(0, 1, yes(0.30), "without .. with glasses"),
    "beard": Attribute(0, 1, yes(0.20), "without .. with a beard; sampled with short hair only"),
    "bald": Attribute(0, 1, yes(0.06), "with .. without hair"),
}

IN_PHOTOS = {  # draws of `sample_people`
    **{
        "hair_len": short_or_long(0.5),
        "hair_warm": low(0.6),
        "curl": often_zero(0.5),
        "beard": yes(0.3),
        "skin": mostly_low,
        "smile": high(0.6),
        "iris_hue": low(0.12),
    },
}

PORTRAIT = {  # narrower ranges: heads are level, eyes open and on the viewer, faces calm
    **{"yaw": (-0.25, 0.25), "pitch": (-0.25, 0.25), "roll": (-0.25, 0.25), "gaze_x": (-0.2, 0.2), "gaze_y": (-0.2, 0.2)},
    **{"eye_open": (0.75, 1), "brow": (-0.3, 0.3), "smile": (-0.1, 0.5), "mouth_open": (0, 0.3), "part": (-0.6, 0.6)},
    "glasses": (0, 0),
}


def sample_attributes(n: int, seed: int, draws: Mapping[str, Draw] | None = None) -> dict[str, Tensor]:
    """Draw the attributes of n faces, independently except that only short hair goes with a beard.

    draws:  of some attributes, in place of those that ATTRIBUTES has

    Returns a tensor [n] for each name in `ATTRIBUTES`. More faces with the same seed begin with the same faces.

    >>> sample_attributes(3, seed=0)["glasses"].shape
    torch.Size([3])
    """
    # A row of numbers per face, drawn row by row, is what makes a longer sample begin like a shorter one.
    numbers = torch.rand(n, len(ATTRIBUTES), 2, generator=torch.Generator().manual_seed(seed))
    attributes = {
        name: attribute.low + (attribute.high - attribute.low) * (draws or {}).get(name, attribute.draw)(*pair)
        for (name, attribute), pair in zip(ATTRIBUTES.items(), numbers.permute(1, 2, 0), strict=True)
    }
    attributes["beard"] *= attributes["hair_len"] < 0.5
    return attributes


def sample_people(n: int, seed: int) -> dict[str, Tensor]:
    """Like `sample_attributes`, but as people are in the photos of demo/photo64.pt: every second one has short hair, which is
    flatter and higher on the forehead; hair is mostly dark, the darker the skin the more often, and seldom red; skin is more
    often light than dark; eyes are brown; few frown.
    """
    people = sample_attributes(n, seed, IN_PHOTOS)
    cropped = (people["hair_len"] < 0.5) & (people["curl"] == 0)
    people["hair_dark"] = 1 - (1 - people["hair_dark"]) ** (2 + 5 * people["skin"])
    people["hair_vol"] *= torch.where(cropped, 0.4, 1)
    people["fringe"] *= torch.where(people["hair_len"] < 0.5, 0.5, 1)
    return people


def as_portraits(attributes: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same people as they sit for a portrait, without glasses. Their eyes are then where FFHQ has them.

    >>> as_portraits({"yaw": torch.tensor([-1.0, 1.0]), "skin": torch.tensor([0.1, 0.2])})
    {'yaw': tensor([-0.2500,  0.2500]), 'skin': tensor([0.1000, 0.2000])}
    """
    return {name: _narrowed(name, values) if name in PORTRAIT else values for name, values in attributes.items()}


def render(attributes: dict[str, Tensor], size: int = 64, domain: str = "A", seed: int = 0, first: int = 0) -> Tensor:
    """Paint faces. The same arguments give the same bytes; other machines may round the last bit differently.

    attributes:  a tensor [n] for each name in `ATTRIBUTES`
    size:        side of the pictures in pixels, a multiple of 8; outlines are thin below 64
    domain:      "A" for photo-like faces, "B" for cartoons, "C" for plainer ones, with hair as people have it
    seed:        of backdrop and grain in domain A; cartoons have no noise
    first:       index of the first of these faces in its data set. Noise belongs to the index, so a data set can be
                 rendered in pieces: render(faces i to j, first=i) equals render(all)[i:j]

    Returns [n, 3, size, size] in [-1, 1]. Wrong arguments raise ValueError.

    >>> render(sample_attributes(2, seed=0), size=16, domain="B").shape
    torch.Size([2, 3, 16, 16])
    """
    n = _check(attributes, size, domain)
    images = torch.empty(n, 3, size, size)
    chunk = max(1, PIXELS_AT_ONCE // size**2)
    for start in range(0, n, chunk):
        stop = min(start + chunk, n)
        traits: Traits = {name: values[start:stop].float().reshape(-1, 1, 1, 1) for name, values in attributes.items()}
        if domain == "A":
            images[start:stop] = paint_photo(traits, size, [_noise_seed(seed, first + i) for i in range(start, stop)])
        else:
            images[start:stop] = paint_cartoon(traits, size, plain=domain == "C")
    return images.mul_(2).sub_(1)


def _narrowed(name: str, values: Tensor) -> Tensor:
    (low, high), (least, most) = ATTRIBUTES[name][:2], PORTRAIT[name]
    return least + (values - low) / (high - low) * (most - least)


def _noise_seed(seed: int, index: int) -> int:
    """A seed of its own for each face: data sets of up to a million faces share none. Generators use 32 bits of it."""
    return (seed * 1_000_003 + index) % 2**32


def _check(attributes: dict[str, Tensor], size: int, domain: str) -> int:
    """Refuse what cannot be rendered; return the number of faces."""
    if domain not in ("A", "B", "C"):
        raise ValueError(f'domain={domain!r}: expected "A" (photo-like), "B" (cartoon) or "C" (plainer cartoon)')
    # Whole vector registers per face: otherwise rounding would depend on the place of a face in its batch.
    if size <= 0 or size % 8:
        raise ValueError(f"size={size}: expected a positive multiple of 8")
    if unknown := sorted(attributes.keys() - ATTRIBUTES.keys()):
        raise ValueError(f"unknown attribute {', '.join(unknown)}; known are {', '.join(ATTRIBUTES)}")
    if missing := sorted(ATTRIBUTES.keys() - attributes.keys()):
        raise ValueError(f"missing attribute {', '.join(missing)}")
    shape, *others = {tuple(values.shape) for values in attributes.values()}
    if others or len(shape) != 1:
        raise ValueError(f"attributes of shapes {sorted([shape, *others])}: expected one number per face in each")
    return shape[0]

"""Layers of a generator, as people write them: "0-3,8", "coarse", or the resolutions "4-32".

    layers = chosen("coarse,8", None, generator)        # [0, 1, 2, 3, 8]
    print(f"layers {as_text(layers)} of {generator.n_latent}")

Layer i is an index of w_plus [batch, n_latent, style_dim]. 4x4 has convolution 0; each resolution 2^k above it has the
convolutions 2k-5 and 2k-4. A ToRGB layer shares its index with the next resolution's first convolution; the last one has
the index n_latent - 1 to itself.
"""

from collections.abc import Sequence

from drawer import Drawer
from errors import InputError
from model import StyleGenerator

NAMED = {"coarse": (0, 3), "middle": (4, 7), "fine": (8, None)}  # StyleGAN, Fig. 3: 4-8 px, 16-32 px, 64 px and above


def chosen(layers: str | None, resolutions: str | None, generator: StyleGenerator) -> list[int] | None:
    """What is asked for by layers or by resolutions; None where neither is given."""
    if resolutions is not None:
        return layers_of_resolutions(resolutions, generator)
    return None if layers is None else parse_layers(layers, generator.n_latent)


def parse_layers(text: str, n_latent: int) -> list[int]:
    """
    >>> parse_layers("coarse,8", n_latent=14)
    [0, 1, 2, 3, 8]
    """
    layers = set()
    for part in text.split(","):
        first, last = _bounds(part.strip(), n_latent)
        if last >= n_latent:
            raise InputError(f"{text}: this network has the layers 0-{n_latent - 1}")
        layers |= {*range(first, last + 1)}
    return sorted(layers)


def layers_of_resolutions(text: str, generator: StyleGenerator) -> list[int]:
    """The convolutions of "4-32" or "16,64"; with the highest resolution also its ToRGB layer."""
    known = list(map(str, generator.resolutions))
    layers = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if first not in known or last not in known or int(first) > int(last):
            raise InputError(f"{text}: {part!r} is not a resolution or range; this network has {', '.join(known)}")
        layers |= {*range(generator.layers_of(int(first)).start, generator.layers_of(int(last)).stop)}
    return sorted(layers)


def named(n_latent: int) -> dict[str, list[int]]:
    """{"coarse": [0, 1, 2, 3], ...}: those that a network of so many layers has."""
    return {name: parse_layers(name, n_latent) for name, (first, _) in NAMED.items() if first < n_latent}


def as_text(layers: Sequence[int]) -> str:
    """
    >>> as_text([0, 1, 2, 3, 8])
    '0-3,8'
    """
    runs: list[list[int]] = []
    for layer in sorted(layers):
        if runs and layer == runs[-1][1] + 1:
            runs[-1][1] = layer
        else:
            runs.append([layer, layer])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)


def described(layers: Sequence[int] | None, generator: Drawer) -> str:
    """ "layers 0-3 of 14"; None: all."""
    return f"layers {as_text(range(generator.n_latent) if layers is None else layers)} of {generator.n_latent}"


def _bounds(part: str, n_latent: int) -> tuple[int, int]:
    if part in NAMED:
        first, last = NAMED[part]
        if first >= n_latent:
            raise InputError(f"this network has no {part} layers, only 0-{n_latent - 1}")
        return first, min(n_latent - 1, n_latent if last is None else last)
    first, dash, last = part.partition("-")
    last = last if dash else first
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise InputError(f"{part!r} is not a layer, a range or one of {', '.join(NAMED)}; write 0-3,8")
    return int(first), int(last)

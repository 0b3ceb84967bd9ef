"""Directions in W, in one kind of file for every way to find them (SeFa, GANSpace, differences of two people).

directions = read_directions("factor.pt")
edited = apply(w_plus, directions, index=2, degree=3)       # [batch, n_latent, style_dim]
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from cli import InputError
from editing import files
from model import Generator


@dataclass
class Directions:
    """K directions, strongest first.

    vectors: [K, style_dim], or [K, n_latent, style_dim]; unit length
    space:   "w": a direction is added to all chosen layers
    layers:  those it was found for, and is added to; None: all
    scale:   [K], the length of one degree (1, or a standard deviation)
    mean:    [style_dim], where the coordinates are 0; None where nothing is centred
    values:  [K], eigenvalues or variances, falling
    names:   K, for people; edit them as you like
    method:  what found them: "sefa", "ganspace", ...
    ckpt:    fingerprint of the generator they were found in
    """

    vectors: Tensor
    space: str = "w"
    layers: list[int] | None = None
    scale: Tensor | None = None
    mean: Tensor | None = None
    values: Tensor | None = None
    names: list[str] = field(default_factory=list)
    method: str = ""
    ckpt: str = ""

    def __post_init__(self):
        count = len(self.vectors)
        self.scale = torch.ones(count) if self.scale is None else self.scale
        self.names = self.names or [f"{self.method or 'direction'} {index}" for index in range(count)]

    def __len__(self) -> int:
        return len(self.vectors)


def apply(
    w_plus: Tensor, directions: Directions, index: int, degree: float | Tensor, layers: Sequence[int] | None = None
) -> Tensor:
    """w_l + m_l * degree * scale_k * v_k, with m_l = 1 for the chosen layers and 0 for the others, which stay bit-equal.

    w_plus: [batch, n_latent, style_dim]
    degree: one for all, or [batch]
    layers: overrides those of the directions
    """
    layers = directions.layers if layers is None else layers
    layers = list(range(w_plus.shape[1])) if layers is None else list(layers)
    vector = directions.vectors[index].to(w_plus)
    vector = vector if vector.ndim == 1 else vector[layers]
    degree = torch.as_tensor(degree, dtype=w_plus.dtype, device=w_plus.device).reshape(-1, 1, 1)
    edited = w_plus.clone()
    edited[:, layers] += degree * directions.scale[index].to(w_plus) * vector
    return edited


def save_directions(path: str | Path, directions: Directions) -> Path:
    """As plain values; with [K, style_dim] also `eigvec`, the columns that stylegan2-pytorch's apply_factor.py reads."""
    contents = {name: value for name, value in vars(directions).items() if value is not None}
    if directions.vectors.ndim == 2:
        contents["eigvec"] = directions.vectors.T
    return files.save(path, contents)


def read_directions(path: str | Path, flag: str = "--factor") -> Directions:
    """Ours, or stylegan2-pytorch's {ckpt, eigvec [style_dim, K]}. Raises InputError, one line, for anything else."""
    contents = files.load(path, flag)
    vectors = contents.get("vectors")
    if vectors is None and isinstance(contents.get("eigvec"), Tensor) and contents["eigvec"].ndim == 2:
        return Directions(contents["eigvec"].T.float().contiguous(), method="sefa", ckpt=str(contents.get("ckpt", "")))
    if not isinstance(vectors, Tensor) or vectors.ndim not in (2, 3):
        raise InputError(
            f"{flag} {path}: not a direction file ({files.described(contents)}); closed_form_factorization.py writes one"
        )
    known = {name: contents[name] for name in Directions.__dataclass_fields__ if name in contents}
    return Directions(**known)


def check_fits(directions: Directions, generator: Generator, flag: str = "--factor") -> None:
    """Raises InputError for directions that were found in a network of another kind."""
    size = directions.vectors.shape[-1]
    if size != generator.style_dim:
        raise InputError(f"{flag}: directions of {size} numbers, but w of this network has {generator.style_dim}; factorise it")
    layers = directions.vectors.shape[1] if directions.vectors.ndim == 3 else max(directions.layers or [0]) + 1
    if layers > generator.n_latent or (directions.vectors.ndim == 3 and layers != generator.n_latent):
        raise InputError(f"{flag}: directions for {layers} layers, but this network has {generator.n_latent}; factorise it")

"""The same person nearer to the average face, beyond it, or further away (the truncation trick, StyleGAN, App. B).

    sheet = ladder(w_plus, generator.w_avg, psis=[-1, 0, 0.5, 1, 1.5])        # [people, 5, n_latent, style_dim]

psi 0 is the average face, 1 the person, below 0 the opposite person ("anti-face"), above 1 a caricature.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from errors import InputError
from model import truncate


def ladder(w_plus: Tensor, w_avg: Tensor, psis: Sequence[float], cutoff: int | None = None) -> Tensor:
    """w_plus [people, n_latent, style_dim] -> [people, len(psis), n_latent, style_dim]. Raises InputError."""
    if cutoff is not None and cutoff > w_plus.shape[1]:
        raise InputError(f"cutoff {cutoff}: this network has {w_plus.shape[1]} layers")
    return torch.stack([truncate_below(w_plus, w_avg, psi, cutoff) for psi in psis], dim=1)


def truncate_below(w_plus: Tensor, w_avg: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
    """`truncate` for the layers below cutoff (None: all); the others, and all at psi 1, stay bit-equal."""
    if psi == 1:
        return w_plus
    pulled = truncate(w_plus, w_avg, psi)
    return pulled if cutoff is None else torch.cat([pulled[:, :cutoff], w_plus[:, cutoff:]], dim=1)

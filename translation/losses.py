"""The losses of U-GAT-IT (Kim et al. 2020, arXiv 1907.10830, Sec. 2.2), unweighted.

Least squares tell real (1) from fake (0).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from translation.networks import Judged


def least_squares(prediction: Tensor, target: float) -> Tensor:
    """E[(D - target)^2] over pictures and places."""
    return (prediction - target).square().mean()


def discriminator_terms(real: Judged, fake: Judged) -> dict[str, Tensor]:
    """Its judgement, and that of its CAM, which is least squares as well; no factor 1/2."""
    return {
        "ad": least_squares(real.logit, 1) + least_squares(fake.logit, 0),
        "cam": least_squares(real.cam_logit, 1) + least_squares(fake.cam_logit, 0),
    }


def generator_terms(fake: Judged) -> dict[str, Tensor]:
    """What a discriminator says to a generator."""
    return {"ad": least_squares(fake.logit, 1), "adcam": least_squares(fake.cam_logit, 1)}


def cam_loss(of_other_domain: Tensor, of_own_domain: Tensor) -> Tensor:
    """A generator's CAM tells pictures to translate (1) from those that are in its target domain already (0): cross entropy."""
    other = F.binary_cross_entropy_with_logits(of_other_domain, torch.ones_like(of_other_domain))
    return other + F.binary_cross_entropy_with_logits(of_own_domain, torch.zeros_like(of_own_domain))


def group_loss(judged: Judged, labels: Tensor, scale: float = 1) -> Tensor:
    """Cross entropy of the groups, labels [N] (Zhuang and Yang 2020, arXiv 2007.13332).

    scale: of the logits; 1, as published. Their layer is normalised, and what it sees is small before the attention has
    grown: the logits of two groups cannot differ by much, and for a thousand steps the classifier learns nothing.
    """
    return F.cross_entropy(scale * judged.group_logit, labels)

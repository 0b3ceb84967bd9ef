"""Adaptive discriminator augmentation (Karras et al. 2020, arXiv 2006.06676): small data sets without overfitting.

Everything the discriminator sees is augmented with probability `p`, and `p` follows how sure it is of the real images:

    controller = AdaptiveP(target=0.6)
    real_pred = discriminator(augment(real, controller.p))
    controller.update(real_pred)
"""

from augment.ada import AdaptiveP
from augment.pipeline import augment, sample_matrices, transform

__all__ = ["AdaptiveP", "augment", "sample_matrices", "transform"]

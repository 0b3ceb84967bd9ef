"""Augmentation of all that the discriminator sees: small data sets without overfitting.

augmentation = Ada(target=0.6)  # Karras et al. 2020, arXiv 2006.06676; or DiffAugment(), Zhao et al. 2020, arXiv 2006.10738
real_pred = discriminator(augmentation(real))
augmentation.update(real_pred)
"""

from augment.ada import Ada
from augment.base import Augmentation
from augment.diff import DiffAugment
from augment.pipeline import augment, sample_matrices, transform

__all__ = ["Ada", "Augmentation", "DiffAugment", "augment", "sample_matrices", "transform"]

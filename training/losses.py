"""The losses of StyleGAN2 as unweighted scalars: the caller owns the weight, so a logged number means the same in every run."""

from torch import Tensor
from torch.nn import functional as F

from op import input_gradient


def discriminator_loss(real_pred: Tensor, fake_pred: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), means over the batch (Goodfellow et al. 2014, Eq. 1; logits in)."""
    return F.softplus(-real_pred).mean() + F.softplus(fake_pred).mean()


def generator_loss(fake_pred: Tensor) -> Tensor:
    """-log D(G(z)), the non-saturating form (Goodfellow et al. 2014, Sec. 3; logits in)."""
    return F.softplus(-fake_pred).mean()


def r1_penalty(real_pred: Tensor, real: Tensor) -> Tensor:
    """E[|grad D(x)|^2] on real images only (Mescheder et al. 2018, Eq. 9, without the gamma/2 weight)."""
    grad = input_gradient(real_pred.sum(), real)
    return grad.square().flatten(1).sum(1).mean()


def r1_term(real_pred: Tensor, penalty: Tensor, weight: float) -> Tensor:
    """What to differentiate. The zero gives the last bias a gradient, so that Adam counts a step for it as for all others."""
    return weight * penalty + 0 * real_pred.sum()


def path_lengths(image: Tensor, w_plus: Tensor, image_noise: Tensor) -> Tensor:
    """|J_w^T y| for each image, y Gaussian with variance 1 / pixels (Karras et al. 2020, Eq. 4).

    image:       [batch, 3, height, width], made from w_plus
    w_plus:      [batch, n_latent, style_dim]; the square of the length is its sum over style_dim, mean over layers
    image_noise: N(0, 1), as the image
    """
    height, width = image.shape[2:]
    projection = (image * image_noise).sum() / (height * width) ** 0.5
    grad = input_gradient(projection, w_plus)
    return grad.square().sum(2).mean(1).sqrt()


def path_length_penalty(
    lengths: Tensor, mean_length: Tensor, decay: float = 0.01, average: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Variance of the path lengths about their running mean (Karras et al. 2020, Eq. 4) -> (penalty, new mean, detached).

    lengths:     [batch]
    mean_length: [], the running mean so far
    average:     [], the mean of the lengths of all processes, with its gradient; by default of this one
    """
    average = lengths.mean() if average is None else average
    new_mean = mean_length + decay * (average - mean_length)
    return (lengths - new_mean).square().mean(), new_mean.detach()

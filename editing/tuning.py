"""Bend a network until it draws one person, and bend a network of cartoons in the same way (pivotal tuning).

    tuned = tune(source, distance, photo, w_plus, steps=80)          # draws the photo at these latents
    cartoon = carry(target, source, tuned)                           # draws that person's cartoon there
    images = latents.draw(cartoon, w_plus)

A latent says of somebody what usual people differ in. What is left, a beard, curls, a fringe, no latent near usual people has;
so the latent, the pivot, stays, and the weights go the rest of the way (Roich et al. 2021, 2106.05744, Eq. 3). The network of
cartoons has the weights of the source and what it learned since, so the same difference moves it in the same way.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from editing import graphs
from editing.adam import Adam
from editing.projection import Look, Schedule, check_loss
from model import StyleGenerator, weights_stay
from vision.perceptual import Distance

PACE = {"lr": 7e-3, "lr_rampup": 0.1, "lr_rampdown": 0.6}  # of `Schedule`; weights are stored with variance 1
BETAS = 0.8, 0.95  # of Adam: some tens of steps are too few for a longer memory
MSE = 5.0  # weight of the squared difference of pixels, beside the distance


@weights_stay()
def tune(
    generator: StyleGenerator,
    distance: Distance,
    photo: Tensor,
    w_plus: Tensor,
    steps: int,
    *,
    dtype: torch.dtype | None = None,
    recorded: bool = False,
    stepped: Callable[[float, float], object] = lambda loss, noise: None,
) -> StyleGenerator:
    """A copy of the network whose synthesis draws the photo at these latents. The mapping network, and noise, stay.

    photo:   [1, 3, size, size] in [-1, 1]
    w_plus:  [1, n_latent, style_dim]
    dtype, recorded: as in `projection.project`
    stepped: called after each step, for a progress bar, with the loss and 0
    Raises InputError for a loss that is NaN or Inf.
    """
    tuned = copy.deepcopy(generator)
    weights = [weight.requires_grad_() for weight in _weights(tuned, tuned.size).values()]
    schedule = Schedule(steps, **PACE)
    optimizer = Adam(weights, schedule.lr, BETAS)
    look = Look(tuned, distance, photo, tuned.stored_noise(), dtype)
    look = graphs.recorded(look, w_plus, wanted=recorded and steps > 0)
    for step in range(steps):
        optimizer.lr = schedule.learning_rate(step)
        apart, mse = look(w_plus)
        loss = (apart + MSE * mse).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        check_loss(loss.item(), step)
        stepped(loss.item(), 0.0)
    return tuned.requires_grad_(False)


@torch.no_grad()
def carry(target: StyleGenerator, source: StyleGenerator, tuned: StyleGenerator, share: float = 1.0) -> StyleGenerator:
    """A copy of the target with the difference of `tuned` and `source` added, up to a quarter of its size.

    What lies above is the style's own. share: of the difference; 0 leaves the target as it is
    """
    carried = copy.deepcopy(target)
    before, after = (_weights(network, _coarse(target)) for network in (source, tuned))
    for name, weight in _weights(carried, _coarse(target)).items():
        weight.add_(after[name] - before[name], alpha=share)
    return carried


def fits(target: StyleGenerator, source: StyleGenerator) -> bool:
    """Whether a difference of the source can be carried into the target: both have weights of the same shapes."""
    ours, theirs = ({name: w.shape for name, w in _weights(net, _coarse(target)).items()} for net in (target, source))
    return ours == theirs


def _coarse(generator: StyleGenerator) -> int:
    """The highest resolution into which something is carried."""
    return max(4, generator.size // 4)


def _weights(generator: StyleGenerator, most: int) -> dict[str, Tensor]:
    """{name: parameter} of the levels up to a resolution."""
    levels = {res: generator.level(res) for res in generator.resolutions if res <= most}
    return {f"{res}.{name}": weight for res, level in levels.items() for name, weight in level.named_parameters()}

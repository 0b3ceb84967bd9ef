"""What an augmentation of a training is: one object that everything goes through which the discriminator sees."""

import torch
from torch import Tensor


class Augmentation:
    """None: images stay as they are. Subclasses change them at random, real and generated ones alike.

    On a GPU it runs as part of a CUDA graph: what changes while training goes on is in `tensors`, updated in place, and no
    number is read from the device.
    """

    name = ""  # of its entry in checkpoints
    tensors: tuple[Tensor, ...] = ()  # all that `update` changes, in place

    def __call__(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Images of the same shape, [batch, 3, height, width] in about -1 to 1, differentiable in them twice: R1 needs it.

        rng: draws all random numbers; it lives on the images' device
        """
        return images

    def update(self, real_pred: Tensor) -> None:
        """Learn from one batch of the discriminator's raw logits for augmented real images."""

    def figures(self) -> dict[str, float]:
        """What a line of statistics tells of it."""
        return {}

    def to(self, device: torch.device | str) -> "Augmentation":
        """Keep `tensors` on the discriminator's device."""
        return self

    def state_dict(self) -> dict[str, float | int]:
        """Plain values, with which `load_state_dict` goes on exactly."""
        return {}

    def load_state_dict(self, state: dict[str, float | int]) -> None:
        """Take over what `state_dict` gave."""

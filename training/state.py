"""Everything that changes while a run goes on, and how it is saved and restored."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from augment import Augmentation
from checkpoint import Blended
from model import Discriminator, StyleGenerator
from running import parallel
from running.base import Trainable, random_numbers
from running.guard import FiniteGuard
from stylegan1 import Discriminator1
from training.transfer import TransferMethod


@dataclass(frozen=True)
class Settings:
    """The numbers of the training loop, with the published defaults.

    A step on a GPU is a CUDA graph, into which the numbers that it read are baked: one that is changed during a run takes
    effect, but without the graph from then on (training/graphs.py). What changes often is a tensor of `TrainingState`.
    """

    batch: int = 16  # images of a step, in each process
    accumulate: int = 1  # parts that a batch is passed in
    lr: float = 0.002
    r1: float = 10.0  # weight of the gradient penalty; 0 = off
    d_reg_every: int = 16
    path_regularize: float = 2.0  # weight of the path-length penalty; 0 = off
    g_reg_every: int = 4
    path_batch_shrink: int = 2
    mixing: float = 0.9  # probability that two z share an image
    ema_decay: float = 0.5 ** (32 / 10000)


@dataclass
class TrainingState(Trainable):
    """The networks in training, their optimizers, and the statistics that the next step depends on."""

    settings: Settings
    generator: StyleGenerator
    discriminator: Discriminator | Discriminator1
    g_ema: StyleGenerator
    source: StyleGenerator | None  # what the generator started from; frozen
    g_optim: torch.optim.Adam
    d_optim: torch.optim.Adam
    methods: Sequence[TransferMethod]
    augmentation: Augmentation
    host_rng: torch.Generator  # decisions: mixing, and where
    rng: torch.Generator  # z, noise and augmentation, on the device
    mean_path_length: Tensor
    iteration: int = 0  # finished iterations
    guard: FiniteGuard = field(default_factory=FiniteGuard)
    adversarial: bool = True  # False: there are no pictures, the discriminator rests

    @property
    def device(self) -> torch.device:
        return self.mean_path_length.device

    def networks(self) -> dict[str, torch.nn.Module]:
        """Under the published names."""
        return {"g": self.generator, "d": self.discriminator, "g_ema": self.g_ema}

    def optimizers(self) -> dict[str, torch.optim.Adam]:
        """Under the published names."""
        return {"g_optim": self.g_optim, "d_optim": self.d_optim}

    def sheet(self, count: int) -> Image.Image:
        """The people of seeds 0, 1, ..., as the averaged generator draws them."""
        from training import sampling  # which needs the state

        return sampling.sample_sheet(self, range(count))

    def figures(self) -> dict[str, float]:
        """What a line of statistics tells as it is at its end: p, and updates that were turned off."""
        return self.augmentation.figures() | super().figures()

    @torch.no_grad()
    def update_ema(self) -> None:
        """Move the averaged generator towards the trained one. lerp leaves equal values, the frozen ones, untouched."""
        averaged, current = list(self.g_ema.parameters()), list(self.generator.parameters())
        torch._foreach_lerp_(averaged, current, 1 - self.settings.ema_decay)

    def state_dict(self) -> dict[str, object]:
        """All of it under the published names (g, d, g_ema, g_optim, d_optim, ada_aug_p), and what those leave out."""
        saved = super().state_dict() | {
            "ada_aug_p": self.augmentation.figures().get("p", 0.0),
            **self._own_of_augmentation(),
            "mean_path_length": self.mean_path_length.clone(),
            "latent_avg": self.g_ema.w_avg,
        }
        if isinstance(self.generator, Blended):
            saved |= self.generator.saved_entries()
        for method in self.methods:
            saved |= method.saved_entries(self.generator, self.source)
        return saved

    def loads(self, saved: dict[str, object]) -> dict[str, Callable[[object], object]]:
        """What takes over the entries of a checkpoint. An augmentation that has none is new, and begins at its start."""
        loads = super().loads(saved) | {"mean_path_length": self.mean_path_length.copy_}
        if saved.get(self.augmentation.name) is not None:
            loads[self.augmentation.name] = lambda entry: self.augmentation.load_state_dict(parallel.own(entry))
        return loads

    def _own_of_augmentation(self) -> dict[str, object]:
        """Of every rank, where the augmentation has a state; "ada" is there for whoever reads our files."""
        own = self.augmentation.state_dict()
        return {"ada": None} | ({self.augmentation.name: parallel.gather(own)} if own else {})


def new_state(
    settings: Settings,
    generator: StyleGenerator,
    discriminator: Discriminator | Discriminator1,
    methods: Sequence[TransferMethod],
    *,
    source: StyleGenerator | None = None,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    adversarial: bool = True,
) -> TrainingState:
    """Freeze what the methods ask for, build the optimizers, seed the random numbers (differently on every rank)."""
    generator, discriminator = generator.to(device).requires_grad_(True), discriminator.to(device).requires_grad_(True)
    source = source and source.to(device).eval().requires_grad_(False)
    discriminator.requires_grad_(adversarial)
    for network in (generator, discriminator):
        network.idle.requires_grad_(False)
    for method in methods:
        for parameter in method.frozen_parameters(generator, discriminator):
            parameter.requires_grad_(False)
    g_ema = copy.deepcopy(generator).eval().requires_grad_(False)
    if any(parameter.requires_grad for parameter in generator.style.parameters()):
        generator.w_avg = g_ema.w_avg = None  # what the file states is of a mapping network that changes now
    return TrainingState(
        settings,
        generator,
        discriminator,
        g_ema,
        source,
        lazy_adam(generator, settings.lr, settings.g_reg_every if settings.path_regularize else None, generator.mapping_lr),
        lazy_adam(discriminator, settings.lr, settings.d_reg_every if settings.r1 else None),
        methods,
        (augmentation or Augmentation()).to(device),
        *random_numbers(seed, device),
        torch.zeros((), device=device),
        adversarial=adversarial,
    )


def lazy_adam(network: torch.nn.Module, lr: float, reg_every: int | None, mapping_lr: float = 1.0) -> torch.optim.Adam:
    """Adam with beta1 = 0 for a step that is followed by a regularisation step every `reg_every` (StyleGAN2, App. B).

    The extra steps shrink the learning rate and the memory by the ratio c = k / (k + 1). Frozen parameters take part
    without a gradient, so that the positions in a saved optimizer are those of the published files. A mapping network of
    another rate is a group of its own, the last one.
    """
    c = reg_every / (reg_every + 1) if reg_every else 1.0
    groups = [{"params": list(network.parameters())}]
    if mapping_lr != 1:
        slow = {id(parameter) for parameter in network.style.parameters()}
        groups = [
            {"params": [parameter for parameter in network.parameters() if id(parameter) not in slow]},
            {"params": list(network.style.parameters()), "lr": lr * c * mapping_lr, "mult": mapping_lr},
        ]
    return torch.optim.Adam(groups, lr=lr * c, betas=(0.0, 0.99**c), eps=1e-8, fused=True)

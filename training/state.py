"""Everything that changes while a run goes on, and how it is saved and restored."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from augment import Augmentation
from checkpoint import BlendedGenerator
from errors import InputError
from model import Discriminator, Generator
from running import parallel
from running.guard import FiniteGuard
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
class TrainingState:
    """The networks in training, their optimizers, and the statistics that the next step depends on."""

    settings: Settings
    generator: Generator
    discriminator: Discriminator
    g_ema: Generator
    source: Generator | None  # what the generator started from; frozen
    g_optim: torch.optim.Adam
    d_optim: torch.optim.Adam
    methods: Sequence[TransferMethod]
    augmentation: Augmentation
    host_rng: torch.Generator  # decisions: mixing, and where
    rng: torch.Generator  # z, noise and augmentation, on the device
    mean_path_length: Tensor
    iteration: int = 0  # finished iterations
    guard: FiniteGuard = field(default_factory=FiniteGuard)

    @property
    def device(self) -> torch.device:
        return self.mean_path_length.device

    def networks(self) -> dict[str, torch.nn.Module]:
        """What has to be equal in all processes."""
        return {"g": self.generator, "d": self.discriminator, "g_ema": self.g_ema}

    def figures(self) -> dict[str, float]:
        """What a line of statistics tells as it is at its end: p, and updates that were turned off."""
        return self.augmentation.figures() | ({"skipped": int(self.guard.total)} if self.guard.total else {})

    def sheet(self, count: int) -> Image.Image:
        """The people of seeds 0, 1, ..., as the averaged generator draws them."""
        from training import sampling  # which needs the state

        return sampling.sample_sheet(self, range(count))

    @torch.no_grad()
    def update_ema(self) -> None:
        """Move the averaged generator towards the trained one. lerp leaves equal values, the frozen ones, untouched."""
        averaged, current = list(self.g_ema.parameters()), list(self.generator.parameters())
        torch._foreach_lerp_(averaged, current, 1 - self.settings.ema_decay)

    def state_dict(self) -> dict[str, object]:
        """All of it under the published names (g, d, g_ema, g_optim, d_optim, ada_aug_p), and what those leave out."""
        saved = {
            "g": self.generator.state_dict(),
            "d": self.discriminator.state_dict(),
            "g_ema": self.g_ema.state_dict(),
            "g_optim": self.g_optim.state_dict(),
            "d_optim": self.d_optim.state_dict(),
            "ada_aug_p": self.augmentation.figures().get("p", 0.0),
            **self._own_of_augmentation(),
            "iteration": self.iteration,
            "mean_path_length": self.mean_path_length.clone(),
            "guard": self.guard.state_dict(),
            "latent_avg": self.g_ema.w_avg,
            "rng": parallel.gather({"host": self.host_rng.get_state(), "device": self.rng.get_state()}),
        }
        if isinstance(self.generator, BlendedGenerator):
            saved |= self.generator.saved_entries()
        for method in self.methods:
            saved |= method.saved_entries(self.generator, self.source)
        return saved

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Continue exactly where `state_dict` was taken, with the learning rates of this run.

        Raises InputError naming the key that is missing or does not fit.
        """
        loads = {
            "g": self.generator.load_state_dict,
            "d": self.discriminator.load_state_dict,
            "g_ema": self.g_ema.load_state_dict,
            "g_optim": self.g_optim.load_state_dict,
            "d_optim": self.d_optim.load_state_dict,
            "mean_path_length": self.mean_path_length.copy_,
            "guard": lambda entry: self.guard.load_state_dict(entry, self.device),
        }
        own_loads = {"rng": self._set_random_numbers}
        if saved.get(self.augmentation.name) is not None:  # else it is new, and begins at its start
            own_loads[self.augmentation.name] = self.augmentation.load_state_dict
        self.iteration = _entry(saved, "iteration")
        for key, load in (loads | own_loads).items():
            try:
                load(self._own_part(saved, key) if key in own_loads else _entry(saved, key))
            except InputError:
                raise
            except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
                raise InputError(f"{key}: does not fit this run ({' '.join(str(error).split())[:200]})") from None
        for optimizer in (self.g_optim, self.d_optim):
            for group in optimizer.param_groups:
                group.update(lr=optimizer.defaults["lr"], betas=optimizer.defaults["betas"])

    def _own_of_augmentation(self) -> dict[str, object]:
        """Of every rank, where the augmentation has a state; "ada" is there for whoever reads our files."""
        own = self.augmentation.state_dict()
        return {"ada": None} | ({self.augmentation.name: parallel.gather(own)} if own else {})

    def _set_random_numbers(self, entry: dict[str, Tensor]) -> None:
        self.host_rng.set_state(entry["host"])
        self.rng.set_state(entry["device"])

    def _own_part(self, saved: dict[str, object], key: str) -> dict:
        """This rank's entry of what every rank saved."""
        every = _entry(saved, key)
        if len(every) != parallel.world_size():
            raise InputError(
                f"{key}: saved by {len(every)} processes, and this run has {parallel.world_size()}; "
                "start as many, or begin a new run from its networks"
            )
        return every[parallel.rank()]


def _entry(saved: dict[str, object], key: str):
    if key not in saved:
        raise InputError(f"{key}: missing from the checkpoint; begin a new run from its networks")
    return saved[key]


def new_state(
    settings: Settings,
    generator: Generator,
    discriminator: Discriminator,
    methods: Sequence[TransferMethod],
    *,
    source: Generator | None = None,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> TrainingState:
    """Freeze what the methods ask for, build the optimizers, seed the random numbers (differently on every rank)."""
    generator, discriminator = generator.to(device).requires_grad_(True), discriminator.to(device).requires_grad_(True)
    source = source and source.to(device).eval().requires_grad_(False)
    g_ema = copy.deepcopy(generator).eval().requires_grad_(False)
    for network in (generator, discriminator, g_ema):
        parallel.broadcast(network)
    for method in methods:
        for parameter in method.frozen_parameters(generator, discriminator):
            parameter.requires_grad_(False)
    if any(parameter.requires_grad for parameter in generator.style.parameters()):
        generator.w_avg = g_ema.w_avg = None  # what the file states is of a mapping network that changes now
    seed = seed + 1_000_003 * parallel.rank()
    return TrainingState(
        settings,
        generator,
        discriminator,
        g_ema,
        source,
        lazy_adam(generator, settings.lr, settings.g_reg_every if settings.path_regularize else None),
        lazy_adam(discriminator, settings.lr, settings.d_reg_every if settings.r1 else None),
        methods,
        (augmentation or Augmentation()).to(device),
        torch.Generator().manual_seed(seed),
        torch.Generator(device).manual_seed(seed + 1),
        torch.zeros((), device=device),
    )


def lazy_adam(network: torch.nn.Module, lr: float, reg_every: int | None) -> torch.optim.Adam:
    """Adam with beta1 = 0 for a step that is followed by a regularisation step every `reg_every` (StyleGAN2, App. B).

    The extra steps shrink the learning rate and the memory by the ratio c = k / (k + 1). Frozen parameters take part
    without a gradient, so that the positions in a saved optimizer are those of the published files.
    """
    c = reg_every / (reg_every + 1) if reg_every else 1.0
    return torch.optim.Adam(network.parameters(), lr=lr * c, betas=(0.0, 0.99**c), eps=1e-8, fused=True)

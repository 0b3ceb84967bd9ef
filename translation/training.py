"""The training of U-GAT-IT (Kim et al. 2020, arXiv 1907.10830): two translations that undo each other, four discriminators.

    training = UGATIT(Settings(size=64, light=True), device, shown)
    losses = training.step((pixels_A, pixels_B))        # uint8 [N, 3, size or more, ...] of each domain

A step translates each picture once: the discriminators learn from the fakes without their graph, the generators then from
the same fakes with it. That gives the numbers of the published order, which makes them twice, and saves two of eight
generator passes forward and as much backward; pictures to translate and those to leave alone go through together.

Few-shot groups (Zhuang and Yang 2020, arXiv 2007.13332): the discriminators of B learn to name the group of a picture, and
the generator is to keep it.
"""

import copy
from collections.abc import Callable, Mapping

import torch
from PIL import Image
from torch import Tensor, nn

import utils
from augment import Ada
from errors import InputError
from running import parallel
from running.base import Logs, Statistic, Trainable
from translation import files, losses, sheets
from translation.networks import GLOBAL_LAYERS, LOCAL_LAYERS, Discriminator, Generator, Judged, Translated, layers_for
from translation.norms import clamp_rho
from translation.settings import GROUPS, MOST_P, Settings, learning_rate

GENERATORS = ("genA2B", "genB2A")
DISCRIMINATORS = ("disGA", "disGB", "disLA", "disLB")
LAYOUT = {"memory_format": torch.channels_last}  # of pictures and weights: convolutions are a quarter faster
REALS = 256  # of a domain, between two adjustments of its augmentation, as published
HALF = 0.5  # of a least-squares discriminator: above it a picture counts as real


class UGATIT(Trainable):
    """
    shown: {"A": uint8 [n, 3, size, size], "B": ...}: the pictures of the sheets
    """

    def __init__(self, settings: Settings, device: torch.device, shown: Mapping[str, Tensor], seed: int = 0):
        super().__init__(device, seed)
        self.settings, self.shown = settings, shown
        self.drawn: Callable[[dict[str, Image.Image]], object] = lambda sheets: None  # told of the sheets of a sample
        torch.manual_seed(seed)  # the weights
        self.trained = {name: built(settings, name).to(device, **LAYOUT) for name in (*GENERATORS, *DISCRIMINATORS)}
        self.averaged = {f"{name}_ema": averaging(self.trained[name]) for name in GENERATORS if settings.ema}
        self.bottleneck = [p for name in GENERATORS for p in self.trained[name].bottleneck]
        if settings.bottleneck == "freeze":
            self.train_bottleneck(False)
        self.generator_optimizer = self.optimizer_of(GENERATORS)
        self.discriminator_optimizer = self.optimizer_of(DISCRIMINATORS)
        self.augmentations = {name: self.augmentation() for name in ("ada", "ada2") if settings.ada}

    def networks(self) -> dict[str, nn.Module]:
        return self.trained | self.averaged

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"G_optim": self.generator_optimizer, "D_optim": self.discriminator_optimizer}

    def drawing(self) -> dict[str, nn.Module]:
        """{"A2B": ..., "B2A": ...}: the averaged generators where there are any."""
        return {name[3:6]: network for name, network in (self.averaged or {n: self.trained[n] for n in GENERATORS}).items()}

    def optimizer_of(self, names: tuple[str, ...]) -> torch.optim.Adam:
        """One for several networks; its weight decay is part of the gradient, as published."""
        trainable = [p for name in names for p in self.trained[name].parameters() if p.requires_grad]
        options = {"betas": (0.5, 0.999), "weight_decay": self.settings.weight_decay, "fused": True}
        return torch.optim.Adam(trainable, self.settings.lr, **options)

    def augmentation(self) -> Ada:
        """The controller of one domain. It counts the places of the logits that see a real picture as real."""
        length = max(1, round(1000 * self.settings.kimg))
        interval = max(1, REALS // (self.settings.batch * parallel.world_size()))
        ada = Ada(length=length, interval=interval, start=self.settings.strength, most=MOST_P, reduce=parallel.total)
        return ada.to(self.device)

    def step(self, batch: tuple) -> Logs:
        """One update of the discriminators, one of the generators. batch: pixels of A, of B, and their group, if any."""
        settings, (pixels_a, pixels_b, *group) = self.settings, batch
        for optimizer in self.optimizers().values():
            optimizer.param_groups[0]["lr"] = learning_rate(settings, self.iteration + 1)
        if group and settings.bottleneck == "base_group":
            self.train_bottleneck(group[0] == settings.groups[0])
        real_a, real_b = self.prepared(pixels_a), self.prepared(pixels_b)
        labels = torch.full((len(real_b),), *group, device=self.device) if group and settings.weights.group else None
        to_b, same_b = self.translated_both("genA2B", real_a, real_b)
        to_a, same_a = self.translated_both("genB2A", real_b, real_a)
        fakes = to_b.image.detach(), to_a.image.detach()
        logs = self.update("discriminator", self.discriminator_optimizer, self.d_loss, [(real_a, real_b, *fakes, labels)])
        made = {"A": (real_a, to_a, same_a), "B": (real_b, to_b, same_b)}
        logs |= self.update("generator", self.generator_optimizer, self.g_loss, [(made, labels)])
        for name in GENERATORS:
            clamp_rho(self.trained[name])
        self.average()
        return logs

    def prepared(self, pixels: Tensor) -> Tensor:
        """uint8 [N, 3, S + margin, S + margin] -> a random square of S for each, [N, 3, S, S] in [-1, 1]."""
        size, margin = self.settings.size, pixels.shape[-1] - self.settings.size
        if margin:
            corners = torch.randint(0, margin + 1, (len(pixels), 2), generator=self.host_rng).tolist()
            cut = [one[:, y : y + size, x : x + size] for one, (y, x) in zip(pixels, corners, strict=True)]
            pixels = torch.stack(cut)
        return utils.from_pixels(pixels.to(self.device)).contiguous(**LAYOUT)

    def d_loss(self, real_a: Tensor, real_b: Tensor, fake_b: Tensor, fake_a: Tensor, labels: Tensor | None):
        """Four discriminators, each asked about reals and about fakes."""
        terms = {}
        for domain, real, fake in (("A", real_a, fake_a), ("B", real_b, fake_b)):
            seen_real, seen_fake = self.seen(domain, real), self.seen(domain, fake)
            for name in (f"disG{domain}", f"disL{domain}"):
                of_real, of_fake = self.judged(name, seen_real), self.judged(name, seen_fake)
                found = losses.discriminator_terms(of_real, of_fake)
                terms |= {f"D_ad_{name}": found["ad"], f"D_cam_{name}": found["cam"]}
                if labels is not None and domain == "B":
                    terms[f"D_group_{name}"] = losses.group_loss(of_real, labels, self.settings.group_scale)
                if name.startswith("disG"):
                    self.controlled(domain, of_real)
        total = self.settings.weights.adv * sum(terms.values())
        return total, told(terms, "d", total)

    def g_loss(self, made: Mapping[str, tuple[Tensor, Translated, Translated]], labels: Tensor | None):
        """Into each domain: its discriminators, the way back, pictures that are there already, and the CAM.

        made: {domain: (its real pictures, those of the other one translated into it, its own ones translated into it)}
        """
        weights, terms, total = self.settings.weights, {}, 0
        back = {"A": self.translated("genB2A", made["B"][1].image), "B": self.translated("genA2B", made["A"][1].image)}
        for domain, (real, to, same) in made.items():
            seen = self.seen(domain, to.image)
            for name in (f"disG{domain}", f"disL{domain}"):
                judged = self.judged(name, seen)
                found = losses.generator_terms(judged)
                terms |= {f"G_ad_{name}": found["ad"], f"G_adcam_{name}": found["adcam"]}
                total += weights.adv * (found["ad"] + found["adcam"])
                if labels is not None and domain == "B":
                    terms[f"G_group_{name}"] = losses.group_loss(judged, labels, self.settings.group_scale)
                    total += weights.group * terms[f"G_group_{name}"]
            cycle, identity = ((found.image - real).abs().mean() for found in (back[domain], same))
            cam = losses.cam_loss(to.cam_logit, same.cam_logit)
            terms |= {f"G_cycle_{domain}": cycle, f"G_identity_{domain}": identity, f"G_cam_{domain}": cam}
            total += weights.cycle * cycle + weights.identity * identity + weights.cam * cam
        return total, told(terms, "g", total)

    def translated(self, name: str, images: Tensor) -> Translated:
        with self.precision():
            return self.trained[name](images)

    def translated_both(self, name: str, other: Tensor, own: Tensor) -> tuple[Translated, Translated]:
        """Pictures to translate, and those of its own domain, in one pass: each is normalised for itself, so it is the same."""
        both = self.translated(name, torch.cat([other, own]))
        return tuple(Translated(*parts) for parts in zip(*(part.split(len(other)) for part in both), strict=True))

    def judged(self, name: str, images: Tensor) -> Judged:
        with self.precision():
            return self.trained[name](images)

    def precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bf16)

    def seen(self, domain: str, images: Tensor) -> Tensor:
        """What both discriminators of a domain get to see."""
        ada = self.augmentations.get("ada" if domain == "B" else "ada2")
        return ada(images, self.rng) if ada else images

    def controlled(self, domain: str, of_real: Judged) -> None:
        """Count how much the global discriminator believes in real pictures: E[sign(logit - 1/2)] over all places."""
        if ada := self.augmentations.get("ada" if domain == "B" else "ada2"):
            ada.update(of_real.logit.detach() - HALF)

    def train_bottleneck(self, wanted: bool) -> None:
        for parameter in self.bottleneck:
            parameter.requires_grad_(wanted)

    @torch.no_grad()
    def average(self) -> None:
        """Move the averaged generators a little towards those that train."""
        for name, average in self.averaged.items():
            trained = self.trained[name.removesuffix("_ema")]
            for mean, parameter in zip(average.parameters(), trained.parameters(), strict=True):
                mean.lerp_(parameter, 1 - self.settings.ema)

    def sheet(self, count: int) -> Image.Image:
        """Both directions, one above the other."""
        both = self.sheets(count)
        self.drawn(both)
        return sheets.stacked(both)

    @torch.no_grad()
    def sheets(self, count: int) -> dict[str, Image.Image]:
        """{"A2B": ..., "B2A": ...}: seven rows each, of the first pictures that are shown."""
        drawing = self.drawing()
        shown = {domain: utils.from_pixels(pixels[:count].to(self.device)) for domain, pixels in self.shown.items()}
        with self.precision():
            return {way: sheets.seven_rows(drawing, way, shown[way[0]]) for way in drawing}

    def figures(self) -> dict[str, float]:
        probabilities = {f"p_{name}": float(ada.p) for name, ada in self.augmentations.items()}
        return super().figures() | {"lr": learning_rate(self.settings, self.iteration)} | probabilities

    def state_dict(self) -> dict[str, object]:
        return super().state_dict() | {name: ada.state_dict() for name, ada in self.augmentations.items()}

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """As every training; moments then lie in memory as their weights do, which the fused optimizer takes for granted."""
        super().load_state_dict(saved)
        for optimizer in self.optimizers().values():
            for parameter, moments in optimizer.state.items():
                for name in ("exp_avg", "exp_avg_sq"):
                    moments[name] = torch.empty_like(parameter).copy_(moments[name])

    def loads(self, saved: dict[str, object]) -> dict:
        return super().loads(saved) | {name: ada.load_state_dict for name, ada in self.augmentations.items()}

    def begin_with(self, found: files.Translator) -> list[str]:
        """Take over the networks of a file; what it lacks stays new. Returns what to say. Raises InputError where none fit."""
        if found.size and found.size != self.settings.size and not self.settings.light:
            raise InputError(f"trained at {found.size} px, and this run is to have {self.settings.size} px")
        notes = []
        for name, network in self.trained.items():
            if name not in found.networks:
                notes.append(f"{found.path}: without {name}; a new one begins")
            elif name in GENERATORS:
                files.load(network, found.networks[name], name)
            else:
                notes += files.load_discriminator(network, found.networks[name], name)
        for name, average in self.averaged.items():
            average.load_state_dict(found.averaged.get(name.removesuffix("_ema")) or self.trained[name[:6]].state_dict())
        return notes

    def described(self) -> list[str]:
        """What trains, how large it is, and what is not as published."""
        kind, settings = "light" if self.settings.light else "full", self.settings
        million = {name: sum(p.numel() for p in network.parameters()) / 1e6 for name, network in self.trained.items()}
        state = sum(t.nbytes for network in self.networks().values() for t in network.state_dict().values()) / 2**20
        lines = [
            f"{kind} generators at {settings.size} px: {million['genA2B']:.1f} million parameters each; discriminators "
            f"{million['disGA']:.1f} (global) and {million['disLA']:.1f} (local); networks {state:,.0f} MiB, "
            f"a checkpoint about {3 * state:,.0f} MiB"
        ]
        for kind, name, published in (("global", "disGA", GLOBAL_LAYERS), ("local", "disLA", LOCAL_LAYERS)):
            layers = self.trained[name].layers
            if layers < published:
                lines.append(
                    f"{settings.size} px is small: the {kind} discriminators have {layers} layers, and not {published}"
                )
        if settings.groups:
            where = {"train": "by every group", "freeze": "never", "base_group": f"by group {settings.groups[0]} alone"}
            lines.append(f"encoder blocks are updated {where[settings.bottleneck]}")
        return lines

    def published(self) -> dict[str, dict[str, Tensor]]:
        """The six networks as the published program saves them; averaged ones beside them."""
        return {name: network.state_dict() for name, network in self.networks().items()}


def built(settings: Settings, name: str) -> nn.Module:
    """A new network with one of the published names."""
    if name in GENERATORS:
        return Generator(settings.ch, settings.n_res, settings.size, settings.light)
    layers = layers_for(settings.size, GLOBAL_LAYERS if name.startswith("disG") else LOCAL_LAYERS)
    return Discriminator(settings.ch, layers, GROUPS if settings.groups else 0)


def averaging(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).eval().requires_grad_(False)


def told(terms: Mapping[str, Tensor], name: str, total: Tensor) -> Logs:
    """The sum as a loss, its unweighted parts as statistics beside it."""
    return {name: total, **{Statistic(term): value for term, value in terms.items()}}

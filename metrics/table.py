"""Every metric by name, for scripts.evaluate and for the training's evaluations. Imports no torch until something is measured.

    subject = Subject(generator, images, look, n=1000)
    METRICS["kid"].measure(subject)                        # {"kid": 0.0123}

To add a metric: a class here, its entry in METRICS, and its test. A command takes names, help and flags from this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import argparse

    from torch import Tensor

    from drawer import Drawer
    from metrics.attributes.regressor import Regressor, Truth
    from metrics.features import Counter, Features

FEATURES = ("inception", "disc", "structure", "pixels")  # what a metric may look at; metrics.features.choose makes them
KID_SUBSET = 1000  # pictures, as published


@dataclass
class Subject:
    """A generator, and what it is measured by. Its features are made when the first metric asks for them.

    images:    of the data set, uint8 [3, size, size]
    look:      the feature function; None where no metric looks through one
    n:         generated pictures, of the seeds from 0 on
    source:    the generator that it was fine-tuned from
    regressor: the network that reads attributes, and how far it can be believed
    options:   values of the flags that metrics add
    done:      called with the number of pictures that were looked at
    """

    generator: Drawer
    images: Sequence[Tensor]
    look: Features | None
    n: int
    batch: int = 16
    psi: float = 1.0
    source: Drawer | None = None
    regressor: tuple[Regressor, Truth] | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    done: Counter = lambda count: None

    @cached_property
    def real(self) -> Tensor:
        """Features of the data set: [images, dims]."""
        from metrics.features import of_images

        return of_images(self.images, self.look, self.batch, self.generator.device, self.done)

    @cached_property
    def fake(self) -> Tensor:
        """Features of the generated pictures: [n, dims]."""
        from metrics.features import of_generator

        return of_generator(self.generator, range(self.n), self.look, self.batch, self.psi, self.done)


class Metric:
    """What can be said of a generator in numbers.

    labels:   of its numbers, as printed: {name in metrics.jsonl: words}
    sees:     looks through features
    compares: the features of n generated pictures with those of the data set
    draws:    n pictures of its own
    persons:  compares with the source, person by person
    unfit:    {features that it cannot use: why}
    """

    labels: ClassVar[dict[str, str]] = {}
    sees, compares, draws, persons = True, False, False, False
    unfit: ClassVar[dict[str, str]] = {}

    def add_arguments(self, group: argparse._ArgumentGroup, count: Callable[[str], int]) -> None:
        """Flags of this metric alone. count: the command's type of whole numbers from 1 on."""

    def least(self, options: Mapping[str, object]) -> int:
        """Generated pictures that it needs."""
        return 0

    def measure(self, subject: Subject) -> dict[str, float]:
        """{name: number}."""
        raise NotImplementedError


class SetMetric(Metric):
    """Compares two sets of features.

    score: gives one number, and less is better: a training can keep its best network by it
    """

    compares, score = True, False

    def least(self, options: Mapping[str, object]) -> int:
        """Pictures that it needs in each set."""
        return 2

    def compare(self, fake: Tensor, real: Tensor, options: Mapping[str, object]) -> dict[str, float]:
        """fake, real: [n, dims] and [m, dims]."""
        raise NotImplementedError

    def measure(self, subject: Subject) -> dict[str, float]:
        real = subject.real  # first: what is wrong with the data set shows before the hours of drawing
        return self.compare(subject.fake, real, subject.options)


class FID(SetMetric):
    labels: ClassVar = {"fid": "Frechet distance (FID)"}
    score = True

    def compare(self, fake, real, options):
        from metrics.distances import frechet_distance

        return {"fid": frechet_distance(fake, real)}


class KID(SetMetric):
    """Over subsets where the command has a flag for them; without it all pictures with all, once."""

    labels: ClassVar = {"kid": "kernel distance (KID)"}
    score = True

    def add_arguments(self, group, count):
        default = f"{KID_SUBSET}, or the smaller set"
        group.add_argument(
            "--kid_subset", type=count, metavar="N", help=f"pictures in each of 100 subsets (default: {default})"
        )

    def least(self, options):
        return max(2, options.get("kid_subset") or 0)

    def compare(self, fake, real, options):
        from metrics.distances import kernel_distance

        if "kid_subset" not in options:
            return {"kid": kernel_distance(fake, real).mean}
        subset = options["kid_subset"] or min(KID_SUBSET, len(real), len(fake))
        kid = kernel_distance(fake, real, subset_size=subset)
        return {"kid": kid.mean, "kid_subset": subset} | ({} if kid.std is None else {"kid_std": kid.std})


class PrecisionRecall(SetMetric):
    labels: ClassVar = {"precision": "precision", "recall": "recall"}

    def least(self, options):
        return 4  # for three neighbours

    def compare(self, fake, real, options):
        from metrics.distances import precision_recall

        return precision_recall(fake, real)._asdict()


class PathLength(Metric):
    labels: ClassVar = {"ppl": "path length (PPL)"}
    draws = True
    unfit: ClassVar = {"inception": "Inception sees 8-bit pictures, which hide small steps"}

    def least(self, options):
        return 3  # of which some remain without the outermost

    def measure(self, subject):
        from metrics.path_length import path_length

        return {"ppl": path_length(subject.generator, subject.look, range(subject.n), subject.batch, done=subject.done)}


class Person(Metric):
    """The ruler for the rendered faces; the images are those that the network was trained on."""

    labels: ClassVar = {
        "style": "style reached (ST)",
        "kept": "structure kept (SK)",
        "style_last": "ST of the last maps",
        "spread": "spread",
        "nearest": "nearest training image",
    }
    sees, persons = False, True

    def measure(self, subject):
        from metrics.attributes.ruler import Ruler

        regressor, truth = subject.regressor
        ruler = Ruler(regressor.to(subject.generator.device), truth)
        noise = subject.source.stored_noise()
        readings = [ruler.read_people(network, noise) for network in (subject.source, subject.generator)]
        measured = asdict(ruler.measure(*readings, ruler.read_images(subject.images)))
        return measured | {"ceiling": ruler.ceiling, "references": ruler.between}


METRICS: dict[str, Metric] = {
    "fid": FID(),
    "kid": KID(),
    "pr": PrecisionRecall(),
    "ppl": PathLength(),
    "structure": Person(),
}
LABELS = {name: label for metric in METRICS.values() for name, label in metric.labels.items()}  # of all numbers, in order
SCORES = tuple(name for name, metric in METRICS.items() if isinstance(metric, SetMetric) and metric.score)

"""Every metric by name, for scripts.evaluate and for the training's evaluations. Imports no torch until something is measured.

    subject = Subject(fake=of_generator(generator, range(1000), look), real=of_images(images, look))
    METRICS["kid"].measure(subject)                        # {"kid": 0.0123}

To add a metric: a function and its entry in METRICS, and its test. The commands take names, help and flags from this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from drawer import Drawer
    from metrics.attributes.regressor import Regressor, Truth
    from metrics.features import Counter, Features

FEATURES = ("inception", "disc", "structure", "pixels")  # what a metric may look through; metrics.features.choose makes them
KID_SUBSET = 1000  # pictures, as published


@dataclass
class Subject:
    """What is measured. A metric needs a part of it, as its `looks` says.

    fake, real: "sets": features of generated pictures and of the data set, [n, dims] and [m, dims]
    look, n:    "people": the feature function, and how many people, of the seeds from 0 on
    source:     "source": the generator that `generator` was fine-tuned from
    images:     "source": of the data set, uint8 [3, size, size]
    regressor:  "source": reads attributes; how far it can be believed
    options:    values of the flags that metrics add
    done:       called with the number of pictures that were looked at
    """

    fake: Tensor | None = None
    real: Tensor | None = None
    generator: Drawer | None = None
    look: Features | None = None
    n: int = 0
    batch: int = 16
    source: Drawer | None = None
    images: Sequence[Tensor] = ()
    regressor: tuple[Regressor, Truth] | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    done: Counter = lambda count: None


class Metric(NamedTuple):
    """What can be said of a generator in numbers.

    measure: subject -> {name: number}
    labels:  of its numbers, as printed
    looks:   "sets": at two sets of features; "people": at pictures of its own, through features; "source": at both networks
    fewest:  pictures in each set, or people
    score:   one number, and less is better: a training can keep its best network by it
    flags:   declares its own flags: (group, the command's type of whole numbers from 1 on)
    subset:  the one of them that asks for larger sets
    unfit:   {features that it cannot use: why}
    """

    measure: Callable[[Subject], dict[str, float]]
    labels: dict[str, str]
    looks: str = "sets"
    fewest: int = 2
    score: bool = False
    flags: Callable | None = None
    subset: str = ""
    unfit: Mapping[str, str] = {}

    def least(self, options: Mapping[str, object]) -> int:
        """Pictures in each set, or people, that it needs with these flags."""
        return max(self.fewest, options.get(self.subset) or 0)


def fid(subject: Subject) -> dict[str, float]:
    from metrics.distances import frechet_distance

    return {"fid": frechet_distance(subject.fake, subject.real)}


def kid(subject: Subject) -> dict[str, float]:
    """Over subsets where the command has a flag for them; without it all pictures with all, once."""
    from metrics.distances import kernel_distance

    fake, real = subject.fake, subject.real
    if "kid_subset" not in subject.options:
        return {"kid": kernel_distance(fake, real).mean}
    subset = subject.options["kid_subset"] or min(KID_SUBSET, len(real), len(fake))
    mean, std = kernel_distance(fake, real, subset_size=subset)
    return {"kid": mean, "kid_subset": subset} | ({} if std is None else {"kid_std": std})


def add_kid_arguments(group, count) -> None:
    help = f"pictures in each of 100 subsets (default: {KID_SUBSET}, or the smaller set)"
    group.add_argument("--kid_subset", type=count, metavar="N", help=help)


def precision_recall(subject: Subject) -> dict[str, float]:
    from metrics.distances import precision_recall

    return precision_recall(subject.fake, subject.real)._asdict()


def path_length(subject: Subject) -> dict[str, float]:
    from metrics.path_length import path_length

    return {"ppl": path_length(subject.generator, subject.look, range(subject.n), subject.batch, done=subject.done)}


def person(subject: Subject) -> dict[str, float]:
    """The ruler for the rendered faces; the images are those that the network was trained on."""
    from metrics.attributes.ruler import Ruler

    regressor, truth = subject.regressor
    ruler = Ruler(regressor.to(subject.generator.device), truth)
    readings = [ruler.read_people(network, subject.source.stored_noise()) for network in (subject.source, subject.generator)]
    measurement = ruler.measure(*readings, ruler.read_images(subject.images))
    return asdict(measurement) | {"ceiling": ruler.ceiling, "references": ruler.between}


PERSON = {
    "style": "style reached (ST)",
    "kept": "structure kept (SK)",
    "style_last": "ST of the last maps",
    "spread": "spread",
    "nearest": "nearest training image",
}
SMALL_STEPS = {"inception": "Inception sees 8-bit pictures, which hide small steps"}
METRICS = {
    "fid": Metric(fid, {"fid": "Frechet distance (FID)"}, score=True),
    "kid": Metric(kid, {"kid": "kernel distance (KID)"}, score=True, flags=add_kid_arguments, subset="kid_subset"),
    "pr": Metric(precision_recall, {"precision": "precision", "recall": "recall"}, fewest=4),  # three neighbours
    "ppl": Metric(path_length, {"ppl": "path length (PPL)"}, "people", fewest=3, unfit=SMALL_STEPS),  # without the outermost
    "structure": Metric(person, PERSON, "source", fewest=0),
}
SCORES = tuple(name for name, metric in METRICS.items() if metric.score)


def labels() -> dict[str, str]:
    """{number: its words} of all metrics, in the order of the table."""
    return {name: label for metric in METRICS.values() for name, label in metric.labels.items()}
